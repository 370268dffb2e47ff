//! Vectors of numbers, one type per instruction set, and the only unsafe code of the crate.
//!
//! A value of a type that implements [`Simd`] is a witness: its constructor asked the processor
//! whether it has the instructions. That makes every operation a safe method. Kernels are written
//! once over `S: Simd`; [`Simd::vectorize`] compiles a kernel with the features switched on, and
//! since all below it is inlined, the operations become single instructions there.

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

use self::portable::Portable;
#[cfg(target_arch = "x86_64")]
use self::{
    avx2::{Avx2, AvxVnni, MultiplyAdd256},
    avx512::{Avx512, Bf16Vnni512, MultiplyAdd512, Vnni512},
};
use half::f16;

use crate::{InstructionSet, bf16};

/// Lanes of the widest vector.
pub(crate) const MAX_LANES: usize = 16;

/// Rows of the tallest tile of any instruction set.
pub(crate) const MAX_TILE_ROWS: usize = 14;

/// A function over vectors of any width, with its arguments as fields.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;

    /// Does the work; `#[inline(always)]` on the implementation and all it calls with `simd`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// The vector operations of an instruction set that this processor is known to have.
///
/// Lanewise operations round as IEEE 754 says, so a lane's result depends on that lane alone.
pub(crate) trait Simd: Copy {
    /// Numbers in a vector; at most [`MAX_LANES`].
    const LANES: usize;
    /// Rows of a tile of products: as many as leave two columns of accumulators in registers, at
    /// most [`MAX_TILE_ROWS`].
    const TILE_ROWS: usize;

    /// `LANES` single-precision numbers.
    type F32: Copy;
    /// `LANES` 32-bit integers.
    type I32: Copy;

    /// Runs `kernel` in a function that may use the instructions.
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output;

    /// `value` in every lane.
    fn splat(self, value: f32) -> Self::F32;
    /// The first `LANES` numbers of `source`; panics when there are fewer.
    fn load(self, source: &[f32]) -> Self::F32;
    /// The first `LANES` numbers of `source`, all of them finite; panics when there are fewer.
    fn load_f16(self, source: &[f16]) -> Self::F32;
    /// Writes the lanes to the front of `destination`; panics when it is shorter.
    fn store(self, value: Self::F32, destination: &mut [f32]);

    /// `a + b`.
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a - b`.
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b`.
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b + c`, rounded once where the processor can.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// The larger; `b` when one is NaN.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// The smaller; `b` when one is NaN.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// The nearest integer, ties to even.
    fn round(self, value: Self::F32) -> Self::F32;
    /// `value · 2^exponent` for integral exponents in −126..=127.
    fn scale(self, value: Self::F32, exponent: Self::F32) -> Self::F32;
    /// `positive` where `condition >= 0`, `negative` elsewhere.
    fn select(self, condition: Self::F32, positive: Self::F32, negative: Self::F32) -> Self::F32;

    /// `value` in every lane.
    fn splat_i32(self, value: i32) -> Self::I32;
    /// The first `LANES` integers of `source`; panics when there are fewer.
    fn load_i32(self, source: &[i32]) -> Self::I32;
    /// Writes the lanes to the front of `destination`; panics when it is shorter.
    fn store_i32(self, value: Self::I32, destination: &mut [i32]);
    /// `a + b`.
    fn add_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// Adds to each lane the inner product of four unsigned bytes of `unsigned` with four signed
    /// bytes of `signed`. Exact as long as the sum fits.
    fn dot4(self, sum: Self::I32, unsigned: Self::I32, signed: Self::I32) -> Self::I32;
    /// Adds to each lane the inner product of the pair of bfloat16 in `a` with that in `b`. How
    /// often it rounds, and whether the smallest numbers count as 0, the instruction set decides.
    fn dot2(self, sum: Self::F32, a: Self::I32, b: Self::I32) -> Self::F32;
    /// The bits of the numbers.
    fn bits(self, value: Self::F32) -> Self::I32;
    /// The numbers that have these bits.
    fn of_bits(self, bits: Self::I32) -> Self::F32;
    /// Rows to columns: lane `j` of vector `i` is lane `i` of `rows[j]`. Only the first `LANES` vectors count,
    /// of the rows and of the result.
    fn transpose(self, rows: [Self::I32; MAX_LANES]) -> [Self::I32; MAX_LANES];
    /// The numbers nearest to the integers.
    fn convert(self, value: Self::I32) -> Self::F32;
    /// Rounds numbers in −128..=127 to integers, ties to even, and writes them as bytes to the
    /// front of `words`, four a word, the first in the lowest byte.
    fn store_bytes(self, value: Self::F32, words: &mut [i32]) -> Self::I32;

    /// Rounds a row to pairs of bfloat16, ties to even, the first number in the lower half of a word;
    /// the missing half of the last one is 0. Numbers below the smallest normal one may become 0.
    #[inline(always)]
    fn round_pairs(self, row: &[f32], words: &mut [i32]) {
        bf16::round_row(row, words);
    }

    /// Rounds to bfloat16, ties to even, and pairs lane by lane: `low` in the lower half of each word. Numbers below
    /// the smallest normal one may become 0.
    #[inline(always)]
    fn pair_up(self, low: Self::F32, high: Self::F32) -> Self::I32 {
        self.load_i32(&bf16::pair_lanes(self.lanes(low), self.lanes(high)))
    }

    /// Asks the cache for the line `ahead` numbers behind the start of `source`; no such line need
    /// exist.
    fn prefetch<T>(self, source: &[T], ahead: usize);

    /// The lanes as an array; those beyond `LANES` are 0.
    #[inline(always)]
    fn lanes(self, value: Self::F32) -> [f32; MAX_LANES] {
        let mut lanes = [0.0; MAX_LANES];
        self.store(value, &mut lanes);
        lanes
    }

    /// The sum of the lanes, in order.
    #[inline(always)]
    fn sum(self, value: Self::F32) -> f32 {
        self.lanes(value)[..Self::LANES].iter().sum()
    }

    /// The sum of the lanes.
    #[inline(always)]
    fn sum_i32(self, value: Self::I32) -> i32 {
        let mut lanes = [0; MAX_LANES];
        self.store_i32(value, &mut lanes);
        lanes[..Self::LANES].iter().sum()
    }
}

/// An instruction set that this processor has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16(Avx512<Bf16Vnni512>),
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
    /// `set` if this processor has it.
    pub(crate) fn detect(set: InstructionSet) -> Option<Self> {
        match set {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512Bf16 => Avx512::detect().map(Self::Avx512Bf16),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512Vnni => Avx512::detect().map(Self::Avx512Vnni),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => Avx512::detect().map(Self::Avx512),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::AvxVnni => Avx2::detect().map(Self::AvxVnni),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => Avx2::detect().map(Self::Avx2),
            InstructionSet::Portable => Some(Self::Portable(Portable)),
            #[cfg(not(target_arch = "x86_64"))]
            _ => None,
        }
    }

    /// Runs `kernel` with this instruction set.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16(simd) => simd.vectorize(kernel),
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

    /// Columns of a weight panel: two vectors.
    pub(crate) fn panel_width(self) -> usize {
        2 * self.lanes()
    }

    /// Numbers in a vector.
    pub(crate) fn lanes(self) -> usize {
        struct Lanes;
        impl Kernel for Lanes {
            type Output = usize;
            #[inline(always)]
            fn run<S: Simd>(self, _: S) -> usize {
                S::LANES
            }
        }
        self.run(Lanes)
    }

    /// Rows of a tile of products.
    pub(crate) fn tile_rows(self) -> usize {
        struct TileRows;
        impl Kernel for TileRows {
            type Output = usize;
            #[inline(always)]
            fn run<S: Simd>(self, _: S) -> usize {
                S::TILE_ROWS
            }
        }
        self.run(TileRows)
    }
}

/// Whether AMD made this processor.
#[cfg(target_arch = "x86_64")]
pub(crate) fn is_amd() -> bool {
    let leaf = std::arch::x86_64::__cpuid(0);
    [leaf.ebx, leaf.edx, leaf.ecx]
        .map(u32::to_le_bytes)
        .as_flattened()
        == b"AuthenticAMD"
}

/// Whether AMD made this processor.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn is_amd() -> bool {
    false
}
