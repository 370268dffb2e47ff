//! Sequences one after another, and how they are shared out.

use std::ops::Range;

use crate::weights::BertShape;

/// Tokens that a thread takes through all layers at once, about; a longer sequence goes alone.
///
/// Fewer would read the weights from memory too often. From 256 to 768 the speed varies by a few hundredths.
const ITEM_TOKENS: usize = 512;

/// Items are not made smaller than this to give idle threads a share.
const MIN_ITEM_TOKENS: usize = 256;

/// Borrowed sequences of token ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) tokens: &'a [u32],
    /// All 0 when there are none.
    pub(crate) types: Option<&'a [u32]>,
    /// Sequence `i` is `offsets[i]..offsets[i + 1]`.
    pub(crate) offsets: &'a [usize],
}

impl Batch<'_> {
    /// The sequences of a range. Offsets still count from the start of the whole.
    pub(crate) fn part(self, sequences: Range<usize>) -> Self {
        Self {
            offsets: &self.offsets[sequences.start..=sequences.end],
            ..self
        }
    }

    /// Panics unless every sequence can be encoded.
    pub(crate) fn check(&self, shape: &BertShape) {
        let (first, last) = (self.offsets.first(), self.offsets.last());
        assert_eq!(first, Some(&0), "the first offset");
        assert_eq!(last, Some(&self.tokens.len()), "the last offset");
        for bounds in self.offsets.windows(2) {
            let fits =
                bounds[0] < bounds[1] && bounds[1] - bounds[0] <= shape.max_position_embeddings;
            assert!(
                fits,
                "sequence {}..{} of 1 to {} tokens",
                bounds[0], bounds[1], shape.max_position_embeddings
            );
        }
        check_ids("token id", self.tokens, shape.vocab_size);
        if let Some(types) = self.types {
            assert_eq!(types.len(), self.tokens.len(), "token types");
            check_ids("token type", types, shape.type_vocab_size);
        }
    }

    /// Cuts the sequences into items for `threads` threads; yields ranges of sequences, in order.
    pub(crate) fn items(&self, threads: usize) -> Vec<Range<usize>> {
        let share = self.tokens.len().div_ceil(threads);
        let budget = share.clamp(MIN_ITEM_TOKENS, ITEM_TOKENS);
        let mut items = Vec::new();
        let mut start = 0;
        for end in 1..self.offsets.len() {
            let full = |end: usize| self.offsets[end] - self.offsets[start] > budget;
            if end == self.offsets.len() - 1 || full(end + 1) {
                items.push(start..end);
                start = end;
            }
        }
        items
    }
}

fn check_ids(what: &str, ids: &[u32], n_rows: usize) {
    if let Some(id) = ids.iter().find(|&&id| id as usize >= n_rows) {
        panic!("{what} {id} in a table of {n_rows} rows");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(lengths: &[usize], threads: usize) -> Vec<Range<usize>> {
        let mut offsets = vec![0];
        offsets.extend(lengths.iter().scan(0, |end, len| {
            *end += len;
            Some(*end)
        }));
        let tokens = vec![0; offsets[lengths.len()]];
        Batch {
            tokens: &tokens,
            types: None,
            offsets: &offsets,
        }
        .items(threads)
    }

    #[test]
    fn items_hold_as_many_sequences_as_the_budget_allows() {
        assert_eq!(items(&[200, 200, 112, 1, 511, 1], 1), [0..3, 3..5, 5..6]);
        assert_eq!(items(&[600, 100, 600], 1), [0..1, 1..2, 2..3]);
        assert_eq!(items(&[], 1), []);
    }

    #[test]
    fn threads_share_a_batch_that_is_large_enough() {
        assert_eq!(items(&[100; 6], 2), [0..3, 3..6]);
        assert_eq!(items(&[200, 200, 1], 9), [0..1, 1..3]);
    }
}
