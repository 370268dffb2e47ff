//! AVX-512: sixteen numbers a vector, 32 registers.

#[allow(
    clippy::wildcard_imports,
    reason = "the names of some thirty instructions"
)]
use std::arch::x86_64::*;
use std::fmt::Debug;
use std::marker::PhantomData;

use half::f16;

use super::{Kernel, SUMS, Simd};

/// How bytes are multiplied: the one thing in which processors with AVX-512 differ here.
pub(crate) trait ByteProducts512: Copy + Debug {
    /// Whether this processor has the instructions beyond those of [`Avx512`].
    fn is_detected() -> bool;
    fn vectorize<K: Kernel>(simd: Avx512<Self>, kernel: K) -> K::Output;
    fn dot4(simd: Avx512<Self>, sum: __m512i, unsigned: __m512i, signed: __m512i) -> __m512i;
}

/// Witness of AVX-512 F, BW, DQ and VL, of FMA, and of what `P` needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512<P>(PhantomData<P>);

impl<P: ByteProducts512> Avx512<P> {
    /// The witness, if this processor has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("fma")
            && P::is_detected();
        detected.then_some(Self(PhantomData))
    }
}

/// One instruction for four bytes a lane: Cascade Lake, Zen 4 and later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vnni512;

impl ByteProducts512 for Vnni512 {
    fn is_detected() -> bool {
        is_x86_feature_detected!("avx512vnni")
    }

    #[inline(always)]
    fn vectorize<K: Kernel>(simd: Avx512<Self>, kernel: K) -> K::Output {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
        fn enabled<K: Kernel>(simd: Avx512<Vnni512>, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `simd` exists only where `detect` found these features.
        unsafe { enabled(simd, kernel) }
    }

    #[inline(always)]
    fn dot4(_: Avx512<Self>, sum: __m512i, unsigned: __m512i, signed: __m512i) -> __m512i {
        // SAFETY: the witness exists only where `detect` found AVX-512 VNNI.
        unsafe { _mm512_dpbusd_epi32(sum, unsigned, signed) }
    }
}

/// Products of 16-bit halves: Skylake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MultiplyAdd512;

impl ByteProducts512 for MultiplyAdd512 {
    fn is_detected() -> bool {
        true
    }

    #[inline(always)]
    fn vectorize<K: Kernel>(simd: Avx512<Self>, kernel: K) -> K::Output {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
        fn enabled<K: Kernel>(simd: Avx512<MultiplyAdd512>, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `simd` exists only where `detect` found these features.
        unsafe { enabled(simd, kernel) }
    }

    /// Not by `maddubs`, whose 16-bit sums saturate.
    #[inline(always)]
    fn dot4(_: Avx512<Self>, sum: __m512i, unsigned: __m512i, signed: __m512i) -> __m512i {
        // SAFETY: the witness exists only where `detect` found AVX-512 BW.
        unsafe {
            let even = _mm512_madd_epi16(
                _mm512_and_si512(unsigned, _mm512_set1_epi16(0xff)),
                _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(signed)),
            );
            let odd = _mm512_madd_epi16(
                _mm512_srli_epi16::<8>(unsigned),
                _mm512_srai_epi16::<8>(signed),
            );
            _mm512_add_epi32(sum, _mm512_add_epi32(even, odd))
        }
    }
}

impl<P: ByteProducts512> Simd for Avx512<P> {
    const LANES: usize = 16;
    // 24 accumulators, two vectors of rows, one broadcast: 27 of 32 registers.
    const CODE_QUESTIONS: usize = 12;
    // 16 accumulators, four questions, one row.
    const NUMBER_QUESTIONS: usize = 4;

    type F32 = __m512;
    type I32 = __m512i;
    type F64 = [__m512d; 2];

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        P::vectorize(self, kernel)
    }

    on_registers! {
        splat(value: f32) -> __m512 = _mm512_set1_ps(value);
        mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        mul_add(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        sum(value: __m512) -> f32 = _mm512_reduce_add_ps(value);
        not_below(a: __m512, b: __m512) -> u32 =
            u32::from(_mm512_cmp_ps_mask::<_CMP_NLT_UQ>(a, b));
        splat_i32(value: i32) -> __m512i = _mm512_set1_epi32(value);
        convert(value: __m512i) -> __m512 = _mm512_cvtepi32_ps(value);
        no_sums() -> [__m512d; 2] = [_mm512_setzero_pd(); 2];
    }

    #[inline(always)]
    fn dot4(self, sum: __m512i, unsigned: __m512i, signed: __m512i) -> __m512i {
        P::dot4(self, sum, unsigned, signed)
    }

    #[inline(always)]
    fn load(self, source: &[f32]) -> __m512 {
        let source: &[f32; 16] = source.first_chunk().expect("a vector's worth of numbers");
        // SAFETY: 64 readable bytes, and `self` exists only where AVX-512 does.
        unsafe { _mm512_loadu_ps(source.as_ptr()) }
    }

    #[inline(always)]
    fn load_f16(self, source: &[f16]) -> __m512 {
        let source: &[f16; 16] = source.first_chunk().expect("a vector's worth of numbers");
        // SAFETY: 32 readable bytes, and `self` exists only where AVX-512 does.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(source.as_ptr().cast())) }
    }

    #[inline(always)]
    fn load_bytes(self, source: &[u8]) -> __m512 {
        let source: &[u8; 64] = source.first_chunk().expect("a vector's worth of numbers");
        // SAFETY: 64 readable bytes, and `self` exists only where AVX-512 does.
        unsafe { _mm512_loadu_ps(source.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_codes(self, source: &[u8]) -> __m512i {
        let source: &[u8; 64] = source.first_chunk().expect("a vector's worth of codes");
        // SAFETY: 64 readable bytes, and `self` exists only where AVX-512 does.
        unsafe { _mm512_loadu_si512(source.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_i32(self, value: __m512i, destination: &mut [i32]) {
        let destination: &mut [i32; 16] = destination
            .first_chunk_mut()
            .expect("room for a vector of integers");
        // SAFETY: 64 writable bytes, and `self` exists only where AVX-512 does.
        unsafe { _mm512_storeu_si512(destination.as_mut_ptr().cast(), value) }
    }

    #[inline(always)]
    fn widen(self, numbers: &[f32; SUMS]) -> [__m512d; 2] {
        // SAFETY: 64 readable bytes, and `self` exists only where AVX-512 does.
        unsafe { halves(_mm512_loadu_ps(numbers.as_ptr())) }
    }

    #[inline(always)]
    fn widen_f16(self, numbers: &[f16; SUMS]) -> [__m512d; 2] {
        let numbers = self.load_f16(numbers);
        // SAFETY: `self` exists only where AVX-512 does.
        unsafe { halves(numbers) }
    }

    #[inline(always)]
    fn add_products(self, sums: [__m512d; 2], a: &[f64; SUMS], b: [__m512d; 2]) -> [__m512d; 2] {
        // SAFETY: 128 readable bytes, and `self` exists only where AVX-512 does.
        unsafe {
            [
                _mm512_fmadd_pd(_mm512_loadu_pd(a.as_ptr()), b[0], sums[0]),
                _mm512_fmadd_pd(_mm512_loadu_pd(a[8..].as_ptr()), b[1], sums[1]),
            ]
        }
    }

    #[inline(always)]
    fn sums(self, value: [__m512d; 2]) -> [f64; SUMS] {
        let mut sums = [0.0; SUMS];
        // SAFETY: 128 writable bytes, and `self` exists only where AVX-512 does.
        unsafe {
            _mm512_storeu_pd(sums.as_mut_ptr(), value[0]);
            _mm512_storeu_pd(sums[8..].as_mut_ptr(), value[1]);
        }
        sums
    }

    #[inline(always)]
    fn prefetch<T>(self, source: &[T], ahead: usize) {
        // SAFETY: SSE is part of x86-64, and a prefetch of any address has no effect but speed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(source.as_ptr().wrapping_add(ahead).cast()) }
    }
}

/// Both halves in double precision.
///
/// # Safety
/// The processor has AVX-512 DQ.
#[inline(always)]
unsafe fn halves(numbers: __m512) -> [__m512d; 2] {
    // SAFETY: promised by the caller.
    unsafe {
        [
            _mm512_cvtps_pd(_mm512_castps512_ps256(numbers)),
            _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(numbers)),
        ]
    }
}
