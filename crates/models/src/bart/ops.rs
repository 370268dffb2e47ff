//! GELU and softmax in a form that compilers turn into vector code.
//!
//! candle's own call the C library once per element: at the size of the bundled reader they would
//! take longer than its matrix products. Values agree to about 1e-7; other devices and types use
//! candle's.

use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Result, Tensor};
use ragdex_kernels::log_sum_exp;
use rayon::prelude::*;

/// Elements handled by one task: large enough to hide the cost of handing it out.
const CHUNK: usize = 16 * 1024;

/// The exact (erf) GELU of every element. `x` must not share its storage.
pub(super) fn gelu(x: Tensor) -> Result<Tensor> {
    if !on_cpu_in_f32(&x) {
        return x.gelu_erf();
    }
    x.inplace_op1(&Gelu)?;
    Ok(x)
}

/// The softmax over the last dimension. `x` must not share its storage; a row needs an element
/// above minus infinity.
pub(super) fn softmax(x: Tensor) -> Result<Tensor> {
    if !on_cpu_in_f32(&x) {
        return candle_nn::ops::softmax_last_dim(&x);
    }
    x.inplace_op1(&Softmax)?;
    Ok(x)
}

/// Subtracts the log of the sum of exponentials from every element, and gives that log.
///
/// The result is NaN when an element is, and when all are minus infinity.
pub fn log_softmax(row: &mut [f32]) -> f32 {
    let normaliser = log_sum_exp(row);
    for x in row {
        *x -= normaliser;
    }
    normaliser
}

fn on_cpu_in_f32(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32 && x.is_contiguous()
}

struct Gelu;

impl InplaceOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        values(storage, layout)?
            .par_chunks_mut(CHUNK)
            .for_each(|chunk| {
                for x in chunk {
                    *x *= 0.5 * (1.0 + erf(*x * std::f32::consts::FRAC_1_SQRT_2));
                }
            });
        Ok(())
    }
}

struct Softmax;

impl InplaceOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let width = layout.dims().last().copied().unwrap_or(1).max(1);
        let rows = (CHUNK / width).max(1);
        values(storage, layout)?
            .par_chunks_mut(width * rows)
            .for_each(|chunk| chunk.chunks_mut(width).for_each(softmax_row));
        Ok(())
    }
}

fn values<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let CpuStorage::F32(values) = storage else {
        candle_core::bail!("f32 expected");
    };
    let start = layout.start_offset();
    Ok(&mut values[start..start + layout.shape().elem_count()])
}

fn softmax_row(row: &mut [f32]) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for x in row.iter_mut() {
        *x = exp(*x - max);
    }
    let factor = 1.0 / sum(row);
    for x in row {
        *x *= factor;
    }
}

/// Adds in eight lanes: fast, and closer to the true sum than one running total.
fn sum(row: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let chunks = row.chunks_exact(8);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Abramowitz and Stegun 7.1.26; the absolute error is below 2e-7.
fn erf(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let poly = t
        * (0.254_829_59
            + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    (1.0 - poly * exp(-x * x)).copysign(x)
}

/// `e^x` for `x ≤ 0` to about 1e-7; 0 below the smallest normal number.
fn exp(x: f32) -> f32 {
    /// Adding it rounds to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const SMALLEST: f32 = -87.0;
    let bounded = x.max(SMALLEST);
    let shifted = bounded * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = bounded - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let poly = 0.5
        + r * (0.166_666_65
            + r * (0.041_665_796 + r * (8.333_452e-3 + r * (1.398_2e-3 + r * 1.987_569_2e-4))));
    let poly = 1.0 + r + r * r * poly;
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    if x < SMALLEST { 0.0 } else { poly * scale }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn exp_agrees_with_the_library() {
        for i in 0..=86_000 {
            let x = -i as f32 / 1000.0;
            let relative = exp(x) / x.exp() - 1.0;
            assert!(relative.abs() < 3e-7, "{x}: {relative}");
        }
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn gelu_agrees_with_candle() -> Result<()> {
        let x = Tensor::arange(-6.0f32, 6.0, &Device::Cpu)?;
        let x = (x.reshape((3, 4))? * 0.77)?;
        let expected = x.gelu_erf()?.flatten_all()?.to_vec1::<f32>()?;
        let found = gelu(x.copy()?)?.flatten_all()?.to_vec1::<f32>()?;
        for (a, b) in expected.iter().zip(found) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
        Ok(())
    }

    #[test]
    fn masked_places_get_nothing() -> Result<()> {
        let x = Tensor::new(&[[1.0f32, f32::NEG_INFINITY, 1.0]], &Device::Cpu)?;
        assert_eq!(softmax(x)?.to_vec2::<f32>()?, [[0.5, 0.0, 0.5]]);
        Ok(())
    }
}
