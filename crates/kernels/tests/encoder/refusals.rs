//! Input that breaks the contract panics before any work, with what is wrong.

use ragdex_kernels::{BertWeights, Output, PackedBert, Precision};

use crate::shape;

fn forward(tokens: &[u32], types: Option<&[u32]>, offsets: &[usize]) {
    let weights = BertWeights::random(shape(32, 4, 64), 1);
    PackedBert::new(weights, Precision::F32).forward(tokens, types, offsets, Output::Cls);
}

#[test]
#[should_panic(expected = "token id 50 in a table of 50 rows")]
fn an_id_beyond_the_vocabulary() {
    forward(&[1, 50], None, &[0, 2]);
}

#[test]
#[should_panic(expected = "token type 2 in a table of 2 rows")]
fn a_type_beyond_the_table() {
    forward(&[1, 3], Some(&[0, 2]), &[0, 2]);
}

#[test]
#[should_panic(expected = "sequence 0..71 of 1 to 70 tokens")]
fn a_sequence_without_positions() {
    forward(&[1; 71], None, &[0, 71]);
}

#[test]
#[should_panic(expected = "sequence 1..1 of 1 to 70 tokens")]
fn an_empty_sequence() {
    forward(&[1], None, &[0, 1, 1]);
}

#[test]
#[should_panic(expected = "the last offset")]
fn tokens_that_belong_to_no_sequence() {
    forward(&[1, 2, 3], None, &[0, 2]);
}

#[test]
#[should_panic(expected = "numbers in weight")]
fn weights_of_another_size() {
    let mut weights = BertWeights::random(shape(32, 4, 64), 1);
    weights.layers[1].output.weight.pop();
    let _ = PackedBert::new(weights, Precision::F32);
}
