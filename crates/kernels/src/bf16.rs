//! Rounding to bfloat16: the upper half of a single-precision number.

use crate::aligned::Aligned;
use crate::matrix::{Rows, tiles};
use crate::simd::{Isa, Kernel, MAX_LANES, Simd};
use crate::transpose::transpose;

/// Numbers in a word: the elements one step multiplies.
const PAIR: usize = 2;

/// The words that hold a row of `width` numbers.
pub(crate) fn words(width: usize) -> usize {
    width.div_ceil(PAIR)
}

/// Buffers for activations in pairs.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The rows of one tile: few enough for the first-level cache.
    rounded: Aligned<i32>,
    packed: Aligned<i32>,
}

impl Scratch {
    /// Rounds `n_rows` rows of `width` numbers to pairs, packed for the left side of a product.
    pub(crate) fn round(
        &mut self,
        isa: Isa,
        (input, n_rows, width): (Rows<'_>, usize, usize),
    ) -> &[i32] {
        isa.run(PackPairs {
            input,
            n_rows,
            width,
            rounded: self.rounded.at_least(isa.tile_rows() * words(width)),
            packed: self.packed.at_least(n_rows * words(width)),
        });
        &self.packed
    }
}

/// Rounds and packs rows, tile by tile.
struct PackPairs<'a> {
    input: Rows<'a>,
    n_rows: usize,
    width: usize,
    rounded: &'a mut [i32],
    packed: &'a mut [i32],
}

impl Kernel for PackPairs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let words = words(self.width);
        for (first, count) in tiles(self.n_rows, S::TILE_ROWS) {
            for (lane, words) in self.rounded.chunks_exact_mut(words).take(count).enumerate() {
                simd.round_pairs(self.input.row(first + lane, self.width), words);
            }
            let row = |lane: usize| &self.rounded[lane * words..][..words];
            let tile = &mut self.packed[first * words..][..count * words];
            transpose(simd, (count, words), row, count, tile);
        }
    }
}

/// Rounds a row to pairs; the missing half of the last one is 0.
///
/// By integers, so that the compiler makes vectors of it.
#[inline(always)]
pub(crate) fn round_row(row: &[f32], words: &mut [i32]) {
    let (pairs, rest) = row.as_chunks::<PAIR>();
    for (word, [low, high]) in words.iter_mut().zip(pairs) {
        *word = pair(*low, *high);
    }
    if let ([number], Some(word)) = (rest, words.last_mut()) {
        *word = pair(*number, 0.0);
    }
}

/// Pairs of numbers lane by lane, those of `low` in the lower halves.
#[inline(always)]
pub(crate) fn pair_lanes(low: [f32; MAX_LANES], high: [f32; MAX_LANES]) -> [i32; MAX_LANES] {
    let mut words = [0; MAX_LANES];
    for ((word, low), high) in words.iter_mut().zip(low).zip(high) {
        *word = pair(low, high);
    }
    words
}

/// Two numbers in a word, the first in the lower half.
#[inline(always)]
fn pair(low: f32, high: f32) -> i32 {
    (round(low) >> 16 | round(high) & 0xffff_0000) as i32
}

/// The bits of the nearest bfloat16, ties to even, in the upper half; what is below has no meaning.
///
/// By integers, so that the compiler makes vectors of it. A number that overflows becomes infinite.
/// NaN may become infinite too; the sums it enters are not numbers either way.
#[inline(always)]
fn round(number: f32) -> u32 {
    let bits = number.to_bits();
    bits.wrapping_add(0x7fff + (bits >> 16 & 1))
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;
    use crate::instruction_set::isas;
    use crate::matrix::pack_left;
    use crate::random::numbers;

    #[test]
    fn rows_are_rounded_to_the_nearest_number_in_order() {
        for width in 1..70 {
            let mut row = numbers(width, 8);
            row[0] = f32::from_bits(0x3f80_8000); // a tie, down to even
            row[width / 2] = f32::from_bits(0x3f81_8000); // a tie, up to even
            let mut expected: Vec<u16> = row.iter().map(|&x| bf16::from_f32(x).to_bits()).collect();
            expected.resize(2 * words(width), 0);
            for isa in isas() {
                let mut rounded = vec![-1; words(width)];
                isa.run(RoundRow(&row, &mut rounded));
                let halves = rounded
                    .iter()
                    .flat_map(|&word| [word as u16, (word >> 16) as u16]);
                assert!(halves.eq(expected.iter().copied()), "{width} numbers");
            }
        }
    }

    /// One row by the operation of an instruction set.
    struct RoundRow<'a>(&'a [f32], &'a mut [i32]);

    impl Kernel for RoundRow<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            simd.round_pairs(self.0, self.1);
        }
    }

    #[test]
    fn tiles_are_packed_as_rows_are_rounded() {
        for (n_rows, width) in [(1, 1), (3, 5), (30, 37), (14, 64)] {
            let data = numbers(n_rows * width, 9);
            for isa in isas() {
                let mut rounded = vec![0; n_rows * words(width)];
                for (row, words) in data.chunks(width).zip(rounded.chunks_mut(words(width))) {
                    round_row(row, words);
                }
                let mut expected = vec![0; rounded.len()];
                let row = |row: usize| &rounded[row * words(width)..];
                let shape = (n_rows, words(width));
                pack_left(shape, isa.tile_rows(), row, &mut expected);
                let mut scratch = Scratch::default();
                let packed = scratch.round(isa, (Rows::new(&data, width), n_rows, width));
                assert_eq!(packed[..expected.len()], expected);
            }
        }
    }
}
