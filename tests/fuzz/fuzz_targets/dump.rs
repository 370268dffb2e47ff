//! MediaWiki XML: see [`ragdex_fuzz::dump`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ragdex_fuzz::dump(data));
