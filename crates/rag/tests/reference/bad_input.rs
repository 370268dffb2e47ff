//! Bad input gives clear errors.

use std::fs;
use std::path::Path;

use ragdex_core::Cancel;
use ragdex_models::Checkpoint;
use ragdex_rag::{AnswerOptions, Error, Example, LossOptions, PassageInput, RagKind, RagModel};
use serde_json::json;

use crate::golden::{folder, model, options, retrieved};

fn error(options: &AnswerOptions) -> Error {
    let retrieved = retrieved(5);
    let query = retrieved.queries()[0];
    let rag = model("rag-token");
    rag.answer(query.question, query.passages, options)
        .expect_err("a refusal")
}

#[test]
fn the_number_of_documents_must_fit() {
    for n_docs in [0, 6] {
        let options = AnswerOptions {
            n_docs: Some(n_docs),
            ..AnswerOptions::default()
        };
        assert!(matches!(error(&options), Error::NDocs { passages: 5, .. }));
    }
    let none = model("rag-token").answer("who?", &[], &AnswerOptions::default());
    assert!(matches!(
        none,
        Err(Error::NDocs {
            n_docs: 0,
            passages: 0
        })
    ));
}

#[test]
fn settings_must_make_sense() {
    for (kwargs, name) in [
        (json!({"max_length": 0}), "max_length"),
        (json!({"max_length": 161}), "max_length"),
        (json!({"num_return_sequences": 2}), "num_return_sequences"),
        (json!({"forced_bos_token_id": 520}), "forced_bos_token_id"),
        (json!({"bad_words_ids": [[1, 9999]]}), "bad_words_ids"),
        (json!({"do_sample": true}), "do_sample"),
    ] {
        let message = error(&options(&kwargs)).to_string();
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn an_empty_question_is_refused() {
    let passages = &retrieved(5).passages[0];
    let rag = model("rag-token");
    for question in ["", "  \n"] {
        let answer = rag.answer(question, passages, &AnswerOptions::default());
        assert!(matches!(answer, Err(Error::EmptyQuestion)));
    }
}

#[test]
fn scores_must_be_numbers() {
    let mut passages = retrieved(5).passages[0].clone();
    passages[3].score = f32::NAN;
    let answer = model("rag-token").answer("who?", &passages, &AnswerOptions::default());
    assert!(matches!(answer, Err(Error::Score { position: 3 })));
}

#[test]
fn passages_without_text_are_answered_from() {
    let rag = model("rag-token");
    let empty = PassageInput {
        title: String::new(),
        text: String::new(),
        score: 1.0,
    };
    for grounded in [false, true] {
        let options = AnswerOptions {
            grounded,
            ..AnswerOptions::default()
        };
        rag.answer("who?", std::slice::from_ref(&empty), &options)
            .expect("an answer");
    }
}

#[test]
fn work_can_be_stopped() {
    let cancel = Cancel::default();
    cancel.cancel();
    let options = AnswerOptions {
        cancel,
        ..AnswerOptions::default()
    };
    assert!(matches!(error(&options), Error::Cancelled(_)));
}

#[test]
fn labels_must_be_known_and_long_enough() {
    let rag = model("rag-token");
    let retrieved = retrieved(5);
    for labels in [&[2][..], &[], &[2, 0, 600, 2]] {
        let example = Example {
            question: "who?",
            passages: &retrieved.passages[0],
            labels,
        };
        for kind in [RagKind::Token, RagKind::Sequence] {
            assert!(
                rag.losses(kind, &[example], &LossOptions::default())
                    .is_err()
            );
        }
    }
}

/// Copies a checkpoint with changed weights or configuration, and tries to load it.
fn changed(change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> String {
    let target = tempfile::tempdir().expect("a folder");
    copy(&folder().join("rag-token"), target.path(), &change);
    let loaded = Checkpoint::from_folder(target.path())
        .map_err(Error::from)
        .and_then(|checkpoint| RagModel::load(&checkpoint));
    loaded
        .err()
        .map(|error| error.to_string())
        .expect("a refusal")
}

fn copy(from: &Path, to: &Path, change: &impl Fn(&str, Vec<u8>) -> Vec<u8>) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        if path.is_dir() {
            copy(&path, &to.join(name), change);
        } else if name != "pytorch_model.bin" {
            let bytes = fs::read(&path).expect("a file");
            fs::write(to.join(name), change(name, bytes)).expect("a file of ours");
        }
    }
}

#[test]
fn every_missing_tensor_is_named() {
    let message = changed(|name, bytes| match name {
        // Names of equal length, so that the header keeps its length.
        "model.safetensors" => replaced(&bytes, b"decoder.layers.1.fc1", b"decoder.layers.9.fc1"),
        _ => bytes,
    });
    for name in ["decoder.layers.1.fc1.weight", "decoder.layers.1.fc1.bias"] {
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn a_vocabulary_larger_than_the_embeddings_is_told() {
    let message = changed(|name, bytes| match name {
        "config.json" => replaced(&bytes, b"\"vocab_size\": 520", b"\"vocab_size\": 521"),
        _ => bytes,
    });
    assert!(
        message.contains("shared.weight") && message.contains("521"),
        "{message}"
    );
}

#[test]
fn another_generator_than_bart_is_refused() {
    let message = changed(|name, bytes| match name {
        "config.json" => replaced(
            &bytes,
            b"\"model_type\": \"bart\"",
            b"\"model_type\": \"marn\"",
        ),
        _ => bytes,
    });
    assert!(message.contains("`marn`"), "{message}");
}

#[test]
fn weights_that_are_no_numbers_are_told() {
    let message = changed(|name, mut bytes| {
        if name == "model.safetensors" {
            // The last tensors are the generator's or the encoder's; all are read but the latter,
            // so every number of the file is spoilt.
            let header = 8 + bytes.first_chunk().map_or(0, |n| u64::from_le_bytes(*n)) as usize;
            for number in bytes[header..].chunks_exact_mut(4) {
                number.copy_from_slice(&f32::NAN.to_le_bytes());
            }
        }
        bytes
    });
    assert!(message.contains("NaN"), "{message}");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, w)| *w == from)
        .map(|(i, _)| i)
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
    bytes
}
