//! Kernels over rows and columns: layer normalisation and softmax.

use crate::aligned::Aligned;
use crate::math::exp;
use crate::matrix::RowsMut;
use crate::simd::{Kernel, Simd};
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

/// Softmax down each column of a matrix that is one panel wide, up to the scale.
///
/// Leaves `exp(score - largest)` in `scores` and the inverse of a column's sum in `inverse_sums`.
#[derive(Debug)]
pub(crate) struct SoftmaxColumns<'a> {
    pub(crate) scores: &'a mut [f32],
    pub(crate) inverse_sums: &'a mut [f32],
}

impl Kernel for SoftmaxColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut largest = [simd.splat(f32::NEG_INFINITY); 2];
        for row in self.scores.chunks_exact(2 * S::LANES) {
            let (low, high) = row.split_at(S::LANES);
            largest[0] = simd.max(largest[0], simd.load(low));
            largest[1] = simd.max(largest[1], simd.load(high));
        }
        let mut sums = [simd.splat(0.0); 2];
        for row in self.scores.chunks_exact_mut(2 * S::LANES) {
            let (low, high) = row.split_at_mut(S::LANES);
            for (half, scores) in [low, high].into_iter().enumerate() {
                let power = exp(simd, simd.sub(simd.load(scores), largest[half]));
                sums[half] = simd.add(sums[half], power);
                simd.store(power, scores);
            }
        }
        let (low, high) = self.inverse_sums.split_at_mut(S::LANES);
        simd.store(simd.div(simd.splat(1.0), sums[0]), low);
        simd.store(simd.div(simd.splat(1.0), sums[1]), high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction_set::isas;
    use crate::random::numbers;

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

    #[test]
    fn columns_become_distributions() {
        for isa in isas() {
            let width = isa.panel_width();
            for n_rows in [1, 2, 17] {
                let input: Vec<f32> = numbers(n_rows * width, 1)
                    .iter()
                    .map(|score| 30.0 * score)
                    .collect();
                let mut scores = input.clone();
                let mut inverse_sums = vec![0.0; width];
                let inverses = &mut inverse_sums[..];
                isa.run(SoftmaxColumns {
                    scores: &mut scores,
                    inverse_sums: inverses,
                });
                for column in 0..width {
                    let of = |rows: &[f32]| {
                        rows[column..]
                            .iter()
                            .step_by(width)
                            .copied()
                            .map(f64::from)
                            .collect()
                    };
                    let (input, found): (Vec<f64>, Vec<f64>) = (of(&input), of(&scores));
                    let sum: f64 = input.iter().map(|score| score.exp()).sum();
                    for (score, found) in input.iter().zip(found) {
                        let found = found * f64::from(inverse_sums[column]);
                        assert!((found - score.exp() / sum).abs() < 1e-6);
                    }
                }
            }
        }
    }
}
