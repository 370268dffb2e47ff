use super::round::{RowScale, round_row};
use super::*;
use crate::epilogue::Assign;
use crate::instruction_set::isas;
use crate::matrix::padded_stride;
use crate::random::numbers;
use crate::simd::{Kernel, Simd};

fn byte(words: &[i32], at: usize) -> u8 {
    words[at / BYTES].to_le_bytes()[at % BYTES]
}

/// One row by the operations of an instruction set.
struct RoundRow<'a>(&'a [f32], &'a mut [i32]);

impl Kernel for RoundRow<'_> {
    type Output = RowScale;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> RowScale {
        round_row(simd, self.0, self.1)
    }
}

fn round(isa: Isa, row: &[f32]) -> (Vec<i32>, RowScale) {
    let mut rounded = vec![0; words(row.len())];
    let scale = isa.run(RoundRow(row, &mut rounded));
    (rounded, scale)
}

#[test]
fn rounding_is_off_by_half_a_step_at_most() {
    for width in 1..50 {
        let row: Vec<f32> = numbers(width, 4).iter().map(|x| 3.0 * x + 2.0).collect();
        for isa in isas() {
            let (words, scale) = round(isa, &row);
            for (at, x) in row.iter().enumerate() {
                let back = scale.scale * f32::from(byte(&words, at) as i8) + scale.offset;
                assert!(
                    (back - x).abs() <= 0.5001 * scale.scale,
                    "{back} for {x} of {width}"
                );
            }
        }
    }
}

#[test]
fn a_constant_row_stays_what_it_is() {
    for isa in isas() {
        let (words, scale) = round(isa, &[0.25; 20]);
        let back = scale.scale * f32::from(byte(&words, 7) as i8) + scale.offset;
        assert!((back - 0.25).abs() < 1e-6);
    }
}

/// The plain twin: rounds weights and activations back to numbers and multiplies those.
fn expected(isa: Isa, row: &[f32], weights: &[f32], bias: f32) -> f64 {
    let (words, scale) = round(isa, row);
    let largest = weights
        .iter()
        .fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
    let step = largest / 127.0;
    let product = |(at, weight): (usize, &f32)| {
        let x =
            f64::from(byte(&words, at) as i8) * f64::from(scale.scale) + f64::from(scale.offset);
        x * f64::from((weight / step).round_ties_even()) * f64::from(step)
    };
    weights.iter().enumerate().map(product).sum::<f64>() + f64::from(bias)
}

#[test]
fn products_match_those_of_the_rounded_numbers() {
    for (n_rows, inputs, outputs) in [(1, 1, 1), (3, 16, 5), (15, 20, 33), (29, 100, 70)] {
        let (left, right) = (numbers(n_rows * inputs, 5), numbers(outputs * inputs, 6));
        for isa in isas() {
            let width = isa.panel_width();
            let bias = Aligned::padded(&numbers(outputs, 7), outputs.next_multiple_of(width));
            let row = |output: usize| &right[output * inputs..][..inputs];
            let weights = Int8Weights::pack((outputs, inputs), width, row);
            let stride = padded_stride(outputs, width);
            let mut output = vec![0.0; n_rows * stride];
            let input = (Rows::new(&left, inputs), n_rows, inputs);
            let rows = RowsMut::new(&mut output, stride);
            let bias_and_finish = Biased {
                bias: &bias,
                finish: Assign,
            };
            let mut scratch = Scratch::default();
            let rounded = scratch.round(isa, input);
            rounded.multiply(isa, &weights, bias_and_finish, rows);
            for (output, left) in output.chunks_exact(stride).zip(left.chunks_exact(inputs)) {
                for column in 0..outputs {
                    let expected = expected(isa, left, row(column), bias[column]);
                    assert!((f64::from(output[column]) - expected).abs() < 1e-4);
                }
            }
        }
    }
}
