//! AVX2 with fused multiply-add: eight numbers a vector, 16 registers.

#[allow(
    clippy::wildcard_imports,
    reason = "the names of some forty instructions"
)]
use std::arch::x86_64::*;
use std::fmt::Debug;
use std::marker::PhantomData;

use half::f16;

use super::{Kernel, MAX_LANES, Simd};

/// How a byte product is computed: the one thing in which processors with AVX2 differ.
pub(crate) trait ByteProduct256: Copy + Debug {
    /// Whether this processor has the instructions beyond those of [`Avx2`].
    fn is_detected() -> bool;
    fn vectorize<K: Kernel>(simd: Avx2<Self>, kernel: K) -> K::Output;
    fn dot4(simd: Avx2<Self>, sum: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i;
}

/// Witness of AVX2, FMA and F16C, and of what `P` needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2<P>(PhantomData<P>);

impl<P: ByteProduct256> Avx2<P> {
    /// The witness, if this processor has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
            && P::is_detected();
        detected.then_some(Self(PhantomData))
    }
}

/// One instruction for four bytes a lane: client processors from Alder Lake on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AvxVnni;

impl ByteProduct256 for AvxVnni {
    fn is_detected() -> bool {
        is_x86_feature_detected!("avxvnni")
    }

    #[inline(always)]
    fn vectorize<K: Kernel>(simd: Avx2<Self>, kernel: K) -> K::Output {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
        fn enabled<K: Kernel>(simd: Avx2<AvxVnni>, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `simd` exists only where `detect` found these features.
        unsafe { enabled(simd, kernel) }
    }

    #[inline(always)]
    fn dot4(_: Avx2<Self>, sum: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i {
        // SAFETY: the witness exists only where `detect` found AVX-VNNI.
        unsafe { _mm256_dpbusd_avx_epi32(sum, unsigned, signed) }
    }
}

/// Products of 16-bit halves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MultiplyAdd256;

impl ByteProduct256 for MultiplyAdd256 {
    fn is_detected() -> bool {
        true
    }

    #[inline(always)]
    fn vectorize<K: Kernel>(simd: Avx2<Self>, kernel: K) -> K::Output {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma,f16c")]
        fn enabled<K: Kernel>(simd: Avx2<MultiplyAdd256>, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `simd` exists only where `detect` found these features.
        unsafe { enabled(simd, kernel) }
    }

    #[inline(always)]
    fn dot4(_: Avx2<Self>, sum: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i {
        // SAFETY: the witness exists only where `detect` found AVX2.
        unsafe {
            let even = _mm256_madd_epi16(
                _mm256_and_si256(unsigned, _mm256_set1_epi16(0xff)),
                _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(signed)),
            );
            let odd = _mm256_madd_epi16(
                _mm256_srli_epi16::<8>(unsigned),
                _mm256_srai_epi16::<8>(signed),
            );
            _mm256_add_epi32(sum, _mm256_add_epi32(even, odd))
        }
    }
}

impl<P: ByteProduct256> Simd for Avx2<P> {
    const LANES: usize = 8;
    // 12 accumulators, two weight vectors, one broadcast: 15 of 16 registers.
    const TILE_ROWS: usize = 6;

    type F32 = __m256;
    type I32 = __m256i;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        P::vectorize(self, kernel)
    }

    on_registers! {
        splat(value: f32) -> __m256 = _mm256_set1_ps(value);
        add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
        sub(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
        mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        mul_add(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
        max(a: __m256, b: __m256) -> __m256 = _mm256_max_ps(a, b);
        min(a: __m256, b: __m256) -> __m256 = _mm256_min_ps(a, b);
        round(value: __m256) -> __m256 =
            _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(value);
        scale(value: __m256, exponent: __m256) -> __m256 = {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(exponent), _mm256_set1_epi32(127));
            _mm256_mul_ps(value, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
        };
        select(condition: __m256, positive: __m256, negative: __m256) -> __m256 =
            _mm256_blendv_ps(
                negative,
                positive,
                _mm256_cmp_ps::<_CMP_GE_OQ>(condition, _mm256_setzero_ps()),
            );
        splat_i32(value: i32) -> __m256i = _mm256_set1_epi32(value);
        add_i32(a: __m256i, b: __m256i) -> __m256i = _mm256_add_epi32(a, b);
        convert(value: __m256i) -> __m256 = _mm256_cvtepi32_ps(value);
        bits(value: __m256) -> __m256i = _mm256_castps_si256(value);
        of_bits(bits: __m256i) -> __m256 = _mm256_castsi256_ps(bits);
        transpose(rows: [__m256i; MAX_LANES]) -> [__m256i; MAX_LANES] = {
            let mut pairs = rows;
            for at in [0, 2, 4, 6] {
                pairs[at] = _mm256_unpacklo_epi32(rows[at], rows[at + 1]);
                pairs[at + 1] = _mm256_unpackhi_epi32(rows[at], rows[at + 1]);
            }
            // `fours[at + i]` holds columns i and i + 4 of the rows from `at` on.
            let mut fours = pairs;
            for at in [0, 4] {
                fours[at] = _mm256_unpacklo_epi64(pairs[at], pairs[at + 2]);
                fours[at + 1] = _mm256_unpackhi_epi64(pairs[at], pairs[at + 2]);
                fours[at + 2] = _mm256_unpacklo_epi64(pairs[at + 1], pairs[at + 3]);
                fours[at + 3] = _mm256_unpackhi_epi64(pairs[at + 1], pairs[at + 3]);
            }
            let mut columns = fours;
            for at in 0..4 {
                columns[at] = _mm256_permute2x128_si256::<0x20>(fours[at], fours[at + 4]);
                columns[at + 4] = _mm256_permute2x128_si256::<0x31>(fours[at], fours[at + 4]);
            }
            columns
        };
        dot2(sum: __m256, a: __m256i, b: __m256i) -> __m256 = {
            let low = |words| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(words));
            let mask = _mm256_set1_epi32(0xffff_0000_u32 as i32);
            let high = |words| _mm256_castsi256_ps(_mm256_and_si256(words, mask));
            _mm256_fmadd_ps(high(a), high(b), _mm256_fmadd_ps(low(a), low(b), sum))
        };
    }

    #[inline(always)]
    fn dot4(self, sum: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i {
        P::dot4(self, sum, unsigned, signed)
    }

    #[inline(always)]
    fn load(self, source: &[f32]) -> __m256 {
        let source: &[f32; 8] = source.first_chunk().expect("a vector's worth of numbers");
        // SAFETY: 32 readable bytes, and `self` exists only where AVX2 does.
        unsafe { _mm256_loadu_ps(source.as_ptr()) }
    }

    #[inline(always)]
    fn load_f16(self, source: &[f16]) -> __m256 {
        let source: &[f16; 8] = source.first_chunk().expect("a vector's worth of numbers");
        // SAFETY: 16 readable bytes, and `self` exists only where F16C does.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(source.as_ptr().cast())) }
    }

    #[inline(always)]
    fn store(self, value: __m256, destination: &mut [f32]) {
        let destination: &mut [f32; 8] = destination
            .first_chunk_mut()
            .expect("room for a vector of numbers");
        // SAFETY: 32 writable bytes, and `self` exists only where AVX2 does.
        unsafe { _mm256_storeu_ps(destination.as_mut_ptr(), value) }
    }

    #[inline(always)]
    fn load_i32(self, source: &[i32]) -> __m256i {
        let source: &[i32; 8] = source.first_chunk().expect("a vector's worth of integers");
        // SAFETY: 32 readable bytes, and `self` exists only where AVX2 does.
        unsafe { _mm256_loadu_si256(source.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_i32(self, value: __m256i, destination: &mut [i32]) {
        let destination: &mut [i32; 8] = destination
            .first_chunk_mut()
            .expect("room for a vector of integers");
        // SAFETY: 32 writable bytes, and `self` exists only where AVX2 does.
        unsafe { _mm256_storeu_si256(destination.as_mut_ptr().cast(), value) }
    }

    #[inline(always)]
    fn store_bytes(self, value: __m256, words: &mut [i32]) -> __m256i {
        // SAFETY: registers only, and `self` exists only where AVX2 does.
        unsafe {
            let integers = _mm256_cvtps_epi32(value);
            let lowest = _mm256_set1_epi32(0x0c08_0400);
            let bytes = _mm256_shuffle_epi8(integers, lowest);
            words[..2].copy_from_slice(&[
                _mm256_extract_epi32::<0>(bytes),
                _mm256_extract_epi32::<4>(bytes),
            ]);
            integers
        }
    }

    #[inline(always)]
    fn prefetch<T>(self, source: &[T], ahead: usize) {
        // SAFETY: SSE is part of x86-64, and a prefetch of any address has no effect but speed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(source.as_ptr().wrapping_add(ahead).cast()) }
    }
}
