//! Files of indexes, changed: see [`ragdex_fuzz::index`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ragdex_fuzz::index(data));
