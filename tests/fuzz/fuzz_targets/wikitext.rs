//! Pages of wikitext: see [`ragdex_fuzz::wikitext`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ragdex_fuzz::wikitext(data));
