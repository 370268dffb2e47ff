//! The parts that encoder and decoder layers are made of.

use candle_core::Tensor;
use candle_nn::ops::layer_norm;

use super::ops;
use super::weights::Weights;
use crate::Error;

/// Added to the variance in every layer normalisation of BART.
pub(super) const EPSILON: f32 = 1e-5;

/// The rows of the position table before position 0; fairseq reserved them for padding.
pub(super) const POSITION_OFFSET: usize = 2;

/// `x · weightᵀ + bias` on the last dimension of a matrix.
pub(super) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub(super) fn load(
        weights: &mut Weights<'_>,
        name: &str,
        [outputs, inputs]: [usize; 2],
    ) -> Result<Self, Error> {
        Ok(Self {
            weight: weights.take(&format!("{name}.weight"), &[outputs, inputs])?,
            bias: weights.take(&format!("{name}.bias"), &[outputs])?,
        })
    }

    /// Stacks the outputs of several maps of the same input, so that one product gives them all.
    pub(super) fn stack(parts: &[&Self]) -> Result<Self, Error> {
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Vec<&Tensor> = parts.iter().map(|part| &part.bias).collect();
        Ok(Self {
            weight: Tensor::cat(&weights, 0)?,
            bias: Tensor::cat(&biases, 0)?,
        })
    }

    pub(super) fn scaled(&self, factor: f64) -> Result<Self, Error> {
        Ok(Self {
            weight: (&self.weight * factor)?,
            bias: (&self.bias * factor)?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        Ok(x.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)?)
    }
}

/// A layer normalisation over the last dimension, with the residual added first.
pub(super) struct Norm {
    weight: Tensor,
    bias: Tensor,
}

impl Norm {
    pub(super) fn load(weights: &mut Weights<'_>, name: &str, width: usize) -> Result<Self, Error> {
        Ok(Self {
            weight: weights.take(&format!("{name}.weight"), &[width])?,
            bias: weights.take(&format!("{name}.bias"), &[width])?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        Ok(layer_norm(x, &self.weight, &self.bias, EPSILON)?)
    }

    /// `norm(residual + x)`: the end of every part of a post-norm layer.
    pub(super) fn after(&self, residual: &Tensor, x: &Tensor) -> Result<Tensor, Error> {
        self.forward(&(residual + x)?)
    }
}

/// The feed-forward part of a layer, with its residual and norm.
pub(super) struct FeedForward {
    fc1: Linear,
    fc2: Linear,
    norm: Norm,
}

impl FeedForward {
    pub(super) fn load(
        weights: &mut Weights<'_>,
        layer: &str,
        [width, inner]: [usize; 2],
    ) -> Result<Self, Error> {
        Ok(Self {
            fc1: Linear::load(weights, &format!("{layer}.fc1"), [inner, width])?,
            fc2: Linear::load(weights, &format!("{layer}.fc2"), [width, inner])?,
            norm: Norm::load(weights, &format!("{layer}.final_layer_norm"), width)?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        let inner = ops::gelu(self.fc1.forward(x)?)?;
        self.norm.after(x, &self.fc2.forward(&inner)?)
    }
}

/// Token and position embeddings of the encoder or the decoder.
pub(super) struct Embedding {
    positions: Tensor,
    norm: Norm,
    scale: f64,
}

impl Embedding {
    pub(super) fn load(
        weights: &mut Weights<'_>,
        side: &str,
        config: &super::BartConfig,
    ) -> Result<Self, Error> {
        let width = config.d_model;
        let rows = config.max_position_embeddings + POSITION_OFFSET;
        Ok(Self {
            positions: weights.take(&format!("{side}.embed_positions.weight"), &[rows, width])?,
            norm: Norm::load(weights, &format!("{side}.layernorm_embedding"), width)?,
            scale: if config.scale_embedding {
                (width as f64).sqrt()
            } else {
                1.0
            },
        })
    }

    /// Embeds `ids` at `positions`, both one after another for all rows.
    pub(super) fn forward(
        &self,
        shared: &Tensor,
        ids: &[u32],
        positions: &[u32],
    ) -> Result<Tensor, Error> {
        let device = shared.device();
        let ids = Tensor::new(ids, device)?;
        let rows: Vec<u32> = positions
            .iter()
            .map(|p| p + POSITION_OFFSET as u32)
            .collect();
        let rows = Tensor::new(rows, device)?;
        let tokens = (shared.index_select(&ids, 0)? * self.scale)?;
        let positions = self.positions.index_select(&rows, 0)?;
        self.norm.forward(&(tokens + positions)?)
    }
}
