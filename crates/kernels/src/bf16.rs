//! Rounding to bfloat16: the upper half of a single-precision number.

use crate::matrix::Rows;
use crate::simd::{Kernel, Simd};

/// Numbers in a word: the elements one step multiplies.
const PAIR: usize = 2;

/// The words that hold a row of `width` numbers.
pub(crate) fn words(width: usize) -> usize {
    width.div_ceil(PAIR)
}

/// Rounds rows of `width` numbers to pairs, as many rows as `rounded` has room for.
#[derive(Debug)]
pub(crate) struct RoundRows<'a> {
    pub(crate) input: Rows<'a>,
    pub(crate) width: usize,
    pub(crate) rounded: &'a mut [i32],
}

impl Kernel for RoundRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let rows = self.rounded.chunks_exact_mut(words(self.width));
        for (row, words) in rows.enumerate() {
            round_row(self.input.row(row, self.width), words);
        }
    }
}

/// Rounds a row to pairs; the missing half of the last one is 0.
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
    use crate::random::numbers;

    #[test]
    fn rows_are_rounded_to_the_nearest_number_in_order() {
        for width in 1..70 {
            let mut row = numbers(3 * width, 8);
            row[0] = f32::from_bits(0x3f80_8000); // a tie, down to even
            row[width] = f32::from_bits(0x3f81_8000); // a tie, up to even
            let input = Rows::new(&row, width);
            for isa in isas() {
                let mut rounded = vec![-1; 3 * words(width)];
                isa.run(RoundRows {
                    input,
                    width,
                    rounded: &mut rounded,
                });
                let rows = rounded.chunks_exact(words(width));
                for (numbers, words) in row.chunks_exact(width).zip(rows) {
                    let halves = words
                        .iter()
                        .flat_map(|&word| [word as u16, (word >> 16) as u16]);
                    let mut expected: Vec<u16> = numbers
                        .iter()
                        .map(|&x| bf16::from_f32(x).to_bits())
                        .collect();
                    expected.resize(2 * words.len(), 0);
                    assert!(halves.eq(expected));
                }
            }
        }
    }
}
