//! Texts as tokens, between tokenising and computing.

use std::num::NonZeroUsize;
use std::ops::Range;

use crate::Encoding;
use crate::bert::PackedSequences;

/// Texts as the tokens that an encoder is fed, one behind the other, in input order.
///
/// Made by [`Encoder::prepare_passages`](super::Encoder::prepare_passages) and
/// [`Encoder::prepare_questions`](super::Encoder::prepare_questions), computed by
/// [`Encoder::encode`](super::Encoder::encode) of an encoder with the same tokenizer. Holds no text; 4 bytes
/// a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prepared {
    ids: Vec<u32>,
    /// Where the tokens of each text end in `ids`.
    ends: Vec<usize>,
}

impl Prepared {
    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many tokens all texts have, special ones included.
    pub fn n_tokens(&self) -> usize {
        self.ids.len()
    }

    /// The tokens of the longest text; 0 when there is none.
    pub fn longest(&self) -> usize {
        let lengths = (0..self.len()).map(|text| self.range(text).len());
        lengths.max().unwrap_or(0)
    }

    /// The tokens of a text, special ones included.
    ///
    /// # Panics
    /// When there is no such text.
    pub fn tokens(&self, text: usize) -> &[u32] {
        &self.ids[self.range(text)]
    }

    /// The largest token id; `None` when there is no token.
    pub(super) fn highest_id(&self) -> Option<u32> {
        self.ids.iter().copied().max()
    }

    /// Adds a text.
    pub(super) fn push(&mut self, encoding: &Encoding) {
        self.ids.extend(&encoding.ids);
        self.ends.push(self.ids.len());
    }

    /// Some of the texts as one run of rows; all token types are 0.
    pub(super) fn packed(&self, texts: Range<usize>) -> PackedSequences {
        let start = self.start(texts.start);
        let ranges = texts.clone().map(|text| {
            let range = self.range(text);
            range.start - start..range.end - start
        });
        let ids = self.ids[start..self.start(texts.end)].to_vec();
        PackedSequences {
            type_ids: vec![0; ids.len()],
            ranges: ranges.collect(),
            ids,
        }
    }

    /// Cuts the texts into batches of at most `max_tokens`; a longer text is a batch of its own, and so is
    /// one that stands alone.
    pub(super) fn batches(
        &self,
        max_tokens: NonZeroUsize,
        stands_alone: impl Fn(&[u32]) -> bool,
    ) -> Vec<Range<usize>> {
        let max_tokens = max_tokens.get();
        let mut batches = Vec::new();
        let (mut start, mut tokens) = (0, 0);
        for text in 0..self.len() {
            let ids = self.tokens(text);
            let length = if stands_alone(ids) {
                max_tokens.max(ids.len())
            } else {
                ids.len()
            };
            if text > start && tokens + length > max_tokens {
                batches.push(start..text);
                (start, tokens) = (text, 0);
            }
            tokens += length;
        }
        if start < self.len() {
            batches.push(start..self.len());
        }
        batches
    }

    fn range(&self, text: usize) -> Range<usize> {
        self.start(text)..self.ends[text]
    }

    fn start(&self, text: usize) -> usize {
        match text {
            0 => 0,
            text => self.ends[text - 1],
        }
    }
}

impl FromIterator<Encoding> for Prepared {
    fn from_iter<I: IntoIterator<Item = Encoding>>(encodings: I) -> Self {
        let mut prepared = Self::default();
        for encoding in encodings {
            prepared.push(&encoding);
        }
        prepared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of these lengths; the ids count on, so that each tells its place.
    fn prepared(lengths: &[usize]) -> Prepared {
        let mut next = 0;
        let encodings = lengths.iter().map(|&length| {
            let ids = next..next + length as u32;
            next = ids.end;
            Encoding {
                ids: ids.collect(),
                type_ids: vec![1; length],
            }
        });
        encodings.collect()
    }

    fn batches(lengths: &[usize], max_tokens: usize) -> Vec<Range<usize>> {
        let max_tokens = NonZeroUsize::new(max_tokens).unwrap();
        prepared(lengths).batches(max_tokens, |ids| ids.contains(&2))
    }

    #[test]
    fn tokens_are_those_that_were_pushed() {
        let texts = prepared(&[3, 1, 4]);
        assert_eq!((texts.len(), texts.n_tokens(), texts.longest()), (3, 8, 4));
        assert_eq!(texts.tokens(1), [3]);
        assert_eq!(texts.highest_id(), Some(7));
        let packed = texts.packed(1..3);
        assert_eq!(packed.ids, [3, 4, 5, 6, 7]);
        assert_eq!(packed.ranges, [0..1, 1..5]);
        assert_eq!(packed.type_ids, [0; 5]);
        assert!(Prepared::default().is_empty() && Prepared::default().longest() == 0);
    }

    #[test]
    fn batches_hold_at_most_as_many_tokens_and_every_text_once() {
        assert_eq!(batches(&[2, 2, 2, 9, 1], 4), [0..1, 1..2, 2..3, 3..4, 4..5]);
        assert_eq!(batches(&[1, 1, 3, 4, 4], 8), [0..2, 2..3, 3..5]);
        assert!(batches(&[], 8).is_empty());
    }
}
