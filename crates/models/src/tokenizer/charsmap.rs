//! The character maps of SentencePiece inside a `tokenizer.json`.
//!
//! They are checked here because the tokenizers crate takes their lengths and offsets as they are: a
//! damaged map would end the program when a text meets it.
//!
//! A map is the length of a trie in bytes, the trie, and texts that end in 0. The trie is a double
//! array: from the node at `base`, the byte `c` leads to the unit at `base ^ c` if that has the label
//! `c`; a leaf's value is the place of a text.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::Error;

/// Checks every map of a `tokenizer.json`. All else in it is left to the tokenizers crate.
pub(super) fn check(json: &[u8], path: &Path) -> Result<(), Error> {
    let Ok(definition) = serde_json::from_slice::<Value>(json) else {
        return Ok(()); // damage that loading reports
    };
    let mut normalizers = vec![&definition["normalizer"]];
    while let Some(normalizer) = normalizers.pop() {
        normalizers.extend(normalizer["normalizers"].as_array().into_iter().flatten());
        let Some(text) = normalizer["precompiled_charsmap"].as_str() else {
            continue;
        };
        if !STANDARD.decode(text).is_ok_and(|map| is_sound(&map)) {
            let what = "`precompiled_charsmap`: a trie and texts within its bounds expected";
            return Err(Error::malformed(path, what));
        }
    }
    Ok(())
}

/// Whether no text can lead out of a map.
fn is_sound(map: &[u8]) -> bool {
    let Some((length, rest)) = map.split_first_chunk() else {
        return false;
    };
    let length = u32::from_le_bytes(*length) as usize;
    if !length.is_multiple_of(size_of::<u32>()) || length > rest.len() {
        return false;
    }
    let (trie, texts) = rest.split_at(length);
    let units = trie
        .as_chunks()
        .0
        .iter()
        .map(|&unit| u32::from_le_bytes(unit));
    let Ok(texts) = std::str::from_utf8(texts) else {
        return false;
    };
    Trie {
        units: units.collect(),
        texts,
    }
    .is_sound()
}

struct Trie<'a> {
    units: Vec<u32>,
    texts: &'a str,
}

impl Trie<'_> {
    /// Visits every node that bytes lead to. Damaged tries have cycles, so each is visited once.
    fn is_sound(&self) -> bool {
        let Some(&root) = self.units.first() else {
            return false;
        };
        let mut is_seen = vec![false; self.units.len()];
        let mut bases = vec![offset(root)];
        while let Some(base) = bases.pop() {
            if base | 0xff >= self.units.len() {
                return false;
            }
            for byte in 1..=0xff {
                let place = base ^ byte;
                let unit = self.units[place];
                if label(unit) != byte as u32 || std::mem::replace(&mut is_seen[place], true) {
                    continue;
                }
                let base = place ^ offset(unit);
                if has_leaf(unit) && !self.is_text(base) {
                    return false;
                }
                bases.push(base);
            }
        }
        true
    }

    /// Whether the unit at `place` leads to a text.
    fn is_text(&self, place: usize) -> bool {
        let unit = self.units.get(place);
        unit.is_some_and(|unit| self.texts.is_char_boundary((unit & 0x7fff_ffff) as usize))
    }
}

fn has_leaf(unit: u32) -> bool {
    unit >> 8 & 1 == 1
}

fn label(unit: u32) -> u32 {
    unit & 0x8000_00ff
}

fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn golden() -> Vec<u8> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/data/golden/encoders/sentence-xlmr/tokenizer.json");
        let json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let map = &json["normalizer"]["normalizers"][0]["precompiled_charsmap"];
        STANDARD.decode(map.as_str().unwrap()).unwrap()
    }

    /// A map of these units and texts.
    fn map(units: &[u32], texts: &str) -> Vec<u8> {
        let mut map = (4 * units.len() as u32).to_le_bytes().to_vec();
        map.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        map.extend(texts.as_bytes());
        map
    }

    #[test]
    fn the_map_of_sentence_piece_is_sound() {
        assert!(is_sound(&golden()));
    }

    #[test]
    fn a_map_that_leads_out_of_itself_is_not() {
        let mut units = [0; 256];
        assert!(is_sound(&map(&units, "x\0")));
        assert!(!is_sound(&map(&units[..255], "x\0")));
        assert!(!is_sound(&map(&[], "x\0")));
        units[0] = 256 << 10;
        assert!(!is_sound(&map(&units, "x\0")));
        // `a` leads to a leaf whose value is at `a` itself: its own number.
        units[0] = 0;
        units[usize::from(b'a')] = u32::from(b'a') | 1 << 8;
        let place = (units[usize::from(b'a')] & 0x7fff_ffff) as usize;
        assert!(is_sound(&map(&units, &"x".repeat(place))));
        assert!(!is_sound(&map(&units, &"x".repeat(place - 1))));
        assert!(!is_sound(&map(&units, &"é".repeat(place))));
    }

    #[test]
    fn a_map_cut_or_with_another_length_is_not() {
        let whole = golden();
        assert!(!is_sound(&[]));
        assert!(!is_sound(&whole[..1000]));
        for length in [0, u32::MAX, 6] {
            let mut changed = whole.clone();
            changed[..4].copy_from_slice(&u32::to_le_bytes(length));
            assert!(!is_sound(&changed), "{length}");
        }
    }
}
