//! Functions of whole slices, for code beside the encoder, in the best instruction set.
//!
//! The results of a number depend on that number alone, those of a row on that row alone: a slice may
//! be cut anywhere, or between rows, and shared out to threads.

use crate::InstructionSet;
use crate::math;
use crate::rows::{padded, softmax_row};
use crate::simd::{Isa, Kernel, Simd};

/// Replaces each number `x` by `x · Φ(x)`, Φ being the normal distribution function: GELU in its exact
/// form, within 5e-7, or 5e-7 of the number where that is more. NaN stays NaN.
///
/// ```
/// let mut numbers = [-1.0, 0.0, 1.0];
/// ragdex_kernels::gelu(&mut numbers);
/// assert!((numbers[0] + 0.15865526).abs() < 1e-6);
/// ```
pub fn gelu(numbers: &mut [f32]) {
    best().run(Gelu(numbers));
}

/// Replaces each row of `width` numbers by its softmax; minus infinity becomes exactly 0.
///
/// A row whose numbers are all minus infinity, or hold NaN, becomes NaN.
///
/// # Panics
/// When `width` is 0 or does not divide the length of `rows`.
pub fn softmax_rows(rows: &mut [f32], width: usize) {
    assert_eq!(rows.len() % width, 0, "numbers beside rows of {width}");
    best().run(SoftmaxRows { rows, width });
}

fn best() -> Isa {
    let best = Isa::detect(InstructionSet::best());
    best.expect("the processor has its best instruction set")
}

/// Applies GELU in place.
struct Gelu<'a>(&'a mut [f32]);

impl Kernel for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut chunks = self.0.chunks_exact_mut(S::LANES);
        for chunk in &mut chunks {
            simd.store(math::gelu(simd, simd.load(chunk)), chunk);
        }
        let tail = chunks.into_remainder();
        let lanes = simd.lanes(math::gelu(simd, simd.load(&padded(tail, 0.0))));
        tail.copy_from_slice(&lanes[..tail.len()]);
    }
}

struct SoftmaxRows<'a> {
    rows: &'a mut [f32],
    width: usize,
}

impl Kernel for SoftmaxRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for row in self.rows.chunks_exact_mut(self.width) {
            let inverse = softmax_row(simd, row, 1.0);
            for power in row.iter_mut() {
                *power *= inverse;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction_set::isas;
    use crate::random::numbers;

    #[test]
    fn slices_may_be_cut_anywhere() {
        let input: Vec<f32> = numbers(50, 1).iter().map(|x| 9.0 * x).collect();
        for isa in isas() {
            let apply = |part: &[f32]| {
                let mut part = part.to_vec();
                isa.run(Gelu(&mut part));
                part
            };
            let whole = apply(&input);
            for cut in 0..=input.len() {
                let (left, right) = input.split_at(cut);
                assert_eq!([apply(left), apply(right)].concat(), whole);
            }
        }
    }
}
