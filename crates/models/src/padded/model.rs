//! The model: embeddings, layers, pooling.

use candle_core::{DType, Device, Result, Tensor};
use ragdex_kernels::BertWeights;

use super::PaddedBatch;
use super::first_token::FirstTokenLayer;
use super::layer::Layer;
use super::operations::{LayerNorm, Target};
use super::pool::pool;
use crate::Pooling;
use crate::bert::TokenRules;

/// BERT or RoBERTa on one device, from tokens to pooled rows; all token types are 0.
///
/// # Source
/// As [`crate::bert::BertModel`], which it equals but for rounding.
#[derive(Debug, Clone)]
pub(crate) struct PaddedBert {
    device: Device,
    dtype: DType,
    rules: TokenRules,
    pooling: Pooling,
    hidden_size: usize,
    /// Shape `(vocab_size, hidden_size)`.
    words: Tensor,
    /// Shape `(max_position_embeddings, hidden_size)`; the embedding of token type 0 is in it.
    positions: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
    /// The last layer, where the first token is all that is pooled.
    first_token: Option<FirstTokenLayer>,
}

impl PaddedBert {
    /// Copies weights to a device as `dtype`. Row 0 of the positions is that of position 0, whatever the
    /// rules.
    pub(crate) fn new(
        weights: &BertWeights,
        rules: TokenRules,
        pooling: Pooling,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let (target, shape) = (Target { device, dtype }, &weights.shape);
        let hidden = shape.hidden_size;
        let table = |numbers: &[f32]| target.tensor(numbers, &[numbers.len() / hidden, hidden]);
        let (last, others) = match weights.layers.split_last() {
            Some((last, others)) if pooling == Pooling::Cls => (Some(last), others),
            _ => (None, &weights.layers[..]),
        };
        let layers = others.iter().map(|layer| Layer::new(layer, shape, target));
        let last = last.map(|layer| FirstTokenLayer::new(layer, shape, target));
        Ok(Self {
            device: device.clone(),
            dtype,
            rules,
            pooling,
            hidden_size: hidden,
            words: table(&weights.word_embeddings.numbers(hidden))?,
            positions: table(&typed_positions(weights))?,
            norm: LayerNorm::new(&weights.embedding_norm, shape.layer_norm_eps, target)?,
            layers: layers.collect::<Result<_>>()?,
            first_token: last.transpose()?,
        })
    }

    /// Computes the pooled rows of a batch, shape `(rows, hidden_size)`, row-major.
    ///
    /// Waits for the device. The rows of a text depend on its neighbours by rounding only: through the
    /// shape of the batch, for which libraries of GPUs choose their kernels.
    pub(crate) fn forward(&self, batch: &PaddedBatch<'_>) -> Result<Vec<f32>> {
        let mask = batch.mask(self.rules, self.dtype, &self.device)?;
        let mut x = self.embed(batch)?;
        for layer in &self.layers {
            x = layer.forward(&x, batch, mask.as_ref())?;
        }
        let pooled = match &self.first_token {
            Some(layer) => layer.forward(&x, batch, mask.as_ref())?,
            None => pool(&x, batch, self.pooling)?,
        };
        pooled.flatten_all()?.to_vec1()
    }

    /// The states before the first layer, shape `(rows · length, hidden_size)`.
    fn embed(&self, batch: &PaddedBatch<'_>) -> Result<Tensor> {
        let (length, hidden) = (batch.length(), self.hidden_size);
        let words = self.words.index_select(&batch.ids(&self.device)?, 0)?;
        let places = batch.positions(self.rules, self.positions.dim(0)?, &self.device)?;
        let positions = self.positions.index_select(&places, 0)?;
        let positions = positions.reshape(((), length, hidden))?;
        let words = words.reshape((batch.rows(), length, hidden))?;
        let x = words.broadcast_add(&positions)?;
        self.norm.forward(&x.reshape(((), hidden))?)
    }
}

/// The embeddings of positions, to each of which that of token type 0 is added.
fn typed_positions(weights: &BertWeights) -> Vec<f32> {
    let hidden = weights.shape.hidden_size;
    let first_type = &weights.token_type_embeddings[..hidden];
    let add = |(position, first): (&f32, &f32)| position + first;
    let rows = weights.position_embeddings.chunks_exact(hidden);
    rows.flat_map(|row| row.iter().zip(first_type).map(add))
        .collect()
}
