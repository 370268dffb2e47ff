//! Python's pickles: see [`ragdex_fuzz::pickle`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ragdex_fuzz::pickle(data));
