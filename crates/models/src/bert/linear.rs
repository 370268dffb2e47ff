//! Affine maps whose result for a row does not depend on the other rows.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// Up to this many elements the gemm crate may sum a product in another order than above it.
const SMALL_PRODUCT: usize = 16 * 16;
/// Up to this many rows and columns it may cut the inner dimension at other places.
const SMALL_SIDE: usize = 64;

/// `x · weightᵀ + bias`.
///
/// The kernels that the gemm crate takes for tall matrices sum over the inner dimension in an
/// order that does not depend on the number of rows; so a passage has the same vector alone and
/// among others. Its kernels for small products do not keep to that order: few rows are therefore
/// made more by rows of zeros.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    /// Shape `(outputs, inputs)`.
    weight: Tensor,
    bias: Option<Tensor>,
    min_rows: usize,
}

impl Linear {
    pub(crate) fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        let (outputs, _) = weight.dims2()?;
        let min_rows = if outputs <= SMALL_SIDE {
            (SMALL_SIDE + 1).max(SMALL_PRODUCT / outputs.max(1) + 1)
        } else {
            SMALL_PRODUCT / outputs + 2
        };
        Ok(Self {
            weight,
            bias,
            min_rows,
        })
    }

    /// Loads `weight` and `bias`.
    pub(crate) fn load(outputs: usize, inputs: usize, weights: &VarBuilder) -> Result<Self> {
        let weight = weights.get((outputs, inputs), "weight")?;
        Self::new(weight, Some(weights.get(outputs, "bias")?))
    }

    /// Maps rows of shape `(rows, inputs)` to `(rows, outputs)`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let rows = x.dim(0)?;
        let y = if rows < self.min_rows {
            let padded = x.pad_with_zeros(0, 0, self.min_rows - rows)?;
            padded.matmul(&self.weight.t()?)?.narrow(0, 0, rows)?
        } else {
            x.matmul(&self.weight.t()?)?
        };
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => y.contiguous(),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_row_alone_has_the_bits_it_has_among_others() {
        for (outputs, inputs) in [(8, 32), (24, 32), (64, 600), (96, 32), (300, 1536)] {
            let random = |rows| Tensor::randn(0.0_f32, 1.0, (rows, inputs), &Device::Cpu).unwrap();
            let linear = Linear::new(random(outputs), None).unwrap();
            let x = random(200);
            let rows = |from, n| {
                let y = linear.forward(&x.narrow(0, from, n).unwrap()).unwrap();
                let y = y.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                y.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
            };
            let all = rows(0, 200);
            for (from, n) in [(0, 1), (7, 1), (3, 2), (5, 9), (11, 70), (100, 100)] {
                let part = &all[from * outputs..(from + n) * outputs];
                assert_eq!(
                    rows(from, n),
                    part,
                    "{outputs} x {inputs}: {n} rows from {from}"
                );
            }
        }
    }
}
