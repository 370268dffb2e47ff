//! The matrix product with sums in single precision.
//!
//! The left matrix comes in tiles of a few rows, the right one in panels of two vectors of columns.
//! A tile times a panel stays in registers from the first step to the last, so each sum is taken
//! in the order of the inner dimension: the result of a row is the same bits whatever rows lie
//! beside it and however they are cut into tiles.

#[cfg(test)]
mod tests;

use crate::arithmetic::Arithmetic;
use crate::epilogue::Epilogue;
use crate::matrix::{RowsMut, tiles, with_constant_rows};
use crate::simd::{Kernel, Simd};

/// Steps between a panel's line being asked for and being used.
const PREFETCH_STEPS: usize = 8;

/// Where a product finds the left matrix, `n_rows × depth`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Left<'a, T> {
    /// As [`pack_left`](crate::matrix::pack_left) writes it.
    Packed(&'a [T]),
    /// The rows of its transpose, as they stand, and the stride between them.
    Transposed(&'a [T], usize),
}

/// Multiplies `left` (`n_rows × depth`) with packed panels and writes `n_rows` rows of `output`.
///
/// `panels` is what [`pack_right`](crate::matrix::pack_right) writes; their number decides how many
/// columns are written. `depth` counts elements of `A`, which may be several numbers.
#[derive(Debug)]
pub(crate) struct Product<'a, A: Arithmetic, E> {
    pub(crate) left: Left<'a, A::Left>,
    pub(crate) n_rows: usize,
    pub(crate) depth: usize,
    pub(crate) panels: &'a [A::Right],
    pub(crate) epilogue: E,
    pub(crate) output: RowsMut<'a>,
}

impl<A: Arithmetic, E: Epilogue> Kernel for Product<'_, A, E> {
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
                    Left::Transposed(data, stride) => (&data[first..], stride),
                };
                let output = self.output.from(first, column);
                let tile = Tile::<A, E> {
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
struct Tile<'a, A: Arithmetic, E> {
    /// Step `k` begins at `k · stride` and holds an element of each row.
    left: &'a [A::Left],
    stride: usize,
    panel: &'a [A::Right],
    /// The panel's first column.
    column: usize,
    epilogue: E,
    output: RowsMut<'a>,
}

/// A [`Tile`] whose number of rows the compiler knows.
struct TileOf<'a, A: Arithmetic, E, const ROWS: usize>(Tile<'a, A, E>);

impl<A: Arithmetic, E: Epilogue> Tile<'_, A, E> {
    #[inline(always)]
    fn run_rows<S: Simd>(self, simd: S, rows: usize) {
        macro_rules! run {
            ($rows:literal) => {
                // Taller tiles than the registers hold are not compiled.
                if $rows <= S::TILE_ROWS {
                    simd.vectorize(TileOf::<A, E, $rows>(self));
                }
            };
        }
        with_constant_rows!(rows, run);
    }
}

impl<A: Arithmetic, E: Epilogue, const ROWS: usize> Kernel for TileOf<'_, A, E, ROWS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self(mut tile) = self;
        let sums = sums::<A, S, ROWS>(simd, tile.left, tile.stride, tile.panel);
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
fn sums<A: Arithmetic, S: Simd, const ROWS: usize>(
    simd: S,
    left: &[A::Left],
    stride: usize,
    panel: &[A::Right],
) -> [[S::F32; 2]; ROWS] {
    let mut sums = [[simd.splat(0.0); 2]; ROWS];
    for (step, weights) in left.chunks(stride).zip(panel.chunks_exact(2 * S::LANES)) {
        let rows: &[A::Left; ROWS] = step.first_chunk().expect("an element of each row");
        let (low, high) = weights.split_at(S::LANES);
        simd.prefetch(low, PREFETCH_STEPS * 2 * S::LANES);
        simd.prefetch(high, PREFETCH_STEPS * 2 * S::LANES);
        let (low, high) = (A::load(simd, low), A::load(simd, high));
        for (sum, &element) in sums.iter_mut().zip(rows) {
            let element = A::splat(simd, element);
            sum[0] = A::mul_add(simd, element, low, sum[0]);
            sum[1] = A::mul_add(simd, element, high, sum[1]);
        }
    }
    sums
}
