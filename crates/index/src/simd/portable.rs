//! Arrays in place of vectors: for every processor, and the twin that tests compare with.

use std::array::from_fn;

use half::f16;

use super::{Kernel, SUMS, Simd};

const LANES: usize = 16;

/// No instructions beyond those the whole crate is compiled for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable;

impl Simd for Portable {
    const LANES: usize = LANES;
    const CODE_QUESTIONS: usize = 2;
    const NUMBER_QUESTIONS: usize = 1;

    type F32 = [f32; LANES];
    type I32 = [i32; LANES];
    type F64 = [f64; SUMS];

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F32 {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, source: &[f32]) -> Self::F32 {
        *source.first_chunk().expect("a vector's worth of numbers")
    }

    #[inline(always)]
    fn load_f16(self, source: &[f16]) -> Self::F32 {
        let source: &[f16; LANES] = source.first_chunk().expect("a vector's worth of numbers");
        source.map(f16::to_f32)
    }

    #[inline(always)]
    fn load_bytes(self, source: &[u8]) -> Self::F32 {
        words(source).map(f32::from_le_bytes)
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        from_fn(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        from_fn(|lane| a[lane] * b[lane] + c[lane])
    }

    #[inline(always)]
    fn sum(self, value: Self::F32) -> f32 {
        value.iter().sum()
    }

    #[inline(always)]
    #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN is not below")]
    fn not_below(self, a: Self::F32, b: Self::F32) -> u32 {
        let bits = (0..LANES).map(|lane| u32::from(!(a[lane] < b[lane])) << lane);
        bits.sum()
    }

    #[inline(always)]
    fn splat_i32(self, value: i32) -> Self::I32 {
        [value; LANES]
    }

    #[inline(always)]
    fn load_codes(self, source: &[u8]) -> Self::I32 {
        words(source).map(i32::from_le_bytes)
    }

    #[inline(always)]
    fn store_i32(self, value: Self::I32, destination: &mut [i32]) {
        destination[..LANES].copy_from_slice(&value);
    }

    #[inline(always)]
    fn dot4(self, sum: Self::I32, unsigned: Self::I32, signed: Self::I32) -> Self::I32 {
        from_fn(|lane| {
            let (unsigned, signed) = (unsigned[lane], signed[lane]);
            let product = |byte: u32| {
                let shift = 8 * byte;
                (unsigned >> shift & 0xff) * (signed << (24 - shift) >> 24)
            };
            sum[lane] + product(0) + product(1) + product(2) + product(3)
        })
    }

    #[inline(always)]
    fn convert(self, value: Self::I32) -> Self::F32 {
        value.map(|value| value as f32)
    }

    #[inline(always)]
    fn no_sums(self) -> Self::F64 {
        [0.0; SUMS]
    }

    #[inline(always)]
    fn widen(self, numbers: &[f32; SUMS]) -> Self::F64 {
        numbers.map(f64::from)
    }

    #[inline(always)]
    fn widen_f16(self, numbers: &[f16; SUMS]) -> Self::F64 {
        numbers.map(f16::to_f64)
    }

    #[inline(always)]
    fn add_products(self, sums: Self::F64, a: &[f64; SUMS], b: Self::F64) -> Self::F64 {
        from_fn(|lane| sums[lane] + a[lane] * b[lane])
    }

    #[inline(always)]
    fn sums(self, value: Self::F64) -> [f64; SUMS] {
        value
    }

    #[inline(always)]
    fn prefetch<T>(self, _: &[T], _: usize) {}
}

/// The first `LANES` runs of four bytes.
#[inline(always)]
fn words(source: &[u8]) -> [[u8; 4]; LANES] {
    let (words, _) = source.as_chunks();
    *words.first_chunk().expect("a vector's worth of bytes")
}
