//! Functions of a vector that no processor has as an instruction.

use std::f32::consts::LOG2_E;

use crate::simd::Simd;

/// ln 2 in two parts; the first has so few bits that its products with exponents are exact.
const LN_2_HIGH: f32 = 0.693359375;
const LN_2_LOW: f32 = -2.12194440e-4;

/// Below this the power of two leaves the range of normal numbers; `exp` there is 0.
const LOWEST_EXPONENT: f32 = -87.0;

/// Coefficients of `(exp(r) - 1 - r) / r²` for `|r| <= ln 2 / 2`, highest power first.
///
/// # Source
/// Cephes, `expf.c`; relative error of the whole 2e-7.
const EXP: [f32; 6] = [
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
];

/// From here on Φ is 1, and below the negative 0, to the last bits.
const GELU_LARGEST: f32 = 5.4;

/// Coefficients of `(Φ(x) - 1/2) / x` in `2x²/GELU_LARGEST² - 1`, highest power first.
///
/// # Source
/// Fitted by `gelu_coefficients.py` at the root of this crate; error of `x · Φ(x)` 7e-8. A polynomial
/// takes half the time of the series for `erf` with its division and its `exp`.
const GELU: [f32; 15] = [
    3.292800704e-04,
    -9.797623697e-04,
    1.067403830e-03,
    -1.327552537e-03,
    3.434214775e-03,
    -6.559611122e-03,
    9.778363972e-03,
    -1.404462636e-02,
    1.960924145e-02,
    -2.572616741e-02,
    3.212124563e-02,
    -3.920893922e-02,
    4.849937680e-02,
    -6.532799280e-02,
    1.309281141e-01,
];

/// From here on the coarse Φ is 1 to within 5e-7, and below the negative 0.
const COARSE_GELU_LARGEST: f32 = 3.9;

/// Coefficients of `(Φ(x) - 1/2) / x` in `x²`, highest power first.
///
/// # Source
/// Fitted by `gelu_coefficients.py` at the root of this crate; error of `x · Φ(x)` 1.9e-4.
const COARSE_GELU: [f32; 7] = [
    2.842738328e-08,
    -1.888410189e-06,
    5.378636168e-05,
    -8.720473489e-04,
    9.067815774e-03,
    -6.528168492e-02,
    3.984812812e-01,
];

/// `exp(x)` for `x <= 0`, exactly 0 from -87 down; NaN for NaN.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let lowest = simd.splat(LOWEST_EXPONENT);
    let is_lower = simd.sub(lowest, x);
    let x = simd.max(lowest, x);
    let exponent = simd.round(simd.mul(x, simd.splat(LOG2_E)));
    let r = simd.mul_add(exponent, simd.splat(-LN_2_HIGH), x);
    let r = simd.mul_add(exponent, simd.splat(-LN_2_LOW), r);
    let curved = polynomial(simd, &EXP, r);
    let linear = simd.add(r, simd.splat(1.0));
    let power = simd.scale(simd.mul_add(curved, simd.mul(r, r), linear), exponent);
    simd.select(is_lower, simd.splat(0.0), power)
}

/// `x · Φ(x)` with the normal distribution function Φ in its exact form; NaN for NaN.
///
/// BERT's activation. The form with `tanh` is another function, 1e-3 away.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let one = simd.splat(1.0);
    // The factor is bounded too where Φ is nearly 0, or what it lacks to 0 would grow with it.
    let factor = simd.max(simd.splat(-GELU_LARGEST), x);
    let x = simd.min(simd.splat(GELU_LARGEST), factor);
    let scale = simd.splat(2.0 / (GELU_LARGEST * GELU_LARGEST));
    let place = simd.sub(simd.mul(simd.mul(x, x), scale), one);
    let phi = simd.mul_add(x, polynomial(simd, &GELU, place), simd.splat(0.5));
    simd.mul(factor, phi)
}

/// [`gelu`] with an error of 2e-4, in half the time: for numbers that were or will be rounded to a byte, which is
/// a hundred times as coarse.
#[inline(always)]
pub(crate) fn coarse_gelu<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let factor = simd.max(simd.splat(-COARSE_GELU_LARGEST), x);
    let x = simd.min(simd.splat(COARSE_GELU_LARGEST), factor);
    let slope = polynomial(simd, &COARSE_GELU, simd.mul(x, x));
    simd.mul(factor, simd.mul_add(x, slope, simd.splat(0.5)))
}

/// The value at `x` of the polynomial with these coefficients, highest power first.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, coefficients: &[f32; N], x: S::F32) -> S::F32 {
    let mut value = simd.splat(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        value = simd.mul_add(value, x, simd.splat(coefficient));
    }
    value
}

/// The same functions in double precision.
#[cfg(test)]
pub(crate) mod plain {
    use std::f64::consts::{FRAC_1_SQRT_2, PI};

    pub(crate) fn gelu(x: f64) -> f64 {
        x * 0.5 * (1.0 + erf(x * FRAC_1_SQRT_2))
    }

    /// By the series `2/√π · exp(-x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1))`: its terms have one sign.
    pub(crate) fn erf(x: f64) -> f64 {
        if x.abs() > 6.0 {
            return x.signum();
        }
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        2.0 / PI.sqrt() * (-x * x).exp() * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction_set::isas;
    use crate::simd::{Kernel, MAX_LANES};

    /// Applies all functions to all numbers; as many numbers as fill vectors.
    struct Functions<'a>(&'a [f32]);

    impl Kernel for Functions<'_> {
        type Output = Vec<[f32; 3]>;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Self::Output {
            let mut values = Vec::new();
            for numbers in self.0.chunks_exact(S::LANES) {
                let x = simd.load(numbers);
                let all = [exp(simd, x), gelu(simd, x), coarse_gelu(simd, x)];
                let all = all.map(|value| simd.lanes(value));
                values.extend((0..S::LANES).map(|lane| all.map(|lanes| lanes[lane])));
            }
            values
        }
    }

    #[test]
    fn exp_is_exact_to_the_last_bits() {
        let numbers: Vec<f32> = (0..87 * 64).map(|i| i as f32 / -64.0).collect();
        for isa in isas() {
            for (x, [exp, ..]) in numbers.iter().zip(isa.run(Functions(&numbers))) {
                let expected = f64::from(*x).exp();
                assert!((f64::from(exp) / expected - 1.0).abs() < 3e-7, "exp({x})");
            }
        }
    }

    #[test]
    fn exp_of_a_very_small_number_is_0() {
        let numbers = [-1e3, f32::MIN, f32::NEG_INFINITY, -87.5].repeat(4);
        for isa in isas() {
            let values = isa.run(Functions(&numbers));
            assert!(values.iter().all(|[exp, ..]| *exp == 0.0));
        }
    }

    #[test]
    fn what_is_no_number_stays_so() {
        for isa in isas() {
            let values = isa.run(Functions(&[f32::NAN; MAX_LANES]));
            assert!(values.iter().flatten().all(|value| value.is_nan()));
        }
    }

    #[test]
    fn gelu_of_large_numbers_is_the_number_or_0() {
        let numbers = [6.0, 100.0, 1e30, f32::INFINITY].repeat(4);
        for isa in isas() {
            for (x, [_, gelu, coarse]) in numbers.iter().zip(isa.run(Functions(&numbers))) {
                assert!(
                    gelu == *x || (gelu / x - 1.0).abs() < 2e-7,
                    "gelu({x}): {gelu}"
                );
                assert!(coarse == *x || (coarse / x - 1.0).abs() < 1e-6, "{coarse}");
            }
            let negative: Vec<f32> = numbers.iter().map(|x| -x).collect();
            for [_, gelu, coarse] in isa.run(Functions(&negative)) {
                assert!(gelu.abs() < 5e-7 && coarse.abs() < 5e-6, "{gelu} {coarse}");
            }
        }
    }

    #[test]
    fn gelu_is_the_exact_form() {
        let numbers: Vec<f32> = (-12 * 128..12 * 128).map(|i| i as f32 / 128.0).collect();
        for isa in isas() {
            for (x, [_, gelu, coarse]) in numbers.iter().zip(isa.run(Functions(&numbers))) {
                let expected = plain::gelu(f64::from(*x));
                assert!((f64::from(coarse) - expected).abs() < 2e-4, "{x}: {coarse}");
                let error = f64::from(gelu) - expected;
                assert!(
                    error.abs() < 5e-7 * f64::from(x.abs()).max(1.0),
                    "gelu({x}): {error}"
                );
            }
        }
    }
}
