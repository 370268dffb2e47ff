//! The matrix product with sums in single precision.
//!
//! The left matrix comes in tiles of a few rows, the right one in panels of two vectors of columns.
//! A tile times a panel stays in registers for some hundred steps, whose sums are then added to those of the
//! steps before: each sum is taken in one order, so the result of a row is the same bits whatever rows lie
//! beside it and however they are cut into tiles. A sum of sums is rounded less than one long sum: over 4096
//! steps its error is a quarter.

#[cfg(test)]
mod tests;

use std::array::from_fn;

use crate::arithmetic::{Arithmetic, Single};
use crate::epilogue::Epilogue;
use crate::matrix::{Rows, RowsMut, tiles, with_constant_rows};
use crate::simd::{Kernel, Simd};

/// Steps between a panel's line being asked for and being used.
const PREFETCH_STEPS: usize = 8;

/// Steps that are summed up by themselves. Of 64 to 512 the error varies by a half and the time by nothing.
const BLOCK_STEPS: usize = 256;

/// Where a product finds the left matrix.
pub(crate) trait Left<A: Arithmetic>: Copy {
    /// The rows from `first` on, where a tile begins.
    fn at_row(self, first: usize, depth: usize) -> Self;

    /// The inner products of the `ROWS` rows of the tile with the two vectors of columns of a panel.
    fn sums<S: Simd, const ROWS: usize>(self, simd: S, panel: &[A::Right]) -> [[S::F32; 2]; ROWS];
}

/// As [`pack_left`](crate::matrix::pack_left) writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed<'a, T>(pub(crate) &'a [T]);

/// Rows as they stand: for a product so small that packing would show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InPlace<'a>(pub(crate) Rows<'a>);

/// Multiplies `left` (`n_rows × depth`) with packed panels and writes `n_rows` rows of `output`.
///
/// `panels` is what [`pack_right`](crate::matrix::pack_right) writes; their number decides how many
/// columns are written. `depth` counts elements of `A`, which may be several numbers.
#[derive(Debug)]
pub(crate) struct Product<'a, A: Arithmetic, L, E> {
    pub(crate) left: L,
    pub(crate) n_rows: usize,
    pub(crate) depth: usize,
    pub(crate) panels: &'a [A::Right],
    pub(crate) epilogue: E,
    pub(crate) output: RowsMut<'a>,
}

impl<A: Arithmetic, L: Left<A>, E: Epilogue> Kernel for Product<'_, A, L, E> {
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
                let output = self.output.from(first, column);
                let tile = Tile::<A, L, E> {
                    left: self.left.at_row(first, self.depth),
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
struct Tile<'a, A: Arithmetic, L, E> {
    left: L,
    panel: &'a [A::Right],
    /// The panel's first column.
    column: usize,
    epilogue: E,
    output: RowsMut<'a>,
}

/// A [`Tile`] whose number of rows the compiler knows.
struct TileOf<'a, A: Arithmetic, L, E, const ROWS: usize>(Tile<'a, A, L, E>);

impl<A: Arithmetic, L: Left<A>, E: Epilogue> Tile<'_, A, L, E> {
    #[inline(always)]
    fn run_rows<S: Simd>(self, simd: S, rows: usize) {
        macro_rules! run {
            ($rows:literal) => {
                // Taller tiles than the registers hold are not compiled.
                if $rows <= S::TILE_ROWS {
                    simd.vectorize(TileOf::<A, L, E, $rows>(self));
                }
            };
        }
        with_constant_rows!(rows, run);
    }
}

impl<A: Arithmetic, L: Left<A>, E: Epilogue, const ROWS: usize> Kernel
    for TileOf<'_, A, L, E, ROWS>
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self(mut tile) = self;
        let sums = tile.left.sums::<S, ROWS>(simd, tile.panel);
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

impl<A: Arithmetic> Left<A> for Packed<'_, A::Left> {
    #[inline(always)]
    fn at_row(self, first: usize, depth: usize) -> Self {
        Self(&self.0[first * depth..])
    }

    #[inline(always)]
    fn sums<S: Simd, const ROWS: usize>(self, simd: S, panel: &[A::Right]) -> [[S::F32; 2]; ROWS] {
        let mut totals = [[simd.splat(0.0); 2]; ROWS];
        let blocks = self.0.chunks(BLOCK_STEPS * ROWS);
        for (block, panel) in blocks.zip(panel.chunks(BLOCK_STEPS * 2 * S::LANES)) {
            let mut sums = [[simd.splat(0.0); 2]; ROWS];
            let steps = block.as_chunks::<ROWS>().0.iter();
            for (rows, weights) in steps.zip(panel.chunks_exact(2 * S::LANES)) {
                add_step::<A, S, ROWS>(simd, &mut sums, |row| rows[row], weights);
            }
            add_block(simd, &mut totals, sums);
        }
        totals
    }
}

impl Left<Single> for InPlace<'_> {
    #[inline(always)]
    fn at_row(self, first: usize, _: usize) -> Self {
        Self(self.0.from(first, 0))
    }

    #[inline(always)]
    fn sums<S: Simd, const ROWS: usize>(self, simd: S, panel: &[f32]) -> [[S::F32; 2]; ROWS] {
        let mut totals = [[simd.splat(0.0); 2]; ROWS];
        let depth = panel.len() / (2 * S::LANES);
        let rows: [&[f32]; ROWS] = from_fn(|row| self.0.row(row, depth));
        for (block, panel) in panel.chunks(BLOCK_STEPS * 2 * S::LANES).enumerate() {
            let mut sums = [[simd.splat(0.0); 2]; ROWS];
            for (step, weights) in panel.chunks_exact(2 * S::LANES).enumerate() {
                let step = block * BLOCK_STEPS + step;
                add_step::<Single, S, ROWS>(simd, &mut sums, |row| rows[row][step], weights);
            }
            add_block(simd, &mut totals, sums);
        }
        totals
    }
}

/// Adds the products of one element of each row with a step of a panel.
#[inline(always)]
fn add_step<A: Arithmetic, S: Simd, const ROWS: usize>(
    simd: S,
    sums: &mut [[S::F32; 2]; ROWS],
    element: impl Fn(usize) -> A::Left,
    weights: &[A::Right],
) {
    let (low, high) = weights.split_at(S::LANES);
    simd.prefetch(low, PREFETCH_STEPS * 2 * S::LANES);
    simd.prefetch(high, PREFETCH_STEPS * 2 * S::LANES);
    let (low, high) = (A::load(simd, low), A::load(simd, high));
    for (row, sum) in sums.iter_mut().enumerate() {
        let element = A::splat(simd, element(row));
        sum[0] = A::mul_add(simd, element, low, sum[0]);
        sum[1] = A::mul_add(simd, element, high, sum[1]);
    }
}

/// Adds the sums of a block of steps to those of the blocks before.
#[inline(always)]
fn add_block<S: Simd, const ROWS: usize>(
    simd: S,
    totals: &mut [[S::F32; 2]; ROWS],
    sums: [[S::F32; 2]; ROWS],
) {
    for (total, sum) in totals.iter_mut().zip(sums) {
        total[0] = simd.add(total[0], sum[0]);
        total[1] = simd.add(total[1], sum[1]);
    }
}
