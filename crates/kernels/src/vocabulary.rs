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
pub fn log_sum_exp(row: &[f32]) -> f32 {
    if row.iter().any(|x| x.is_nan()) {
        return f32::NAN;
    }
    best_isa().run(LogSumExp(row))
}

/// Joins rows of equal length: `log Σ_i exp(rows[i] + weights[i])`, place by place.
///
/// Minus infinity where every row is; NaN where one is.
///
/// # Panics
/// When a row is shorter than the first.
pub fn log_mixture(rows: &[&[f32]], weights: &[f32]) -> Vec<f32> {
    let width = rows.first().map_or(0, |row| row.len());
    let mut output = vec![0.0; width];
    best_isa().run(Mixture {
        rows,
        weights,
        output: &mut output,
    });
    output
}

struct LogSumExp<'a>(&'a [f32]);

impl Kernel for LogSumExp<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
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
            return largest;
        }
        let splat = simd.splat(largest);
        let blocks = body.chunks(BLOCK_VECTORS * S::LANES).map(|block| {
            let mut sums = simd.splat(0.0);
            for numbers in block.chunks_exact(S::LANES) {
                sums = simd.add(sums, exp(simd, simd.sub(simd.load(numbers), splat)));
            }
            simd.sum(sums)
        });
        let rest: f32 = tail.iter().map(|x| (x - largest).exp()).sum();
        largest + (blocks.sum::<f32>() + rest).ln()
    }
}

struct Mixture<'a> {
    rows: &'a [&'a [f32]],
    weights: &'a [f32],
    output: &'a mut [f32],
}

impl Kernel for Mixture<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.output.len();
        let body = width - width % S::LANES;
        for at in (0..body).step_by(S::LANES) {
            let mut largest = simd.splat(f32::MIN);
            for (row, weight) in self.rows.iter().zip(self.weights) {
                largest = simd.max(
                    largest,
                    simd.add(simd.load(&row[at..]), simd.splat(*weight)),
                );
            }
            let mut sums = simd.splat(0.0);
            for (row, weight) in self.rows.iter().zip(self.weights) {
                let number = simd.add(simd.load(&row[at..]), simd.splat(*weight));
                sums = simd.add(sums, exp(simd, simd.sub(number, largest)));
            }
            let (largest, sums) = (simd.lanes(largest), simd.lanes(sums));
            let lanes = largest.iter().zip(&sums);
            for (to, (largest, sum)) in self.output[at..at + S::LANES].iter_mut().zip(lanes) {
                *to = largest + sum.ln();
            }
        }
        for at in body..width {
            let numbers = self
                .rows
                .iter()
                .zip(self.weights)
                .map(|(row, w)| row[at] + w);
            let largest = numbers.clone().fold(f32::MIN, f32::max);
            let sum: f32 = numbers.map(|x| (x - largest).exp()).sum();
            self.output[at] = largest + sum.ln();
        }
        self.fix_what_is_not_finite();
    }
}

impl Mixture<'_> {
    /// Vector instructions differ in what they make of NaN, and the exponential is cut off below.
    fn fix_what_is_not_finite(self) {
        for (row, weight) in self.rows.iter().zip(self.weights) {
            for (to, number) in self.output.iter_mut().zip(*row) {
                if (number + weight).is_nan() {
                    *to = f32::NAN;
                }
            }
        }
        for (at, to) in self.output.iter_mut().enumerate() {
            let mut numbers = self
                .rows
                .iter()
                .zip(self.weights)
                .map(|(row, w)| row[at] + w);
            if *to <= f32::MIN && numbers.all(|x| x == f32::NEG_INFINITY) {
                *to = f32::NEG_INFINITY;
            }
        }
    }
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
            let error = f64::from(log_sum_exp(&row)) - plain(row.iter().copied());
            assert!(error.abs() < 1e-5, "{width}: {error}");
        }
    }

    #[test]
    fn mixtures_match_the_plain_one() {
        let weights = [-0.1, -3.0, -40.0];
        for width in [1, 15, 16, 37, 1000] {
            let rows: Vec<Vec<f32>> = (0..3).map(|seed| row(width, seed)).collect();
            let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            for (at, found) in log_mixture(&rows, &weights).iter().enumerate() {
                let numbers = rows.iter().zip(&weights).map(|(row, w)| row[at] + w);
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
        assert_eq!(log_sum_exp(&[]), low);
        assert_eq!(log_sum_exp(&[low; 40]), low);
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
