//! A sequence becomes the same bits in every company.

use std::sync::LazyLock;

use proptest::prelude::*;
use ragdex_kernels::{BertWeights, InstructionSet, Output, PackedBert, Precision};

use crate::{Sequences, shape};

/// One for each instruction set and precision.
static ENCODERS: LazyLock<Vec<PackedBert>> = LazyLock::new(|| {
    let mut encoders = Vec::new();
    for set in InstructionSet::available() {
        for precision in [
            Precision::F32,
            Precision::F16,
            Precision::Bf16,
            Precision::Int8,
        ] {
            let weights = BertWeights::random(shape(40, 5, 72), 5);
            encoders.push(PackedBert::with_instruction_set(weights, precision, set));
        }
    }
    encoders
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn neighbours_and_threads_change_nothing(
        lengths in prop::collection::vec(1..70_usize, 1..24),
        threads in 1..4_usize,
    ) {
        let input = Sequences::new(&lengths);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for encoder in &*ENCODERS {
            for output in [Output::Cls, Output::Mean, Output::Hidden] {
                let together = pool.install(|| {
                    encoder.forward(&input.tokens, Some(&input.types), &input.offsets, output)
                });
                let alone: Vec<f32> = input
                    .iter()
                    .flat_map(|(tokens, types)| {
                        encoder.forward(tokens, Some(types), &[0, tokens.len()], output)
                    })
                    .collect();
                prop_assert!(together == alone, "{output:?}");
            }
        }
    }
}

#[test]
fn no_types_are_types_0() {
    let input = Sequences::new(&[9]);
    let zeros = vec![0; 9];
    for encoder in &*ENCODERS {
        let without = encoder.forward(&input.tokens, None, &[0, 9], Output::Mean);
        let with = encoder.forward(&input.tokens, Some(&zeros), &[0, 9], Output::Mean);
        assert_eq!(without, with);
    }
}

#[test]
fn no_sequences_give_no_rows() {
    for encoder in &*ENCODERS {
        assert!(encoder.forward(&[], None, &[0], Output::Cls).is_empty());
    }
}
