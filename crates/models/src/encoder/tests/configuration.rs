//! Configurations that do not fit, and what an encoder says of itself.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::super::*;
use super::{golden, open};
use crate::Checkpoint;
use crate::bert::BertConfig;

#[test]
fn another_activation_is_refused() {
    let config = fs::read(golden("dpr-ctx-encoder/config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    config["hidden_act"] = "gelu_new".into();
    let error = BertConfig::read(&config, Path::new("config.json")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`config.json`: `hidden_act`: `gelu` expected, found `gelu_new`"
    );
}

#[test]
fn a_config_of_another_model_names_every_missing_tensor() {
    let folder = golden("dpr-ctx-encoder");
    let mut config: Value =
        serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap();
    config["num_hidden_layers"] = 3.into();
    let files = [
        ("config.json", config.to_string().into_bytes()),
        (
            "model.safetensors",
            fs::read(folder.join("model.safetensors")).unwrap(),
        ),
    ];
    let checkpoint = Checkpoint::from_files("memory", files).unwrap();
    let error = BertEncoder::open(&checkpoint, &EncoderOptions::default()).unwrap_err();
    let Error::MissingTensors { names, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(names.len(), 16);
    assert!(names.iter().all(|name| name.contains(".layer.2.")));
}

#[test]
fn encoders_of_different_width_are_no_pair() {
    let context = Arc::new(open("dpr-ctx-encoder-proj"));
    let question: Arc<dyn Encoder> = Arc::new(open("dpr-question-encoder"));
    let error = EncoderPair::new(context, Arc::clone(&question)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "24-dimensional question vectors expected, found 32"
    );
    assert_eq!(EncoderPair::shared(question).dim(), 32);
}

#[test]
fn a_description_survives_json() {
    let encoder = open("dpr-ctx-encoder");
    let json = serde_json::to_value(encoder.description()).unwrap();
    assert_eq!(json["pooling"], "cls");
    assert_eq!(json["passage_form"], "pair");
    assert_eq!(json["precision"], "f32");
    let tokenizer = fs::read(golden("dpr-ctx-encoder/tokenizer.json")).unwrap();
    assert_eq!(
        json["tokenizer_sha256"],
        ragdex_core::Sha256::of(&tokenizer).to_string()
    );
    let back: EncoderDescription = serde_json::from_value(json).unwrap();
    assert_eq!(&back, encoder.description());
}
