//! The last layer where only the first token of each text is wanted.

use candle_core::{DType, Result, Tensor};
use ragdex_kernels::{BertLayerWeights, BertShape};

use super::PaddedBatch;
use super::layer::{Rest, scaled_query};
use super::operations::{Linear, Target, masked_softmax, product};

/// A layer that computes the state of the first token of each text and no other, in `f32`.
///
/// With `x` the states of a text, each head needs one query, `q = Wq·x₀ + bq`. Its scores are
/// `q·(Wk·xⱼ) = (Wkᵀ·q)·xⱼ`, where the bias of the keys shifts all alike and drops out; what it attends
/// to is `Wv·(Σ pⱼ·xⱼ) + bv`. So neither keys nor values are projected, and all that follows is one row
/// for each text: a tenth of the work of a layer of BERT-base, which is why `f32` costs nothing here.
/// Exact but for rounding.
#[derive(Debug, Clone)]
pub(super) struct FirstTokenLayer {
    query: Linear,
    /// Shape `(heads, head_width, hidden_size)`.
    key: Tensor,
    /// Shape `(heads, head_width, hidden_size)`.
    value: Tensor,
    /// Shape `(hidden_size)`.
    value_bias: Tensor,
    rest: Rest,
}

impl FirstTokenLayer {
    pub(super) fn new(
        weights: &BertLayerWeights,
        shape: &BertShape,
        target: Target<'_>,
    ) -> Result<Self> {
        let target = Target {
            dtype: DType::F32,
            ..target
        };
        let (hidden, heads) = (shape.hidden_size, shape.num_attention_heads);
        let by_head = [heads, hidden / heads, hidden];
        Ok(Self {
            query: Linear::new(&scaled_query(weights, shape), target)?,
            key: target.tensor(&weights.key.weight, &by_head)?,
            value: target.tensor(&weights.value.weight, &by_head)?,
            value_bias: target.tensor(&weights.value.bias, &[hidden])?,
            rest: Rest::new(weights, shape, target)?,
        })
    }

    /// Maps states of shape `(rows · length, hidden_size)` to those of the first tokens, shape `(rows,
    /// hidden_size)`, in `f32`.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        batch: &PaddedBatch<'_>,
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        let x = x.to_dtype(DType::F32)?;
        let x = x.reshape((batch.rows(), batch.length(), ()))?;
        let first = x.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?;
        let mask = mask.map(|mask| mask.squeeze(1)?.to_dtype(DType::F32));
        let attended = self.attend(&x, &first, mask.transpose()?.as_ref())?;
        self.rest.forward(&first, &attended)
    }

    /// What `first`, of shape `(rows, hidden_size)`, attends to within `x`, of shape `(rows, length,
    /// hidden_size)`; `mask` has shape `(rows, 1, length)`.
    fn attend(&self, x: &Tensor, first: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let (heads, head_width, hidden) = self.key.dims3()?;
        let rows = first.dim(0)?;
        let query = self.query.forward(first)?;
        let query = swapped(&query.reshape((rows, heads, head_width))?)?;
        let towards = swapped(&product(&query, &self.key)?)?;
        let scores = product(&towards, &x.transpose(1, 2)?)?;
        let mean = product(&masked_softmax(scores, mask)?, x)?;
        let attended = product(&swapped(&mean)?, &self.value.transpose(1, 2)?)?;
        let attended = swapped(&attended)?.reshape((rows, hidden))?;
        attended.broadcast_add(&self.value_bias)
    }
}

/// Exchanges texts and heads.
fn swapped(x: &Tensor) -> Result<Tensor> {
    x.transpose(0, 1)?.contiguous()
}
