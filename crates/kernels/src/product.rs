//! The matrix product in single precision.
//!
//! The left matrix comes in tiles of a few rows, the right one in panels of two vectors of columns.
//! A tile times a panel stays in registers from the first step to the last, so each sum is taken
//! in the order of the inner dimension: the result of a row is the same bits whatever rows lie
//! beside it and however they are cut into tiles.

#[cfg(test)]
mod tests;

use crate::epilogue::Epilogue;
use crate::matrix::{Rows, RowsMut, tiles, with_constant_rows};
use crate::simd::{Kernel, Simd};

/// Steps between a panel's line being asked for and being used.
const PREFETCH_STEPS: usize = 8;

/// Where a product finds the left matrix, `n_rows × depth`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Left<'a> {
    /// As [`pack_left`](crate::matrix::pack_left) writes it.
    Packed(&'a [f32]),
    /// The rows of its transpose, as they stand.
    Transposed(Rows<'a>),
}

/// Multiplies `left` (`n_rows × depth`) with packed panels and writes `n_rows` rows of `output`.
///
/// `panels` is what [`pack_right`](crate::matrix::pack_right) writes; their number decides how many
/// columns are written.
#[derive(Debug)]
pub(crate) struct Product<'a, E> {
    pub(crate) left: Left<'a>,
    pub(crate) n_rows: usize,
    pub(crate) depth: usize,
    pub(crate) panels: &'a [f32],
    pub(crate) epilogue: E,
    pub(crate) output: RowsMut<'a>,
}

impl<E: Epilogue> Kernel for Product<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let panel_width = 2 * S::LANES;
        for (index, panel) in self
            .panels
            .chunks_exact(panel_width * self.depth)
            .enumerate()
        {
            let column = index * panel_width;
            for (first, count) in tiles(self.n_rows, S::TILE_ROWS) {
                let (left, stride) = match self.left {
                    Left::Packed(data) => (&data[first * self.depth..], count),
                    Left::Transposed(rows) => rows.from(0, first).into_parts(),
                };
                let output = self.output.from(first, column);
                let tile = Tile {
                    left,
                    stride,
                    panel,
                    column,
                    epilogue: self.epilogue,
                    output,
                };
                tile.run_rows(simd, count);
            }
        }
    }
}

/// A tile of a few rows times one panel.
struct Tile<'a, E> {
    /// Step `k` begins at `k · stride` and holds an element of each row.
    left: &'a [f32],
    stride: usize,
    panel: &'a [f32],
    /// The panel's first column.
    column: usize,
    epilogue: E,
    output: RowsMut<'a>,
}

/// A [`Tile`] whose number of rows the compiler knows.
struct TileOf<'a, E, const ROWS: usize>(Tile<'a, E>);

impl<E: Epilogue> Tile<'_, E> {
    #[inline(always)]
    fn run_rows<S: Simd>(self, simd: S, rows: usize) {
        macro_rules! run {
            ($rows:literal) => {
                // Taller tiles than the registers hold are not compiled.
                if $rows <= S::TILE_ROWS {
                    simd.vectorize(TileOf::<E, $rows>(self));
                }
            };
        }
        with_constant_rows!(rows, run);
    }
}

impl<E: Epilogue, const ROWS: usize> Kernel for TileOf<'_, E, ROWS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self(mut tile) = self;
        let sums = sums::<S, ROWS>(simd, tile.left, tile.stride, tile.panel);
        for (row, halves) in sums.into_iter().enumerate() {
            let output = tile.output.row(row, 2 * S::LANES);
            for (half, sum) in output.chunks_exact_mut(S::LANES).zip(halves).enumerate() {
                let (destination, sum) = sum;
                let column = tile.column + half * S::LANES;
                let value = tile.epilogue.apply(simd, sum, column, destination);
                simd.store(value, destination);
            }
        }
    }
}

/// The inner products of `ROWS` rows with the two vectors of columns of a panel.
#[inline(always)]
fn sums<S: Simd, const ROWS: usize>(
    simd: S,
    left: &[f32],
    stride: usize,
    panel: &[f32],
) -> [[S::F32; 2]; ROWS] {
    let mut sums = [[simd.splat(0.0); 2]; ROWS];
    for (step, weights) in left.chunks(stride).zip(panel.chunks_exact(2 * S::LANES)) {
        let rows: &[f32; ROWS] = step.first_chunk().expect("an element of each row");
        let (low, high) = weights.split_at(S::LANES);
        simd.prefetch(low, PREFETCH_STEPS * 2 * S::LANES);
        simd.prefetch(high, PREFETCH_STEPS * 2 * S::LANES);
        let (low, high) = (simd.load(low), simd.load(high));
        for (sum, &element) in sums.iter_mut().zip(rows) {
            let element = simd.splat(element);
            sum[0] = simd.mul_add(element, low, sum[0]);
            sum[1] = simd.mul_add(element, high, sum[1]);
        }
    }
    sums
}
