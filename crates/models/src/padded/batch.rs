//! Texts side by side.

use candle_core::{DType, Device, Result, Tensor};
use half::f16;

use crate::bert::TokenRules;

/// Lengths are rounded up to a multiple of this: rows of a product then begin at whole cache lines, and
/// the tensor cores of GPUs take tiles of 8.
pub(crate) const LENGTH_MULTIPLE: usize = 8;

/// What is added to the score of a place that nothing attends to; within `f32` and `bf16`.
const MASKED: f32 = -1e38;

/// The texts of a batch, each padded to the length of the longest, rounded up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PaddedBatch<'a> {
    texts: Vec<&'a [u32]>,
    length: usize,
}

impl<'a> PaddedBatch<'a> {
    /// Puts texts side by side, at least one, none of them empty.
    pub(crate) fn new(texts: &[&'a [u32]]) -> Self {
        let longest = texts.iter().map(|ids| ids.len()).max().unwrap_or(0);
        Self {
            texts: texts.to_vec(),
            length: padded_length(longest),
        }
    }

    /// The tokens of each text.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> &[&'a [u32]] {
        &self.texts
    }

    /// The number of texts.
    pub(crate) fn rows(&self) -> usize {
        self.texts.len()
    }

    /// Places of a text, padding included.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Tokens of all texts, without padding.
    pub(crate) fn n_tokens(&self) -> usize {
        self.texts.iter().map(|ids| ids.len()).sum()
    }

    /// Places that hold no token.
    pub(crate) fn padding(&self) -> usize {
        self.rows() * self.length - self.n_tokens()
    }

    /// The token ids, shape `(rows · length)`. Padding has id 0; any would do, since nothing attends to
    /// it and it is not pooled.
    pub(super) fn ids(&self, device: &Device) -> Result<Tensor> {
        let row = |ids: &&[u32]| padded(ids.iter().copied(), self.length, 0);
        let ids: Vec<u32> = self.texts.iter().flat_map(row).collect();
        Tensor::from_vec(ids, self.rows() * self.length, device)
    }

    /// Rows of a table of `n_positions`: shape `(length)` where they are the same for all texts, else
    /// `(rows · length)`.
    pub(super) fn positions(
        &self,
        rules: TokenRules,
        n_positions: usize,
        device: &Device,
    ) -> Result<Tensor> {
        let last = (n_positions - 1) as u32;
        let row = |ids: &[u32]| padded(rules.positions(ids).into_iter(), self.length, last);
        let positions: Vec<u32> = if self.texts.iter().any(|ids| rules.skips_some(ids)) {
            self.texts.iter().flat_map(|ids| row(ids)).collect()
        } else {
            let longest = self.texts.iter().max_by_key(|ids| ids.len());
            longest.map_or_else(Vec::new, |ids| row(ids))
        };
        let n = positions.len();
        Tensor::from_vec(positions, n, device)
    }

    /// What is added to the scores of places, shape `(rows, 1, 1, length)`; `None` when all count.
    pub(super) fn mask(
        &self,
        rules: TokenRules,
        dtype: DType,
        device: &Device,
    ) -> Result<Option<Tensor>> {
        if self.padding() == 0 && !self.texts.iter().any(|ids| rules.masks_some(ids)) {
            return Ok(None);
        }
        let masked = match dtype {
            DType::F16 => f16::MIN.to_f32(),
            _ => MASKED,
        };
        let place = |&id: &u32| {
            if rules.masked_id == Some(id) {
                masked
            } else {
                0.0
            }
        };
        let row = |ids: &&[u32]| padded(ids.iter().map(place), self.length, masked);
        let mask: Vec<f32> = self.texts.iter().flat_map(row).collect();
        let mask = Tensor::from_vec(mask, (self.rows(), 1, 1, self.length), device)?;
        Ok(Some(mask.to_dtype(dtype)?))
    }

    /// For each place its share in the mean over its text, shape `(rows, 1, length)`: 0 for padding.
    pub(super) fn shares(&self, device: &Device) -> Result<Tensor> {
        let row = |ids: &&[u32]| {
            let share = 1.0 / ids.len() as f32;
            padded(ids.iter().map(|_| share), self.length, 0.0)
        };
        let shares: Vec<f32> = self.texts.iter().flat_map(row).collect();
        Tensor::from_vec(shares, (self.rows(), 1, self.length), device)
    }

    /// 0 for a token and the least number for padding, shape `(rows, length, 1)`: what a maximum leaves
    /// out.
    pub(super) fn absence(&self, device: &Device) -> Result<Tensor> {
        let row = |ids: &&[u32]| padded(ids.iter().map(|_| 0.0), self.length, f32::MIN);
        let absence: Vec<f32> = self.texts.iter().flat_map(row).collect();
        Tensor::from_vec(absence, (self.rows(), self.length, 1), device)
    }
}

/// The length that a text of `tokens` is padded to.
pub(crate) fn padded_length(tokens: usize) -> usize {
    tokens.next_multiple_of(LENGTH_MULTIPLE)
}

/// A row of `length` items that begins with some.
fn padded<T: Copy>(items: impl Iterator<Item = T>, length: usize, fill: T) -> Vec<T> {
    let mut row: Vec<T> = items.collect();
    row.resize(length, fill);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(tensor: &Tensor) -> Vec<f32> {
        let tensor = tensor.to_dtype(DType::F32).unwrap();
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn texts_are_padded_to_one_length_and_padding_is_counted() {
        let batch = PaddedBatch::new(&[&[5, 6, 7], &[8; 9], &[9]]);
        assert_eq!((batch.rows(), batch.length()), (3, 16));
        assert_eq!((batch.n_tokens(), batch.padding()), (13, 35));
        let ids = batch.ids(&Device::Cpu).unwrap().to_vec1::<u32>().unwrap();
        assert_eq!(ids.len(), 48);
        assert_eq!(ids[..4], [5, 6, 7, 0]);
        assert_eq!(ids[16..26], [8, 8, 8, 8, 8, 8, 8, 8, 8, 0]);
    }

    #[test]
    fn nothing_attends_to_padding_or_to_masked_tokens() {
        let device = Device::Cpu;
        let rules = TokenRules {
            masked_id: Some(3),
            ..TokenRules::default()
        };
        let full: &[u32] = &[1, 2, 4, 4, 4, 4, 4, 4];
        let mask = |texts: &[&[u32]], dtype| {
            let mask = PaddedBatch::new(texts).mask(rules, dtype, &device);
            mask.unwrap().map(|mask| floats(&mask))
        };
        assert_eq!(mask(&[full], DType::F32), None);
        let expected = [0.0, MASKED, 0.0, MASKED, MASKED, MASKED, MASKED, MASKED];
        assert_eq!(mask(&[&[1, 3, 4]], DType::F32).unwrap(), expected);
        for dtype in [DType::F16, DType::BF16] {
            let mask = mask(&[full, &[1, 3, 4]], dtype).unwrap();
            assert!(mask[..8].iter().all(|&number| number == 0.0));
            assert!(mask[9] < -65000.0 && mask[9].is_finite(), "{dtype:?}");
        }
    }

    #[test]
    fn positions_are_shared_unless_a_text_skips_some() {
        let rules = TokenRules {
            masked_id: None,
            first_position_after: Some(1),
        };
        let positions = |texts: &[&[u32]], rules: TokenRules| {
            let positions = PaddedBatch::new(texts).positions(rules, 12, &Device::Cpu);
            positions.unwrap().to_vec1::<u32>().unwrap()
        };
        assert_eq!(
            positions(&[&[7, 7, 7], &[7]], TokenRules::default()),
            [0, 1, 2, 11, 11, 11, 11, 11]
        );
        assert_eq!(positions(&[&[7, 7]], rules)[..3], [2, 3, 11]);
        let skipping = positions(&[&[7, 1, 7], &[7, 7]], rules);
        assert_eq!(skipping.len(), 16);
        assert_eq!(
            (&skipping[..3], &skipping[8..10]),
            (&[2, 1, 3][..], &[2, 3][..])
        );
        assert!(skipping.iter().all(|&row| row < 12));
    }

    #[test]
    fn means_and_maxima_leave_padding_out() {
        let batch = PaddedBatch::new(&[&[1, 2, 3, 4], &[1]]);
        let shares = floats(&batch.shares(&Device::Cpu).unwrap());
        assert_eq!(shares[..5], [0.25, 0.25, 0.25, 0.25, 0.0]);
        assert_eq!(shares[8..10], [1.0, 0.0]);
        let absence = floats(&batch.absence(&Device::Cpu).unwrap());
        assert_eq!(
            (absence[0], absence[4], absence[9]),
            (0.0, f32::MIN, f32::MIN)
        );
    }
}
