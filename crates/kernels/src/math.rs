//! Functions of a vector that no processor has as an instruction.

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

use crate::simd::Simd;

/// ln 2 in two parts; the first has so few bits that its products with exponents are exact.
const LN_2_HIGH: f32 = 0.693359375;
const LN_2_LOW: f32 = -2.12194440e-4;

/// Below this the power of two leaves the range of normal numbers; `exp` there is under 2e-38.
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

/// Coefficients of `erfc(z) · exp(z²)` in `t = 1 / (1 + pz)`, highest power first, without constant.
///
/// # Source
/// Abramowitz and Stegun, formula 7.1.26; absolute error of `erf` under 1.5e-7.
const ERFC: [f32; 5] = [
    1.061405429,
    -1.453152027,
    1.421413741,
    -0.284496736,
    0.254829592,
];
const ERFC_P: f32 = 0.3275911;

/// `exp(x)` for `x <= 0`.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let x = simd.max(x, simd.splat(LOWEST_EXPONENT));
    let exponent = simd.round(simd.mul(x, simd.splat(LOG2_E)));
    let r = simd.mul_add(exponent, simd.splat(-LN_2_HIGH), x);
    let r = simd.mul_add(exponent, simd.splat(-LN_2_LOW), r);
    let curved = polynomial(simd, &EXP, r);
    let linear = simd.add(r, simd.splat(1.0));
    simd.scale(simd.mul_add(curved, simd.mul(r, r), linear), exponent)
}

/// `x · Φ(x)` with the normal distribution function Φ in its exact form, by `erf`.
///
/// BERT's activation. The form with `tanh` is another function, 1e-3 away.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let zero = simd.splat(0.0);
    let one = simd.splat(1.0);
    let z = simd.mul(simd.max(x, simd.sub(zero, x)), simd.splat(FRAC_1_SQRT_2));
    let t = simd.div(one, simd.mul_add(z, simd.splat(ERFC_P), one));
    let series = simd.mul(polynomial(simd, &ERFC, t), t);
    let gauss = exp(simd, simd.sub(zero, simd.mul(z, z)));
    let half_erfc = simd.mul(simd.mul(series, gauss), simd.splat(0.5));
    let phi = simd.select(x, simd.sub(one, half_erfc), half_erfc);
    simd.mul(x, phi)
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
    use crate::simd::Kernel;

    /// Applies both functions to all numbers; as many numbers as fill vectors.
    struct Functions<'a>(&'a [f32]);

    impl Kernel for Functions<'_> {
        type Output = Vec<[f32; 2]>;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Self::Output {
            let mut values = Vec::new();
            for numbers in self.0.chunks_exact(S::LANES) {
                let x = simd.load(numbers);
                let (exp, gelu) = (simd.lanes(exp(simd, x)), simd.lanes(gelu(simd, x)));
                values.extend((0..S::LANES).map(|lane| [exp[lane], gelu[lane]]));
            }
            values
        }
    }

    #[test]
    fn exp_is_exact_to_the_last_bits() {
        let numbers: Vec<f32> = (0..87 * 64).map(|i| i as f32 / -64.0).collect();
        for isa in isas() {
            for (x, [exp, _]) in numbers.iter().zip(isa.run(Functions(&numbers))) {
                let expected = f64::from(*x).exp();
                assert!((f64::from(exp) / expected - 1.0).abs() < 3e-7, "exp({x})");
            }
        }
    }

    #[test]
    fn exp_of_a_very_small_number_is_next_to_0() {
        let numbers = [-1e3, f32::MIN, f32::NEG_INFINITY, -87.5].repeat(4);
        for isa in isas() {
            let values = isa.run(Functions(&numbers));
            assert!(values.iter().all(|[exp, _]| (0.0..2e-38).contains(exp)));
        }
    }

    #[test]
    fn gelu_is_the_exact_form() {
        let numbers: Vec<f32> = (-12 * 128..12 * 128).map(|i| i as f32 / 128.0).collect();
        for isa in isas() {
            for (x, [_, gelu]) in numbers.iter().zip(isa.run(Functions(&numbers))) {
                let error = f64::from(gelu) - plain::gelu(f64::from(*x));
                assert!(
                    error.abs() < 5e-7 * f64::from(x.abs()).max(1.0),
                    "gelu({x}): {error}"
                );
            }
        }
    }
}
