//! Multi-head attention over states that lie in one matrix.

use candle_core::Tensor;

use super::layers::Linear;
use super::ops;
use super::weights::Weights;
use crate::Error;

/// The four projections of one attention. The scale of the scores is folded into the query's.
pub(super) struct Projections {
    pub(super) query: Linear,
    pub(super) key: Linear,
    pub(super) value: Linear,
    pub(super) out: Linear,
}

impl Projections {
    pub(super) fn load(
        weights: &mut Weights<'_>,
        name: &str,
        width: usize,
        heads: usize,
    ) -> Result<Self, Error> {
        let mut linear =
            |part: &str| Linear::load(weights, &format!("{name}.{part}_proj"), [width, width]);
        let scale = ((width / heads) as f64).powf(-0.5);
        Ok(Self {
            query: linear("q")?.scaled(scale)?,
            key: linear("k")?,
            value: linear("v")?,
            out: linear("out")?,
        })
    }
}

/// Self-attention: queries, keys and values come from one product.
pub(super) struct SelfAttention {
    qkv: Linear,
    out: Linear,
    heads: usize,
}

impl SelfAttention {
    pub(super) fn load(
        weights: &mut Weights<'_>,
        name: &str,
        width: usize,
        heads: usize,
    ) -> Result<Self, Error> {
        let parts = Projections::load(weights, name, width, heads)?;
        Ok(Self {
            qkv: Linear::stack(&[&parts.query, &parts.key, &parts.value])?,
            out: parts.out,
            heads,
        })
    }

    /// Queries, keys and values of `rows` times `length` states, each `(rows, heads, length, d)`.
    pub(super) fn qkv(&self, x: &Tensor, rows: usize, length: usize) -> Result<[Tensor; 3], Error> {
        let all = self.qkv.forward(x)?;
        self.split(&all, rows, length)
    }

    /// Every state's query, key and value side by side, unsplit.
    pub(super) fn packed(&self, x: &Tensor) -> Result<Tensor, Error> {
        self.qkv.forward(x)
    }

    pub(super) fn split(
        &self,
        packed: &Tensor,
        rows: usize,
        length: usize,
    ) -> Result<[Tensor; 3], Error> {
        let dim = packed.dim(1)? / (3 * self.heads);
        let split = packed.reshape((rows, length, 3, self.heads, dim))?;
        let part = |i: usize| -> Result<Tensor, Error> {
            Ok(split
                .narrow(2, i, 1)?
                .squeeze(2)?
                .transpose(1, 2)?
                .contiguous()?)
        };
        Ok([part(0)?, part(1)?, part(2)?])
    }

    pub(super) fn out(&self, context: &Tensor) -> Result<Tensor, Error> {
        self.out.forward(context)
    }
}

/// `softmax(q · kᵀ + mask) · v`, with the heads joined again: `(rows · length, width)`.
///
/// `q` is `(rows, heads, length, d)`, `k` and `v` are `(rows, heads, keys, d)`, and `mask` is
/// broadcast over the scores `(rows, heads, length, keys)`.
pub(super) fn attend(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
) -> Result<Tensor, Error> {
    let (rows, heads, length, dim) = q.dims4()?;
    let scores = q.matmul(&k.t()?)?;
    let scores = match mask {
        Some(mask) => scores.broadcast_add(mask)?,
        None => scores,
    };
    let context = ops::softmax(scores)?.matmul(v)?;
    Ok(context
        .transpose(1, 2)?
        .reshape((rows * length, heads * dim))?)
}
