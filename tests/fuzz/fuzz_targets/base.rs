//! A knowledge base with one file changed: see [`ragdex_fuzz::base`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ragdex_fuzz::base(data));
