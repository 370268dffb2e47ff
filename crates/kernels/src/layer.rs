//! A layer for all tokens.

use crate::Precision;
use crate::aligned::Aligned;
use crate::attention::{Attention, AttentionScratch};
use crate::epilogue::Assign;
use crate::linear::{Linear, LinearScratch};
use crate::matrix::{Rows, RowsMut};
use crate::sizes::Sizes;
use crate::stages::Stage;
use crate::token_block::{BlockScratch, TokenBlock};
use crate::weights::BertLayerWeights;

/// Self-attention over each sequence, then a [`TokenBlock`].
#[derive(Debug)]
pub(crate) struct Layer {
    /// Query, key and value side by side.
    qkv: Linear,
    pub(crate) block: TokenBlock,
}

/// Buffers of one thread. Between calls they hold nothing of meaning.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) qkv: Aligned<f32>,
    pub(crate) context: Aligned<f32>,
    pub(crate) attention: AttentionScratch,
    pub(crate) block: BlockScratch,
}

impl Layer {
    pub(crate) fn new(sizes: &Sizes, precision: Precision, weights: &BertLayerWeights) -> Self {
        let mut qkv = weights.query.clone();
        for next in [&weights.key, &weights.value] {
            qkv.weight.extend_from_slice(&next.weight);
            qkv.bias.extend_from_slice(&next.bias);
        }
        Self {
            qkv: Linear::new(sizes.isa, precision, &qkv),
            block: TokenBlock::new(sizes, precision, weights),
        }
    }

    /// Replaces the states of sequences, one after another, that are bounded by `offsets`.
    pub(crate) fn forward(
        &self,
        sizes: &Sizes,
        offsets: &[usize],
        states: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let first = offsets[0];
        let n_tokens = offsets[offsets.len() - 1] - first;
        let states = &mut states[first * sizes.hidden_stride..];
        self.project(sizes, n_tokens, states, scratch);
        for bounds in offsets.windows(2) {
            attend(sizes, bounds[0] - first, bounds[1] - bounds[0], scratch);
        }
        scratch.block.linear.stopwatch.lap(Stage::Attention);
        let context = (&*scratch.context, n_tokens);
        self.block
            .forward(sizes, context, states, &mut scratch.block);
    }

    /// Computes query, key and value of every token, and makes room for the context.
    fn project(&self, sizes: &Sizes, n_tokens: usize, states: &[f32], scratch: &mut Scratch) {
        let input = Rows::new(states, sizes.hidden_stride);
        let qkv = scratch.qkv.at_least(n_tokens * sizes.qkv_stride);
        let output = RowsMut::new(qkv, sizes.qkv_stride);
        let linear: &mut LinearScratch = &mut scratch.block.linear;
        self.qkv
            .apply(sizes.isa, (input, n_tokens), (Assign, output), linear);
        linear.stopwatch.lap(Stage::Projections);
        scratch.context.at_least(n_tokens * sizes.hidden_stride);
    }
}

/// Lets the tokens of a sequence attend to each other, head by head.
fn attend(sizes: &Sizes, first: usize, len: usize, scratch: &mut Scratch) {
    let qkv = Rows::new(&scratch.qkv, sizes.qkv_stride);
    let mut context = RowsMut::new(&mut scratch.context, sizes.hidden_stride);
    for column in sizes.head_columns() {
        let attention = Attention {
            queries: qkv.from(first, column),
            n_queries: len,
            keys: qkv.from(first, sizes.hidden + column),
            values: qkv.from(first, 2 * sizes.hidden + column),
            n_keys: len,
            width: sizes.head,
            scale: sizes.score_scale(),
        };
        let (isa, output) = (sizes.isa, context.from(first, column));
        if sizes.attends_in_pairs {
            attention.run_in_pairs(isa, output, &mut scratch.attention);
        } else {
            attention.run(isa, output, &mut scratch.attention);
        }
    }
}
