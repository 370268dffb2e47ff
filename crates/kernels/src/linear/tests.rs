use super::*;
use crate::epilogue::Assign;
use crate::instruction_set::isas;
use crate::matrix::padded_stride;
use crate::random::numbers;

/// Rounds to bfloat16.
fn short(number: f32) -> f32 {
    half::bf16::from_f32(number).to_f32()
}

/// Maps rows and compares with inner products of numbers that `left` and `right` have rounded.
fn assert_rounds(precision: Precision, left: fn(f32) -> f32, right: fn(f32) -> f32) {
    for (n_rows, inputs, outputs) in [(1, 1, 1), (3, 16, 5), (15, 21, 33), (29, 100, 70)] {
        let input = numbers(n_rows * inputs, 5);
        let weights = LinearWeights {
            weight: numbers(outputs * inputs, 6),
            bias: numbers(outputs, 7),
        };
        for isa in isas() {
            let linear = Linear::new(isa, precision, &weights);
            let stride = padded_stride(outputs, isa.panel_width());
            let mut output = vec![0.0; n_rows * stride];
            let rows = RowsMut::new(&mut output, stride);
            let scratch = &mut LinearScratch::default();
            linear.apply(
                isa,
                (Rows::new(&input, inputs), n_rows),
                (Assign, rows),
                scratch,
            );
            for (output, input) in output.chunks_exact(stride).zip(input.chunks_exact(inputs)) {
                for (column, &found) in output[..outputs].iter().enumerate() {
                    let row = &weights.weight[column * inputs..][..inputs];
                    let products = input
                        .iter()
                        .zip(row)
                        .map(|(&x, &w)| f64::from(left(x)) * f64::from(right(w)));
                    let expected = products.sum::<f64>() + f64::from(weights.bias[column]);
                    let found = f64::from(found);
                    assert!((found - expected).abs() < 1e-5, "{found}, {expected}");
                }
            }
        }
    }
}

#[test]
fn single_precision_rounds_nothing() {
    assert_rounds(Precision::F32, |x| x, |w| w);
}

#[test]
fn half_precision_rounds_the_weights() {
    assert_rounds(Precision::F16, |x| x, |w| f16::from_f32(w).to_f32());
}

#[test]
fn bfloat16_rounds_both_sides() {
    assert_rounds(Precision::Bf16, short, short);
}
