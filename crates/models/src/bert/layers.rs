//! One layer of BERT over packed sequences.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{BertConfig, Linear, PackedSequences};

/// Scale and shift after normalising each row to mean 0 and variance 1.
#[derive(Debug, Clone)]
pub(super) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl LayerNorm {
    pub(super) fn load(config: &BertConfig, weights: &VarBuilder) -> Result<Self> {
        Ok(Self {
            weight: weights.get(config.hidden_size, "weight")?,
            bias: weights.get(config.hidden_size, "bias")?,
            eps: config.layer_norm_eps as f32,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

/// Self-attention and feed-forward network, each followed by residual and normalisation.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    attention: Attention,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
}

impl Layer {
    pub(super) fn load(config: &BertConfig, weights: &VarBuilder) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let norm = |name: &str| LayerNorm::load(config, &weights.pp(name));
        Ok(Self {
            attention: Attention::load(config, &weights.pp("attention"))?,
            attention_norm: norm("attention.output.LayerNorm")?,
            intermediate: Linear::load(inner, hidden, &weights.pp("intermediate.dense"))?,
            output: Linear::load(hidden, inner, &weights.pp("output.dense"))?,
            output_norm: norm("output.LayerNorm")?,
        })
    }

    /// Maps rows of shape `(n_tokens, hidden_size)`.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        batch: &PackedSequences,
        masks: &[Option<Tensor>],
    ) -> Result<Tensor> {
        let attended = self.attention.forward(x, batch, masks)?;
        let x = self.attention_norm.forward(&(x + attended)?)?;
        let inner = self.intermediate.forward(&x)?.gelu_erf()?;
        self.output_norm
            .forward(&(&x + self.output.forward(&inner)?)?)
    }
}

/// Multi-head self-attention within each sequence.
#[derive(Debug, Clone)]
struct Attention {
    /// Query, key and value in one product; the query scaled by `1/sqrt(head_width)` already.
    qkv: Linear,
    output: Linear,
    heads: usize,
}

impl Attention {
    fn load(config: &BertConfig, weights: &VarBuilder) -> Result<Self> {
        let hidden = config.hidden_size;
        let scale = 1.0 / (config.head_width() as f64).sqrt();
        let part = |name: &str, scale: f64| -> Result<(Tensor, Tensor)> {
            let part = weights.pp("self").pp(name);
            let weight = (part.get((hidden, hidden), "weight")? * scale)?;
            Ok((weight, (part.get(hidden, "bias")? * scale)?))
        };
        let (query, key, value) = (
            part("query", scale)?,
            part("key", 1.0)?,
            part("value", 1.0)?,
        );
        let weight = Tensor::cat(&[query.0, key.0, value.0], 0)?;
        let bias = Tensor::cat(&[query.1, key.1, value.1], 0)?;
        Ok(Self {
            qkv: Linear::new(weight, Some(bias))?,
            output: Linear::load(hidden, hidden, &weights.pp("output.dense"))?,
            heads: config.num_attention_heads,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        batch: &PackedSequences,
        masks: &[Option<Tensor>],
    ) -> Result<Tensor> {
        let qkv = self.qkv.forward(x)?;
        let attended = batch.ranges.iter().zip(masks).map(|(rows, mask)| {
            let qkv = qkv.narrow(0, rows.start, rows.len())?;
            self.attend(&qkv, mask.as_ref())
        });
        let attended = Tensor::cat(&attended.collect::<Result<Vec<_>>>()?, 0)?;
        self.output.forward(&attended)
    }

    /// Attends within one sequence: `(length, 3 · hidden)` to `(length, hidden)`. `mask`, of shape
    /// `(1, 1, length)`, is added to the scores.
    fn attend(&self, qkv: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let (length, width) = qkv.dims2()?;
        let (hidden, heads) = (width / 3, self.heads);
        let qkv = qkv.reshape((length, 3, heads, hidden / heads))?;
        let part = |i: usize| qkv.narrow(1, i, 1)?.squeeze(1)?.transpose(0, 1);
        let (query, key, value) = (part(0)?, part(1)?, part(2)?);
        let scores = query.matmul(&key.transpose(1, 2)?)?;
        let scores = match mask {
            Some(mask) => scores.broadcast_add(mask)?,
            None => scores,
        };
        let attended = candle_nn::ops::softmax_last_dim(&scores)?.matmul(&value)?;
        attended.transpose(0, 1)?.reshape((length, hidden))
    }
}
