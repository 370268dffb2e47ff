//! GELU and softmax of the reference path: candle's, on every device.
//!
//! They are slower than those of the kernels, being taken one number at a time. The
//! reference must not share them: what is wrong in one of two twins shows only where the other is
//! another's work.

use candle_core::{Result, Tensor};

/// Applies GELU, exact (erf) form, to every element.
pub(crate) fn gelu(x: &Tensor) -> Result<Tensor> {
    x.gelu_erf()
}

/// Applies softmax to every row of the last dimension.
pub(crate) fn softmax(x: &Tensor) -> Result<Tensor> {
    candle_nn::ops::softmax_last_dim(x)
}
