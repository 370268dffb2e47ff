//! The parts of a layer, with weights packed for the processor.

use half::f16;
use ragdex_kernels::{Activation, EmbeddingTable, LinearWeights, PackedLinear};

use super::super::BartConfig;
use super::super::layers::{EPSILON, POSITION_OFFSET};
use crate::{Checkpoint, Error, Precision};

/// Reads tensors below a prefix; all of them are known to be there.
pub(super) struct Source<'a> {
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) prefix: String,
    pub(super) precision: Precision,
}

impl Source<'_> {
    fn read(&self, name: &str) -> Result<Vec<f32>, Error> {
        self.checkpoint.read(&format!("{}{name}", self.prefix))
    }

    fn weights(&self, name: &str) -> Result<LinearWeights, Error> {
        let weight = self.read(&format!("{name}.weight"))?;
        let limit = f16::MAX.to_f32();
        let beyond = weight.iter().find(|weight| weight.abs() > limit);
        if let (Precision::F16, Some(&found)) = (self.precision, beyond) {
            return Err(Error::HalfRange {
                path: self.checkpoint.path(""),
                tensor: format!("{}{name}.weight", self.prefix),
                found,
            });
        }
        Ok(LinearWeights {
            weight,
            bias: self.read(&format!("{name}.bias"))?,
        })
    }

    /// Packs the outputs of several maps of the same input side by side; the first is multiplied by
    /// `scale`.
    fn stacked(&self, names: &[String], scale: f32) -> Result<PackedLinear, Error> {
        let mut stack = self.weights(&names[0])?;
        for number in stack.weight.iter_mut().chain(&mut stack.bias) {
            *number *= scale;
        }
        for name in &names[1..] {
            let next = self.weights(name)?;
            stack.weight.extend_from_slice(&next.weight);
            stack.bias.extend_from_slice(&next.bias);
        }
        Ok(PackedLinear::new(&stack, self.precision.of_kernels()))
    }

    fn linear(&self, name: &str) -> Result<PackedLinear, Error> {
        self.stacked(&[name.to_owned()], 1.0)
    }
}

/// The map that makes queries ready for keys.
fn query_scale(width: usize, heads: usize) -> f32 {
    ((width / heads) as f64).powf(-0.5) as f32
}

/// A layer normalisation over rows.
pub(super) struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Norm {
    fn load(source: &Source<'_>, name: &str) -> Result<Self, Error> {
        Ok(Self {
            weight: source.read(&format!("{name}.weight"))?,
            bias: source.read(&format!("{name}.bias"))?,
        })
    }

    /// `norm(residual + x)` of every row, into `residual`.
    fn after(&self, residual: &mut [f32], x: &[f32]) {
        for (to, from) in residual.iter_mut().zip(x) {
            *to += from;
        }
        self.apply(residual);
    }

    fn apply(&self, rows: &mut [f32]) {
        let width = self.weight.len();
        for row in rows.chunks_exact_mut(width) {
            let mean = sum(row, |x| x) / width as f32;
            let variance = sum(row, |x| (x - mean) * (x - mean)) / width as f32;
            let inverse = 1.0 / (variance + EPSILON).sqrt();
            for ((x, weight), bias) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
                *x = (*x - mean) * inverse * weight + bias;
            }
        }
    }
}

/// Adds in sixteen lanes, which compilers turn into vector code, and which round less than one running total.
fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (chunks, rest) = row.as_chunks::<16>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += term(*x);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|x| term(*x)).sum::<f32>()
}

/// Self-attention but for the attending itself, with the residual and the norm behind it.
pub(super) struct SelfAttention {
    qkv: PackedLinear,
    out: PackedLinear,
    norm: Norm,
}

impl SelfAttention {
    pub(super) fn load(
        source: &Source<'_>,
        layer: &str,
        width: usize,
        heads: usize,
    ) -> Result<Self, Error> {
        let name = format!("{layer}.self_attn");
        let parts = ["q", "k", "v"].map(|part| format!("{name}.{part}_proj"));
        Ok(Self {
            qkv: source.stacked(&parts, query_scale(width, heads))?,
            out: source.linear(&format!("{name}.out_proj"))?,
            norm: Norm::load(source, &format!("{name}_layer_norm"))?,
        })
    }

    /// Query, key and value of every row, side by side.
    pub(super) fn qkv(&self, x: &[f32]) -> Vec<f32> {
        self.qkv.apply(x, Activation::None)
    }

    /// Takes what was attended to into the states.
    pub(super) fn finish(&self, x: &mut [f32], attended: &[f32]) {
        self.norm
            .after(x, &self.out.apply(attended, Activation::None));
    }
}

/// Cross-attention, likewise.
pub(super) struct CrossAttention {
    query: PackedLinear,
    key_value: PackedLinear,
    out: PackedLinear,
    norm: Norm,
}

impl CrossAttention {
    pub(super) fn load(
        source: &Source<'_>,
        layer: &str,
        width: usize,
        heads: usize,
    ) -> Result<Self, Error> {
        let name = format!("{layer}.encoder_attn");
        let parts = ["k", "v"].map(|part| format!("{name}.{part}_proj"));
        let query = [format!("{name}.q_proj")];
        Ok(Self {
            query: source.stacked(&query, query_scale(width, heads))?,
            key_value: source.stacked(&parts, 1.0)?,
            out: source.linear(&format!("{name}.out_proj"))?,
            norm: Norm::load(source, &format!("{name}_layer_norm"))?,
        })
    }

    pub(super) fn query(&self, x: &[f32]) -> Vec<f32> {
        self.query.apply(x, Activation::None)
    }

    /// Key and value of every encoded token, side by side.
    pub(super) fn key_value(&self, states: &[f32]) -> Vec<f32> {
        self.key_value.apply(states, Activation::None)
    }

    pub(super) fn finish(&self, x: &mut [f32], attended: &[f32]) {
        self.norm
            .after(x, &self.out.apply(attended, Activation::None));
    }
}

/// The feed-forward part, with its residual and norm.
pub(super) struct FeedForward {
    fc1: PackedLinear,
    fc2: PackedLinear,
    norm: Norm,
}

impl FeedForward {
    pub(super) fn load(source: &Source<'_>, layer: &str) -> Result<Self, Error> {
        Ok(Self {
            fc1: source.linear(&format!("{layer}.fc1"))?,
            fc2: source.linear(&format!("{layer}.fc2"))?,
            norm: Norm::load(source, &format!("{layer}.final_layer_norm"))?,
        })
    }

    pub(super) fn forward(&self, x: &mut [f32]) {
        let inner = self.fc1.apply(x, Activation::Gelu);
        self.norm
            .after(x, &self.fc2.apply(&inner, Activation::None));
    }
}

/// Token and position embeddings of one side.
pub(super) struct Embedding {
    positions: Vec<f32>,
    norm: Norm,
    scale: f32,
}

impl Embedding {
    pub(super) fn load(
        source: &Source<'_>,
        side: &str,
        config: &BartConfig,
    ) -> Result<Self, Error> {
        Ok(Self {
            positions: source.read(&format!("{side}.embed_positions.weight"))?,
            norm: Norm::load(source, &format!("{side}.layernorm_embedding"))?,
            scale: if config.scale_embedding {
                (config.d_model as f64).sqrt() as f32
            } else {
                1.0
            },
        })
    }

    /// Embeds tokens at their positions; `shared` is the table of tokens.
    pub(super) fn forward(
        &self,
        shared: &EmbeddingTable,
        tokens: impl Iterator<Item = (u32, usize)>,
    ) -> Vec<f32> {
        let width = self.norm.weight.len();
        let mut rows = Vec::new();
        for (id, position) in tokens {
            let start = rows.len();
            rows.resize(start + width, 0.0);
            let row = &mut rows[start..];
            shared.read(id as usize, row);
            let position = &self.positions[(position + POSITION_OFFSET) * width..][..width];
            for (token, position) in row.iter_mut().zip(position) {
                *token = *token * self.scale + position;
            }
        }
        self.norm.apply(&mut rows);
        rows
    }
}
