//! From token states to one row for each text.

use candle_core::{DType, Result, Tensor};

use super::PaddedBatch;
use super::operations::product;
use crate::Pooling;

/// Pools states of shape `(rows · length, hidden_size)` to `(rows, hidden_size)`, in `f32`, over the
/// tokens of each text without its padding.
pub(super) fn pool(x: &Tensor, batch: &PaddedBatch<'_>, pooling: Pooling) -> Result<Tensor> {
    let x = x.reshape((batch.rows(), batch.length(), ()))?;
    let device = x.device();
    match pooling {
        Pooling::Cls => x.narrow(1, 0, 1)?.squeeze(1)?.to_dtype(DType::F32),
        Pooling::Mean => {
            let shares = batch.shares(device)?;
            product(&shares, &x.to_dtype(DType::F32)?)?.squeeze(1)
        }
        Pooling::Max => {
            let x = x.to_dtype(DType::F32)?;
            x.broadcast_add(&batch.absence(device)?)?.max(1)
        }
    }
}
