//! Which keys were met already.

use ragdex_core::{ContentHash, ContentHashSet};
use roaring::RoaringTreemap;

/// A set of keys of documents, small whatever their number.
///
/// Keys that are numbers, as those of Wikipedia and of DPR's passages are, go into a compressed bitmap:
/// some 3 MB for 21 million that follow one another. Of others a hash of 128 bits is kept, 20 to 40 bytes
/// each.
#[derive(Debug, Default)]
pub struct KeySet {
    numbers: RoaringTreemap,
    others: ContentHashSet,
}

impl KeySet {
    /// Adds a key; `false` when it was there.
    pub fn insert(&mut self, key: &str) -> bool {
        match number(key) {
            Some(number) => self.numbers.insert(number),
            None => self.others.insert(ContentHash::of_fields(&[key])),
        }
    }
}

/// The number that a key is the usual way to write of.
fn number(key: &str) -> Option<u64> {
    let is_usual = !key.starts_with('+') && (key == "0" || !key.starts_with('0'));
    if is_usual { key.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_new_once_however_it_is_written() {
        let keys = [
            "0",
            "00",
            "7",
            "07",
            "+7",
            " 7",
            "7.0",
            "-7",
            "",
            "a",
            "18446744073709551615",
            "18446744073709551616",
        ];
        let mut set = KeySet::default();
        for key in keys {
            assert!(set.insert(key), "{key}");
        }
        for key in keys {
            assert!(!set.insert(key), "{key}");
        }
    }
}
