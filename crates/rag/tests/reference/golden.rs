//! The stored checkpoints, questions and passages.

use std::path::{Path, PathBuf};

use ragdex_models::Checkpoint;
use ragdex_rag::{AnswerOptions, PassageInput, Query, RagModel};
use serde_json::Value;

/// The stored fixtures, or those of another seed and size that `make_rag_golden.py --spec` has made:
///
/// ```text
/// python tests/data/golden/make_rag_golden.py --out OTHER --spec SPEC.json
/// RAGDEX_RAG_GOLDEN=OTHER cargo test -p ragdex-rag --test reference -- generate texts losses
/// ```
///
/// Other modules ask for words that only the stored ones say.
pub(crate) fn folder() -> PathBuf {
    match std::env::var_os("RAGDEX_RAG_GOLDEN") {
        Some(other) => other.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/golden/rag"),
    }
}

pub(crate) fn json(name: &str) -> Value {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path).expect("a stored file");
    serde_json::from_str(&text).expect("JSON")
}

pub(crate) fn model(name: &str) -> RagModel {
    let checkpoint = Checkpoint::from_folder(folder().join(name)).expect("a checkpoint");
    RagModel::load(&checkpoint).expect("a model")
}

/// The stored questions with the passages that the reference retrieved for them.
pub(crate) struct Retrieved {
    pub(crate) questions: Vec<String>,
    pub(crate) passages: Vec<Vec<PassageInput>>,
}

impl Retrieved {
    pub(crate) fn queries(&self) -> Vec<Query<'_>> {
        let pairs = self.questions.iter().zip(&self.passages);
        pairs
            .map(|(question, passages)| Query { question, passages })
            .collect()
    }
}

pub(crate) fn all_passages() -> Vec<PassageInput> {
    let passages = json("passages.json");
    let text = |passage: &Value, key: &str| passage[key].as_str().expect("text").to_owned();
    let passages = passages.as_array().expect("passages").iter();
    passages
        .map(|passage| PassageInput {
            title: text(passage, "title"),
            text: text(passage, "text"),
            score: 0.0,
        })
        .collect()
}

pub(crate) fn retrieved(n_docs: u64) -> Retrieved {
    let questions = json("questions.json");
    let questions = questions.as_array().expect("questions").iter();
    let all = all_passages();
    let found = &json("expected/retrieval.json")[format!("n_docs_{n_docs}")];
    let (ids, scores) = (ids(&found["doc_ids"]), numbers(&found["doc_scores"]));
    let passages = ids.iter().zip(scores).map(|(ids, scores)| {
        let pairs = ids.iter().zip(scores);
        pairs
            .map(|(&id, score)| PassageInput {
                score,
                ..all[id as usize].clone()
            })
            .collect()
    });
    Retrieved {
        questions: questions
            .map(|q| q["question"].as_str().expect("text").to_owned())
            .collect(),
        passages: passages.collect(),
    }
}

/// The options that stored keyword arguments stand for.
pub(crate) fn options(kwargs: &Value) -> AnswerOptions {
    AnswerOptions {
        n_docs: kwargs["n_docs"].as_u64().map(|n| n as usize),
        do_deduplication: kwargs["do_deduplication"].as_bool(),
        generation: serde_json::from_value(kwargs.clone()).expect("options"),
        ..AnswerOptions::default()
    }
}

pub(crate) fn ids(value: &Value) -> Vec<Vec<u32>> {
    serde_json::from_value(value.clone()).expect("rows of ids")
}

pub(crate) fn numbers(value: &Value) -> Vec<Vec<f32>> {
    serde_json::from_value(value.clone()).expect("rows of numbers")
}

/// Large numbers are compared by what single precision keeps of them: a negative length penalty multiplies scores.
#[track_caller]
pub(crate) fn assert_close(found: f32, expected: f32, tolerance: f32) {
    let close = (found - expected).abs() <= tolerance.max(2e-6 * expected.abs());
    assert!(close, "{expected} expected, found {found}");
}
