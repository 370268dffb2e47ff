//! Kernels over rows and columns: layer normalisation and softmax.

use crate::aligned::Aligned;
use crate::math::exp;
use crate::matrix::RowsMut;
use crate::simd::{Kernel, MAX_LANES, Simd};
use crate::weights::LayerNormWeights;

/// Layer normalisation: each row to mean 0 and variance 1, then a weight and a bias for each column.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    weight: Aligned<f32>,
    bias: Aligned<f32>,
    epsilon: f32,
}

impl LayerNorm {
    pub(crate) fn new(weights: &LayerNormWeights, epsilon: f32) -> Self {
        let LayerNormWeights { weight, bias } = weights;
        Self {
            weight: Aligned::padded(weight, weight.len()),
            bias: Aligned::padded(bias, bias.len()),
            epsilon,
        }
    }
}

/// Normalises `n_rows` rows in place.
#[derive(Debug)]
pub(crate) struct Normalize<'a> {
    pub(crate) norm: &'a LayerNorm,
    pub(crate) n_rows: usize,
    pub(crate) rows: RowsMut<'a>,
}

impl Kernel for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for row in 0..self.n_rows {
            normalize_row(simd, self.rows.row(row, self.norm.weight.len()), self.norm);
        }
    }
}

#[inline(always)]
fn normalize_row<S: Simd>(simd: S, row: &mut [f32], norm: &LayerNorm) {
    let width = row.len() as f32;
    let mean = sum(simd, row) / width;
    let variance = sum_of_squares(simd, row, mean) / width;
    let inverse = 1.0 / (variance + norm.epsilon).sqrt();

    let (means, inverses) = (simd.splat(mean), simd.splat(inverse));
    let body = row.len() - row.len() % S::LANES;
    for at in (0..body).step_by(S::LANES) {
        let normal = simd.mul(simd.sub(simd.load(&row[at..]), means), inverses);
        let (weight, bias) = (simd.load(&norm.weight[at..]), simd.load(&norm.bias[at..]));
        simd.store(simd.mul_add(normal, weight, bias), &mut row[at..]);
    }
    for (at, number) in row.iter_mut().enumerate().skip(body) {
        *number = (*number - mean) * inverse * norm.weight[at] + norm.bias[at];
    }
}

#[inline(always)]
fn sum<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let body = row.chunks_exact(S::LANES);
    let tail: f32 = body.remainder().iter().sum();
    let mut sums = simd.splat(0.0);
    for chunk in body {
        sums = simd.add(sums, simd.load(chunk));
    }
    simd.sum(sums) + tail
}

/// The sum of the squared distances from `mean`.
#[inline(always)]
fn sum_of_squares<S: Simd>(simd: S, row: &[f32], mean: f32) -> f32 {
    let body = row.chunks_exact(S::LANES);
    let tail: f32 = body
        .remainder()
        .iter()
        .map(|x| (x - mean) * (x - mean))
        .sum();
    let means = simd.splat(mean);
    let mut sums = simd.splat(0.0);
    for chunk in body {
        let distance = simd.sub(simd.load(chunk), means);
        sums = simd.mul_add(distance, distance, sums);
    }
    simd.sum(sums) + tail
}

/// The softmax of rows of `width` numbers times `scale`, in place, up to a factor.
///
/// Leaves `exp(scale · (number - largest))` in each row and the inverse of its sum in `inverse_sums`, whose
/// length is the number of rows.
#[derive(Debug)]
pub(crate) struct Softmax<'a> {
    pub(crate) rows: RowsMut<'a>,
    pub(crate) width: usize,
    /// Positive.
    pub(crate) scale: f32,
    pub(crate) inverse_sums: &'a mut [f32],
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for (row, inverse) in self.inverse_sums.iter_mut().enumerate() {
            *inverse = softmax_row(simd, self.rows.row(row, self.width), self.scale);
        }
    }
}

/// Takes the exponentials of a row less its largest number, times `scale`; returns the inverse of their
/// sum.
#[inline(always)]
pub(crate) fn softmax_row<S: Simd>(simd: S, row: &mut [f32], scale: f32) -> f32 {
    let (largest, scale) = (simd.splat(largest(simd, row)), simd.splat(scale));
    let mut sums = simd.splat(0.0);
    let mut chunks = row.chunks_exact_mut(S::LANES);
    for chunk in &mut chunks {
        let power = power(simd, simd.load(chunk), largest, scale);
        sums = simd.add(sums, power);
        simd.store(power, chunk);
    }
    let tail = chunks.into_remainder();
    if !tail.is_empty() {
        let rest = simd.load(&padded(tail, f32::NEG_INFINITY));
        let powers = simd.lanes(power(simd, rest, largest, scale));
        tail.copy_from_slice(&powers[..tail.len()]);
    }

    1.0 / (simd.sum(sums) + tail.iter().sum::<f32>())
}

/// `exp(scale · (x - largest))`.
///
/// No closure: one that is called twice stays a function of its own, without the instructions of `S`, and each
/// operation in it becomes a call.
#[inline(always)]
fn power<S: Simd>(simd: S, x: S::F32, largest: S::F32, scale: S::F32) -> S::F32 {
    exp(simd, simd.mul(simd.sub(x, largest), scale))
}

#[inline(always)]
fn largest<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let chunks = row.chunks_exact(S::LANES);
    let mut largest = simd.load(&padded(chunks.remainder(), f32::NEG_INFINITY));
    for chunk in chunks {
        largest = simd.max(largest, simd.load(chunk));
    }
    let lanes = &simd.lanes(largest)[..S::LANES];
    lanes.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// A vector's worth of numbers, of which the first are `tail`.
#[inline(always)]
pub(crate) fn padded(tail: &[f32], padding: f32) -> [f32; MAX_LANES] {
    let mut numbers = [padding; MAX_LANES];
    numbers[..tail.len()].copy_from_slice(tail);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction_set::isas;
    use crate::random::numbers;
    use crate::simd::Isa;

    #[test]
    fn rows_of_every_width_are_normalised() {
        for width in 1..70 {
            let (weight, bias) = (numbers(width, 1), numbers(width, 2));
            let norm = LayerNorm::new(&LayerNormWeights { weight, bias }, 1e-5);
            let input = numbers(2 * width, 3);
            for isa in isas() {
                let mut data = input.clone();
                let rows = RowsMut::new(&mut data, width);
                isa.run(Normalize {
                    norm: &norm,
                    n_rows: 2,
                    rows,
                });
                for (row, input) in data.chunks_exact(width).zip(input.chunks_exact(width)) {
                    assert_normal(row, input, &norm);
                }
            }
        }
    }

    fn assert_normal(row: &[f32], input: &[f32], norm: &LayerNorm) {
        let width = input.len() as f64;
        let input: Vec<f64> = input.iter().copied().map(f64::from).collect();
        let mean = input.iter().sum::<f64>() / width;
        let variance = input.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width;
        for (column, found) in row.iter().enumerate() {
            let normal = (input[column] - mean) / (variance + f64::from(norm.epsilon)).sqrt();
            let (weight, bias) = (f64::from(norm.weight[column]), f64::from(norm.bias[column]));
            assert!((f64::from(*found) - (normal * weight + bias)).abs() < 2e-6);
        }
    }

    fn run(isa: Isa, data: &mut [f32], width: usize) {
        let mut inverse_sums = vec![0.0; data.len() / width];
        isa.run(Softmax {
            rows: RowsMut::new(data, width),
            width,
            scale: 1.0,
            inverse_sums: &mut inverse_sums,
        });
        for (row, inverse) in data.chunks_exact_mut(width).zip(inverse_sums) {
            for power in row.iter_mut() {
                *power *= inverse;
            }
        }
    }

    /// The plain twin, in double precision.
    fn plain_softmax(row: &[f32]) -> Vec<f64> {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let power = |&x: &f32| (f64::from(x) - f64::from(largest)).exp();
        let sum: f64 = row.iter().map(power).sum();
        row.iter().map(|x| power(x) / sum).collect()
    }

    #[test]
    fn rows_of_every_width_become_distributions() {
        for width in 1..70 {
            let input: Vec<f32> = numbers(3 * width, 2).iter().map(|x| 40.0 * x).collect();
            for isa in isas() {
                let mut found = input.clone();
                run(isa, &mut found, width);
                for (found, row) in found.chunks(width).zip(input.chunks(width)) {
                    for (&found, expected) in found.iter().zip(plain_softmax(row)) {
                        assert!((f64::from(found) - expected).abs() < 1e-6);
                    }
                }
            }
        }
    }

    #[test]
    fn masked_numbers_get_nothing_and_rows_without_numbers_none() {
        for isa in isas() {
            for width in [3, 16, 19] {
                let mut rows = vec![1.0; 2 * width];
                rows[1] = f32::NEG_INFINITY;
                rows[width..].fill(f32::NEG_INFINITY);
                run(isa, &mut rows, width);
                let share = 1.0 / (width - 1) as f32;
                assert_eq!((rows[0], rows[1]), (share, 0.0));
                assert!(rows[width..].iter().all(|x| x.is_nan()));
            }
        }
    }

    #[test]
    fn a_number_that_is_none_spoils_its_row_wherever_it_stands() {
        for isa in isas() {
            for at in 0..40 {
                let mut rows = numbers(40, 3);
                rows[at] = f32::NAN;
                run(isa, &mut rows, 40);
                assert!(rows.iter().all(|x| x.is_nan()), "NaN at {at}");
            }
        }
    }
}
