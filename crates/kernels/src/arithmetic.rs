//! The number formats of a matrix product.

use half::f16;

use crate::simd::Simd;

/// How the elements of both sides of a product are held and multiplied. Sums are single precision.
pub(crate) trait Arithmetic {
    /// An element of the left side, the activations.
    type Left: Copy;
    /// An element of the right side, the weights.
    type Right: Copy;
    /// A vector of elements, ready to be multiplied.
    type Vector<S: Simd>: Copy;

    /// `element` in every lane.
    fn splat<S: Simd>(simd: S, element: Self::Left) -> Self::Vector<S>;
    /// The first lanes of `source`.
    fn load<S: Simd>(simd: S, source: &[Self::Right]) -> Self::Vector<S>;
    /// `a · b + sum`; where an element is several numbers, all their products.
    fn mul_add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, sum: S::F32) -> S::F32;
}

/// Single precision on both sides.
#[derive(Debug)]
pub(crate) struct Single;

impl Arithmetic for Single {
    type Left = f32;
    type Right = f32;
    type Vector<S: Simd> = S::F32;

    #[inline(always)]
    fn splat<S: Simd>(simd: S, element: f32) -> S::F32 {
        simd.splat(element)
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, source: &[f32]) -> S::F32 {
        simd.load(source)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::F32, b: S::F32, sum: S::F32) -> S::F32 {
        simd.mul_add(a, b, sum)
    }
}

/// Weights in half precision, widened when they are loaded.
///
/// A tile of many rows loads a weight once for all of them, so that this costs next to nothing.
#[derive(Debug)]
pub(crate) struct HalfWeights;

impl Arithmetic for HalfWeights {
    type Left = f32;
    type Right = f16;
    type Vector<S: Simd> = S::F32;

    #[inline(always)]
    fn splat<S: Simd>(simd: S, element: f32) -> S::F32 {
        simd.splat(element)
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, source: &[f16]) -> S::F32 {
        simd.load_f16(source)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::F32, b: S::F32, sum: S::F32) -> S::F32 {
        simd.mul_add(a, b, sum)
    }
}

/// Pairs of bfloat16 in words on both sides, the first in the lower half.
#[derive(Debug)]
pub(crate) struct Bf16Pairs;

impl Arithmetic for Bf16Pairs {
    type Left = i32;
    type Right = i32;
    type Vector<S: Simd> = S::I32;

    #[inline(always)]
    fn splat<S: Simd>(simd: S, element: i32) -> S::I32 {
        simd.splat_i32(element)
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, source: &[i32]) -> S::I32 {
        simd.load_i32(source)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::I32, b: S::I32, sum: S::F32) -> S::F32 {
        simd.dot2(sum, a, b)
    }
}
