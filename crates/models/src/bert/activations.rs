//! GELU and softmax over slices, written so that the compiler vectorises them.
//!
//! candle's own compute `erf` and `exp` one number at a time: its GELU costs as much as the matrix
//! product before it.

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor};

/// Numbers handled side by side in reductions. Their order of summation depends on it.
const LANES: usize = 16;

/// Applies GELU, exact (erf) form, to every element.
pub(crate) fn gelu(x: Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        x.inplace_op1(&Gelu)?;
        Ok(x)
    } else {
        x.gelu_erf()
    }
}

/// Applies softmax to every row of the last dimension.
pub(crate) fn softmax(x: Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        x.inplace_op1(&Softmax)?;
        Ok(x)
    } else {
        candle_nn::ops::softmax_last_dim(&x)
    }
}

struct Gelu;

impl InplaceOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu-erf"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        for x in contiguous(storage, layout)? {
            *x = 0.5 * *x * (1.0 + erf(*x * FRAC_1_SQRT_2));
        }
        Ok(())
    }
}

struct Softmax;

impl InplaceOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let width = layout.dims().last().copied().unwrap_or(1);
        let rows = contiguous(storage, layout)?;
        rows.chunks_exact_mut(width.max(1)).for_each(softmax_row);
        Ok(())
    }
}

fn contiguous<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => candle_core::bail!("contiguous f32 numbers expected"),
    }
}

fn softmax_row(row: &mut [f32]) {
    let max = reduce(row, f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
    for x in &mut *row {
        *x = exp_negative(*x - max);
    }
    let scale = 1.0 / reduce(row, 0.0, |a, b| a + b);
    for x in row {
        *x *= scale;
    }
}

/// Folds a row, lane by lane; so equal rows give equal results wherever they lie.
fn reduce(row: &[f32], start: f32, combine: impl Fn(f32, f32) -> f32) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = combine(*lane, x);
        }
    }
    lanes.iter().chain(rest).fold(start, |a, &b| combine(a, b))
}

/// The error function, within 1.5e-7.
///
/// # Source
/// Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
fn erf(x: f32) -> f32 {
    const COEFFICIENTS: [f32; 5] = [
        1.061405429,
        -1.453152027,
        1.421413741,
        -0.284496736,
        0.254829592,
    ];
    let z = x.abs();
    let t = 1.0 / (1.0 + 0.3275911 * z);
    let polynomial = COEFFICIENTS.iter().fold(0.0, |sum, c| sum * t + c) * t;
    (1.0 - polynomial * exp_negative(-z * z)).copysign(x)
}

/// `exp(x)` for `x <= 0`, within 2 units in the last place; below -86, where `f32` nears its
/// smallest numbers, `exp(-86)`, about 4e-38.
///
/// # Source
/// Range reduction and polynomial of `expf` in Cephes (S. L. Moshier).
fn exp_negative(x: f32) -> f32 {
    // Adding this leaves the nearest integer in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    const LN_2: [f32; 2] = [0.693359375, -2.12194440e-4];
    const COEFFICIENTS: [f32; 6] = [
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    ];
    let x = if x > -86.0 { x } else { -86.0 };
    let rounded = x * LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let y = COEFFICIENTS.iter().fold(0.0, |sum, c| sum * r + c) * r * r + r + 1.0;
    f32::from_bits(y.to_bits().wrapping_add(rounded.to_bits() << 23))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn grid(from: f32, to: f32) -> Tensor {
        let values: Vec<f32> = (0..=20_000)
            .map(|i| from + (to - from) * i as f32 / 20_000.0)
            .collect();
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
        let difference = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
        difference.max(0).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn gelu_is_the_exact_form() {
        let x = grid(-12.0, 12.0);
        let expected = x.gelu_erf().unwrap();
        assert!(largest_difference(&gelu(x).unwrap(), &expected) < 1e-6);
    }

    #[test]
    fn softmax_is_that_of_candle() {
        let x = grid(-90.0, 9.0)
            .narrow(0, 0, 20_000)
            .unwrap()
            .reshape((200, 100))
            .unwrap();
        let expected = candle_nn::ops::softmax_last_dim(&x).unwrap();
        assert!(largest_difference(&softmax(x).unwrap(), &expected) < 1e-7);
    }

    #[test]
    fn exp_is_close_over_its_range() {
        for i in 0..=86_000 {
            let x = -(i as f32) / 1000.0;
            let (found, expected) = (exp_negative(x), f64::from(x).exp() as f32);
            assert!(
                (found - expected).abs() <= expected * 3e-7,
                "{x}: {found}, {expected}"
            );
        }
        assert!(exp_negative(f32::NEG_INFINITY) < 1e-37);
    }
}
