//! The instruction sets that kernels are compiled for.

use std::fmt;

use crate::simd::{self, Isa};

/// Vector instructions, best first.
///
/// Results of two of them differ by rounding; with one of them, on processors of one maker, a result is always
/// the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// AVX-512 with products of bytes and of bfloat16: AMD from Zen 4, Intel's servers from Sapphire
    /// Rapids. [`Precision::Bf16`](crate::Precision::Bf16) gains on AMD's only.
    Avx512Bf16,
    /// AVX-512 with byte products: Intel from Cascade Lake.
    Avx512Vnni,
    /// AVX-512 without: Skylake servers. [`Precision::Int8`](crate::Precision::Int8) gains little.
    Avx512,
    /// AVX2 with byte products: Intel's client processors from Alder Lake.
    AvxVnni,
    /// AVX2 and FMA: from Haswell and Zen. [`Precision::Int8`](crate::Precision::Int8) gains nothing.
    Avx2,
    /// What every processor of the target has: NEON on ARM, SSE2 on x86.
    Portable,
}

impl InstructionSet {
    const ALL: [Self; 6] = [
        Self::Avx512Bf16,
        Self::Avx512Vnni,
        Self::Avx512,
        Self::AvxVnni,
        Self::Avx2,
        Self::Portable,
    ];

    /// Those of this processor, best first; ends with [`Portable`](Self::Portable).
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(|&set| Isa::detect(set).is_some())
    }

    /// Whether [`Precision::Bf16`](crate::Precision::Bf16) is faster with it than single precision.
    ///
    /// AMD's processors take pairs of bfloat16 as fast as single numbers; Intel's have the
    /// instruction too, at half the speed of the product it replaces.
    pub fn gains_by_bf16(self) -> bool {
        self == Self::Avx512Bf16 && simd::is_amd()
    }

    /// The best of this processor.
    pub fn best() -> Self {
        Self::available().next().unwrap_or(Self::Portable)
    }
}

/// What every kernel is tested with.
#[cfg(test)]
pub(crate) fn isas() -> impl Iterator<Item = Isa> {
    InstructionSet::available().filter_map(Isa::detect)
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avx512Bf16 => "avx512-bf16",
            Self::Avx512Vnni => "avx512-vnni",
            Self::Avx512 => "avx512",
            Self::AvxVnni => "avx2-vnni",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        })
    }
}
