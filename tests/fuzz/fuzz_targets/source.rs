//! Every other format, compressed or not: see [`ragdex_fuzz::source`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ragdex_fuzz::source(data));
