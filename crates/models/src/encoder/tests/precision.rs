//! Precisions: what they keep, how they are named, where they are refused.

use std::fs;

use safetensors::SafeTensors;

use super::super::*;
use super::{bits, borrow, golden, golden_passages, open_in};
use crate::Checkpoint;

#[test]
fn each_precision_keeps_the_direction_and_changes_the_bits() {
    let texts = golden_passages();
    let encode = |precision| {
        let encoder = open_in("dpr-ctx-encoder", precision);
        assert_eq!(encoder.description().precision, precision);
        encoder
            .encode_passages(&borrow(&texts), &EncodeOptions::default())
            .unwrap()
    };
    let exact = encode(Precision::F32);
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    for (precision, least) in [
        (Precision::F16, 0.999_99),
        (Precision::Bf16, 0.9999),
        (Precision::Int8, 0.998),
    ] {
        let found = encode(precision);
        assert_ne!(bits(&found), bits(&exact));
        for (a, b) in found.chunks(32).zip(exact.chunks(32)) {
            let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
            assert!(cosine >= least, "{precision}: {cosine}");
        }
    }
}

#[test]
fn precisions_have_the_names_of_the_manifest() {
    for precision in Precision::ALL {
        let json = serde_json::to_value(precision).unwrap();
        assert_eq!(json, precision.name());
        assert_eq!(precision.to_string().parse(), Ok(precision));
        assert_eq!(
            precision.name().parse(),
            Ok(PrecisionChoice::from(precision))
        );
    }
    assert_eq!("auto".parse(), Ok(PrecisionChoice::Auto));
    assert_eq!(PrecisionChoice::Auto.to_string(), "auto");
    assert_eq!(PrecisionChoice::default().to_string(), "f32");
    let error = "fp16".parse::<PrecisionChoice>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`f32`, `f16`, `bf16`, `int8` or `auto` expected, found `fp16`"
    );
}

#[test]
fn the_choice_of_auto_is_recorded_by_name() {
    let encoder = open_in("dpr-ctx-encoder", PrecisionChoice::Auto);
    let chosen = encoder.description().precision;
    assert!([Precision::F32, Precision::Bf16].contains(&chosen));
    let again = open_in("dpr-ctx-encoder", chosen);
    assert_eq!(again.description(), encoder.description());
}

#[test]
fn the_reference_computes_in_single_precision_only() {
    let checkpoint = Checkpoint::from_folder(golden("dpr-ctx-encoder")).unwrap();
    let open = |precision: PrecisionChoice| {
        let options = EncoderOptions {
            precision,
            kernels: false,
            ..EncoderOptions::default()
        };
        BertEncoder::open(&checkpoint, &options)
    };
    let error = open(Precision::Int8.into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "precision `int8`: candle on the processor computes in `f32` only"
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("`f32`")));
    let encoder = open(PrecisionChoice::Auto).unwrap();
    assert_eq!(encoder.description().precision, Precision::F32);
}

#[test]
fn weights_too_large_for_halves_are_refused_by_name() {
    let folder = golden("dpr-ctx-encoder");
    let mut weights = fs::read(folder.join("model.safetensors")).unwrap();
    let tensor = "ctx_encoder.bert_model.encoder.layer.0.output.dense.weight";
    let place = place_of(&weights, tensor);
    weights[place..place + 4].copy_from_slice(&70_000_f32.to_le_bytes());
    let files = ["config.json", "tokenizer.json"]
        .map(|name| (name, fs::read(folder.join(name)).unwrap()))
        .into_iter()
        .chain([("model.safetensors", weights)]);
    let checkpoint = Checkpoint::from_files("memory", files).unwrap();
    let open = |precision: Precision| {
        let options = EncoderOptions {
            precision: precision.into(),
            ..EncoderOptions::default()
        };
        BertEncoder::open(&checkpoint, &options)
    };
    let error = open(Precision::F16).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`memory`: tensor `{tensor}`: numbers up to 65504 expected by precision `f16`, found 70000"
        )
    );
    assert!(open(Precision::Bf16).is_ok());
}

/// Where the first number of a tensor lies in a safetensors file.
fn place_of(file: &[u8], tensor: &str) -> usize {
    let (length, metadata) = SafeTensors::read_metadata(file).unwrap();
    size_of::<u64>() + length + metadata.info(tensor).unwrap().data_offsets.0
}
