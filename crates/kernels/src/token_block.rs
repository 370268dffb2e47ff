//! What a layer does with each token by itself.

use crate::Precision;
use crate::aligned::Aligned;
use crate::epilogue::{AddTo, Gelu};
use crate::linear::{Linear, LinearScratch};
use crate::matrix::{Rows, RowsMut};
use crate::rows::{LayerNorm, Normalize};
use crate::sizes::Sizes;
use crate::stages::Stage;
use crate::weights::BertLayerWeights;

/// The output of attention, then the feed-forward block, each with its residual connection and its
/// normalisation.
#[derive(Debug)]
pub(crate) struct TokenBlock {
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
}

/// Buffers of a block.
#[derive(Debug, Default)]
pub(crate) struct BlockScratch {
    inner: Aligned<f32>,
    pub(crate) linear: LinearScratch,
}

impl TokenBlock {
    pub(crate) fn new(sizes: &Sizes, precision: Precision, weights: &BertLayerWeights) -> Self {
        let linear = |weights| Linear::new(sizes.isa, precision, weights);
        let norm = |weights| LayerNorm::new(weights, sizes.epsilon);
        Self {
            attention_output: linear(&weights.attention_output),
            attention_norm: norm(&weights.attention_norm),
            intermediate: linear(&weights.intermediate),
            output: linear(&weights.output),
            output_norm: norm(&weights.output_norm),
        }
    }

    /// Replaces the states of `n_rows` tokens, given what attention gathered for each.
    pub(crate) fn forward(
        &self,
        sizes: &Sizes,
        (context, n_rows): (&[f32], usize),
        states: &mut [f32],
        scratch: &mut BlockScratch,
    ) {
        let BlockScratch { inner, linear } = scratch;
        let (isa, stride) = (sizes.isa, sizes.hidden_stride);
        let context = Rows::new(context, stride);
        let to_states = (AddTo, RowsMut::new(states, stride));
        self.attention_output
            .apply(isa, (context, n_rows), to_states, linear);
        linear.stopwatch.lap(Stage::Projections);
        normalize(sizes, &self.attention_norm, n_rows, states);
        linear.stopwatch.lap(Stage::Norms);

        let inner = inner.at_least(n_rows * sizes.inner_stride);
        let input = Rows::new(states, stride);
        let to_inner = (Gelu, RowsMut::new(inner, sizes.inner_stride));
        self.intermediate
            .apply(isa, (input, n_rows), to_inner, linear);
        linear.stopwatch.lap(Stage::FeedForward);
        let inner = Rows::new(inner, sizes.inner_stride);
        let to_states = (AddTo, RowsMut::new(states, stride));
        self.output.apply(isa, (inner, n_rows), to_states, linear);
        linear.stopwatch.lap(Stage::FeedForward);
        normalize(sizes, &self.output_norm, n_rows, states);
        linear.stopwatch.lap(Stage::Norms);
    }
}

/// Normalises rows of states in place.
pub(crate) fn normalize(sizes: &Sizes, norm: &LayerNorm, n_rows: usize, states: &mut [f32]) {
    let rows = RowsMut::new(states, sizes.hidden_stride);
    sizes.isa.run(Normalize { norm, n_rows, rows });
}
