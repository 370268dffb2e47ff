//! What the generator reads.

use candle_core::{Device, safetensors};
use ragdex_models::{EncodeOptions, Encoder as _};
use ragdex_rag::AnswerOptions;
use serde_json::Value;

use crate::golden::{all_passages, ids, json, model, numbers, retrieved};

fn trimmed(ids: Vec<u32>, mask: &[u32]) -> Vec<u32> {
    let length = mask.iter().filter(|&&m| m == 1).count();
    ids.into_iter().take(length).collect()
}

fn strings(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).expect("texts")
}

#[test]
fn questions_pass_through_the_question_tokenizer() {
    let expected = &json("expected/tokenization.json")["question"];
    let questions = retrieved(5).questions;
    let rag = model("rag-token");
    let decoded = questions
        .iter()
        .map(|q| rag.question_text(q).expect("a text"));
    assert!(decoded.eq(strings(&expected["decoded_skip_special"])));
    let rag = model("rag-token-legacy");
    let decoded = questions
        .iter()
        .map(|q| rag.question_text(q).expect("a text"));
    assert!(decoded.eq(strings(
        &json("expected/rag_token_legacy.json")["decoded_questions"]
    )));
}

#[test]
fn contexts_are_the_reference_s() {
    let rag = model("rag-token");
    let stored = json("expected/retrieval.json");
    for n_docs in [2, 5] {
        let expected = &stored[format!("n_docs_{n_docs}")];
        let retrieved = retrieved(n_docs);
        let contexts = retrieved.queries().into_iter().flat_map(|query| {
            let context = |passage| {
                rag.context(query.question, passage, &AnswerOptions::default())
                    .expect("a context")
            };
            query.passages.iter().map(context).collect::<Vec<_>>()
        });
        let (texts, tokens): (Vec<_>, Vec<_>) = contexts.unzip();
        assert_eq!(texts, strings(&expected["context_strings"]));
        let masks = ids(&expected["context_attention_mask"]);
        let rows = ids(&expected["context_input_ids"]).into_iter().zip(&masks);
        assert_eq!(
            tokens,
            rows.map(|(ids, mask)| trimmed(ids, mask))
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_prefix_stands_in_front() {
    let rag = model("rag-token");
    let stored = json("expected/retrieval.json");
    for name in ["postprocess_all_no_prefix", "postprocess_all_with_prefix"] {
        let expected = &stored[name];
        let options = AnswerOptions {
            prefix: expected["prefix"].as_str().map(str::to_owned),
            ..AnswerOptions::default()
        };
        let question = retrieved(5).questions[0].clone();
        let masks = ids(&expected["attention_mask"]);
        let rows = ids(&expected["input_ids"]).into_iter().zip(&masks);
        for (passage, (ids, mask)) in all_passages().iter().zip(rows) {
            let (_, tokens) = rag
                .context(&question, passage, &options)
                .expect("a context");
            assert_eq!(tokens, trimmed(ids, mask), "{}", passage.title);
        }
    }
}

#[test]
fn the_legacy_prefix_comes_from_the_generator() {
    let rag = model("rag-token-legacy");
    let expected = ids(&json("expected/rag_token_legacy.json")["context_input_ids"]);
    let retrieved = retrieved(5);
    let mut expected = expected.into_iter();
    for query in retrieved.queries() {
        for passage in query.passages {
            let options = AnswerOptions::default();
            let (_, tokens) = rag
                .context(query.question, passage, &options)
                .expect("a context");
            let row = expected.next().expect("a row");
            let (own, padding) = row.split_at(tokens.len());
            assert_eq!(tokens, own);
            assert!(padding.iter().all(|&id| id == 1));
        }
    }
}

#[test]
fn priors_are_the_softmax_of_the_scores() {
    let rag = model("rag-token");
    let expected = &json("expected/retrieval.json")["n_docs_5"]["doc_log_probs"];
    let retrieved = retrieved(5);
    let options = AnswerOptions::default();
    let answers = rag
        .answer_batch(&retrieved.queries(), &options)
        .expect("answers");
    for (answer, expected) in answers.iter().zip(numbers(expected)) {
        for (passage, expected) in answer.passages.iter().zip(expected) {
            crate::golden::assert_close(passage.prior.ln(), expected, 1e-5);
        }
    }
}

#[test]
fn the_question_encoder_finds_the_same_passages() {
    let rag = model("rag-token");
    let retrieved = retrieved(5);
    let questions: Vec<&str> = retrieved.questions.iter().map(String::as_str).collect();
    let encoder = rag.question_encoder().expect("an encoder");
    let vectors = encoder.encode_questions(&questions, &EncodeOptions::default());
    let vectors = vectors.expect("vectors");
    let path = crate::golden::folder().join("expected/tensors.safetensors");
    let tensors = safetensors::load(path, &Device::Cpu).expect("tensors");
    let contexts: Vec<Vec<f32>> = tensors["context_embeddings"].to_vec2().expect("floats");
    let expected = numbers(&json("expected/retrieval.json")["all_scores"]);
    for (question, expected) in vectors.chunks(encoder.dim()).zip(expected) {
        for (context, expected) in contexts.iter().zip(expected) {
            let score = question.iter().zip(context).map(|(a, b)| a * b).sum();
            crate::golden::assert_close(score, expected, 1e-4);
        }
    }
}
