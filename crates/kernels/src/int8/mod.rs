//! The matrix product in bytes.
//!
//! Weights are bytes with one scale for each output; activations are bytes with one scale *and* one
//! offset for each row, since what GELU leaves is far from symmetric. With weights `w = a·W` and
//! activations `x = s·X + o`, an output is
//!
//! ```text
//! Σ x·w = s·a·Σ X·W + o·a·Σ W
//! ```
//!
//! The instruction multiplies unsigned with signed bytes, so `W + 128` is stored and `128·Σ X` taken
//! off again. The integers are exact: a row's result depends on neither its neighbours nor the
//! instruction set.

mod product;
mod round;
mod weights;

#[cfg(test)]
mod tests;

use self::product::Int8Product;
use self::round::{RoundRows, RowScale};
pub(crate) use self::weights::Int8Weights;
use crate::aligned::Aligned;
use crate::epilogue::Finish;
use crate::matrix::{Rows, RowsMut, pack_left};
use crate::simd::{Isa, MAX_LANES};

/// Bytes in a word: the elements one step multiplies.
const BYTES: usize = 4;

/// Added to a weight to make it unsigned.
const WEIGHT_OFFSET: i32 = 128;

/// What keeps a constant row or channel from a division by zero.
const SMALLEST_SCALE: f32 = 1e-12;

/// The words that hold a row of `width` bytes, whole vectors of any instruction set.
fn words(width: usize) -> usize {
    width.next_multiple_of(MAX_LANES) / BYTES
}

/// Buffers for activations in bytes.
#[derive(Debug, Default)]
pub(crate) struct Int8Scratch {
    rounded: Aligned<i32>,
    packed: Aligned<i32>,
    scales: Vec<RowScale>,
}

/// Multiplies `n_rows` rows of `width` numbers with `weights`.
pub(crate) fn multiply<F: Finish>(
    isa: Isa,
    (input, n_rows, width): (Rows<'_>, usize, usize),
    (weights, bias, finish): (&Int8Weights, &[f32], F),
    output: RowsMut<'_>,
    scratch: &mut Int8Scratch,
) {
    let words = words(width);
    let rounded = scratch.rounded.at_least(n_rows * words);
    scratch.scales.resize(n_rows, RowScale::default());
    isa.run(RoundRows {
        input,
        width,
        rounded,
        scales: &mut scratch.scales,
    });
    let packed = scratch.packed.at_least(n_rows * words);
    let row = |row: usize| &rounded[row * words..][..words];
    pack_left((n_rows, words), isa.tile_rows(), row, packed);
    let rows = &scratch.scales;
    isa.run(Int8Product {
        left: packed,
        rows,
        depth: words,
        weights,
        bias,
        finish,
        output,
    });
}
