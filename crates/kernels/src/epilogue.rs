//! What happens to the sums of a product while they are still in registers.

use crate::math::{coarse_gelu, gelu};
use crate::simd::Simd;

/// Makes an output of a sum.
pub(crate) trait Epilogue: Copy {
    /// Returns what to write for sums of the columns from `column` on; `before` is what lies there.
    fn apply<S: Simd>(self, simd: S, sum: S::F32, column: usize, before: &[f32]) -> S::F32;
}

/// The sum itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw;

impl Epilogue for Raw {
    #[inline(always)]
    fn apply<S: Simd>(self, _: S, sum: S::F32, _: usize, _: &[f32]) -> S::F32 {
        sum
    }
}

/// What a linear map does with a sum that has its bias.
pub(crate) trait Finish: Copy + Send + Sync {
    /// Returns what to write; `before` is what lies there.
    fn finish<S: Simd>(self, simd: S, value: S::F32, before: &[f32]) -> S::F32;

    /// The same for a product of bytes, whose own rounding hides an error of 2e-4.
    #[inline(always)]
    fn finish_rounded<S: Simd>(self, simd: S, value: S::F32, before: &[f32]) -> S::F32 {
        self.finish(simd, value, before)
    }
}

/// The value itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Assign;

impl Finish for Assign {
    #[inline(always)]
    fn finish<S: Simd>(self, _: S, value: S::F32, _: &[f32]) -> S::F32 {
        value
    }
}

/// BERT's activation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gelu;

impl Finish for Gelu {
    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, value: S::F32, _: &[f32]) -> S::F32 {
        gelu(simd, value)
    }

    #[inline(always)]
    fn finish_rounded<S: Simd>(self, simd: S, value: S::F32, _: &[f32]) -> S::F32 {
        coarse_gelu(simd, value)
    }
}

/// Adds to what is there: a residual connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AddTo;

impl Finish for AddTo {
    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, value: S::F32, before: &[f32]) -> S::F32 {
        simd.add(value, simd.load(before))
    }
}

/// A bias for each column, then a finish.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Biased<'a, F> {
    pub(crate) bias: &'a [f32],
    pub(crate) finish: F,
}

impl<F: Finish> Epilogue for Biased<'_, F> {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, sum: S::F32, column: usize, before: &[f32]) -> S::F32 {
        let value = simd.add(sum, simd.load(&self.bias[column..]));
        self.finish.finish(simd, value, before)
    }
}
