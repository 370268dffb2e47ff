//! Arrays in place of vectors: for every processor, and the twin that tests compare with.

use std::array::from_fn;

use half::f16;

use super::{Kernel, MAX_LANES, Simd};

const LANES: usize = 8;

/// Whether a fused multiply-add is one instruction; elsewhere it would be a function call.
const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

/// No instructions beyond those the whole crate is compiled for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable;

impl Simd for Portable {
    const LANES: usize = LANES;
    // Sixteen columns take four 128-bit registers: six rows fill the 32 registers of NEON, two the
    // 16 of SSE2.
    const TILE_ROWS: usize = if cfg!(target_arch = "aarch64") { 6 } else { 2 };

    type F32 = [f32; LANES];
    type I32 = [i32; LANES];

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
        source.map(widen)
    }

    #[inline(always)]
    fn store(self, value: Self::F32, destination: &mut [f32]) {
        destination[..LANES].copy_from_slice(&value);
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        from_fn(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        from_fn(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        from_fn(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        if FUSED {
            from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
        } else {
            from_fn(|lane| a[lane] * b[lane] + c[lane])
        }
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        from_fn(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        from_fn(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn round(self, value: Self::F32) -> Self::F32 {
        // Numbers of this size have no fraction: adding one rounds, and takes two instructions.
        const INTEGRAL: f32 = 12_582_912.0;
        from_fn(|lane| (value[lane] + INTEGRAL) - INTEGRAL)
    }

    #[inline(always)]
    fn scale(self, value: Self::F32, exponent: Self::F32) -> Self::F32 {
        from_fn(|lane| {
            let exponent = exponent[lane] as i32;
            value[lane] * f32::from_bits(((exponent + 127) << 23) as u32)
        })
    }

    #[inline(always)]
    fn select(self, condition: Self::F32, positive: Self::F32, negative: Self::F32) -> Self::F32 {
        from_fn(|lane| {
            if condition[lane] >= 0.0 {
                positive[lane]
            } else {
                negative[lane]
            }
        })
    }

    #[inline(always)]
    fn splat_i32(self, value: i32) -> Self::I32 {
        [value; LANES]
    }

    #[inline(always)]
    fn load_i32(self, source: &[i32]) -> Self::I32 {
        *source.first_chunk().expect("a vector's worth of integers")
    }

    #[inline(always)]
    fn store_i32(self, value: Self::I32, destination: &mut [i32]) {
        destination[..LANES].copy_from_slice(&value);
    }

    #[inline(always)]
    fn add_i32(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        from_fn(|lane| a[lane].wrapping_add(b[lane]))
    }

    #[inline(always)]
    fn dot4(self, sum: Self::I32, unsigned: Self::I32, signed: Self::I32) -> Self::I32 {
        from_fn(|lane| {
            let pairs = unsigned[lane]
                .to_le_bytes()
                .into_iter()
                .zip(signed[lane].to_le_bytes());
            pairs.fold(sum[lane], |sum, (a, b)| {
                sum.wrapping_add(i32::from(a) * i32::from(b as i8))
            })
        })
    }

    #[inline(always)]
    fn dot2(self, sum: Self::F32, a: Self::I32, b: Self::I32) -> Self::F32 {
        let low = |words: Self::I32| words.map(|word| f32::from_bits((word as u32) << 16));
        let high = |words: Self::I32| words.map(|word| f32::from_bits(word as u32 & 0xffff_0000));
        self.mul_add(high(a), high(b), self.mul_add(low(a), low(b), sum))
    }

    #[inline(always)]
    fn bits(self, value: Self::F32) -> Self::I32 {
        value.map(|value| value.to_bits() as i32)
    }

    #[inline(always)]
    fn of_bits(self, bits: Self::I32) -> Self::F32 {
        bits.map(|bits| f32::from_bits(bits as u32))
    }

    #[inline(always)]
    fn transpose(self, rows: [Self::I32; MAX_LANES]) -> [Self::I32; MAX_LANES] {
        let mut columns = [[0; LANES]; MAX_LANES];
        for (lane, row) in rows[..LANES].iter().enumerate() {
            for (column, &number) in columns.iter_mut().zip(row) {
                column[lane] = number;
            }
        }
        columns
    }

    #[inline(always)]
    fn convert(self, value: Self::I32) -> Self::F32 {
        value.map(|value| value as f32)
    }

    #[inline(always)]
    fn store_bytes(self, value: Self::F32, words: &mut [i32]) -> Self::I32 {
        let integers = self.round(value).map(|value| value as i32);
        for (word, four) in words[..LANES / 4].iter_mut().zip(integers.chunks_exact(4)) {
            *word = i32::from_le_bytes(from_fn(|byte| four[byte] as u8));
        }
        integers
    }

    #[inline(always)]
    fn prefetch<T>(self, _: &[T], _: usize) {}
}

/// A finite number in single precision, by operations that the compiler makes vectors of.
#[inline(always)]
fn widen(number: f16) -> f32 {
    /// What the exponents of both formats differ by. Multiplying is exact for the smallest numbers
    /// too, whose leading bit is not 1.
    const BIAS: f32 = f32::from_bits((127 + 127 - 15) << 23);
    let bits = u32::from(number.to_bits());
    let magnitude = f32::from_bits((bits & 0x7fff) << 13) * BIAS;
    f32::from_bits(magnitude.to_bits() | (bits & 0x8000) << 16)
}
