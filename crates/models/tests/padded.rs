//! The engine of GPUs on the processor: padded batches against the references.
//!
//! What needs a GPU is at the end, and says so where there is none.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ragdex_core::NoReporter;
use ragdex_models::{
    BertEncoder, Checkpoint, Device, DeviceChoice, Devices, EncodeOptions, Encoded, Encoder,
    EncoderOptions, Error, PassageText, Pooling, Precision, PrecisionChoice,
};
use serde_json::Value;

/// The tolerance on every component in single precision.
const TOLERANCE: f32 = 2e-5;

/// A tiny encoder of every layout, and what a bare BERT or RoBERTa needs.
const CHECKPOINTS: [(&str, Option<Pooling>); 8] = [
    ("rag/dpr-ctx-encoder", None),
    ("rag/dpr-ctx-encoder-proj", None),
    ("rag/rag-token", None),
    ("encoders/roberta", Some(Pooling::Cls)),
    ("encoders/roberta", Some(Pooling::Mean)),
    ("encoders/sentence-roberta", None),
    ("encoders/sentence-xlmr", None),
    ("encoders/sentence-old", None),
];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/golden")
        .join(name)
}

fn open(
    (folder, pooling): (&str, Option<Pooling>),
    change: impl FnOnce(&mut EncoderOptions),
) -> BertEncoder {
    let checkpoint = Checkpoint::from_folder(golden(folder)).unwrap();
    let mut options = EncoderOptions::default();
    options.pooling = pooling;
    change(&mut options);
    BertEncoder::open(&checkpoint, &options).unwrap()
}

fn padded(options: &mut EncoderOptions) {
    options.padded = true;
}

fn reference(options: &mut EncoderOptions) {
    options.kernels = false;
}

/// The texts of the references, which spell padding tokens too, and texts of many lengths.
fn texts() -> Vec<String> {
    let file = fs::read(golden("encoders/expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&file).unwrap();
    let mut texts: Vec<String> = serde_json::from_value(expected["texts"].clone()).unwrap();
    texts.extend(
        [
            "The lamp [PAD] of the Marrow [PAD]",
            "<pad> the <pad> lamp",
            "",
        ]
        .map(str::to_owned),
    );
    texts.extend((0..40).map(|i| "the lighthouse lamp ".repeat(i * 7 % 23)));
    texts
}

fn encode(encoder: &BertEncoder, texts: &[String], batch_tokens: usize) -> Vec<f32> {
    let passages: Vec<PassageText<'_>> = texts
        .iter()
        .map(|text| PassageText {
            title: "Marrow",
            text,
        })
        .collect();
    let mut options = EncodeOptions::default();
    options.batch_tokens = NonZeroUsize::new(batch_tokens);
    encoder.encode_passages(&passages, &options).unwrap()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max)
}

/// The least cosine of two rows.
fn least_cosine(a: &[f32], b: &[f32], dim: usize) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let rows = a.chunks(dim).zip(b.chunks(dim));
    let cosines = rows.map(|(a, b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt());
    cosines.fold(
        1.0,
        |least, cosine| if cosine >= least { least } else { cosine },
    )
}

#[test]
fn padded_batches_give_the_vectors_of_the_reference() {
    let texts = texts();
    for checkpoint in CHECKPOINTS {
        let expected = encode(&open(checkpoint, reference), &texts, 0);
        let encoder = open(checkpoint, padded);
        for batch_tokens in [0, 256, 40, 1] {
            let found = encode(&encoder, &texts, batch_tokens);
            let difference = largest_difference(&found, &expected);
            assert!(
                difference < TOLERANCE,
                "{checkpoint:?}, {batch_tokens}: {difference}"
            );
        }
    }
}

#[test]
fn questions_are_those_of_the_reference() {
    let texts = texts();
    let questions: Vec<&str> = texts.iter().map(String::as_str).collect();
    let encode = |encoder: &BertEncoder| {
        let options = EncodeOptions::default();
        encoder.encode_questions(&questions, &options).unwrap()
    };
    let checkpoint = ("rag/rag-token", None);
    let found = encode(&open(checkpoint, padded));
    let expected = encode(&open(checkpoint, reference));
    assert!(largest_difference(&found, &expected) < TOLERANCE);
}

#[test]
fn half_precisions_keep_the_direction_and_are_recorded() {
    let texts = texts();
    for checkpoint in CHECKPOINTS {
        let exact = encode(&open(checkpoint, reference), &texts, 0);
        for (precision, least) in [(Precision::F16, 0.9999), (Precision::Bf16, 0.999)] {
            let encoder = open(checkpoint, |options| {
                padded(options);
                options.precision = precision.into();
            });
            assert_eq!(encoder.description().precision, precision);
            let found = encode(&encoder, &texts, 256);
            assert_ne!(found, exact);
            let cosine = least_cosine(&found, &exact, encoder.dim());
            assert!(cosine >= least, "{checkpoint:?}, {precision}: {cosine}");
        }
    }
}

#[test]
fn two_devices_give_the_bits_of_one() {
    let texts = texts();
    for checkpoint in CHECKPOINTS {
        let one = encode(&open(checkpoint, padded), &texts, 64);
        let two = open(checkpoint, |options| {
            padded(options);
            options.devices = vec![Device::Cpu, Device::Cpu];
        });
        for _ in 0..3 {
            assert_eq!(encode(&two, &texts, 64), one, "{checkpoint:?}");
        }
    }
}

#[test]
fn no_device_named_is_the_processor() {
    let without = |options: &mut EncoderOptions| {
        padded(options);
        options.devices.clear();
    };
    let texts = texts();
    let found = encode(&open(CHECKPOINTS[0], without), &texts, 0);
    assert_eq!(found, encode(&open(CHECKPOINTS[0], padded), &texts, 0));
}

#[test]
fn every_text_is_counted_once_with_the_padding_beside_it() {
    let encoder = open(CHECKPOINTS[0], padded);
    let texts = texts();
    let questions: Vec<&str> = texts.iter().map(String::as_str).collect();
    let prepared = encoder.prepare_questions(&questions, &EncodeOptions::default());
    let prepared = prepared.unwrap();
    let units = Mutex::new(Vec::new());
    let note = |unit: Encoded| units.lock().unwrap().push(unit);
    let mut options = EncodeOptions::default();
    options.batch_tokens = NonZeroUsize::new(128);
    options.on_progress = &note;
    encoder.encode(&prepared, &options).unwrap();
    let units = units.into_inner().unwrap();
    let sum = |count: fn(&Encoded) -> usize| units.iter().map(count).sum::<usize>();
    assert_eq!(sum(|unit| unit.texts), texts.len());
    assert_eq!(sum(|unit| unit.tokens), prepared.n_tokens());
    assert!(sum(|unit| unit.padding) > 0);
    let within = |unit: &Encoded| unit.texts == 1 || unit.tokens + unit.padding <= 128;
    assert!(units.iter().all(within), "{units:?}");
}

#[test]
fn bytes_are_no_precision_of_devices() {
    let checkpoint = Checkpoint::from_folder(golden("rag/dpr-ctx-encoder")).unwrap();
    let mut options = EncoderOptions::default();
    padded(&mut options);
    options.precision = Precision::Int8.into();
    let error = BertEncoder::open(&checkpoint, &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "precision `int8`: candle on the processor computes in `f32`, `f16` and `bf16` only"
    );
    options.precision = PrecisionChoice::Auto;
    let encoder = BertEncoder::open(&checkpoint, &options).unwrap();
    assert_eq!(encoder.description().precision, Precision::F32);
}

#[test]
fn a_vector_that_overflows_is_an_error() {
    let encoder = open(CHECKPOINTS[0], |options| {
        padded(options);
        options.scale = Some(f32::MAX);
    });
    let result = encoder.encode_questions(&["the lamp"], &EncodeOptions::default());
    assert!(matches!(result, Err(Error::Overflow { text: 0, .. })));
}

/// The first GPU, or a line that says why the test is not run.
fn gpu(test: &str) -> Option<Vec<Device>> {
    let choice: DeviceChoice = "cuda".parse().unwrap();
    match Devices::new(choice).open(&NoReporter) {
        Ok(devices) => Some(devices.to_vec()),
        Err(error) => {
            report(&format!("{test}: not run: {error}"));
            None
        }
    }
}

#[expect(clippy::print_stderr, reason = "whoever reads the log should know")]
fn report(line: &str) {
    eprintln!("{line}");
}

#[test]
fn a_gpu_gives_the_vectors_of_the_reference() {
    let Some(devices) = gpu("parity on a GPU") else {
        return;
    };
    let texts = texts();
    for checkpoint in CHECKPOINTS {
        let exact = encode(&open(checkpoint, reference), &texts, 0);
        for (precision, least) in [
            (Precision::F32, 0.999_999),
            (Precision::F16, 0.9999),
            (Precision::Bf16, 0.999),
        ] {
            let encoder = open(checkpoint, |options| {
                options.devices.clone_from(&devices);
                options.precision = precision.into();
            });
            let found = encode(&encoder, &texts, 256);
            let cosine = least_cosine(&found, &exact, encoder.dim());
            assert!(cosine >= least, "{checkpoint:?}, {precision}: {cosine}");
            assert_eq!(
                encode(&encoder, &texts, 256),
                found,
                "{checkpoint:?}, {precision}"
            );
        }
    }
}

#[test]
fn a_gpu_takes_half_precision_of_itself() {
    let Some(devices) = gpu("precision of a GPU") else {
        return;
    };
    let encoder = open(CHECKPOINTS[0], |options| {
        options.devices = devices;
        options.precision = PrecisionChoice::Auto;
    });
    assert_eq!(encoder.description().precision, Precision::F16);
}
