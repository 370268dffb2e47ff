//! Against the plain encoder.

use ragdex_kernels::{BertShape, BertWeights, InstructionSet, Output, PackedBert, Precision};

use crate::{Sequences, plain, shape};

/// How far a component in single precision may be from the one in double precision.
const TOLERANCE: f64 = 2e-5;

/// Encodes with every instruction set and hands result and expectation, row by row, to `compare`.
fn for_each_row(
    shape: &BertShape,
    lengths: &[usize],
    precision: Precision,
    compare: impl Fn(&str, &[f32], &[f64]),
) {
    let weights = BertWeights::random(shape.clone(), 3);
    let input = Sequences::new(lengths);
    let states: Vec<Vec<Vec<f64>>> = input
        .iter()
        .map(|(tokens, types)| plain::encode(&weights, tokens, types))
        .collect();
    let firsts: Vec<Vec<f64>> = states.iter().map(|rows| rows[0].clone()).collect();
    let means: Vec<Vec<f64>> = states.iter().map(|rows| mean(rows)).collect();
    let all = states.concat();
    for set in InstructionSet::available() {
        let encoder = PackedBert::with_instruction_set(weights.clone(), precision, set);
        for (output, expected) in [
            (Output::Hidden, &all),
            (Output::Cls, &firsts),
            (Output::Mean, &means),
        ] {
            let rows = encoder.forward(&input.tokens, Some(&input.types), &input.offsets, output);
            assert_eq!(rows.len(), expected.len() * shape.hidden_size);
            for (row, expected) in rows.chunks_exact(shape.hidden_size).zip(expected) {
                compare(&format!("{set}, {output:?}"), row, expected);
            }
        }
    }
}

fn mean(rows: &[Vec<f64>]) -> Vec<f64> {
    let column = |column: usize| rows.iter().map(|row| row[column]).sum::<f64>();
    (0..rows[0].len())
        .map(|at| column(at) / rows.len() as f64)
        .collect()
}

fn assert_f32_is_close(shape: &BertShape, lengths: &[usize]) {
    for_each_row(shape, lengths, Precision::F32, |case, row, expected| {
        for (column, (&found, expected)) in row.iter().zip(expected).enumerate() {
            let distance = (f64::from(found) - expected).abs();
            assert!(
                distance < TOLERANCE,
                "{case}: column {column} is off by {distance}"
            );
        }
    });
}

/// Asserts that the cosine between found and expected rows is at least `least`.
fn assert_is_aligned(precision: Precision, least: f64, shape: &BertShape, lengths: &[usize]) {
    for_each_row(shape, lengths, precision, |case, row, expected| {
        let row: Vec<f64> = row.iter().copied().map(f64::from).collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let cosine = dot(&row, expected) / (dot(&row, &row) * dot(expected, expected)).sqrt();
        assert!(cosine >= least, "{case}: cosine {cosine}");
    });
}

#[test]
fn bert_base_width_matches_the_plain_encoder() {
    assert_f32_is_close(&shape(768, 12, 3072), &[5, 1, 19]);
}

#[test]
fn minilm_width_matches_the_plain_encoder() {
    assert_f32_is_close(&shape(384, 12, 1536), &[40, 3]);
}

#[test]
fn widths_that_fill_no_vector_match_the_plain_encoder() {
    assert_f32_is_close(&shape(312, 12, 1200), &[7, 20]);
    assert_f32_is_close(&shape(20, 2, 50), &[1, 2, 3, 70]);
    assert_f32_is_close(&shape(3, 1, 1), &[4]);
}

#[test]
fn the_smallest_checkpoints_match_the_plain_encoder() {
    let lengths: Vec<usize> = (1..=70).collect();
    assert_f32_is_close(&shape(32, 4, 64), &lengths);
}

/// Checks the direction for several widths.
fn assert_keeps_direction(precision: Precision, least: f64) {
    assert_is_aligned(precision, least, &shape(768, 12, 3072), &[5, 1, 19]);
    assert_is_aligned(precision, least, &shape(384, 12, 1536), &[40, 3]);
    assert_is_aligned(precision, least, &shape(312, 12, 1200), &[7, 20]);
    assert_is_aligned(precision, least, &shape(32, 4, 64), &[1, 33, 70]);
    assert_is_aligned(precision, least, &shape(3, 1, 1), &[4]);
}

#[test]
fn bytes_keep_the_direction() {
    assert_keeps_direction(Precision::Int8, 0.998);
}

#[test]
fn halves_keep_the_direction() {
    assert_keeps_direction(Precision::F16, 0.999_999);
}

#[test]
fn bfloat16_keeps_the_direction() {
    assert_keeps_direction(Precision::Bf16, 0.999_9);
}
