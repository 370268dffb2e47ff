//! One layer over a padded batch.

use candle_core::{Result, Tensor};
use ragdex_kernels::{BertLayerWeights, BertShape, LinearWeights};

use super::PaddedBatch;
use super::operations::{LayerNorm, Linear, Target, masked_softmax, product};

/// Self-attention and feed-forward network, each followed by residual and normalisation.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// Query, key and value in one product; the query scaled by `1/sqrt(head width)` already.
    qkv: Linear,
    heads: usize,
    rest: Rest,
}

impl Layer {
    pub(super) fn new(
        weights: &BertLayerWeights,
        shape: &BertShape,
        target: Target<'_>,
    ) -> Result<Self> {
        let query = scaled_query(weights, shape);
        Ok(Self {
            qkv: Linear::new(&stacked(&[&query, &weights.key, &weights.value]), target)?,
            heads: shape.num_attention_heads,
            rest: Rest::new(weights, shape, target)?,
        })
    }

    /// Maps states of shape `(rows · length, hidden_size)`.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        batch: &PaddedBatch<'_>,
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        self.rest.forward(x, &self.attend(x, batch, mask)?)
    }

    /// The attention of all heads side by side, before the output projection.
    fn attend(&self, x: &Tensor, batch: &PaddedBatch<'_>, mask: Option<&Tensor>) -> Result<Tensor> {
        let (rows, length, heads) = (batch.rows(), batch.length(), self.heads);
        let hidden = x.dim(1)?;
        // One copy brings queries, keys and values of each head together.
        let qkv = self.qkv.forward(x)?;
        let qkv = qkv.reshape((rows, length, 3, heads, hidden / heads))?;
        let qkv = qkv.permute((2, 0, 3, 1, 4))?.contiguous()?;
        let part = |i: usize| qkv.get(i)?.reshape((rows * heads, length, hidden / heads));
        let (query, key, value) = (part(0)?, part(1)?, part(2)?);
        let scores = product(&query, &key.transpose(1, 2)?)?;
        let scores = scores.reshape((rows, heads, length, length))?;
        let shares = masked_softmax(scores, mask)?.reshape((rows * heads, length, length))?;
        let attended = product(&shares, &value)?;
        let attended = attended.reshape((rows, heads, length, hidden / heads))?;
        attended.transpose(1, 2)?.reshape((rows * length, hidden))
    }
}

/// All of a layer behind its attention.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
}

impl Rest {
    pub(super) fn new(
        weights: &BertLayerWeights,
        shape: &BertShape,
        target: Target<'_>,
    ) -> Result<Self> {
        let norm = |weights| LayerNorm::new(weights, shape.layer_norm_eps, target);
        Ok(Self {
            attention_output: Linear::new(&weights.attention_output, target)?,
            attention_norm: norm(&weights.attention_norm)?,
            intermediate: Linear::new(&weights.intermediate, target)?,
            output: Linear::new(&weights.output, target)?,
            output_norm: norm(&weights.output_norm)?,
        })
    }

    /// Maps states and what was attended to for each, both of shape `(n, hidden_size)`.
    pub(super) fn forward(&self, x: &Tensor, attended: &Tensor) -> Result<Tensor> {
        let attended = self.attention_output.forward(attended)?;
        let x = self.attention_norm.forward_residual(x, &attended)?;
        let inner = self.intermediate.forward_gelu(&x)?;
        let output = self.output.forward(&inner)?;
        self.output_norm.forward_residual(&x, &output)
    }
}

/// The query projection with the scale of the scores in it.
pub(super) fn scaled_query(weights: &BertLayerWeights, shape: &BertShape) -> LinearWeights {
    let head_width = shape.hidden_size / shape.num_attention_heads;
    let scale = 1.0 / (head_width as f32).sqrt();
    let scaled = |numbers: &[f32]| numbers.iter().map(|number| number * scale).collect();
    LinearWeights {
        weight: scaled(&weights.query.weight),
        bias: scaled(&weights.query.bias),
    }
}

/// Maps with the same inputs as one, its outputs in their order.
fn stacked(parts: &[&LinearWeights]) -> LinearWeights {
    let join = |part: fn(&LinearWeights) -> &Vec<f32>| {
        parts
            .iter()
            .flat_map(|&weights| part(weights))
            .copied()
            .collect()
    };
    LinearWeights {
        weight: join(|weights| &weights.weight),
        bias: join(|weights| &weights.bias),
    }
}
