//! Attention of a few query rows over the rows of one sequence.
//!
//! Everything is transposed: a panel of queries at a time, with a lane for each query, so that
//! scores are one matrix product, the softmax needs no sums across lanes, and the weights come out
//! in the layout in which the second product reads them. A panel's scores stay in the first-level
//! cache. There is no mask: a sequence is attended to whole, and lanes without a query are dropped.

use crate::aligned::Aligned;
use crate::arithmetic::Single;
use crate::epilogue::{Raw, ScaleColumns};
use crate::matrix::{Rows, RowsMut, pack_left, pack_right};
use crate::product::{Left, Product};
use crate::rows::SoftmaxColumns;
use crate::simd::{Isa, MAX_LANES};

/// Softmax of `queries · keysᵀ`, times `values`. All rows are `width` numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention<'a> {
    /// Already divided by the root of the width.
    pub(crate) queries: Rows<'a>,
    pub(crate) n_queries: usize,
    pub(crate) keys: Rows<'a>,
    pub(crate) values: Rows<'a>,
    /// Rows of `keys` and of `values`.
    pub(crate) n_keys: usize,
    pub(crate) width: usize,
}

/// Buffers for one head.
#[derive(Debug, Default)]
pub(crate) struct AttentionScratch {
    keys: Aligned<f32>,
    queries: Aligned<f32>,
    scores: Aligned<f32>,
    context: Aligned<f32>,
}

impl Attention<'_> {
    /// Writes a row of `width` numbers for each query.
    pub(crate) fn run(self, isa: Isa, mut output: RowsMut<'_>, scratch: &mut AttentionScratch) {
        let keys = scratch.keys.at_least(self.n_keys * self.width);
        let row = |row| self.keys.row(row, self.width);
        pack_left((self.n_keys, self.width), isa.tile_rows(), row, keys);
        for first in (0..self.n_queries).step_by(isa.panel_width()) {
            self.run_panel(isa, first, output.from(first, 0), scratch);
        }
    }

    /// Attends with a panel of queries from `first` on.
    fn run_panel(
        &self,
        isa: Isa,
        first: usize,
        mut output: RowsMut<'_>,
        scratch: &mut AttentionScratch,
    ) {
        let lanes = isa.panel_width();
        let n_queries = lanes.min(self.n_queries - first);
        let queries = scratch.queries.at_least(self.width * lanes);
        let row = |row| self.queries.row(first + row, self.width);
        pack_right((n_queries, self.width), lanes, row, queries);

        let scores = scratch.scores.at_least(self.n_keys * lanes);
        isa.run(Product::<Single, _> {
            left: Left::Packed(&scratch.keys),
            n_rows: self.n_keys,
            depth: self.width,
            panels: queries,
            epilogue: Raw,
            output: RowsMut::new(scores, lanes),
        });
        let inverse_sums = &mut [0.0; 2 * MAX_LANES][..lanes];
        isa.run(SoftmaxColumns {
            scores,
            inverse_sums,
        });
        let context = scratch.context.at_least(self.width * lanes);
        let (values, stride) = self.values.into_parts();
        isa.run(Product::<Single, _> {
            left: Left::Transposed(values, stride),
            n_rows: self.width,
            depth: self.n_keys,
            panels: scores,
            epilogue: ScaleColumns(inverse_sums),
            output: RowsMut::new(context, lanes),
        });
        for query in 0..n_queries {
            let columns = context[query..].iter().step_by(lanes);
            output
                .row(query, self.width)
                .iter_mut()
                .zip(columns)
                .for_each(|(to, from)| *to = *from);
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
            query
                .iter()
                .zip(key)
                .map(|(&a, &b)| f64::from(a) * f64::from(b))
                .sum()
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
