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
use self::round::{PackBytes, RowScale};
pub(crate) use self::weights::Int8Weights;
use crate::aligned::Aligned;
use crate::epilogue::{Biased, Finish};
use crate::matrix::{Rows, RowsMut};
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
pub(crate) struct Scratch {
    /// The rows of one tile: few enough for the first-level cache.
    rounded: Aligned<i32>,
    packed: Aligned<i32>,
    scales: Vec<RowScale>,
}

/// Rows in bytes, packed for the left side of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundedRows<'a> {
    packed: &'a [i32],
    scales: &'a [RowScale],
    /// Words of a row.
    depth: usize,
}

impl Scratch {
    /// Rounds `n_rows` rows of `width` numbers.
    pub(crate) fn round(
        &mut self,
        isa: Isa,
        (input, n_rows, width): (Rows<'_>, usize, usize),
    ) -> RoundedRows<'_> {
        let depth = words(width);
        self.scales.resize(n_rows, RowScale::default());
        isa.run(PackBytes {
            input,
            width,
            rounded: self.rounded.at_least(isa.tile_rows() * depth),
            packed: self.packed.at_least(n_rows * depth),
            scales: &mut self.scales,
        });
        RoundedRows {
            packed: &self.packed,
            scales: &self.scales,
            depth,
        }
    }
}

impl RoundedRows<'_> {
    /// Multiplies the rows with `weights`.
    pub(crate) fn multiply<F: Finish>(
        self,
        isa: Isa,
        weights: &Int8Weights,
        epilogue: Biased<'_, F>,
        output: RowsMut<'_>,
    ) {
        isa.run(Int8Product {
            left: self.packed,
            rows: self.scales,
            depth: self.depth,
            weights,
            bias: epilogue.bias,
            finish: epilogue.finish,
            output,
        });
    }
}
