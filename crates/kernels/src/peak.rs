//! The rate of the arithmetic unit itself, to put beside a measured one.

use std::hint::black_box;

use crate::simd::{Isa, Kernel, MAX_TILE_ROWS, Simd};
use crate::{InstructionSet, Precision};

/// Independent sums of the set with the most registers; others use as many as a tile of theirs has.
const MAX_SUMS: usize = 2 * MAX_TILE_ROWS;

/// Multiplies and adds in registers for `steps` steps; returns the number of operations.
///
/// Divided by the time it took, this is what no product can exceed. For bytes and bfloat16 it means
/// something only where there is an instruction for them.
///
/// # Panics
/// When this processor does not have `instruction_set`.
pub fn run_at_peak(instruction_set: InstructionSet, precision: Precision, steps: u64) -> u64 {
    let isa = Isa::detect(instruction_set);
    let isa = isa.unwrap_or_else(|| panic!("this processor has no {instruction_set}"));
    match precision {
        Precision::F32 | Precision::F16 => isa.run(FloatPeak(steps)),
        Precision::Bf16 => isa.run(PairPeak(steps)),
        Precision::Int8 => isa.run(BytePeak(steps)),
    }
}

struct FloatPeak(u64);

impl Kernel for FloatPeak {
    type Output = u64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> u64 {
        let (a, b) = (simd.splat(black_box(0.5)), simd.splat(black_box(1.0)));
        let mut sums = [simd.splat(0.0); MAX_SUMS];
        for _ in 0..self.0 {
            for sum in &mut sums[..2 * S::TILE_ROWS] {
                *sum = simd.mul_add(a, b, *sum);
            }
        }
        black_box(sums.map(|sum| simd.sum(sum)));
        self.0 * (2 * 2 * S::TILE_ROWS * S::LANES) as u64
    }
}

struct PairPeak(u64);

impl Kernel for PairPeak {
    type Output = u64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> u64 {
        let (a, b) = (simd.splat_i32(black_box(1)), simd.splat_i32(black_box(1)));
        let mut sums = [simd.splat(0.0); MAX_SUMS];
        for _ in 0..self.0 {
            for sum in &mut sums[..2 * S::TILE_ROWS] {
                *sum = simd.dot2(*sum, a, b);
            }
        }
        black_box(sums.map(|sum| simd.sum(sum)));
        self.0 * (2 * 2 * 2 * S::TILE_ROWS * S::LANES) as u64
    }
}

struct BytePeak(u64);

impl Kernel for BytePeak {
    type Output = u64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> u64 {
        let (a, b) = (simd.splat_i32(black_box(1)), simd.splat_i32(black_box(1)));
        let mut sums = [simd.splat_i32(0); MAX_SUMS];
        for _ in 0..self.0 {
            for sum in &mut sums[..2 * S::TILE_ROWS] {
                *sum = simd.dot4(*sum, a, b);
            }
        }
        black_box(sums.map(|sum| simd.sum_i32(sum)));
        self.0 * (2 * 4 * 2 * S::TILE_ROWS * S::LANES) as u64
    }
}
