//! Documents through every rule of splitting: see [`ragdex_fuzz::split`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ragdex_fuzz::split(data));
