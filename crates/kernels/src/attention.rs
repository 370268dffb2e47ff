//! Attention of a few query rows over the rows of one sequence.
//!
//! Keys are transposed once; then a block of a few tiles of queries at a time is multiplied with them,
//! its scores become weights, and those are multiplied with the values, all while the scores stay in
//! the first-level cache. Queries and weights are read where they stand. There is no mask: a sequence
//! is attended to whole.

use crate::aligned::Aligned;
use crate::arithmetic::Single;
use crate::epilogue::Raw;
use crate::matrix::{Rows, RowsMut, pack_columns, pack_right, padded_stride};
use crate::product::{InPlace, Product};
use crate::rows::Softmax;
use crate::simd::{Isa, MAX_TILE_ROWS};

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

/// Buffers for one head.
#[derive(Debug, Default)]
pub(crate) struct AttentionScratch {
    keys: Aligned<f32>,
    values: Aligned<f32>,
    scores: Aligned<f32>,
    context: Aligned<f32>,
}

impl Attention<'_> {
    /// Writes a row of `width` numbers for each query.
    pub(crate) fn run(self, isa: Isa, mut output: RowsMut<'_>, scratch: &mut AttentionScratch) {
        let (panel_width, width) = (isa.panel_width(), self.width);
        let shape = (self.n_keys, width);
        let n_columns = self.n_keys.next_multiple_of(panel_width);
        let keys = scratch.keys.at_least(n_columns * width);
        pack_right(shape, panel_width, |row| self.keys.row(row, width), keys);
        let n_columns = width.next_multiple_of(panel_width);
        let values = scratch.values.at_least(n_columns * self.n_keys);
        pack_columns(
            shape,
            panel_width,
            |row| self.values.row(row, width),
            values,
        );

        let block = BLOCK_TILES * isa.tile_rows();
        for first in (0..self.n_queries).step_by(block) {
            let n_rows = block.min(self.n_queries - first);
            self.run_block(isa, (first, n_rows), output.from(first, 0), scratch);
        }
    }

    /// Attends with `n_rows` queries from `first` on.
    fn run_block(
        &self,
        isa: Isa,
        (first, n_rows): (usize, usize),
        mut output: RowsMut<'_>,
        scratch: &mut AttentionScratch,
    ) {
        let stride = padded_stride(self.n_keys, isa.panel_width());
        let scores = scratch.scores.at_least(n_rows * stride);
        let n_columns = self.n_keys.next_multiple_of(isa.panel_width());
        isa.run(Product::<Single, _, _> {
            left: InPlace(self.queries.from(first, 0)),
            n_rows,
            depth: self.width,
            panels: &scratch.keys[..n_columns * self.width],
            epilogue: Raw,
            output: RowsMut::new(scores, stride),
        });
        let inverse_sums = &mut [0.0; BLOCK_TILES * MAX_TILE_ROWS][..n_rows];
        isa.run(Softmax {
            rows: RowsMut::new(scores, stride),
            width: self.n_keys,
            scale: self.scale,
            inverse_sums,
        });
        let n_columns = self.width.next_multiple_of(isa.panel_width());
        let context = scratch.context.at_least(n_rows * n_columns);
        isa.run(Product::<Single, _, _> {
            left: InPlace(Rows::new(scores, stride)),
            n_rows,
            depth: self.n_keys,
            panels: &scratch.values[..n_columns * self.n_keys],
            epilogue: Raw,
            output: RowsMut::new(context, n_columns),
        });
        let context = context.chunks_exact(n_columns).zip(inverse_sums);
        for (row, (context, inverse)) in context.enumerate() {
            let output = output.row(row, self.width).iter_mut();
            output
                .zip(context)
                .for_each(|(to, from)| *to = from * *inverse);
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

    #[test]
    fn attention_matches_the_plain_one() {
        for (n_queries, n_keys, width) in [
            (1, 1, 1),
            (3, 5, 8),
            (33, 33, 7),
            (70, 20, 32),
            (12, 40, 64),
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
                let mut data = vec![0.0; n_queries * width];
                let output = RowsMut::new(&mut data, width);
                attention.run(isa, output, &mut AttentionScratch::default());
                for (query, found) in queries.chunks_exact(width).zip(data.chunks_exact(width)) {
                    let expected = attend(query, &keys, &values);
                    let close = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs() < 2e-6;
                    assert!(
                        found.iter().zip(&expected).all(close),
                        "{found:?} {expected:?}"
                    );
                }
            }
        }
    }
}
