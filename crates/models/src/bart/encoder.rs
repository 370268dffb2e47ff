//! The encoder, over packed contexts.

use candle_core::Tensor;
use rayon::prelude::*;

use super::BartConfig;
use super::attention::{SelfAttention, attend};
use super::cross::Memory;
use super::layers::{Embedding, FeedForward, Norm};
use super::weights::Weights;
use crate::Error;

/// Contexts as the decoder sees them: the cross-attention keys and values of every layer.
///
/// Clones share their tensors.
#[derive(Debug, Clone)]
pub(super) struct TensorEncoded {
    /// The tokens of each context.
    pub(super) lengths: Vec<usize>,
    /// One per decoder layer, as long as the longest context.
    pub(super) memories: Vec<Memory>,
}

impl TensorEncoded {
    /// The number of contexts.
    pub(super) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Takes some of the contexts, in the order named.
    ///
    /// # Panics
    /// When a context does not exist.
    pub(super) fn select(&self, contexts: &[u32]) -> Result<Self, Error> {
        let all = contexts.len() == self.len();
        if all && contexts.iter().zip(0..).all(|(&context, i)| context == i) {
            return Ok(self.clone());
        }
        let Some(first) = self.memories.first() else {
            return Ok(self.clone());
        };
        let lengths: Vec<usize> = contexts.iter().map(|&c| self.lengths[c as usize]).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let index = Tensor::new(contexts, first.device())?;
        let memories = self
            .memories
            .iter()
            .map(|memory| memory.select(&index, longest));
        Ok(Self {
            lengths,
            memories: memories.collect::<Result<_, _>>()?,
        })
    }
}

pub(super) struct Encoder {
    embedding: Embedding,
    layers: Vec<Layer>,
}

impl Encoder {
    pub(super) fn load(weights: &mut Weights<'_>, config: &BartConfig) -> Result<Self, Error> {
        let embedding = Embedding::load(weights, "encoder", config)?;
        let layers = (0..config.encoder_layers)
            .map(|i| Layer::load(weights, &format!("encoder.layers.{i}"), config))
            .collect::<Result<_, _>>()?;
        Ok(Self { embedding, layers })
    }

    /// The states of all contexts, one after another: `(n_tokens, d_model)`.
    pub(super) fn forward(&self, shared: &Tensor, contexts: &[&[u32]]) -> Result<Tensor, Error> {
        let lengths = lengths(contexts);
        let ids = contexts.concat();
        let positions: Vec<u32> = lengths.iter().flat_map(|&n| 0..n as u32).collect();
        let mut states = self.embedding.forward(shared, &ids, &positions)?;
        for layer in &self.layers {
            states = layer.forward(&states, &lengths)?;
        }
        Ok(states)
    }
}

struct Layer {
    attention: SelfAttention,
    attention_norm: Norm,
    feed_forward: FeedForward,
}

impl Layer {
    fn load(weights: &mut Weights<'_>, name: &str, config: &BartConfig) -> Result<Self, Error> {
        let width = config.d_model;
        let heads = config.encoder_attention_heads;
        let inner = config.encoder_ffn_dim;
        Ok(Self {
            attention: SelfAttention::load(weights, &format!("{name}.self_attn"), width, heads)?,
            attention_norm: Norm::load(weights, &format!("{name}.self_attn_layer_norm"), width)?,
            feed_forward: FeedForward::load(weights, name, [width, inner])?,
        })
    }

    fn forward(&self, x: &Tensor, lengths: &[usize]) -> Result<Tensor, Error> {
        let packed = self.attention.packed(x)?;
        let contexts = lengths
            .par_iter()
            .zip(starts(lengths))
            .map(|(&length, start)| {
                let own = packed.narrow(0, start, length)?;
                let [q, k, v] = self.attention.split(&own, 1, length)?;
                attend(&q, &k, &v, None)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let attended = self.attention.out(&Tensor::cat(&contexts, 0)?)?;
        let x = self.attention_norm.after(x, &attended)?;
        self.feed_forward.forward(&x)
    }
}

pub(super) fn lengths(contexts: &[&[u32]]) -> Vec<usize> {
    contexts.iter().map(|context| context.len()).collect()
}

/// Where each context begins among the packed states.
pub(super) fn starts(lengths: &[usize]) -> Vec<usize> {
    lengths
        .iter()
        .scan(0, |end, length| {
            let start = *end;
            *end += length;
            Some(start)
        })
        .collect()
}
