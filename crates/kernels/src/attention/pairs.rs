//! The products of attention in pairs of bfloat16.

use super::{Attention, Products};
use crate::aligned::Aligned;
use crate::arithmetic::Bf16Pairs;
use crate::bf16;
use crate::epilogue::Raw;
use crate::matrix::{Rows, RowsMut};
use crate::product::{Packed, Product};
use crate::simd::{Isa, Kernel, MAX_LANES, Simd};
use crate::transpose::transpose;

/// Keys are paired along their width, values along their number.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// Queries or weights of a block.
    left: bf16::Scratch,
    /// The keys of half a panel.
    rounded: Aligned<i32>,
    keys: Aligned<i32>,
    values: Aligned<i32>,
}

impl Products for Pairs {
    fn pack(&mut self, isa: Isa, attention: &Attention<'_>) {
        let (panel_width, width) = (isa.panel_width(), attention.width);
        let shape = (attention.n_keys, width);
        let n_columns = attention.n_keys.next_multiple_of(panel_width);
        isa.run(PackKeys {
            keys: attention.keys,
            shape,
            rounded: self.rounded.at_least(MAX_LANES * bf16::words(width)),
            packed: self.keys.at_least(n_columns * bf16::words(width)),
        });
        let n_columns = width.next_multiple_of(panel_width);
        isa.run(PackValues {
            values: attention.values,
            shape,
            packed: self
                .values
                .at_least(n_columns * bf16::words(attention.n_keys)),
        });
    }

    fn scores(
        &mut self,
        isa: Isa,
        attention: &Attention<'_>,
        (first, n_rows): (usize, usize),
        output: RowsMut<'_>,
    ) {
        let rows = (attention.queries.from(first, 0), n_rows, attention.width);
        let depth = bf16::words(attention.width);
        let n_columns = attention.n_keys.next_multiple_of(isa.panel_width());
        let left = self.left.round(isa, rows);
        let panels = &self.keys[..n_columns * depth];
        multiply(isa, (left, n_rows, depth), panels, output);
    }

    fn context(
        &mut self,
        isa: Isa,
        attention: &Attention<'_>,
        (weights, n_rows): (Rows<'_>, usize),
        output: RowsMut<'_>,
    ) {
        let depth = bf16::words(attention.n_keys);
        let n_columns = attention.width.next_multiple_of(isa.panel_width());
        let left = self.left.round(isa, (weights, n_rows, attention.n_keys));
        let panels = &self.values[..n_columns * depth];
        multiply(isa, (left, n_rows, depth), panels, output);
    }
}

#[cfg(test)]
impl Pairs {
    /// Fills the buffers with what is no number.
    pub(super) fn spoil(&mut self) {
        for buffer in [&mut self.rounded, &mut self.keys, &mut self.values] {
            buffer.fill(-1);
        }
    }
}

fn multiply(
    isa: Isa,
    (left, n_rows, depth): (&[i32], usize, usize),
    panels: &[i32],
    output: RowsMut<'_>,
) {
    isa.run(Product::<Bf16Pairs, _, _> {
        left: Packed(left),
        n_rows,
        depth,
        panels,
        epilogue: Raw,
        output,
    });
}

/// Rounds and transposes keys to the layout `[panel][pair][panel_width]`; keys missing from the last panel are 0.
struct PackKeys<'a> {
    keys: Rows<'a>,
    /// Keys, and numbers of each.
    shape: (usize, usize),
    rounded: &'a mut [i32],
    packed: &'a mut [i32],
}

impl Kernel for PackKeys<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (n_keys, width) = self.shape;
        let words = bf16::words(width);
        let panel_width = 2 * S::LANES;
        let panels = self.packed.chunks_exact_mut(panel_width * words);
        for (panel, first) in panels.zip((0..n_keys).step_by(panel_width)) {
            for half in [0, S::LANES] {
                let first = first + half;
                let count = n_keys.saturating_sub(first).min(S::LANES);
                let lanes = self.rounded.chunks_exact_mut(words).take(count);
                for (lane, pairs) in lanes.enumerate() {
                    simd.round_pairs(self.keys.row(first + lane, width), pairs);
                }
                let row = |lane: usize| &self.rounded[lane * words..][..words];
                transpose(simd, (count, words), row, panel_width, &mut panel[half..]);
            }
        }
    }
}

/// Rounds values to the layout `[panel][pair of values][panel_width]`; what is missing from the last pair and the
/// last panel is 0.
struct PackValues<'a> {
    values: Rows<'a>,
    /// Values, and numbers of each.
    shape: (usize, usize),
    packed: &'a mut [i32],
}

impl Kernel for PackValues<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (n_values, width) = self.shape;
        let words = bf16::words(n_values);
        let panel_width = 2 * S::LANES;
        let panels = self.packed.chunks_exact_mut(words * panel_width);
        for (panel, first) in panels.zip((0..width).step_by(panel_width)) {
            for (word, step) in panel.chunks_exact_mut(panel_width).enumerate() {
                let low = &self.values.row(2 * word, width)[first..];
                let high = if 2 * word + 1 < n_values {
                    &self.values.row(2 * word + 1, width)[first..]
                } else {
                    &[]
                };
                for (half, step) in step.chunks_exact_mut(S::LANES).enumerate() {
                    let [low, high] = [low, high].map(|row| vector(simd, row, half * S::LANES));
                    simd.store_i32(simd.pair_up(low, high), step);
                }
            }
        }
    }
}

/// The vector from `at` on; 0 where the row has ended.
#[inline(always)]
fn vector<S: Simd>(simd: S, row: &[f32], at: usize) -> S::F32 {
    let rest = row.get(at..).unwrap_or_default();
    if rest.len() >= S::LANES {
        return simd.load(rest);
    }
    let mut padded = [0.0; MAX_LANES];
    padded[..rest.len()].copy_from_slice(rest);
    simd.load(&padded)
}
