//! BART against what Hugging Face transformers computes, stored with the script that made it.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor, safetensors};
use ragdex_models::bart::{Bart, BartConfig};
use ragdex_models::{Checkpoint, Precision};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/golden/rag")
}

/// The same BART by own kernels and by candle.
fn load_both(folder: &str) -> [Bart; 2] {
    [true, false].map(|packed| load(folder, packed))
}

fn load(folder: &str, packed: bool) -> Bart {
    let checkpoint = Checkpoint::from_folder(golden().join(folder)).expect("a checkpoint");
    let config = checkpoint.config();
    let config = config.get("generator").unwrap_or(config);
    let config = BartConfig::from_json(config, Path::new("config.json")).expect("a configuration");
    let bart = if packed {
        Bart::load(&checkpoint, config, &Device::Cpu)
    } else {
        Bart::load_reference(&checkpoint, config)
    };
    bart.expect("weights")
}

struct Expected {
    contexts: Vec<Vec<u32>>,
    states: Vec<f32>,
    decoder_ids: Vec<u32>,
    logits: Vec<f32>,
}

/// Reads what is stored under a prefix, with padding removed from contexts and states.
fn expected(prefix: &str) -> Expected {
    let path = golden().join("expected/tensors.safetensors");
    let tensors = safetensors::load(path, &Device::Cpu).expect("tensors");
    let tensor = |name: &str| -> &Tensor { &tensors[&format!("{prefix}_{name}")] };
    let ids = |name: &str| -> Vec<Vec<u32>> {
        let ids = tensor(name).to_dtype(candle_core::DType::U32);
        ids.and_then(|ids| ids.to_vec2()).expect("integers")
    };
    let states: Vec<Vec<Vec<f32>>> = tensor("encoder_last_hidden_state")
        .to_vec3()
        .expect("floats");
    let (mut contexts, mut kept) = (Vec::new(), Vec::new());
    let rows = ids("input_ids").into_iter().zip(ids("attention_mask"));
    for ((row, mask), states) in rows.zip(states) {
        let length = mask.iter().filter(|&&m| m == 1).count();
        contexts.push(row[..length].to_vec());
        kept.extend(states[..length].concat());
    }
    Expected {
        contexts,
        states: kept,
        decoder_ids: ids("decoder_input_ids").concat(),
        logits: tensor("logits")
            .flatten_all()
            .and_then(|l| l.to_vec1())
            .expect("floats"),
    }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

fn contexts(expected: &Expected) -> Vec<&[u32]> {
    expected.contexts.iter().map(Vec::as_slice).collect()
}

const CASES: [(&str, &str); 3] = [
    ("bart", "bart"),
    ("rag-token", "bart"),
    ("rag-sequence", "rag_sequence_generator"),
];

#[test]
fn states_and_logits_are_the_reference_s() {
    for (folder, prefix) in CASES {
        for bart in load_both(folder) {
            assert_reference(&bart, &expected(prefix), folder);
        }
    }
}

fn assert_reference(bart: &Bart, expected: &Expected, folder: &str) {
    let states = bart.states(&contexts(expected)).expect("states");
    assert!(
        largest_difference(&states, &expected.states) < 1e-4,
        "{folder}"
    );
    let encoded = bart.encode(&contexts(expected)).expect("memories");
    let logits = bart
        .decode(encoded, 1)
        .and_then(|mut decoding| decoding.logits(&expected.decoder_ids))
        .expect("logits");
    assert!(
        largest_difference(&logits, &expected.logits) < 1e-4,
        "{folder}"
    );
}

#[test]
fn steps_beams_and_reordering_give_what_whole_sequences_give() {
    for bart in load_both("bart") {
        assert_steps(&bart, &expected("bart"));
    }
}

fn assert_steps(bart: &Bart, expected: &Expected) {
    let vocab = bart.config().vocab_size;
    let encoded = bart.encode(&contexts(expected)).expect("states");
    let mut decoding = bart.decode(encoded, 2).expect("a start");
    let length = expected.decoder_ids.len() / 2;
    // Row 0 of each context reads the stored sequence, row 1 the same token again and again; at
    // every step the two change places.
    let mut swapped = false;
    for t in 0..length {
        let tokens: Vec<u32> = (0..4)
            .map(|row| {
                let reads = (row % 2 == 1) == swapped;
                if reads {
                    expected.decoder_ids[row / 2 * length + t]
                } else {
                    5
                }
            })
            .collect();
        let logits = decoding.step(&tokens).expect("logits");
        for context in 0..2 {
            let row = 2 * context + usize::from(swapped);
            let found = &logits[row * vocab..][..vocab];
            let stored = &expected.logits[(context * length + t) * vocab..][..vocab];
            assert!(largest_difference(found, stored) < 1e-4, "step {t}");
        }
        decoding.reorder(&[1, 0, 3, 2]).expect("an order");
        swapped = !swapped;
    }
}

#[test]
fn a_context_may_leave() {
    for bart in load_both("bart") {
        assert_leaves(&bart, &expected("bart"));
    }
}

fn assert_leaves(bart: &Bart, expected: &Expected) {
    let encoded = bart.encode(&contexts(expected)).expect("states");
    let mut both = bart.decode(encoded, 1).expect("a start");
    both.step(&[2, 2]).expect("logits");
    both.keep_contexts(&[1]).expect("one context");
    let alone = bart.encode(&contexts(expected)[1..]).expect("states");
    let mut alone = bart.decode(alone, 1).expect("a start");
    alone.step(&[2]).expect("logits");
    let (a, b) = (
        both.step(&[0]).expect("logits"),
        alone.step(&[0]).expect("logits"),
    );
    assert!(largest_difference(&a, &b) < 1e-5);
}

#[test]
fn bad_input_is_refused() {
    for bart in load_both("bart") {
        assert_refusals(&bart);
    }
}

fn assert_refusals(bart: &Bart) {
    assert!(
        bart.encode(&[&[0, 520, 2]]).is_err(),
        "an id outside the embedding"
    );
    assert!(
        bart.encode(&[&[0; 161]]).is_err(),
        "more tokens than positions"
    );
    let encoded = bart.encode(&[&[0, 2]]).expect("states");
    let mut decoding = bart.decode(encoded, 1).expect("a start");
    assert!(
        decoding.logits(&[2; 161]).is_err(),
        "more tokens than positions"
    );
}

#[test]
fn lower_precisions_stay_near_and_keep_rows_apart() {
    let (whole, expected) = (load("bart", true), expected("bart"));
    let path = golden().join("bart");
    let checkpoint = Checkpoint::from_folder(path).expect("a checkpoint");
    let mut former = 0.0;
    for (precision, tolerance) in [
        (Precision::F16, 0.02),
        (Precision::Bf16, 0.3),
        (Precision::Int8, 1.0),
    ] {
        let config = whole.config().clone();
        let bart = Bart::load_in(&checkpoint, config, &Device::Cpu, precision).expect("weights");
        let logits = |contexts: &[&[u32]], ids: &[u32]| {
            let encoded = bart.encode(contexts).expect("contexts");
            bart.decode(encoded, 1)
                .and_then(|mut decoding| decoding.logits(ids))
                .expect("logits")
        };
        let contexts = contexts(&expected);
        let both = logits(&contexts, &expected.decoder_ids);
        let difference = largest_difference(&both, &expected.logits);
        assert!(
            difference > former && difference < tolerance,
            "{precision}: {difference}"
        );
        former = difference;
        let half = expected.decoder_ids.len() / 2;
        let alone = logits(&contexts[..1], &expected.decoder_ids[..half]);
        assert_eq!(alone, both[..both.len() / 2], "{precision}");
    }
}
