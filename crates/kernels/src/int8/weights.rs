//! Rounding and packing of weights, once when a model is loaded.

use super::{BYTES, SMALLEST_SCALE, WEIGHT_OFFSET, words};
use crate::aligned::Aligned;
use crate::matrix::pack_right;

/// The largest weight in bytes.
const LARGEST_WEIGHT: f32 = 127.0;

/// Weights in bytes, packed in panels.
#[derive(Debug)]
pub(crate) struct Int8Weights {
    pub(super) panels: Aligned<i32>,
    /// `a` of each output.
    pub(super) scales: Aligned<f32>,
    /// `a·ΣW` of each output.
    pub(super) sums: Aligned<f32>,
}

impl Int8Weights {
    /// Rounds and packs a matrix of `outputs` rows.
    pub(crate) fn pack<'a>(
        (outputs, inputs): (usize, usize),
        panel_width: usize,
        row: impl Fn(usize) -> &'a [f32],
    ) -> Self {
        let padded = outputs.next_multiple_of(panel_width);
        let words = words(inputs);
        let mut scales = Aligned::zeroed(padded);
        let mut sums = Aligned::zeroed(padded);
        let mut rounded = vec![0; outputs * words];
        for (output, words) in rounded.chunks_exact_mut(words).enumerate() {
            let (scale, sum) = round_weights(row(output), words);
            scales[output] = scale;
            sums[output] = scale * sum as f32;
        }
        let mut panels = Aligned::zeroed(padded * words);
        let row = |output: usize| &rounded[output * words..][..words];
        pack_right((outputs, words), panel_width, row, &mut panels);
        Self {
            panels,
            scales,
            sums,
        }
    }
}

/// Rounds a row of weights into words of offset bytes; returns the scale and the sum without offset.
fn round_weights(weights: &[f32], words: &mut [i32]) -> (f32, i32) {
    let largest = weights
        .iter()
        .fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
    let scale = (largest / LARGEST_WEIGHT).max(SMALLEST_SCALE);
    let mut sum = 0;
    let mut byte = |weight: Option<&f32>| {
        let rounded = weight.map_or(0, |weight| (weight / scale).round_ties_even() as i32);
        sum += rounded;
        (rounded + WEIGHT_OFFSET) as u8
    };
    for (word, first) in words.iter_mut().zip((0..).step_by(BYTES)) {
        *word = i32::from_le_bytes(std::array::from_fn(|at| byte(weights.get(first + at))));
    }
    (scale, sum)
}
