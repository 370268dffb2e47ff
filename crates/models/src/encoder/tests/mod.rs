//! Encoders over small stored checkpoints, held against what the references give.

mod calls;
mod configuration;
mod independence;
mod precision;
mod reference;
mod sentence;

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::{Value, json};

use super::*;
use crate::Checkpoint;

/// The tolerance on every component. The golden data differs from `f64` by less.
const TOLERANCE: f32 = 1e-5;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/golden/rag")
        .join(name)
}

fn texts(file: &str, keys: [&str; 2]) -> Vec<[String; 2]> {
    let rows: Vec<Value> = serde_json::from_slice(&fs::read(golden(file)).unwrap()).unwrap();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.iter()
        .map(|row| keys.map(|key| text(row, key)))
        .collect()
}

fn golden_passages() -> Vec<[String; 2]> {
    texts("passages.json", ["title", "text"])
}

fn borrow(passages: &[[String; 2]]) -> Vec<PassageText<'_>> {
    passages
        .iter()
        .map(|[title, text]| PassageText { title, text })
        .collect()
}

fn expected(tensor: &str) -> Vec<f32> {
    let file = fs::read(golden("expected/tensors.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let bytes = tensors.tensor(tensor).unwrap().data();
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect()
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() < TOLERANCE,
            "{i}: {found}, {expected} expected"
        );
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn open_in(folder: &str, precision: impl Into<PrecisionChoice>) -> BertEncoder {
    let checkpoint = Checkpoint::from_folder(golden(folder)).unwrap();
    let options = EncoderOptions {
        precision: precision.into(),
        ..EncoderOptions::default()
    };
    BertEncoder::open(&checkpoint, &options).unwrap()
}

fn open(folder: &str) -> BertEncoder {
    let checkpoint = Checkpoint::from_folder(golden(folder)).unwrap();
    BertEncoder::open(&checkpoint, &EncoderOptions::default()).unwrap()
}

/// A bare BERT: the golden context encoder without its prefix, beside other files.
fn bare_bert(files: &[(&str, Value)]) -> Checkpoint {
    let file = fs::read(golden("dpr-ctx-encoder/model.safetensors")).unwrap();
    let (length, rest) = file.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header = str::from_utf8(header)
        .unwrap()
        .replace("ctx_encoder.bert_model.", "");
    let mut weights = (header.len() as u64).to_le_bytes().to_vec();
    weights.extend(header.as_bytes());
    weights.extend(data);
    let copied = ["config.json", "tokenizer.json", "tokenizer_config.json"];
    let copied = copied.map(|name| {
        (
            name,
            fs::read(golden(&format!("dpr-ctx-encoder/{name}"))).unwrap(),
        )
    });
    let written = files
        .iter()
        .map(|(name, json)| (*name, json.to_string().into_bytes()));
    let weights = [("model.safetensors", weights)];
    Checkpoint::from_files("bare", written.chain(weights).chain(copied)).unwrap()
}

fn module(kind: &str, path: &str) -> Value {
    json!({"type": format!("sentence_transformers.models.{kind}"), "path": path})
}
