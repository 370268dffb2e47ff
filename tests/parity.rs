//! The whole program against the reference: a knowledge base of the stored passages, embedded by the stored
//! DPR encoder, searched exactly, answered by the stored RAG checkpoints. Every token must be the one that
//! transformers generated; `tests/data/golden/make_rag_golden.py` made the fixtures.

use serde_json::{Value, json};

use crate::util::{Dir, Run, repository};

fn golden(name: &str) -> String {
    repository("tests/data/golden/rag")
        .join(name)
        .to_str()
        .unwrap()
        .to_owned()
}

fn read(name: &str) -> Vec<Value> {
    let bytes = std::fs::read(golden(name)).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Builds from the stored passages. Splitting at single spaces keeps runs of spaces as they are.
fn build(dir: &Dir) {
    let row =
        |p: &Value| json!({"id": p["id"].to_string(), "title": p["title"], "text": p["text"]});
    let rows: Vec<String> = read("passages.json")
        .iter()
        .map(|p| row(p).to_string())
        .collect();
    dir.write("passages.jsonl", rows.join("\n"));
    let arguments = [
        "build",
        "kb",
        "passages.jsonl",
        "--splitter",
        "hf",
        "--words",
        "10000",
    ];
    let models = [
        ["--context-encoder", &golden("dpr-ctx-encoder")],
        ["--question-encoder", &golden("rag-token")],
    ];
    dir.ragdex(
        arguments
            .into_iter()
            .chain(models.iter().flatten().copied()),
    )
    .succeeds();
}

fn questions() -> String {
    let questions = read("questions.json");
    let questions = questions.iter().map(|q| q["question"].as_str().unwrap());
    questions.collect::<Vec<_>>().join("\n")
}

/// The program with the settings of one stored run.
fn answer(dir: &Dir, kind: &str, run: &Value) -> Run {
    let mut arguments: Vec<String> = ["answer", "kb", "--json", "--model"]
        .map(str::to_owned)
        .into();
    arguments.extend([kind.to_owned(), "--generator".to_owned(), golden(kind)]);
    let mut settings = run["generate_kwargs"].as_object().unwrap().clone();
    if let Some(n_docs) = run.get("n_docs") {
        settings.insert("n_docs".into(), n_docs.clone());
    }
    for (name, value) in settings {
        let value = match value {
            Value::Null => "none".to_owned(),
            Value::String(text) => text,
            value => value.to_string(),
        };
        arguments.push(format!("--{}={value}", name.replace('_', "-")));
    }
    dir.ragdex(arguments)
}

fn every_run_gives_the_stored_tokens(kind: &str, file: &str, runs: usize) {
    let dir = Dir::new();
    build(&dir);
    let questions = questions();
    let stored = read(file);
    assert_eq!(stored.len(), runs);
    for run in stored {
        let printed = answer(&dir, kind, &run).exits_given(questions.as_bytes(), 0);
        let answers = printed.json();
        let expected = run["sequences"].as_array().unwrap();
        assert_eq!(answers.len(), expected.len());
        for (answer, expected) in answers.iter().zip(expected) {
            let candidates = answer["candidates"].as_array().unwrap();
            let tokens: Vec<&Value> = candidates
                .iter()
                .map(|candidate| &candidate["tokens"])
                .collect();
            let expected: Vec<&Value> = expected.as_array().unwrap().iter().collect();
            assert_eq!(tokens, expected, "{}: {}", run["name"], answer["question"]);
        }
    }
}

#[test]
fn rag_token_is_the_reference_from_question_to_answer() {
    every_run_gives_the_stored_tokens("rag-token", "expected/rag_token_generate.json", 19);
}

#[test]
fn rag_sequence_is_the_reference_from_question_to_answer() {
    every_run_gives_the_stored_tokens("rag-sequence", "expected/rag_sequence_generate.json", 13);
}

#[test]
fn retrieval_is_the_reference_with_its_scores() {
    let dir = Dir::new();
    build(&dir);
    let stored: Value =
        serde_json::from_slice(&std::fs::read(golden("expected/retrieval.json")).unwrap()).unwrap();
    let found = dir.ragdex(["search", "kb", "--json", "-k", "20"]);
    let found = found.exits_given(questions().as_bytes(), 0).json();
    let all_scores = stored["all_scores"].as_array().unwrap();
    assert_eq!(found.len(), all_scores.len());
    for (result, scores) in found.iter().zip(all_scores) {
        let passages = result["passages"].as_array().unwrap();
        assert_eq!(passages.len(), scores.as_array().unwrap().len());
        for passage in passages {
            let place: usize = passage["document"].as_str().unwrap().parse().unwrap();
            let difference = passage["score"].as_f64().unwrap() - scores[place].as_f64().unwrap();
            assert!(difference.abs() < 1e-4, "{passage}: {difference}");
        }
    }
}
