//! Sequences one after another, without padding.

use std::ops::Range;

use crate::Encoding;

/// Some token sequences as one run of rows. Projections see one tall matrix, attention runs within
/// each sequence; so no padding is computed and no mask is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PackedSequences {
    pub(crate) ids: Vec<u32>,
    pub(crate) type_ids: Vec<u32>,
    /// The rows of each sequence.
    pub(crate) ranges: Vec<Range<usize>>,
}

impl PackedSequences {
    pub(crate) fn push(&mut self, encoding: &Encoding) {
        let start = self.ids.len();
        self.ids.extend(&encoding.ids);
        self.type_ids.extend(&encoding.type_ids);
        self.ranges.push(start..self.ids.len());
    }
}

impl<'a> FromIterator<&'a Encoding> for PackedSequences {
    fn from_iter<I: IntoIterator<Item = &'a Encoding>>(encodings: I) -> Self {
        let mut packed = Self::default();
        for encoding in encodings {
            packed.push(encoding);
        }
        packed
    }
}
