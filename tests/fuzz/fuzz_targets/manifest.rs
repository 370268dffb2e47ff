//! The manifest of a snapshot: see [`ragdex_fuzz::manifest`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ragdex_fuzz::manifest(data));
