//! AVX2 with fused multiply-add: eight numbers a vector, 16 registers.

#[allow(
    clippy::wildcard_imports,
    reason = "the names of some thirty instructions"
)]
use std::arch::x86_64::*;
use std::fmt::Debug;
use std::marker::PhantomData;

use half::f16;

use super::{Kernel, SUMS, Simd};

/// How bytes are multiplied: the one thing in which processors with AVX2 differ here.
pub(crate) trait ByteProducts256: Copy + Debug {
    /// Questions of the widest tile.
    const QUESTIONS: usize;
    /// Whether this processor has the instructions beyond those of [`Avx2`].
    fn is_detected() -> bool;
    fn vectorize<K: Kernel>(simd: Avx2<Self>, kernel: K) -> K::Output;
    fn dot4(simd: Avx2<Self>, sum: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i;
}

/// Witness of AVX2, FMA and F16C, and of what `P` needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2<P>(PhantomData<P>);

impl<P: ByteProducts256> Avx2<P> {
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

impl ByteProducts256 for AvxVnni {
    // 8 accumulators, two vectors of rows, one broadcast.
    const QUESTIONS: usize = 4;

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

impl ByteProducts256 for MultiplyAdd256 {
    // 8 accumulators, two vectors of rows as even and odd halves, and what is between.
    const QUESTIONS: usize = 4;

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

    /// Not by `maddubs`, whose 16-bit sums saturate.
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

impl<P: ByteProducts256> Simd for Avx2<P> {
    const LANES: usize = 8;
    const CODE_QUESTIONS: usize = P::QUESTIONS;
    // 8 accumulators, two questions, one row.
    const NUMBER_QUESTIONS: usize = 2;

    type F32 = __m256;
    type I32 = __m256i;
    type F64 = [__m256d; 4];

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        P::vectorize(self, kernel)
    }

    on_registers! {
        splat(value: f32) -> __m256 = _mm256_set1_ps(value);
        mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        mul_add(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
        sum(value: __m256) -> f32 = {
            let half = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps::<1>(value));
            let pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
            _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)))
        };
        not_below(a: __m256, b: __m256) -> u32 =
            _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(a, b)) as u32;
        splat_i32(value: i32) -> __m256i = _mm256_set1_epi32(value);
        convert(value: __m256i) -> __m256 = _mm256_cvtepi32_ps(value);
        no_sums() -> [__m256d; 4] = [_mm256_setzero_pd(); 4];
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
    fn load_bytes(self, source: &[u8]) -> __m256 {
        let source: &[u8; 32] = source.first_chunk().expect("a vector's worth of numbers");
        // SAFETY: 32 readable bytes, and `self` exists only where AVX2 does.
        unsafe { _mm256_loadu_ps(source.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_codes(self, source: &[u8]) -> __m256i {
        let source: &[u8; 32] = source.first_chunk().expect("a vector's worth of codes");
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
    fn widen(self, numbers: &[f32; SUMS]) -> [__m256d; 4] {
        // SAFETY: `self` exists only where AVX2 does.
        unsafe { quarters([self.load(numbers), self.load(&numbers[8..])]) }
    }

    #[inline(always)]
    fn widen_f16(self, numbers: &[f16; SUMS]) -> [__m256d; 4] {
        // SAFETY: `self` exists only where AVX2 does.
        unsafe { quarters([self.load_f16(numbers), self.load_f16(&numbers[8..])]) }
    }

    #[inline(always)]
    fn add_products(self, sums: [__m256d; 4], a: &[f64; SUMS], b: [__m256d; 4]) -> [__m256d; 4] {
        let mut result = sums;
        for ((sum, a), b) in result.iter_mut().zip(a.as_chunks::<4>().0).zip(b) {
            // SAFETY: 32 readable bytes, and `self` exists only where AVX2 does.
            *sum = unsafe { _mm256_fmadd_pd(_mm256_loadu_pd(a.as_ptr()), b, *sum) };
        }
        result
    }

    #[inline(always)]
    fn sums(self, value: [__m256d; 4]) -> [f64; SUMS] {
        let mut sums = [0.0; SUMS];
        for (sums, value) in sums.as_chunks_mut::<4>().0.iter_mut().zip(value) {
            // SAFETY: 32 writable bytes, and `self` exists only where AVX2 does.
            unsafe { _mm256_storeu_pd(sums.as_mut_ptr(), value) }
        }
        sums
    }

    #[inline(always)]
    fn prefetch<T>(self, source: &[T], ahead: usize) {
        // SAFETY: SSE is part of x86-64, and a prefetch of any address has no effect but speed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(source.as_ptr().wrapping_add(ahead).cast()) }
    }
}

/// Four quarters in double precision.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn quarters([low, high]: [__m256; 2]) -> [__m256d; 4] {
    // SAFETY: promised by the caller.
    unsafe {
        [
            _mm256_cvtps_pd(_mm256_castps256_ps128(low)),
            _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(low)),
            _mm256_cvtps_pd(_mm256_castps256_ps128(high)),
            _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(high)),
        ]
    }
}
