//! Vectors of numbers, one type per instruction set, and the only unsafe code of the exact scan.
//!
//! A value of a type that implements [`Simd`] is a witness: its constructor asked the processor
//! whether it has the instructions. That makes every operation a safe method. Kernels are written
//! once over `S: Simd`; [`Simd::vectorize`] compiles a kernel with the features switched on, and
//! since all below it is inlined, the operations become single instructions there.

#![allow(
    unsafe_code,
    reason = "processor instructions; safe because witnesses exist only where they do"
)]
#![allow(
    clippy::inline_always,
    reason = "an operation that is not inlined loses the instruction set of its kernel"
)]

/// Methods of a witness that are one instruction, or a few, on registers.
#[cfg(target_arch = "x86_64")]
macro_rules! on_registers {
    ($($name:ident($($argument:ident: $type:ty),*) -> $output:ty = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: $type),*) -> $output {
            // SAFETY: `self` exists only where `detect` found the features these need.
            unsafe { $body }
        }
    )*};
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use half::f16;

use self::portable::Portable;
#[cfg(target_arch = "x86_64")]
use self::{
    avx2::{Avx2, AvxVnni, MultiplyAdd256},
    avx512::{Avx512, MultiplyAdd512, Vnni512},
};

/// Running sums of [`Simd::F64`], whatever the width of a register: the order of a score's
/// summation is part of the contract.
pub(crate) const SUMS: usize = 16;

/// A function over vectors of any width, with its arguments as fields.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;

    /// Does the work; `#[inline(always)]` on the implementation and all it calls with `simd`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// The vector operations of an instruction set that this processor is known to have.
pub(crate) trait Simd: Copy {
    /// Numbers in a vector: 8 or 16.
    const LANES: usize;
    /// Questions of the widest tile of products of codes: as many as leave two accumulators each in
    /// registers.
    const CODE_QUESTIONS: usize;
    /// Questions of the widest tile of products of numbers, by four rows.
    const NUMBER_QUESTIONS: usize;

    /// `LANES` single-precision numbers.
    type F32: Copy;
    /// `LANES` 32-bit integers.
    type I32: Copy;
    /// [`SUMS`] double-precision numbers.
    type F64: Copy;

    /// Runs `kernel` in a function that may use the instructions.
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output;

    /// `value` in every lane.
    fn splat(self, value: f32) -> Self::F32;
    /// The first `LANES` numbers of `source`; panics when there are fewer.
    fn load(self, source: &[f32]) -> Self::F32;
    /// The first `LANES` numbers of `source`; panics when there are fewer.
    fn load_f16(self, source: &[f16]) -> Self::F32;
    /// The first `LANES` numbers of a file, little-endian and not aligned; panics when there are
    /// fewer.
    fn load_bytes(self, source: &[u8]) -> Self::F32;
    /// `a * b`.
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b + c`, rounded once where the processor can.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// The sum of the lanes, in any order.
    fn sum(self, value: Self::F32) -> f32;
    /// A bit for each lane, lowest first, where `a < b` does not hold; set where one is NaN.
    fn not_below(self, a: Self::F32, b: Self::F32) -> u32;

    /// `value` in every lane.
    fn splat_i32(self, value: i32) -> Self::I32;
    /// The first `4 · LANES` bytes of `source`; panics when there are fewer.
    fn load_codes(self, source: &[u8]) -> Self::I32;
    /// Writes the lanes to the front of `destination`; panics when it is shorter.
    fn store_i32(self, value: Self::I32, destination: &mut [i32]);
    /// Adds to each lane the inner product of four unsigned bytes of `unsigned` with four signed
    /// bytes of `signed`. Exact as long as the sum fits.
    fn dot4(self, sum: Self::I32, unsigned: Self::I32, signed: Self::I32) -> Self::I32;
    /// The numbers nearest to the integers.
    fn convert(self, value: Self::I32) -> Self::F32;

    /// Sixteen zeros.
    fn no_sums(self) -> Self::F64;
    /// Sixteen numbers in double precision.
    fn widen(self, numbers: &[f32; SUMS]) -> Self::F64;
    /// Sixteen numbers in double precision.
    fn widen_f16(self, numbers: &[f16; SUMS]) -> Self::F64;
    /// `sums + a · b` lane by lane. The products must be exact in double precision, so that fused
    /// and separate rounding are the same.
    fn add_products(self, sums: Self::F64, a: &[f64; SUMS], b: Self::F64) -> Self::F64;
    /// The lanes as an array.
    fn sums(self, value: Self::F64) -> [f64; SUMS];

    /// Asks the cache for the line `ahead` elements behind the start of `source`; no such line need
    /// exist.
    fn prefetch<T>(self, source: &[T], ahead: usize);
}

/// An instruction set that this processor has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512<Vnni512>),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512<MultiplyAdd512>),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(Avx2<AvxVnni>),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2<MultiplyAdd256>),
    Portable(Portable),
}

impl Isa {
    /// Those of this processor, best first; ends with the portable one.
    pub(crate) fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            found.extend(Avx512::detect().map(Self::Avx512Vnni));
            found.extend(Avx512::detect().map(Self::Avx512));
            found.extend(Avx2::detect().map(Self::AvxVnni));
            found.extend(Avx2::detect().map(Self::Avx2));
        }
        found.push(Self::Portable(Portable));
        found
    }

    /// The best of this processor, asked for once.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// Runs `kernel` with this instruction set.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(simd) => simd.vectorize(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.vectorize(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(simd) => simd.vectorize(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.vectorize(kernel),
            Self::Portable(simd) => simd.vectorize(kernel),
        }
    }
}
