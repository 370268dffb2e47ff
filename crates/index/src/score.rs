//! The inner product that decides.
//!
//! Products of two single-precision numbers are exact in `f64`; their sum is taken in a fixed order
//! over [`SUMS`] running sums. A score is therefore the same number on every processor, for every
//! thread count and batch, and within half a unit of its last place of the true inner product. Scores that would
//! differ only by the order of a single-precision sum are ties, and ties go by id.

use half::f16;

use crate::simd::{Isa, Kernel, SUMS, Simd};

/// A number that vectors are stored in.
pub(crate) trait Number: Copy + Default + Send + Sync {
    fn widen(self) -> f64;

    /// The first `LANES` numbers of `source` in single precision; panics when there are fewer.
    fn load<S: Simd>(simd: S, source: &[Self]) -> S::F32;

    /// Sixteen numbers in double precision.
    fn widen_all<S: Simd>(simd: S, numbers: &[Self; SUMS]) -> S::F64;
}

impl Number for f32 {
    fn widen(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, source: &[Self]) -> S::F32 {
        simd.load(source)
    }

    #[inline(always)]
    fn widen_all<S: Simd>(simd: S, numbers: &[Self; SUMS]) -> S::F64 {
        simd.widen(numbers)
    }
}

impl Number for f16 {
    fn widen(self) -> f64 {
        self.to_f64()
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, source: &[Self]) -> S::F32 {
        simd.load_f16(source)
    }

    #[inline(always)]
    fn widen_all<S: Simd>(simd: S, numbers: &[Self; SUMS]) -> S::F64 {
        simd.widen_f16(numbers)
    }
}

/// [`inner_product_by`] the best instruction set.
#[cfg(test)]
pub(crate) fn inner_product<T: Number>(question: &[f64], vector: &[T]) -> f32 {
    inner_product_by(Isa::best(), question, vector)
}

/// The inner product of a question and a stored vector of the same width, by the instruction set named; the
/// same bits by each. Rounded once at the end.
///
/// A result of -0 is returned as +0, so that zero scores are ties.
pub(crate) fn inner_product_by<T: Number>(isa: Isa, question: &[f64], vector: &[T]) -> f32 {
    isa.run(InnerProduct { question, vector })
}

struct InnerProduct<'a, T> {
    question: &'a [f64],
    vector: &'a [T],
}

impl<T: Number> Kernel for InnerProduct<'_, T> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (questions, question_tail) = self.question.as_chunks::<SUMS>();
        let (vectors, vector_tail) = self.vector.as_chunks::<SUMS>();
        let mut sums = simd.no_sums();
        for (question, vector) in questions.iter().zip(vectors) {
            sums = simd.add_products(sums, question, T::widen_all(simd, vector));
        }
        let mut sums = simd.sums(sums);
        for (lane, (q, v)) in question_tail.iter().zip(vector_tail).enumerate() {
            sums[lane] += q * v.widen();
        }
        let mut width = SUMS / 2;
        while width > 0 {
            for lane in 0..width {
                sums[lane] += sums[lane + width];
            }
            width /= 2;
        }
        sums[0] as f32 + 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_sums_every_product() {
        for dim in 1..70 {
            let question: Vec<f64> = (1..=dim).map(f64::from).collect();
            let vector = vec![2.0_f32; dim as usize];
            assert_eq!(inner_product(&question, &vector), (dim * (dim + 1)) as f32);
        }
    }

    #[test]
    fn cancellation_does_not_lose_the_small_term() {
        let question = [1e8, 1.0, -1e8];
        assert_eq!(inner_product(&question, &[1e8_f32, 1.0, 1e8]), 1.0);
    }

    #[test]
    fn negative_zero_is_zero() {
        assert!(inner_product(&[-1.0], &[0.0_f32]).is_sign_positive());
    }
}
