//! The inner product that decides.
//!
//! Products of two single-precision numbers are exact in `f64`; their sum is taken in a fixed order
//! over [`LANES`] running sums. A score is therefore the same number on every processor, for every
//! thread count and batch, and within half a unit of its last place of the true inner product. Scores that would
//! differ only by the order of a single-precision sum are ties, and ties go by id.

use half::f16;

/// Independent running sums: enough for two 512-bit registers of `f64`.
const LANES: usize = 16;

/// A number that vectors are stored in.
pub(crate) trait Number: Copy + Send + Sync {
    fn widen(self) -> f64;
}

impl Number for f32 {
    fn widen(self) -> f64 {
        f64::from(self)
    }
}

impl Number for f16 {
    fn widen(self) -> f64 {
        self.to_f64()
    }
}

/// The inner product of a question and a stored vector of the same width, rounded once at the end.
///
/// A result of -0 is returned as +0, so that zero scores are ties.
pub(crate) fn inner_product<T: Number>(question: &[f64], vector: &[T]) -> f32 {
    let mut sums = [0.0; LANES];
    let (questions, question_tail) = question.as_chunks::<LANES>();
    let (vectors, vector_tail) = vector.as_chunks::<LANES>();
    for (q, v) in questions.iter().zip(vectors) {
        for lane in 0..LANES {
            sums[lane] += q[lane] * v[lane].widen();
        }
    }
    for (lane, (q, v)) in question_tail.iter().zip(vector_tail).enumerate() {
        sums[lane] += q * v.widen();
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0] as f32 + 0.0
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
