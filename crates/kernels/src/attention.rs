//! Attention of a few query rows over the rows of one sequence.
//!
//! Keys are transposed once; then a block of a few tiles of queries at a time is multiplied with them,
//! its scores become weights, and those are multiplied with the values, all while the scores stay in
//! the first-level cache. There is no mask: a sequence is attended to whole.

mod pairs;

use self::pairs::Pairs;
use crate::aligned::Aligned;
use crate::arithmetic::Single;
use crate::epilogue::Raw;
use crate::matrix::{Rows, RowsMut, padded_stride};
use crate::product::{InPlace, Product};
use crate::rows::Softmax;
use crate::simd::{Isa, Kernel, MAX_TILE_ROWS, Simd};
use crate::transpose::transpose;

/// Tiles of queries whose scores are in the cache together: a passage's take 24 KB.
const BLOCK_TILES: usize = 3;

/// Softmax of `scale · queries · keysᵀ`, times `values`. All rows are `width` numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention<'a> {
    pub(crate) queries: Rows<'a>,
    pub(crate) n_queries: usize,
    pub(crate) keys: Rows<'a>,
    pub(crate) values: Rows<'a>,
    /// Rows of `keys` and of `values`.
    pub(crate) n_keys: usize,
    pub(crate) width: usize,
    /// What an inner product is multiplied by. Not folded into the weights of the queries: where it is
    /// no power of two, each weight would be rounded again.
    pub(crate) scale: f32,
}

/// The two products of attention, with keys and values packed for them.
trait Products {
    /// Packs keys and values.
    fn pack(&mut self, isa: Isa, attention: &Attention<'_>);
    /// The inner products of `n_rows` queries from `first` on with all keys, in whole panels.
    fn scores(
        &mut self,
        isa: Isa,
        attention: &Attention<'_>,
        block: (usize, usize),
        output: RowsMut<'_>,
    );
    /// The sums of the values with `n_rows` rows of weights, in whole panels.
    fn context(
        &mut self,
        isa: Isa,
        attention: &Attention<'_>,
        weights: (Rows<'_>, usize),
        output: RowsMut<'_>,
    );
}

/// Buffers for one head.
#[derive(Debug, Default)]
pub(crate) struct AttentionScratch {
    singles: Singles,
    pairs: Pairs,
    block: BlockScratch,
}

/// Buffers for the queries of a block.
#[derive(Debug, Default)]
struct BlockScratch {
    scores: Aligned<f32>,
    context: Aligned<f32>,
}

impl Attention<'_> {
    /// Writes a row of `width` numbers for each query.
    pub(crate) fn run(self, isa: Isa, output: RowsMut<'_>, scratch: &mut AttentionScratch) {
        self.run_with(isa, output, (&mut scratch.singles, &mut scratch.block));
    }

    /// As [`run`](Self::run) with all that is multiplied rounded to bfloat16, for half the time where the processor
    /// multiplies pairs of them.
    pub(crate) fn run_in_pairs(
        self,
        isa: Isa,
        output: RowsMut<'_>,
        scratch: &mut AttentionScratch,
    ) {
        self.run_with(isa, output, (&mut scratch.pairs, &mut scratch.block));
    }

    fn run_with<P: Products>(
        self,
        isa: Isa,
        mut output: RowsMut<'_>,
        (products, scratch): (&mut P, &mut BlockScratch),
    ) {
        products.pack(isa, &self);
        let block = BLOCK_TILES * isa.tile_rows();
        for first in (0..self.n_queries).step_by(block) {
            let n_rows = block.min(self.n_queries - first);
            let output = output.from(first, 0);
            self.run_block(isa, (first, n_rows), output, (products, scratch));
        }
    }

    /// Attends with `n_rows` queries from `first` on.
    fn run_block<P: Products>(
        &self,
        isa: Isa,
        (first, n_rows): (usize, usize),
        output: RowsMut<'_>,
        (products, scratch): (&mut P, &mut BlockScratch),
    ) {
        let stride = padded_stride(self.n_keys, isa.panel_width());
        let scores = scratch.scores.at_least(n_rows * stride);
        products.scores(isa, self, (first, n_rows), RowsMut::new(scores, stride));
        let inverse_sums = &mut [0.0; BLOCK_TILES * MAX_TILE_ROWS][..n_rows];
        isa.run(Softmax {
            rows: RowsMut::new(scores, stride),
            width: self.n_keys,
            scale: self.scale,
            inverse_sums,
        });
        let n_columns = self.width.next_multiple_of(isa.panel_width());
        let context = scratch.context.at_least(n_rows * n_columns);
        let weights = (Rows::new(scores, stride), n_rows);
        products.context(isa, self, weights, RowsMut::new(context, n_columns));
        isa.run(Scale {
            rows: Rows::new(context, n_columns),
            factors: inverse_sums,
            width: self.width,
            output,
        });
    }
}

/// In single precision; queries and weights are read where they stand.
#[derive(Debug, Default)]
struct Singles {
    keys: Aligned<f32>,
    values: Aligned<f32>,
}

impl Products for Singles {
    fn pack(&mut self, isa: Isa, attention: &Attention<'_>) {
        let (panel_width, width) = (isa.panel_width(), attention.width);
        let shape = (attention.n_keys, width);
        let n_columns = attention.n_keys.next_multiple_of(panel_width);
        isa.run(PackKeys {
            keys: attention.keys,
            shape,
            packed: self.keys.at_least(n_columns * width),
        });
        let n_columns = width.next_multiple_of(panel_width);
        isa.run(PackValues {
            values: attention.values,
            shape,
            packed: self.values.at_least(n_columns * attention.n_keys),
        });
    }

    fn scores(
        &mut self,
        isa: Isa,
        attention: &Attention<'_>,
        (first, n_rows): (usize, usize),
        output: RowsMut<'_>,
    ) {
        let n_columns = attention.n_keys.next_multiple_of(isa.panel_width());
        isa.run(Product::<Single, _, _> {
            left: InPlace(attention.queries.from(first, 0)),
            n_rows,
            depth: attention.width,
            panels: &self.keys[..n_columns * attention.width],
            epilogue: Raw,
            output,
        });
    }

    fn context(
        &mut self,
        isa: Isa,
        attention: &Attention<'_>,
        (weights, n_rows): (Rows<'_>, usize),
        output: RowsMut<'_>,
    ) {
        let n_columns = attention.width.next_multiple_of(isa.panel_width());
        isa.run(Product::<Single, _, _> {
            left: InPlace(weights),
            n_rows,
            depth: attention.n_keys,
            panels: &self.values[..n_columns * attention.n_keys],
            epilogue: Raw,
            output,
        });
    }
}

/// Transposes keys to what [`pack_right`](crate::matrix::pack_right) writes.
struct PackKeys<'a> {
    keys: Rows<'a>,
    /// Keys, and numbers of each.
    shape: (usize, usize),
    packed: &'a mut [f32],
}

impl Kernel for PackKeys<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (n_keys, width) = self.shape;
        let panel_width = 2 * S::LANES;
        let panels = self.packed.chunks_exact_mut(panel_width * width);
        for (panel, first) in panels.zip((0..n_keys).step_by(panel_width)) {
            for half in [0, S::LANES] {
                let first = first + half;
                let count = n_keys.saturating_sub(first).min(S::LANES);
                let key = |lane: usize| self.keys.row(first + lane, width);
                transpose(simd, (count, width), key, panel_width, &mut panel[half..]);
            }
        }
    }
}

/// Copies values to the layout `[panel][value][panel_width]`; columns missing from the last panel are 0.
struct PackValues<'a> {
    values: Rows<'a>,
    /// Values, and numbers of each.
    shape: (usize, usize),
    packed: &'a mut [f32],
}

impl Kernel for PackValues<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (n_values, width) = self.shape;
        let panel_width = 2 * S::LANES;
        for (index, panel) in self
            .packed
            .chunks_exact_mut(n_values * panel_width)
            .enumerate()
        {
            let first = index * panel_width;
            for (number, step) in panel.chunks_exact_mut(panel_width).enumerate() {
                let numbers = &self.values.row(number, width)[first..];
                if numbers.len() >= panel_width {
                    simd.store(simd.load(numbers), step);
                    simd.store(simd.load(&numbers[S::LANES..]), &mut step[S::LANES..]);
                } else {
                    let (columns, padding) = step.split_at_mut(numbers.len());
                    columns.copy_from_slice(numbers);
                    padding.fill(0.0);
                }
            }
        }
    }
}

/// Writes rows of `width` numbers, each times a factor of its own.
struct Scale<'a> {
    rows: Rows<'a>,
    factors: &'a [f32],
    width: usize,
    output: RowsMut<'a>,
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for (row, &factor) in self.factors.iter().enumerate() {
            let from = self.rows.row(row, self.width).chunks(S::LANES);
            let to = self.output.row(row, self.width).chunks_mut(S::LANES);
            for (from, to) in from.zip(to) {
                if from.len() == S::LANES {
                    simd.store(simd.mul(simd.load(from), simd.splat(factor)), to);
                } else {
                    to.iter_mut()
                        .zip(from)
                        .for_each(|(to, from)| *to = from * factor);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction_set::isas;
    use crate::random::numbers;

    /// The plain twin: one query, in double precision.
    fn attend(query: &[f32], keys: &[f32], values: &[f32]) -> Vec<f64> {
        let width = query.len();
        let score = |key: &[f32]| -> f64 {
            let products = query
                .iter()
                .zip(key)
                .map(|(&a, &b)| f64::from(a) * f64::from(b));
            0.5 * products.sum::<f64>()
        };
        let powers: Vec<f64> = keys
            .chunks_exact(width)
            .map(|key| score(key).exp())
            .collect();
        let sum: f64 = powers.iter().sum();
        let column = |column: usize| {
            let values = values[column..].iter().step_by(width);
            powers
                .iter()
                .zip(values)
                .map(|(power, &value)| power * f64::from(value))
                .sum::<f64>()
        };
        (0..width).map(|at| column(at) / sum).collect()
    }

    impl AttentionScratch {
        fn spoil(&mut self) {
            let Singles { keys, values } = &mut self.singles;
            let BlockScratch { scores, context } = &mut self.block;
            for buffer in [keys, values, scores, context] {
                buffer.fill(f32::NAN);
            }
            self.pairs.spoil();
        }
    }

    #[test]
    fn attention_matches_the_plain_one() {
        // Buffers are used again and hold what larger shapes left there, none of it numbers.
        let mut scratch = AttentionScratch::default();
        for (n_queries, n_keys, width) in [
            (70, 70, 64),
            (12, 40, 64),
            (70, 20, 32),
            (33, 33, 7),
            (3, 5, 8),
            (1, 1, 1),
        ] {
            let queries = numbers(n_queries * width, 1);
            let (keys, values) = (numbers(n_keys * width, 2), numbers(n_keys * width, 3));
            let rows = |data| Rows::new(data, width);
            let attention = Attention {
                queries: rows(&queries),
                n_queries,
                keys: rows(&keys),
                values: rows(&values),
                n_keys,
                width,
                scale: 0.5,
            };
            for isa in isas() {
                let (mut single, mut pairs) =
                    (vec![0.0; n_queries * width], vec![0.0; n_queries * width]);
                scratch.spoil();
                let scratch = &mut scratch;
                attention.run(isa, RowsMut::new(&mut single, width), scratch);
                attention.run_in_pairs(isa, RowsMut::new(&mut pairs, width), scratch);
                for (data, tolerance) in [(single, 2e-6), (pairs, 1e-2)] {
                    for (query, found) in queries.chunks_exact(width).zip(data.chunks_exact(width))
                    {
                        let expected = attend(query, &keys, &values);
                        let close = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs() < tolerance;
                        assert!(
                            found.iter().zip(&expected).all(close),
                            "{found:?} {expected:?}"
                        );
                    }
                }
            }
        }
    }
}
