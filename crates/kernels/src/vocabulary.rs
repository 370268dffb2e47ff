//! Rows of scores over a vocabulary: their sums of exponentials, and mixtures of several.

use crate::InstructionSet;
use crate::math::exp;
use crate::simd::{Isa, Kernel, Simd};

/// Vectors whose exponentials are added before they join the sum: keeps the rounding of long rows small.
const BLOCK_VECTORS: usize = 64;

fn best_isa() -> Isa {
    Isa::detect(InstructionSet::best()).expect("available ones are detected")
}

/// The log of the sum of exponentials; minus infinity when all are or there is none, NaN when one is.
///
/// In double precision: logits are often larger than the log-probabilities made of them, and what rounding takes
/// off a row would make it win or lose against the rows of other beams.
pub fn log_sum_exp(row: &[f32]) -> f64 {
    if row.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    best_isa().run(LogSumExp(row))
}

/// Subtracts the log of the sum of exponentials from every element, and gives that log.
///
/// The result is NaN when an element is, and when all are minus infinity.
pub fn log_softmax(row: &mut [f32]) -> f64 {
    let normaliser = log_sum_exp(row);
    let (high, low) = halves(normaliser);
    for x in row {
        *x = *x - high - low;
    }
    normaliser
}

/// A number as the nearest one in single precision, and what that lacks.
fn halves(number: f64) -> (f32, f32) {
    let high = number as f32;
    if high.is_finite() {
        (high, (number - f64::from(high)) as f32)
    } else {
        (high, 0.0)
    }
}

/// Joins rows of equal length: `log Σ_i exp(rows[i] + weights[i])`, place by place.
///
/// Minus infinity where every row is; NaN where one is.
///
/// # Panics
/// When a row is shorter than the first.
pub fn log_mixture(rows: &[&[f32]], weights: &[f64]) -> Vec<f32> {
    let width = rows.first().map_or(0, |row| row.len());
    let mut output = vec![0.0; width];
    let rows: Vec<_> = rows
        .iter()
        .copied()
        .zip(weights.iter().copied().map(halves))
        .collect();
    best_isa().run(Mixture {
        rows: &rows,
        output: &mut output,
    });
    output
}

struct LogSumExp<'a>(&'a [f32]);

impl Kernel for LogSumExp<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        let row = self.0;
        let body = row.len() - row.len() % S::LANES;
        let (body, tail) = row.split_at(body);
        let mut largest = simd.splat(f32::NEG_INFINITY);
        for numbers in body.chunks_exact(S::LANES) {
            largest = simd.max(largest, simd.load(numbers));
        }
        let lanes = simd.lanes(largest);
        let lanes = lanes[..S::LANES].iter().chain(tail);
        let largest = lanes.copied().fold(f32::NEG_INFINITY, f32::max);
        if largest.is_infinite() {
            return f64::from(largest);
        }
        let splat = simd.splat(largest);
        let mut sum: f64 = tail.iter().map(|x| f64::from((x - largest).exp())).sum();
        for block in body.chunks(BLOCK_VECTORS * S::LANES) {
            let mut sums = simd.splat(0.0);
            for numbers in block.chunks_exact(S::LANES) {
                sums = simd.add(sums, exp(simd, simd.sub(simd.load(numbers), splat)));
            }
            sum += f64::from(simd.sum(sums));
        }
        f64::from(largest) + sum.ln()
    }
}

struct Mixture<'a> {
    /// Each with its weight in halves.
    rows: &'a [(&'a [f32], (f32, f32))],
    output: &'a mut [f32],
}

impl Kernel for Mixture<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let width = self.output.len();
        let body = width - width % S::LANES;
        for at in (0..body).step_by(S::LANES) {
            let mut largest = simd.splat(f32::MIN);
            for (row, weight) in self.rows {
                largest = simd.max(largest, weighted(simd, &row[at..], *weight));
            }
            let mut sums = simd.splat(0.0);
            for (row, weight) in self.rows {
                let number = weighted(simd, &row[at..], *weight);
                sums = simd.add(sums, exp(simd, simd.sub(number, largest)));
            }
            let (largest, sums) = (simd.lanes(largest), simd.lanes(sums));
            let lanes = largest.iter().zip(&sums);
            for (to, (largest, sum)) in self.output[at..at + S::LANES].iter_mut().zip(lanes) {
                *to = largest + sum.ln();
            }
        }
        for at in body..width {
            let numbers = self.at(at);
            let largest = numbers.clone().fold(f32::MIN, f32::max);
            let sum: f32 = numbers.map(|x| (x - largest).exp()).sum();
            self.output[at] = largest + sum.ln();
        }
        self.fix_what_is_not_finite();
    }
}

impl Mixture<'_> {
    /// Vector instructions differ in what they make of NaN, and the exponential is cut off below.
    fn fix_what_is_not_finite(&mut self) {
        for (row, (weight, _)) in self.rows {
            for (to, number) in self.output.iter_mut().zip(*row) {
                if (number + weight).is_nan() {
                    *to = f32::NAN;
                }
            }
        }
        for at in 0..self.output.len() {
            if self.output[at] <= f32::MIN && self.at(at).all(|x| x == f32::NEG_INFINITY) {
                self.output[at] = f32::NEG_INFINITY;
            }
        }
    }

    /// The numbers to be joined at one place.
    fn at(&self, at: usize) -> impl Iterator<Item = f32> + Clone + use<'_> {
        let rows = self.rows.iter();
        rows.map(move |(row, (high, low))| row[at] + high + low)
    }
}

/// The first vector of a row, with the weight.
#[inline(always)]
fn weighted<S: Simd>(simd: S, row: &[f32], (high, low): (f32, f32)) -> S::F32 {
    let number = simd.add(simd.load(row), simd.splat(high));
    simd.add(number, simd.splat(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::numbers;

    /// The plain twin, in double precision.
    fn plain(numbers: impl Iterator<Item = f32> + Clone) -> f64 {
        let largest = numbers.clone().fold(f32::NEG_INFINITY, f32::max);
        if largest == f32::NEG_INFINITY {
            return f64::NEG_INFINITY;
        }
        let powers = numbers.map(|x| (f64::from(x) - f64::from(largest)).exp());
        f64::from(largest) + powers.sum::<f64>().ln()
    }

    fn row(width: usize, seed: u64) -> Vec<f32> {
        numbers(width, seed).iter().map(|x| 20.0 * x).collect()
    }

    #[test]
    fn sums_of_exponentials_match_the_plain_one() {
        for width in [1, 15, 16, 33, 1000, 50265] {
            let row = row(width, 1);
            let error = log_sum_exp(&row) - plain(row.iter().copied());
            assert!(error.abs() < 3e-7, "{width}: {error}");
        }
    }

    #[test]
    fn what_is_taken_off_large_logits_is_not_rounded_to_their_size() {
        let mut row: Vec<f32> = row(1000, 4).iter().map(|x| x / 10.0 + 900.0).collect();
        let plain = plain(row.iter().copied());
        let expected: Vec<f64> = row.iter().map(|x| f64::from(*x) - plain).collect();
        log_softmax(&mut row);
        for (found, expected) in row.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 2e-6, "{found}");
        }
    }

    #[test]
    fn mixtures_match_the_plain_one() {
        let weights = [-0.1, -3.0, -40.0];
        for width in [1, 15, 16, 37, 1000] {
            let rows: Vec<Vec<f32>> = (0..3).map(|seed| row(width, seed)).collect();
            let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            for (at, found) in log_mixture(&rows, &weights).iter().enumerate() {
                let numbers = rows
                    .iter()
                    .zip(&weights)
                    .map(|(row, w)| row[at] + *w as f32);
                assert!(
                    (f64::from(*found) - plain(numbers)).abs() < 1e-5,
                    "{width}, {at}"
                );
            }
        }
        assert!(log_mixture(&[], &[]).is_empty());
    }

    #[test]
    fn what_is_not_finite_is_told() {
        let low = f32::NEG_INFINITY;
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[low; 40]), f64::NEG_INFINITY);
        assert!(log_sum_exp(&[[0.0; 39].as_slice(), &[f32::NAN]].concat()).is_nan());
        for width in [3, 40] {
            let mut a = vec![low; width];
            let mut b = a.clone();
            (a[1], b[2]) = (1.0, f32::NAN);
            let found = log_mixture(&[&a, &b], &[0.0, 0.0]);
            assert_eq!((found[0], found[1]), (low, 1.0));
            assert!(found[2].is_nan());
        }
    }
}
