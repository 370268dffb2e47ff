//! The operations of a layer, each one function, so that a fused kernel can take its place.

use candle_core::{DType, Device, Result, Tensor, bail};
use ragdex_kernels::{LayerNormWeights, LinearWeights};

/// Where weights go, and what they become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) device: &'a Device,
    pub(super) dtype: DType,
}

impl Target<'_> {
    /// Copies numbers to the device; row-major, as many as the shape has.
    pub(super) fn tensor(&self, numbers: &[f32], shape: &[usize]) -> Result<Tensor> {
        Tensor::from_slice(numbers, shape, self.device)?.to_dtype(self.dtype)
    }
}

/// `x · weightᵀ + bias`.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    /// Shape `(outputs, inputs)`.
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub(super) fn new(weights: &LinearWeights, target: Target<'_>) -> Result<Self> {
        let outputs = weights.bias.len();
        let inputs = weights.weight.len() / outputs.max(1);
        Ok(Self {
            weight: target.tensor(&weights.weight, &[outputs, inputs])?,
            bias: target.tensor(&weights.bias, &[outputs])?,
        })
    }

    /// Maps rows of shape `(rows, inputs)` to `(rows, outputs)`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        product(x, &self.weight.t()?)?.broadcast_add(&self.bias)
    }

    /// The same, then GELU in its exact form.
    pub(super) fn forward_gelu(&self, x: &Tensor) -> Result<Tensor> {
        self.forward(x)?.gelu_erf()
    }
}

/// Normalises rows to mean 0 and variance 1, then scales and shifts them.
#[derive(Debug, Clone)]
pub(super) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl LayerNorm {
    pub(super) fn new(weights: &LayerNormWeights, eps: f64, target: Target<'_>) -> Result<Self> {
        let width = [weights.weight.len()];
        Ok(Self {
            weight: target.tensor(&weights.weight, &width)?,
            bias: target.tensor(&weights.bias, &width)?,
            eps: eps as f32,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }

    /// Normalises `x + residual`.
    pub(super) fn forward_residual(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.forward(&(x + residual)?)
    }
}

/// Applies softmax to every row of the last dimension of `scores`, once `mask` is added, which is
/// broadcast. Sums are in `f32` for every type.
pub(super) fn masked_softmax(scores: Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    let scores = match mask {
        Some(mask) => scores.broadcast_add(mask)?,
        None => scores,
    };
    // The kernels of GPUs sum in `f32`; candle's loop for the processor sums in the type of its input.
    match (scores.device(), scores.dtype()) {
        (Device::Cpu, DType::F16 | DType::BF16) => {
            let wide = scores.to_dtype(DType::F32)?;
            candle_nn::ops::softmax_last_dim(&wide)?.to_dtype(scores.dtype())
        }
        _ => candle_nn::ops::softmax_last_dim(&scores),
    }
}

/// The product of two matrices, or of two stacks of as many.
///
/// Refuses, on every device, what candle's call of cuBLAS refuses: matrices that are neither dense rows
/// nor dense columns. So a test on the processor finds what would fail on a GPU.
pub(super) fn product(lhs: &Tensor, rhs: &Tensor) -> Result<Tensor> {
    if !(is_dense(lhs) && is_dense(rhs)) {
        bail!(
            "matrices with dense rows or columns expected, found strides {:?} and {:?} of shapes {:?} and {:?}",
            lhs.stride(),
            rhs.stride(),
            lhs.shape(),
            rhs.shape()
        );
    }
    lhs.matmul(rhs)
}

fn is_dense(matrix: &Tensor) -> bool {
    let (dims, strides) = (matrix.dims(), matrix.stride());
    let ([.., rows, columns], [.., row, column]) = (dims, strides) else {
        return false;
    };
    let (one_row, one_column) = (*rows == 1, *columns == 1);
    let is_stack = dims.len() <= 3;
    let by_rows = (*column == 1 || one_column) && (row == columns || one_row);
    let by_columns = (column == rows || one_column) && (*row == 1 || one_row);
    is_stack && (by_rows || by_columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_refuse_what_a_gpu_refuses() {
        let x = Tensor::zeros((4, 6), DType::F32, &Device::Cpu).unwrap();
        let square = Tensor::zeros((3, 3), DType::F32, &Device::Cpu).unwrap();
        assert!(product(&x, &x.t().unwrap()).is_ok());
        let part = x.narrow(1, 0, 3).unwrap();
        assert!(part.matmul(&square).is_ok());
        let error = product(&part, &square).unwrap_err().to_string();
        assert!(error.contains("strides [6, 1]"), "{error}");
        assert!(product(&part.contiguous().unwrap(), &square).is_ok());
        let one_row = x.narrow(0, 1, 1).unwrap().narrow(1, 0, 3).unwrap();
        assert!(product(&one_row, &square).is_ok());
    }
}
