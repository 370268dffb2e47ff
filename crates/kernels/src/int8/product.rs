//! The product of bytes.

use super::Int8Weights;
use super::round::RowScale;
use crate::epilogue::Finish;
use crate::matrix::{RowsMut, tiles, with_constant_rows};
use crate::simd::{Kernel, Simd};

/// Steps between a panel's line being asked for and being used.
const PREFETCH_STEPS: usize = 8;

/// Multiplies packed rows of bytes with packed weights.
pub(super) struct Int8Product<'a, F> {
    pub(super) left: &'a [i32],
    pub(super) rows: &'a [RowScale],
    /// Words of a row.
    pub(super) depth: usize,
    pub(super) weights: &'a Int8Weights,
    pub(super) bias: &'a [f32],
    pub(super) finish: F,
    pub(super) output: RowsMut<'a>,
}

impl<F: Finish> Kernel for Int8Product<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let panel_width = 2 * S::LANES;
        let panels = self.weights.panels.chunks_exact(panel_width * self.depth);
        for (panel, column) in panels.zip((0..).step_by(panel_width)) {
            for (first, count) in tiles(self.rows.len(), S::TILE_ROWS) {
                let tile = Int8Tile {
                    left: &self.left[first * self.depth..],
                    rows: &self.rows[first..],
                    panel,
                    scales: &self.weights.scales[column..],
                    sums: &self.weights.sums[column..],
                    bias: &self.bias[column..],
                    finish: self.finish,
                    output: self.output.from(first, column),
                };
                tile.run_rows(simd, count);
            }
        }
    }
}

/// A tile of a few rows times one panel; the slices begin at its first row and column.
struct Int8Tile<'a, F> {
    left: &'a [i32],
    rows: &'a [RowScale],
    panel: &'a [i32],
    scales: &'a [f32],
    sums: &'a [f32],
    bias: &'a [f32],
    finish: F,
    output: RowsMut<'a>,
}

/// An [`Int8Tile`] whose number of rows the compiler knows.
struct Int8TileOf<'a, F, const ROWS: usize>(Int8Tile<'a, F>);

impl<F: Finish> Int8Tile<'_, F> {
    #[inline(always)]
    fn run_rows<S: Simd>(self, simd: S, rows: usize) {
        macro_rules! run {
            ($rows:literal) => {
                // Taller tiles than the registers hold are not compiled.
                if $rows <= S::TILE_ROWS {
                    simd.vectorize(Int8TileOf::<F, $rows>(self));
                }
            };
        }
        with_constant_rows!(rows, run);
    }
}

impl<F: Finish, const ROWS: usize> Kernel for Int8TileOf<'_, F, ROWS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self(mut tile) = self;
        for row in 0..ROWS {
            let output = tile.output.row(row, 2 * S::LANES);
            simd.prefetch(output, 0);
            simd.prefetch(output, S::LANES);
        }
        let sums = integer_sums::<S, ROWS>(simd, tile.left, tile.panel);
        for (row, halves) in sums.into_iter().enumerate() {
            let RowScale {
                scale,
                offset,
                excess,
            } = tile.rows[row];
            let output = tile.output.row(row, 2 * S::LANES);
            let halves = output
                .chunks_exact_mut(S::LANES)
                .zip(halves)
                .zip((0..).step_by(S::LANES));
            for ((destination, sum), column) in halves {
                let product = simd.sub(simd.convert(sum), simd.splat(excess));
                let product = simd.mul(product, simd.splat(scale));
                let constant = simd.mul_add(
                    simd.splat(offset),
                    simd.load(&tile.sums[column..]),
                    simd.load(&tile.bias[column..]),
                );
                let value = simd.mul_add(product, simd.load(&tile.scales[column..]), constant);
                let value = tile.finish.finish_rounded(simd, value, destination);
                simd.store(value, destination);
            }
        }
    }
}

/// The inner products of `ROWS` rows with the two vectors of columns of a panel.
#[inline(always)]
fn integer_sums<S: Simd, const ROWS: usize>(
    simd: S,
    left: &[i32],
    panel: &[i32],
) -> [[S::I32; 2]; ROWS] {
    let mut sums = [[simd.splat_i32(0); 2]; ROWS];
    for (rows, weights) in left
        .as_chunks::<ROWS>()
        .0
        .iter()
        .zip(panel.chunks_exact(2 * S::LANES))
    {
        let (low, high) = weights.split_at(S::LANES);
        simd.prefetch(low, PREFETCH_STEPS * 2 * S::LANES);
        simd.prefetch(high, PREFETCH_STEPS * 2 * S::LANES);
        let (low, high) = (simd.load_i32(low), simd.load_i32(high));
        for (sum, &word) in sums.iter_mut().zip(rows) {
            let word = simd.splat_i32(word);
            sum[0] = simd.dot4(sum[0], low, word);
            sum[1] = simd.dot4(sum[1], high, word);
        }
    }
    sums
}
