//! Sequences, scores and texts.

use ragdex_rag::{Answer, AnswerOptions, RagModel, SequenceDecoding};
use serde_json::Value;

use crate::golden::{assert_close, ids, json, model, numbers, options, retrieved};

fn entries(name: &str) -> Vec<Value> {
    let entries = json(name);
    entries.as_array().expect("entries").clone()
}

/// Answers the stored questions at once and one by one, and holds both against each other.
fn answers(rag: &RagModel, n_docs: u64, options: &AnswerOptions) -> Vec<Answer> {
    let retrieved = retrieved(n_docs);
    let together = rag
        .answer_batch(&retrieved.queries(), options)
        .expect("answers");
    for (query, together) in retrieved.queries().iter().zip(&together) {
        let alone = rag
            .answer(query.question, query.passages, options)
            .expect("an answer");
        assert_eq!(tokens(&alone), tokens(together));
        for (a, b) in alone.candidates.iter().zip(&together.candidates) {
            assert_close(a.score, b.score, 1e-5);
        }
    }
    together
}

fn tokens(answer: &Answer) -> Vec<Vec<u32>> {
    answer.candidates.iter().map(|c| c.tokens.clone()).collect()
}

fn assert_sequences(answers: &[Answer], entry: &Value) {
    let expected: Vec<Vec<Vec<u32>>> =
        serde_json::from_value(entry["sequences"].clone()).expect("sequences");
    let texts: Vec<Vec<String>> = serde_json::from_value(entry["texts"].clone()).expect("texts");
    let name = entry["name"].as_str().unwrap_or("legacy");
    for ((answer, expected), texts) in answers.iter().zip(&expected).zip(&texts) {
        assert_eq!(&tokens(answer), expected, "{name}");
        let found = answer.candidates.iter().map(|c| c.text.as_str());
        assert!(
            found.eq(texts.iter().map(|text| text.trim())),
            "{name}: {texts:?}"
        );
        assert_eq!(answer.text, answer.candidates[0].text);
    }
    assert_eq!(answers.len(), expected.len());
}

#[test]
fn rag_token_says_what_the_reference_says() {
    let rag = model("rag-token");
    let entries = entries("expected/rag_token_generate.json");
    assert_eq!(entries.len(), 19);
    for entry in entries {
        let kwargs = &entry["generate_kwargs"];
        let n_docs = kwargs["n_docs"].as_u64().unwrap_or(5);
        let answers = answers(&rag, n_docs, &options(kwargs));
        assert_sequences(&answers, &entry);
        if entry.get("sequence_scores").is_some() {
            let scores = numbers(&entry["sequence_scores"]);
            for (answer, scores) in answers.iter().zip(scores) {
                for (candidate, score) in answer.candidates.iter().zip(scores) {
                    assert_close(candidate.score, score, 1e-4);
                }
            }
        } else {
            let steps = numbers(&entry["greedy_top_scores"]);
            for (answer, steps) in answers.iter().zip(steps) {
                let candidate = &answer.candidates[0];
                let chosen = &steps[..candidate.tokens.len() - 1];
                assert_close(candidate.score, chosen.iter().sum(), 1e-4);
            }
        }
    }
}

#[test]
fn rag_sequence_says_what_the_reference_says() {
    let mut rag = model("rag-sequence");
    let entries = entries("expected/rag_sequence_generate.json");
    assert_eq!(entries.len(), 13);
    for entry in entries {
        let n_docs = entry["n_docs"].as_u64().expect("a number");
        rag.config_mut().n_docs = n_docs as usize;
        let answers = answers(&rag, n_docs, &options(&entry["generate_kwargs"]));
        assert_sequences(&answers, &entry);
        for (answer, thorough) in answers
            .iter()
            .zip(entry["thorough"].as_array().expect("list"))
        {
            assert_ranking(answer, thorough);
        }
    }
}

/// Holds scores and the posterior against the stored likelihoods.
fn assert_ranking(answer: &Answer, thorough: &Value) {
    let ranking: Vec<usize> = serde_json::from_value(thorough["ranking"].clone()).expect("ranking");
    let nll: Vec<f32> = serde_json::from_value(thorough["candidate_nll"].clone()).expect("nll");
    for (candidate, &i) in answer.candidates.iter().zip(&ranking) {
        assert_close(candidate.score, -nll[i], 1e-4);
    }
    let log_likelihoods = &numbers(&thorough["per_doc_log_likelihood"])[ranking[0]];
    let priors = answer.passages.iter().map(|p| p.prior);
    let joint: Vec<f32> = log_likelihoods
        .iter()
        .zip(priors)
        .map(|(ll, p)| ll.exp() * p)
        .collect();
    let sum: f32 = joint.iter().sum();
    for (passage, joint) in answer.passages.iter().zip(&joint) {
        assert_close(passage.posterior, joint / sum, 1e-5);
    }
}

#[test]
fn fast_decoding_counts_proposers_only() {
    let mut rag = model("rag-sequence");
    for entry in entries("expected/rag_sequence_generate.json") {
        let n_docs = entry["n_docs"].as_u64().expect("a number");
        rag.config_mut().n_docs = n_docs as usize;
        let mut options = options(&entry["generate_kwargs"]);
        options.sequence_decoding = SequenceDecoding::Fast;
        let retrieved = retrieved(n_docs);
        let answers = rag
            .answer_batch(&retrieved.queries(), &options)
            .expect("answers");
        for (answer, thorough) in answers
            .iter()
            .zip(entry["thorough"].as_array().expect("list"))
        {
            let candidates = ids(&thorough["candidates"]);
            let fast = &thorough["fast_decoding"];
            let ranking: Vec<usize> = serde_json::from_value(fast["ranking"].clone()).expect("ids");
            let scores: Vec<f32> =
                serde_json::from_value(fast["log_prob"].clone()).expect("numbers");
            for (candidate, i) in answer.candidates.iter().zip(ranking) {
                assert_eq!(candidate.tokens, candidates[i], "{}", entry["name"]);
                assert_close(candidate.score, scores[i], 1e-4);
            }
        }
    }
}

#[test]
fn the_legacy_checkpoint_needs_no_arguments() {
    let rag = model("rag-token-legacy");
    let expected = json("expected/rag_token_legacy.json");
    assert_eq!(
        rag.config().prefix,
        expected["prefix"].as_str().expect("text")
    );
    let settings = rag.settings(&AnswerOptions::default()).expect("settings");
    let effective = &expected["effective_generation_config"];
    assert_eq!(settings.num_beams as u64, effective["num_beams"]);
    assert_eq!(
        settings.no_repeat_ngram_size as u64,
        effective["no_repeat_ngram_size"]
    );
    assert_eq!(
        settings.forced_bos_token_id.map(u64::from),
        effective["forced_bos_token_id"].as_u64()
    );
    assert_eq!(
        u64::from(settings.decoder_start_token_id),
        effective["decoder_start_token_id"]
    );
    let answers = answers(&rag, 5, &AnswerOptions::default());
    let found: Vec<Vec<u32>> = answers.iter().flat_map(tokens).collect();
    assert_eq!(found, ids(&expected["sequences"]));
}
