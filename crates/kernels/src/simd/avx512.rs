//! AVX-512: sixteen numbers a vector, 32 registers.

#[allow(
    clippy::wildcard_imports,
    reason = "the names of some forty instructions"
)]
use std::arch::x86_64::*;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::mem::transmute;

use half::f16;

use super::{Kernel, MAX_LANES, Simd};
use crate::bf16;

/// How short numbers are multiplied: the one thing in which processors with AVX-512 differ.
pub(crate) trait ShortProducts512: Copy + Debug {
    /// Whether this processor has the instructions beyond those of [`Avx512`].
    fn is_detected() -> bool;
    fn vectorize<K: Kernel>(simd: Avx512<Self>, kernel: K) -> K::Output;
    fn dot4(simd: Avx512<Self>, sum: __m512i, unsigned: __m512i, signed: __m512i) -> __m512i;
    fn dot2(simd: Avx512<Self>, sum: __m512, a: __m512i, b: __m512i) -> __m512;

    #[inline(always)]
    fn round_pairs(_: Avx512<Self>, row: &[f32], words: &mut [i32]) {
        bf16::round_row(row, words);
    }

    #[inline(always)]
    fn pair_up(simd: Avx512<Self>, low: __m512, high: __m512) -> __m512i {
        simd.load_i32(&bf16::pair_lanes(simd.lanes(low), simd.lanes(high)))
    }
}

/// Witness of AVX-512 F, BW, DQ and VL, of FMA, and of what `P` needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512<P>(PhantomData<P>);

impl<P: ShortProducts512> Avx512<P> {
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

/// One instruction for four bytes a lane and one for two bfloat16: Zen 4, Sapphire Rapids and later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bf16Vnni512;

impl ShortProducts512 for Bf16Vnni512 {
    fn is_detected() -> bool {
        Vnni512::is_detected() && is_x86_feature_detected!("avx512bf16")
    }

    #[inline(always)]
    fn vectorize<K: Kernel>(simd: Avx512<Self>, kernel: K) -> K::Output {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,fma")]
        fn enabled<K: Kernel>(simd: Avx512<Bf16Vnni512>, kernel: K) -> K::Output {
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

    #[inline(always)]
    fn dot2(_: Avx512<Self>, sum: __m512, a: __m512i, b: __m512i) -> __m512 {
        // SAFETY: both types are 64 bytes without invalid values.
        let pairs = |words| unsafe { transmute::<__m512i, __m512bh>(words) };
        // SAFETY: the witness exists only where `detect` found AVX-512 BF16.
        unsafe { _mm512_dpbf16_ps(sum, pairs(a), pairs(b)) }
    }

    #[inline(always)]
    fn round_pairs(simd: Avx512<Self>, row: &[f32], words: &mut [i32]) {
        let (chunks, rest) = row.as_chunks::<32>();
        let (whole, last) = words.split_at_mut(16 * chunks.len());
        for (numbers, words) in chunks.iter().zip(whole.chunks_exact_mut(16)) {
            let (first, second) = numbers.split_at(16);
            let (first, second) = (simd.load(first), simd.load(second));
            // SAFETY: the witness exists only where `detect` found AVX-512 BF16; both types are 64
            // bytes without invalid values.
            let pairs =
                unsafe { transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(second, first)) };
            simd.store_i32(pairs, words);
        }
        bf16::round_row(rest, last);
    }

    #[inline(always)]
    fn pair_up(_: Avx512<Self>, low: __m512, high: __m512) -> __m512i {
        // SAFETY: the witness exists only where `detect` found AVX-512 BF16 and BW; both types are 64
        // bytes without invalid values.
        unsafe {
            let halves = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
            // Lane `i` of `low` is half `i`, that of `high` half `16 + i`.
            let even = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
            let odd = _mm512_slli_epi32::<16>(_mm512_add_epi32(even, _mm512_set1_epi32(16)));
            _mm512_permutexvar_epi16(_mm512_or_si512(even, odd), halves)
        }
    }
}

/// One instruction for four bytes a lane: Cascade Lake and Ice Lake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vnni512;

impl ShortProducts512 for Vnni512 {
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

    #[inline(always)]
    fn dot2(simd: Avx512<Self>, sum: __m512, a: __m512i, b: __m512i) -> __m512 {
        widened_dot2(simd, sum, a, b)
    }
}

/// Products of 16-bit halves: Skylake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MultiplyAdd512;

impl ShortProducts512 for MultiplyAdd512 {
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

    #[inline(always)]
    fn dot2(simd: Avx512<Self>, sum: __m512, a: __m512i, b: __m512i) -> __m512 {
        widened_dot2(simd, sum, a, b)
    }
}

/// The products of pairs of bfloat16, which are the upper halves of single-precision numbers.
#[inline(always)]
fn widened_dot2<P>(_: Avx512<P>, sum: __m512, a: __m512i, b: __m512i) -> __m512 {
    // SAFETY: the witness exists only where `detect` found AVX-512.
    unsafe {
        let low = |words| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words));
        let mask = _mm512_set1_epi32(0xffff_0000_u32 as i32);
        let high = |words| _mm512_castsi512_ps(_mm512_and_si512(words, mask));
        _mm512_fmadd_ps(high(a), high(b), _mm512_fmadd_ps(low(a), low(b), sum))
    }
}

impl<P: ShortProducts512> Simd for Avx512<P> {
    const LANES: usize = 16;
    // 28 accumulators, two weight vectors, one broadcast: 31 of 32 registers.
    const TILE_ROWS: usize = 14;

    type F32 = __m512;
    type I32 = __m512i;

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        P::vectorize(self, kernel)
    }

    on_registers! {
        splat(value: f32) -> __m512 = _mm512_set1_ps(value);
        add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        mul_add(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        min(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
        round(value: __m512) -> __m512 =
            _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(value);
        scale(value: __m512, exponent: __m512) -> __m512 = _mm512_scalef_ps(value, exponent);
        select(condition: __m512, positive: __m512, negative: __m512) -> __m512 =
            _mm512_mask_blend_ps(
                _mm512_cmp_ps_mask::<_CMP_GE_OQ>(condition, _mm512_setzero_ps()),
                negative,
                positive,
            );
        splat_i32(value: i32) -> __m512i = _mm512_set1_epi32(value);
        add_i32(a: __m512i, b: __m512i) -> __m512i = _mm512_add_epi32(a, b);
        convert(value: __m512i) -> __m512 = _mm512_cvtepi32_ps(value);
        bits(value: __m512) -> __m512i = _mm512_castps_si512(value);
        of_bits(bits: __m512i) -> __m512 = _mm512_castsi512_ps(bits);
        transpose(rows: [__m512i; MAX_LANES]) -> [__m512i; MAX_LANES] = {
            let mut pairs = rows;
            for at in [0, 2, 4, 6, 8, 10, 12, 14] {
                pairs[at] = _mm512_unpacklo_epi32(rows[at], rows[at + 1]);
                pairs[at + 1] = _mm512_unpackhi_epi32(rows[at], rows[at + 1]);
            }
            // `fours[at + i]` holds columns i, i + 4, i + 8 and i + 12 of the rows from `at` on.
            let mut fours = pairs;
            for at in [0, 4, 8, 12] {
                fours[at] = _mm512_unpacklo_epi64(pairs[at], pairs[at + 2]);
                fours[at + 1] = _mm512_unpackhi_epi64(pairs[at], pairs[at + 2]);
                fours[at + 2] = _mm512_unpacklo_epi64(pairs[at + 1], pairs[at + 3]);
                fours[at + 3] = _mm512_unpackhi_epi64(pairs[at + 1], pairs[at + 3]);
            }
            let mut columns = fours;
            for at in 0..4 {
                let (upper, lower) = ((fours[at], fours[at + 4]), (fours[at + 8], fours[at + 12]));
                let even = (
                    _mm512_shuffle_i32x4::<0x88>(upper.0, upper.1),
                    _mm512_shuffle_i32x4::<0x88>(lower.0, lower.1),
                );
                let odd = (
                    _mm512_shuffle_i32x4::<0xdd>(upper.0, upper.1),
                    _mm512_shuffle_i32x4::<0xdd>(lower.0, lower.1),
                );
                columns[at] = _mm512_shuffle_i32x4::<0x88>(even.0, even.1);
                columns[at + 4] = _mm512_shuffle_i32x4::<0x88>(odd.0, odd.1);
                columns[at + 8] = _mm512_shuffle_i32x4::<0xdd>(even.0, even.1);
                columns[at + 12] = _mm512_shuffle_i32x4::<0xdd>(odd.0, odd.1);
            }
            columns
        };
    }

    #[inline(always)]
    fn dot4(self, sum: __m512i, unsigned: __m512i, signed: __m512i) -> __m512i {
        P::dot4(self, sum, unsigned, signed)
    }

    #[inline(always)]
    fn dot2(self, sum: __m512, a: __m512i, b: __m512i) -> __m512 {
        P::dot2(self, sum, a, b)
    }

    #[inline(always)]
    fn round_pairs(self, row: &[f32], words: &mut [i32]) {
        P::round_pairs(self, row, words);
    }

    #[inline(always)]
    fn pair_up(self, low: __m512, high: __m512) -> __m512i {
        P::pair_up(self, low, high)
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
    fn store(self, value: __m512, destination: &mut [f32]) {
        let destination: &mut [f32; 16] = destination
            .first_chunk_mut()
            .expect("room for a vector of numbers");
        // SAFETY: 64 writable bytes, and `self` exists only where AVX-512 does.
        unsafe { _mm512_storeu_ps(destination.as_mut_ptr(), value) }
    }

    #[inline(always)]
    fn load_i32(self, source: &[i32]) -> __m512i {
        let source: &[i32; 16] = source.first_chunk().expect("a vector's worth of integers");
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
    fn store_bytes(self, value: __m512, words: &mut [i32]) -> __m512i {
        let words: &mut [i32; 4] = words.first_chunk_mut().expect("room for sixteen bytes");
        // SAFETY: 16 writable bytes, and `self` exists only where AVX-512 does.
        unsafe {
            let integers = _mm512_cvtps_epi32(value);
            _mm_storeu_si128(words.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(integers));
            integers
        }
    }

    #[inline(always)]
    fn prefetch<T>(self, source: &[T], ahead: usize) {
        // SAFETY: SSE is part of x86-64, and a prefetch of any address has no effect but speed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(source.as_ptr().wrapping_add(ahead).cast()) }
    }
}
