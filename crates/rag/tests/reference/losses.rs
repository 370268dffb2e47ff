//! Losses and marginal log-probabilities of given labels.

use candle_core::{DType, Device, safetensors};
use ragdex_rag::{AnswerOptions, Example, LossOptions, RagKind};

use crate::golden::{Retrieved, assert_close, folder, json, model, retrieved};

fn labels(name: &str) -> Vec<Vec<u32>> {
    let path = folder().join("expected/tensors.safetensors");
    let tensors = safetensors::load(path, &Device::Cpu).expect("tensors");
    let labels = tensors[&format!("labels_{name}")].to_dtype(DType::U32);
    labels
        .and_then(|labels| labels.to_vec2())
        .expect("rows of ids")
}

fn examples<'a>(retrieved: &'a Retrieved, labels: &'a [Vec<u32>]) -> Vec<Example<'a>> {
    let queries = retrieved.queries().into_iter().zip(labels);
    queries
        .map(|(query, labels)| Example {
            question: query.question,
            passages: query.passages,
            labels,
        })
        .collect()
}

#[test]
fn losses_are_the_reference_s() {
    let retrieved = retrieved(5);
    let stored = json("expected/losses.json");
    let mut n_cases = 0;
    for (name, kind) in [
        ("rag-token", RagKind::Token),
        ("rag-sequence", RagKind::Sequence),
    ] {
        let rag = model(name);
        for case in stored[name].as_array().expect("cases") {
            let labels = labels(case["labels"].as_str().expect("a name"));
            let options = LossOptions {
                label_smoothing: case["label_smoothing"].as_f64().map(|x| x as f32),
                exclude_bos_score: case["exclude_bos_score"].as_bool(),
                reduce_loss: case["reduce_loss"].as_bool(),
            };
            let losses = rag.losses(kind, &examples(&retrieved, &labels), &options);
            let losses = losses.expect("losses");
            let expected: Vec<f32> = match &case["loss"] {
                sum if sum.is_number() => vec![sum.as_f64().expect("a number") as f32],
                list => serde_json::from_value(list.clone()).expect("numbers"),
            };
            assert_eq!(losses.len(), expected.len());
            for (loss, expected) in losses.iter().zip(expected) {
                assert_close(*loss, expected, 1e-3);
            }
            n_cases += 1;
        }
    }
    assert_eq!(n_cases, 24);
}

#[test]
fn marginal_log_probabilities_are_the_reference_s() {
    let rag = model("rag-token");
    let path = folder().join("expected/tensors.safetensors");
    let tensors = safetensors::load(path, &Device::Cpu).expect("tensors");
    let retrieved = retrieved(5);
    for name in ["bos_first", "start_then_bos"] {
        let labels = labels(name);
        let stored = &tensors[&format!("rag_token_marginalized_log_probs_{name}")];
        let stored: Vec<Vec<Vec<f32>>> = stored.to_vec3().expect("floats");
        for (example, stored) in examples(&retrieved, &labels).iter().zip(stored) {
            let found = rag.marginal_log_probs(example).expect("log-probabilities");
            for (found, stored) in found.iter().zip(stored.concat()) {
                assert_close(*found, stored, 1e-4);
            }
        }
    }
}

#[test]
fn an_answer_s_score_is_the_one_it_was_returned_with() {
    if std::env::var_os("RAGDEX_RAG_GOLDEN").is_some() {
        return;
    }
    let rag = model("rag-sequence");
    let retrieved = retrieved(5);
    let options = AnswerOptions::default();
    // "teodor vance", which the tokenizer splits as the model did.
    let query = retrieved.queries()[1];
    let answer = rag
        .answer(query.question, query.passages, &options)
        .expect("an answer");
    let scores = rag
        .score(
            query.question,
            query.passages,
            &[&answer.text, "critics"],
            &options,
        )
        .expect("scores");
    let [own, other] = [&scores[0].rag_sequence, &scores[1].rag_sequence];
    assert_eq!(scores[0].tokens, answer.candidates[0].tokens);
    assert_close(own.log_prob, answer.candidates[0].score, 1e-4);
    assert!(other.log_prob < own.log_prob);
    for (passage, posterior) in answer.passages.iter().zip(&own.posterior) {
        assert_close(passage.posterior, *posterior, 1e-5);
    }
}

#[test]
fn scores_are_sums_of_probabilities_and_losses_held_against_the_reference() {
    let retrieved = retrieved(5);
    for (name, kind) in [
        ("rag-token", RagKind::Token),
        ("rag-sequence", RagKind::Sequence),
    ] {
        let rag = model(name);
        for query in retrieved.queries() {
            let (question, passages) = (query.question, query.passages);
            let scores = rag.score(question, passages, &["the sea"], &AnswerOptions::default());
            let score = scores.expect("a score").remove(0);
            let example = |labels| Example {
                question,
                passages,
                labels,
            };
            let training = example(&score.tokens[1..]);
            let losses = rag.losses(kind, &[training], &LossOptions::default());
            let found = match kind {
                RagKind::Token => &score.rag_token,
                RagKind::Sequence => &score.rag_sequence,
            };
            assert_close(found.loss, losses.expect("losses")[0], 1e-4);
            let rows = rag.marginal_log_probs(&example(&score.tokens));
            let rows = rows.expect("log-probabilities");
            let rows = rows.chunks_exact(rows.len() / score.tokens.len());
            let sum: f32 = rows
                .zip(&score.tokens[1..])
                .map(|(row, &token)| row[token as usize])
                .sum();
            assert_close(score.rag_token.log_prob, sum, 1e-4);
        }
    }
}

#[test]
fn answers_are_scored_the_same_alone_and_together() {
    let rag = model("rag-token");
    let retrieved = retrieved(5);
    let query = retrieved.queries()[1];
    let answers = ["teodor vance", "x", "", "the novel of the three sisters"];
    let score = |answers: &[&str]| {
        rag.score(
            query.question,
            query.passages,
            answers,
            &AnswerOptions::default(),
        )
        .expect("scores")
    };
    for (answer, together) in answers.iter().zip(score(&answers)) {
        let alone = score(&[answer]).remove(0);
        assert_eq!(alone.tokens, together.tokens);
        for (a, b) in [
            (&alone.rag_token, &together.rag_token),
            (&alone.rag_sequence, &together.rag_sequence),
        ] {
            assert_close(a.log_prob, b.log_prob, 1e-4);
            assert_close(a.loss, b.loss, 1e-4);
            assert_close(a.posterior.iter().sum(), 1.0, 1e-5);
        }
    }
    assert!(score(&[]).is_empty());
}
