//! Attention from the decoder to the encoded contexts.

use candle_core::{Device, Tensor};

use super::attention::{Projections, attend};
use super::encoder::starts;
use super::layers::Linear;
use super::weights::Weights;
use crate::Error;

pub(super) struct CrossAttention {
    query: Linear,
    key_value: Linear,
    out: Linear,
    heads: usize,
}

impl CrossAttention {
    pub(super) fn load(
        weights: &mut Weights<'_>,
        name: &str,
        width: usize,
        heads: usize,
    ) -> Result<Self, Error> {
        let parts = Projections::load(weights, name, width, heads)?;
        Ok(Self {
            query: parts.query,
            key_value: Linear::stack(&[&parts.key, &parts.value])?,
            out: parts.out,
            heads,
        })
    }

    /// Keys and values of each context, zeros up to the longest: `(contexts, heads, longest, d)`.
    pub(super) fn memory(&self, states: &Tensor, lengths: &[usize]) -> Result<Memory, Error> {
        let both = self.key_value.forward(states)?;
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let padded = lengths
            .iter()
            .zip(starts(lengths))
            .map(|(&length, start)| {
                let own = both.narrow(0, start, length)?;
                Ok(own.pad_with_zeros(0, 0, longest - length)?)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let padded = Tensor::stack(&padded, 0)?;
        let (contexts, longest, width) = padded.dims3()?;
        let dim = width / (2 * self.heads);
        let split = padded.reshape((contexts, longest, 2, self.heads, dim))?;
        let part = |i: usize| -> Result<Tensor, Error> {
            Ok(split
                .narrow(2, i, 1)?
                .squeeze(2)?
                .transpose(1, 2)?
                .contiguous()?)
        };
        Ok(Memory {
            keys: part(0)?,
            values: part(1)?,
        })
    }

    /// Attends from all rows of a context in one product.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        memory: &Memory,
        mask: Option<&Tensor>,
    ) -> Result<Tensor, Error> {
        let (states, width) = x.dims2()?;
        let contexts = memory.keys.dim(0)?;
        let shape = (contexts, states / contexts, self.heads, width / self.heads);
        let q = self.query.forward(x)?.reshape(shape)?;
        let q = q.transpose(1, 2)?.contiguous()?;
        self.out
            .forward(&attend(&q, &memory.keys, &memory.values, mask)?)
    }
}

/// Cross-attention keys and values of one layer.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    keys: Tensor,
    values: Tensor,
}

impl Memory {
    pub(super) fn device(&self) -> &Device {
        self.keys.device()
    }

    /// Takes some contexts, the longest of which has `longest` tokens.
    pub(super) fn select(&self, contexts: &Tensor, longest: usize) -> Result<Self, Error> {
        let select = |all: &Tensor| -> Result<Tensor, Error> {
            let selected = all.index_select(contexts, 0)?;
            Ok(selected.narrow(2, 0, longest)?.contiguous()?)
        };
        Ok(Self {
            keys: select(&self.keys)?,
            values: select(&self.values)?,
        })
    }
}

/// Minus infinity where a context is shorter than the longest: `(contexts, 1, 1, longest)`.
pub(super) fn padding_mask(lengths: &[usize], like: &Tensor) -> Result<Option<Tensor>, Error> {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    if lengths.iter().all(|&length| length == longest) {
        return Ok(None);
    }
    let mask: Vec<f32> = lengths
        .iter()
        .flat_map(|&length| {
            (0..longest).map(move |i| if i < length { 0.0 } else { f32::NEG_INFINITY })
        })
        .collect();
    let mask = Tensor::from_vec(mask, (lengths.len(), 1, 1, longest), like.device())?;
    Ok(Some(mask.to_dtype(like.dtype())?))
}
