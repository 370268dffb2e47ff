//! Encoders of the RoBERTa family and models of sentence-transformers, against the references.
//!
//! `tests/data/golden/make_encoder_golden.py` makes the checkpoints and their vectors.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use ragdex_models::{
    BertEncoder, Checkpoint, EncodeOptions, Encoder, EncoderOptions, PassageForm, PassageText,
    Pooling, Precision,
};
use serde_json::Value;

/// The tolerance on every component.
const TOLERANCE: f32 = 1e-5;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/golden/encoders")
        .join(name)
}

fn expected_json() -> Value {
    serde_json::from_slice(&fs::read(golden("expected.json")).unwrap()).unwrap()
}

fn texts() -> Vec<String> {
    serde_json::from_value(expected_json()["texts"].clone()).unwrap()
}

fn vectors(key: &str) -> Vec<Vec<f32>> {
    serde_json::from_value(expected_json()[key].clone()).unwrap()
}

fn open(folder: &str, change: impl FnOnce(&mut EncoderOptions)) -> BertEncoder {
    let checkpoint = Checkpoint::from_folder(golden(folder)).unwrap();
    let mut options = EncoderOptions::default();
    change(&mut options);
    BertEncoder::open(&checkpoint, &options).unwrap()
}

fn without_prompts(options: &mut EncoderOptions) {
    options.passage_prompt = Some(String::new());
    options.question_prompt = Some(String::new());
}

fn questions(encoder: &BertEncoder) -> Vec<f32> {
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    encoder
        .encode_questions(&texts, &EncodeOptions::default())
        .unwrap()
}

fn passages(encoder: &BertEncoder) -> Vec<f32> {
    let texts = texts();
    let passage = |text| PassageText { title: "", text };
    let passages: Vec<PassageText<'_>> = texts.iter().map(|text| passage(text)).collect();
    encoder
        .encode_passages(&passages, &EncodeOptions::default())
        .unwrap()
}

#[track_caller]
fn assert_close(found: &[f32], key: &str) {
    let expected = vectors(key);
    assert_eq!(found.len(), expected.len() * expected[0].len());
    for (text, (found, expected)) in found.chunks(expected[0].len()).zip(&expected).enumerate() {
        let distances = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
        let largest = distances.fold(0.0, f32::max);
        assert!(largest < TOLERANCE, "{key}: text {text}: off by {largest}");
    }
}

#[test]
fn a_bare_roberta_is_that_of_the_reference() {
    for kernels in [true, false] {
        let encoder = open("roberta", |options| {
            options.pooling = Some(Pooling::Cls);
            options.kernels = kernels;
        });
        assert_close(&questions(&encoder), "roberta");
        assert_eq!(encoder.description().max_tokens, 48);
        assert_eq!(encoder.description().passage_form, PassageForm::Joined);
    }
}

#[test]
fn mean_dense_and_normalising_are_those_of_the_reference() {
    for kernels in [true, false] {
        let encoder = open("sentence-roberta", |options| {
            without_prompts(options);
            options.kernels = kernels;
        });
        assert_close(&questions(&encoder), "sentence-roberta");
        assert_close(&passages(&encoder), "sentence-roberta");
        assert_eq!(encoder.dim(), 24);
        assert!(encoder.description().normalize);
    }
}

#[test]
fn prompts_of_the_files_go_before_questions_and_passages() {
    let encoder = open("sentence-roberta", |_| {});
    assert_eq!(encoder.description().question_prompt, "query: ");
    assert_eq!(encoder.description().passage_prompt, "passage: ");
    assert_close(&questions(&encoder), "sentence-roberta query");
    assert_close(&passages(&encoder), "sentence-roberta passage");
}

#[test]
fn prompts_of_the_user_replace_those_of_the_files() {
    let encoder = open("sentence-roberta", |options| {
        options.passage_prompt = Some("query: ".into());
        options.question_prompt = Some("passage: ".into());
    });
    assert_close(&questions(&encoder), "sentence-roberta passage");
    assert_close(&passages(&encoder), "sentence-roberta query");
}

#[test]
fn a_prompt_of_pairs_is_refused() {
    let checkpoint = Checkpoint::from_folder(golden("sentence-roberta")).unwrap();
    let mut options = EncoderOptions::default();
    options.passage_form = Some(PassageForm::Pair);
    let error = BertEncoder::open(&checkpoint, &options).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("passage prompt `passage: `: ")
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("`joined`")));
}

#[test]
fn a_unigram_tokenizer_and_its_encoder_are_those_of_the_reference() {
    let encoder = open("sentence-xlmr", |_| {});
    assert_close(&questions(&encoder), "sentence-xlmr");
    assert_close(&passages(&encoder), "sentence-xlmr");
    assert_eq!(encoder.description().pooling, Pooling::Cls);
}

#[test]
fn the_first_layout_of_sentence_transformers_is_read() {
    let encoder = open("sentence-old", |_| {});
    assert_close(&questions(&encoder), "sentence-old");
    let description = encoder.description();
    assert_eq!(
        (description.pooling, description.max_tokens),
        (Pooling::Max, 40)
    );
    assert!(!description.normalize);
}

#[test]
fn a_title_and_its_text_are_one_text_behind_the_prompt() {
    let encoder = open("sentence-roberta", |_| {});
    let plain = open("sentence-roberta", without_prompts);
    let encode = |encoder: &BertEncoder, title, text| {
        let passage = PassageText { title, text };
        encoder
            .encode_passages(&[passage], &EncodeOptions::default())
            .unwrap()
    };
    let found = encode(&encoder, "Marrow", "The lamp.");
    assert_eq!(found, encode(&plain, "", "passage: Marrow The lamp."));
}

#[test]
fn a_text_with_a_padding_token_leaves_its_neighbours_alone() {
    let encoder = open("sentence-roberta", |_| {});
    let together = passages(&encoder);
    let texts = texts();
    for (text, row) in texts.iter().zip(together.chunks(encoder.dim())) {
        let passage = PassageText { title: "", text };
        let alone = encoder.encode_passages(&[passage], &EncodeOptions::default());
        assert_eq!(alone.unwrap(), row, "{text}");
    }
}

#[test]
fn fast_precisions_keep_the_direction() {
    let exact = passages(&open("sentence-roberta", |_| {}));
    for (precision, least) in [
        (Precision::F16, 0.999_99),
        (Precision::Bf16, 0.999),
        (Precision::Int8, 0.99),
    ] {
        let found = passages(&open("sentence-roberta", |options| {
            options.precision = precision.into();
        }));
        assert_ne!(found, exact);
        for (a, b) in found.chunks(24).zip(exact.chunks(24)) {
            let cosine: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            assert!(cosine >= least, "{precision}: {cosine}");
        }
    }
}
