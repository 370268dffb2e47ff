//! Rounding of activations, before each product.

use super::{BYTES, SMALLEST_SCALE, WEIGHT_OFFSET, words};
use crate::matrix::{Rows, tiles};
use crate::simd::{Kernel, MAX_LANES, Simd};
use crate::transpose::transpose;

/// How a row of activations was rounded.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct RowScale {
    /// `s`.
    pub(super) scale: f32,
    /// `o`.
    pub(super) offset: f32,
    /// `128·ΣX`.
    pub(super) excess: f32,
}

/// Rounds and packs rows of `width` numbers, tile by tile; as many rows as there are `scales`.
pub(super) struct PackBytes<'a> {
    pub(super) input: Rows<'a>,
    pub(super) width: usize,
    /// Room for the rows of a tile.
    pub(super) rounded: &'a mut [i32],
    pub(super) packed: &'a mut [i32],
    pub(super) scales: &'a mut [RowScale],
}

impl Kernel for PackBytes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let depth = words(self.width);
        for (first, count) in tiles(self.scales.len(), S::TILE_ROWS) {
            let rows = self
                .rounded
                .chunks_exact_mut(depth)
                .zip(first..first + count);
            for (words, row) in rows {
                self.scales[row] = round_row(simd, self.input.row(row, self.width), words);
            }
            let row = |lane: usize| &self.rounded[lane * depth..][..depth];
            let tile = &mut self.packed[first * depth..][..count * depth];
            transpose(simd, (count, depth), row, count, tile);
        }
    }
}

/// Rounds a row so that its smallest number becomes −128 and its largest 127.
#[inline(always)]
pub(super) fn round_row<S: Simd>(simd: S, row: &[f32], words: &mut [i32]) -> RowScale {
    let (smallest, largest) = range(simd, row);
    let scale = ((largest - smallest) / 255.0).max(SMALLEST_SCALE);
    let offset = smallest + 128.0 * scale;

    let rounding = Rounding {
        simd,
        offset: simd.splat(offset),
        inverse: simd.splat(1.0 / scale),
    };
    let mut sums = simd.splat_i32(0);
    let body = row.chunks_exact(S::LANES);
    let tail = body.remainder();
    let (whole, rest) = words.split_at_mut((row.len() - tail.len()) / BYTES);
    for (numbers, words) in body.zip(whole.chunks_exact_mut(S::LANES / BYTES)) {
        sums = simd.add_i32(sums, rounding.round(simd.load(numbers), words));
    }
    if !rest.is_empty() {
        // The weights of the padding are 0, and the excess covers it: any bytes will do there.
        let mut numbers = [offset; MAX_LANES];
        numbers[..tail.len()].copy_from_slice(tail);
        let parts = numbers
            .chunks_exact(S::LANES)
            .zip(rest.chunks_exact_mut(S::LANES / BYTES));
        for (numbers, words) in parts {
            sums = simd.add_i32(sums, rounding.round(simd.load(numbers), words));
        }
    }
    let excess = (WEIGHT_OFFSET * simd.sum_i32(sums)) as f32;
    RowScale {
        scale,
        offset,
        excess,
    }
}

/// The scale and offset of a row, in vectors.
struct Rounding<S: Simd> {
    simd: S,
    offset: S::F32,
    inverse: S::F32,
}

impl<S: Simd> Rounding<S> {
    /// Rounds a vector and writes its bytes.
    #[inline(always)]
    fn round(&self, numbers: S::F32, words: &mut [i32]) -> S::I32 {
        let simd = self.simd;
        let exact = simd.mul(simd.sub(numbers, self.offset), self.inverse);
        let exact = simd.min(simd.max(exact, simd.splat(-128.0)), simd.splat(127.0));
        simd.store_bytes(exact, words)
    }
}

/// The smallest and the largest number of a row.
#[inline(always)]
fn range<S: Simd>(simd: S, row: &[f32]) -> (f32, f32) {
    let mut smallest = simd.splat(row[0]);
    let mut largest = smallest;
    let body = row.chunks_exact(S::LANES);
    let tail = body.remainder();
    for chunk in body {
        smallest = simd.min(smallest, simd.load(chunk));
        largest = simd.max(largest, simd.load(chunk));
    }
    let smallest = simd.lanes(smallest)[..S::LANES]
        .iter()
        .chain(tail)
        .copied()
        .fold(f32::INFINITY, f32::min);
    let largest = simd.lanes(largest)[..S::LANES]
        .iter()
        .chain(tail)
        .copied()
        .fold(f32::NEG_INFINITY, f32::max);
    (smallest, largest)
}
