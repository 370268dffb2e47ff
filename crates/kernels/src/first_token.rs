//! The last layer where only the first token of each sequence is wanted.
//!
//! One query row a sequence needs no key and no value of other tokens: with the states `x`, for
//! each head,
//!
//! ```text
//! score_j = q·(Wk·x_j + bk) = (Wkᵀ·q)·x_j + constant     the softmax drops the constant
//! context = Σ p_j (Wv·x_j + bv) = Wv·(Σ p_j x_j) + bv     the p_j sum to 1
//! ```
//!
//! so that a head attends over the states themselves with the query `Wkᵀ·q`. This is the same
//! number up to rounding, and saves nearly the whole layer: 8 % of BERT-base.

use crate::Precision;
use crate::aligned::Aligned;
use crate::attention::Attention;
use crate::epilogue::Assign;
use crate::layer::Scratch;
use crate::linear::Linear;
use crate::matrix::{Rows, RowsMut};
use crate::sizes::Sizes;
use crate::stages::Stage;
use crate::token_block::TokenBlock;
use crate::weights::{BertLayerWeights, LinearWeights};

/// The attention of the last layer, in single precision whatever the rest has: it is little work.
#[derive(Debug)]
pub(crate) struct FirstTokenAttention {
    query: Linear,
    heads: Vec<Head>,
}

#[derive(Debug)]
struct Head {
    /// `Wkᵀ`, from a head's query to a query for states.
    absorb: Linear,
    /// `Wv` and `bv`.
    value: Linear,
}

/// Buffers of [`FirstTokenAttention`].
#[derive(Debug, Default)]
pub(crate) struct FirstTokenScratch {
    query: Aligned<f32>,
    /// For each sequence and head a query for states, then the states it gathered.
    absorbed: Aligned<f32>,
    gathered: Aligned<f32>,
    head_context: Aligned<f32>,
}

impl FirstTokenAttention {
    pub(crate) fn new(sizes: &Sizes, weights: &BertLayerWeights) -> Self {
        let linear = |weights: &LinearWeights| Linear::new(sizes.isa, Precision::F32, weights);
        let head = |column| {
            let rows = column * sizes.hidden..(column + sizes.head) * sizes.hidden;
            let value = LinearWeights {
                weight: weights.value.weight[rows.clone()].to_vec(),
                bias: weights.value.bias[column..][..sizes.head].to_vec(),
            };
            let absorb = transposed(&weights.key.weight[rows], sizes.hidden);
            Head {
                absorb: linear(&absorb),
                value: linear(&value),
            }
        };
        Self {
            query: linear(&weights.query),
            heads: sizes.head_columns().map(head).collect(),
        }
    }

    /// Applies the layer; `firsts` holds the states of the first tokens and receives the result.
    pub(crate) fn forward(
        &self,
        (sizes, block): (&Sizes, &TokenBlock),
        (offsets, states): (&[usize], &[f32]),
        firsts: &mut [f32],
        (scratch, own): (&mut Scratch, &mut FirstTokenScratch),
    ) {
        let n_sequences = offsets.len() - 1;
        let n_rows = n_sequences * sizes.heads;
        let stride = sizes.hidden_stride;
        own.query.at_least(n_sequences * stride);
        own.absorbed.at_least(n_rows * stride);
        own.gathered.at_least(n_rows * stride);
        own.head_context.at_least(n_sequences * stride);
        scratch.context.at_least(n_sequences * stride);

        self.absorb(sizes, (firsts, n_sequences), scratch, own);
        gather(sizes, (offsets, states), scratch, own);
        scratch.block.linear.stopwatch.lap(Stage::FirstTokens);
        self.project(sizes, n_sequences, scratch, own);
        scratch.block.linear.stopwatch.lap(Stage::FirstTokens);
        let context = (&*scratch.context, n_sequences);
        block.forward(sizes, context, firsts, &mut scratch.block);
    }

    /// Turns the first tokens into queries for states, a row for each sequence and head.
    fn absorb(
        &self,
        sizes: &Sizes,
        (firsts, n_sequences): (&[f32], usize),
        scratch: &mut Scratch,
        own: &mut FirstTokenScratch,
    ) {
        let (isa, stride) = (sizes.isa, sizes.hidden_stride);
        let linear = &mut scratch.block.linear;
        let input = (Rows::new(firsts, stride), n_sequences);
        let output = RowsMut::new(&mut own.query, stride);
        self.query.apply(isa, input, (Assign, output), linear);
        linear.stopwatch.lap(Stage::FirstTokens);

        let query = Rows::new(&own.query, stride);
        let mut absorbed = RowsMut::new(&mut own.absorbed, stride);
        for (index, (head, column)) in self.heads.iter().zip(sizes.head_columns()).enumerate() {
            let input = (query.from(0, column), n_sequences);
            let output = absorbed.from(index, 0).every(sizes.heads);
            head.absorb.apply(isa, input, (Assign, output), linear);
            linear.stopwatch.lap(Stage::FirstTokens);
        }
    }

    /// Turns what each head gathered into the context of each sequence.
    fn project(
        &self,
        sizes: &Sizes,
        n_sequences: usize,
        scratch: &mut Scratch,
        own: &mut FirstTokenScratch,
    ) {
        let (isa, stride) = (sizes.isa, sizes.hidden_stride);
        let gathered = Rows::new(&own.gathered, stride);
        let mut context = RowsMut::new(&mut scratch.context, stride);
        for (index, (head, column)) in self.heads.iter().zip(sizes.head_columns()).enumerate() {
            let input = (gathered.from(index, 0).every(sizes.heads), n_sequences);
            let output = RowsMut::new(&mut own.head_context, stride);
            let linear = &mut scratch.block.linear;
            head.value.apply(isa, input, (Assign, output), linear);
            linear.stopwatch.lap(Stage::FirstTokens);
            let head_context = Rows::new(&own.head_context, stride);
            let mut context = context.from(0, column);
            for row in 0..n_sequences {
                context
                    .row(row, sizes.head)
                    .copy_from_slice(head_context.row(row, sizes.head));
            }
        }
    }
}

/// Lets the query of each head attend over the states of its sequence.
fn gather(
    sizes: &Sizes,
    (offsets, states): (&[usize], &[f32]),
    scratch: &mut Scratch,
    own: &mut FirstTokenScratch,
) {
    let stride = sizes.hidden_stride;
    let queries = Rows::new(&own.absorbed, stride);
    let mut gathered = RowsMut::new(&mut own.gathered, stride);
    for (sequence, bounds) in offsets.windows(2).enumerate() {
        let states = Rows::new(states, stride).from(bounds[0], 0);
        let first_row = sequence * sizes.heads;
        let attention = Attention {
            queries: queries.from(first_row, 0),
            n_queries: sizes.heads,
            keys: states,
            values: states,
            n_keys: bounds[1] - bounds[0],
            width: sizes.hidden,
            scale: sizes.score_scale(),
        };
        let output = gathered.from(first_row, 0);
        attention.run(sizes.isa, output, &mut scratch.attention);
    }
}

/// The transpose of rows of `width` numbers, without bias.
fn transposed(rows: &[f32], width: usize) -> LinearWeights {
    let columns = (0..width).flat_map(|column| rows[column..].iter().step_by(width).copied());
    LinearWeights {
        weight: columns.collect(),
        bias: vec![0.0; width],
    }
}
