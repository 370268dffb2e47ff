//! Texts that come more than once among those to be embedded: each goes through the encoder once.

use std::collections::HashMap;

use ragdex_core::ContentHash;

use super::stored::{StoredVectors, Wanted};

/// Vectors that wait for their text to come again, at most: 50 MB of 768 dimensions. Texts that repeat are
/// mostly few, such as a notice on every page; where more wait, some are embedded again.
const MOST_WAITING: usize = 16_384;

/// Vectors of texts that come again, kept until they came for the last time.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    /// How often each text that comes more than once is still to come.
    left: Wanted,
    vectors: HashMap<ContentHash, Vec<f32>>,
}

impl Repeated {
    /// Looks for texts that are wanted more than once and not stored.
    pub(super) fn of(wanted: Wanted, stored: &StoredVectors) -> Self {
        let mut left = wanted;
        left.retain(|hash, n| *n > 1 && !stored.has(hash));
        Self {
            left,
            vectors: HashMap::new(),
        }
    }

    /// Whether a text comes again, counted from the start.
    pub(super) fn comes_again(&self, hash: &ContentHash) -> bool {
        self.left.contains_key(hash)
    }

    /// The vector of a text that came before.
    pub(super) fn vector(&self, hash: &ContentHash) -> Option<&[f32]> {
        self.vectors.get(hash).map(Vec::as_slice)
    }

    /// Counts a text that was written; the vector is kept, if it was computed and the text comes again.
    pub(super) fn wrote(&mut self, hash: &ContentHash, computed: Option<&[f32]>) {
        let Some(left) = self.left.get_mut(hash) else {
            return;
        };
        *left -= 1;
        if *left == 0 {
            self.left.remove(hash);
            self.vectors.remove(hash);
        } else if let Some(vector) = computed
            && self.vectors.len() < MOST_WAITING
        {
            self.vectors.insert(*hash, vector.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_waits_until_its_text_came_for_the_last_time() {
        let [once, thrice] = ["a", "b"].map(|text| ContentHash::of_fields(&[text]));
        let wanted = Wanted::from([(once, 1), (thrice, 3)]);
        let mut repeated = Repeated::of(wanted, &StoredVectors::none());
        assert!(!repeated.comes_again(&once) && repeated.comes_again(&thrice));
        repeated.wrote(&once, Some(&[2.0]));
        assert_eq!(repeated.vector(&once), None);
        repeated.wrote(&thrice, Some(&[1.0]));
        for _ in 0..2 {
            assert_eq!(repeated.vector(&thrice), Some(&[1.0][..]));
            repeated.wrote(&thrice, None);
        }
        assert_eq!(repeated.vector(&thrice), None);
    }
}
