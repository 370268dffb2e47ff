//! The decoder, one token a step or whole sequences at once.

use candle_core::{DType, Tensor};

use super::attention::{SelfAttention, attend};
use super::cache::Cache;
use super::cross::{CrossAttention, Memory, padding_mask};
use super::encoder::TensorEncoded;
use super::layers::{Embedding, FeedForward, Norm};
use super::model::TensorBart;
use super::weights::Weights;
use super::{BartConfig, TargetScore};
use crate::Error;

pub(super) struct Decoder {
    embedding: Embedding,
    layers: Vec<Layer>,
}

impl Decoder {
    pub(super) fn load(weights: &mut Weights<'_>, config: &BartConfig) -> Result<Self, Error> {
        let embedding = Embedding::load(weights, "decoder", config)?;
        let layers = (0..config.decoder_layers)
            .map(|i| Layer::load(weights, &format!("decoder.layers.{i}"), config))
            .collect::<Result<_, _>>()?;
        Ok(Self { embedding, layers })
    }

    /// The keys and values that every layer reads from encoded contexts.
    pub(super) fn memories(
        &self,
        states: &Tensor,
        lengths: &[usize],
    ) -> Result<Vec<Memory>, Error> {
        let layers = self.layers.iter();
        layers
            .map(|layer| layer.cross.memory(states, lengths))
            .collect()
    }
}

struct Layer {
    attention: SelfAttention,
    attention_norm: Norm,
    cross: CrossAttention,
    cross_norm: Norm,
    feed_forward: FeedForward,
}

impl Layer {
    fn load(weights: &mut Weights<'_>, name: &str, config: &BartConfig) -> Result<Self, Error> {
        let width = config.d_model;
        let heads = config.decoder_attention_heads;
        let inner = config.decoder_ffn_dim;
        Ok(Self {
            attention: SelfAttention::load(weights, &format!("{name}.self_attn"), width, heads)?,
            attention_norm: Norm::load(weights, &format!("{name}.self_attn_layer_norm"), width)?,
            cross: CrossAttention::load(weights, &format!("{name}.encoder_attn"), width, heads)?,
            cross_norm: Norm::load(weights, &format!("{name}.encoder_attn_layer_norm"), width)?,
            feed_forward: FeedForward::load(weights, name, [width, inner])?,
        })
    }
}

/// Sequences being written: the same number of rows for each context, context-major.
///
/// Row `c · rows_per_context + r` belongs to context `c`. Every step appends the same number of
/// tokens to each row.
pub(super) struct TensorDecoding<'a> {
    bart: &'a TensorBart,
    encoded: TensorEncoded,
    mask: Option<Tensor>,
    rows_per_context: usize,
    caches: Vec<Option<Cache>>,
    used: usize,
}

impl<'a> TensorDecoding<'a> {
    pub(super) fn new(
        bart: &'a TensorBart,
        encoded: TensorEncoded,
        rows_per_context: usize,
    ) -> Result<Self, Error> {
        Ok(Self {
            bart,
            mask: padding_mask(&encoded.lengths, bart.shared())?,
            encoded,
            rows_per_context,
            caches: bart.decoder.layers.iter().map(|_| None).collect(),
            used: 0,
        })
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> usize {
        self.encoded.len() * self.rows_per_context
    }

    /// Appends one token to each row; gives the logits of the next, `vocab_size` a row.
    ///
    /// # Errors
    /// [`Error::TooLong`] behind the last position that the model has.
    pub(super) fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Error> {
        let states = self.extend(tokens)?;
        let logits = self.bart.project(&states)?.to_dtype(DType::F32)?;
        Ok(logits.flatten_all()?.to_vec1()?)
    }

    /// Appends `tokens`, the same number to each row and row after row, and scores `targets`: the
    /// token that follows each of them.
    ///
    /// The logits of all positions are never in memory at once.
    pub(super) fn score(
        &mut self,
        tokens: &[u32],
        targets: &[u32],
    ) -> Result<Vec<TargetScore>, Error> {
        /// Bounds the logits in memory: 50 MB at 50,000 entries.
        const CHUNK: usize = 256;
        let states = self.extend(tokens)?;
        let mut scores = Vec::with_capacity(targets.len());
        for start in (0..targets.len()).step_by(CHUNK) {
            let length = CHUNK.min(targets.len() - start);
            let logits = self.bart.project(&states.narrow(0, start, length)?)?;
            let logits: Vec<Vec<f32>> = logits.to_dtype(DType::F32)?.to_vec2()?;
            let targets = &targets[start..start + length];
            scores.extend(
                logits
                    .iter()
                    .zip(targets)
                    .map(|(row, &target)| TargetScore::of(row, target)),
            );
        }
        Ok(scores)
    }

    /// Makes row `i` continue what row `rows[i]` of the same context was.
    pub(super) fn reorder(&mut self, rows: &[u32]) -> Result<(), Error> {
        if rows.iter().enumerate().all(|(i, &row)| i == row as usize) {
            return Ok(());
        }
        self.select_rows(rows)
    }

    /// Keeps only the named contexts with their rows, in that order.
    pub(super) fn keep_contexts(&mut self, contexts: &[u32]) -> Result<(), Error> {
        let per = self.rows_per_context as u32;
        let rows: Vec<u32> = contexts
            .iter()
            .flat_map(|c| c * per..(c + 1) * per)
            .collect();
        self.select_rows(&rows)?;
        self.encoded = self.encoded.select(contexts)?;
        self.mask = padding_mask(&self.encoded.lengths, self.bart.shared())?;
        Ok(())
    }

    fn select_rows(&mut self, rows: &[u32]) -> Result<(), Error> {
        let rows = Tensor::new(rows, self.bart.device())?;
        for cache in self.caches.iter_mut().flatten() {
            cache.select(&rows, self.used)?;
        }
        Ok(())
    }

    /// Runs the layers over new tokens; `(rows · length, d_model)`.
    fn extend(&mut self, tokens: &[u32]) -> Result<Tensor, Error> {
        let rows = self.rows();
        let length = tokens.len() / rows;
        assert_eq!(tokens.len(), rows * length, "every row gets as many tokens");
        let limit = self.bart.config().max_position_embeddings;
        if self.used + length > limit {
            let tokens = self.used + length;
            return Err(Error::TooLong { tokens, limit });
        }
        self.bart.check_ids(tokens)?;
        let positions: Vec<u32> = (self.used..self.used + length).map(|p| p as u32).collect();
        let decoder = &self.bart.decoder;
        let mut x =
            decoder
                .embedding
                .forward(self.bart.shared(), tokens, &positions.repeat(rows))?;
        let causal = causal_mask(length, self.used, &x)?;
        for (i, layer) in decoder.layers.iter().enumerate() {
            let [q, k, v] = layer.attention.qkv(&x, rows, length)?;
            let cache = match &mut self.caches[i] {
                Some(cache) => cache,
                none => none.insert(Cache::new(&k, limit)?),
            };
            let [k, v] = cache.append(&k, &v, self.used, limit)?;
            let attended = attend(&q, &k, &v, causal.as_ref())?;
            x = layer
                .attention_norm
                .after(&x, &layer.attention.out(&attended)?)?;
            let crossed = layer
                .cross
                .forward(&x, &self.encoded.memories[i], self.mask.as_ref())?;
            x = layer.cross_norm.after(&x, &crossed)?;
            x = layer.feed_forward.forward(&x)?;
        }
        self.used += length;
        Ok(x)
    }
}

/// Minus infinity on tokens to come: `(1, 1, length, used + length)`.
fn causal_mask(length: usize, used: usize, like: &Tensor) -> Result<Option<Tensor>, Error> {
    if length == 1 {
        return Ok(None);
    }
    let keys = used + length;
    let mask: Vec<f32> = (0..length)
        .flat_map(|i| (0..keys).map(move |j| if j > used + i { f32::NEG_INFINITY } else { 0.0 }))
        .collect();
    let mask = Tensor::from_vec(mask, (1, 1, length, keys), like.device())?;
    Ok(Some(mask.to_dtype(like.dtype())?))
}
