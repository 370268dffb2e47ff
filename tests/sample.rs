//! The bundled corpus: that it is what its articles give, and how well it is answered.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::util::{Dir, repository};

/// Share of the questions that must be answered right: a little under what `README.md` reports, so that a
/// change for the worse is seen.
const ANSWERED_FLOOR: f64 = 0.42;
/// Share of the questions whose article must be ranked first, likewise.
const FIRST_FLOOR: f64 = 0.95;

struct Question {
    text: String,
    answers: Vec<String>,
    title: String,
}

fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    for file in ["culture", "nature", "people", "places"] {
        let path = repository(&format!("crates/sample/questions/{file}.jsonl"));
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            let answers = value["answer"].as_array().unwrap();
            questions.push(Question {
                text: value["question"].as_str().unwrap().to_owned(),
                answers: answers
                    .iter()
                    .map(|a| a.as_str().unwrap().to_owned())
                    .collect(),
                title: value["title"].as_str().unwrap().to_owned(),
            });
        }
    }
    questions
}

/// The normalisation of the reference's exact match: lower case, no ASCII punctuation, no articles.
fn normalized(text: &str) -> String {
    let kept: String = text
        .to_lowercase()
        .chars()
        .filter(|c| !c.is_ascii_punctuation())
        .collect();
    let words = kept.split_whitespace();
    let words: Vec<&str> = words
        .filter(|w| !matches!(*w, "a" | "an" | "the"))
        .collect();
    words.join(" ")
}

#[test]
fn the_dump_holds_every_article() {
    let dump = std::process::Command::new("python3")
        .arg(repository("crates/sample/pack.py"))
        .arg("--check")
        .output();
    // Python is not needed to build or test ragdex; where it is missing, CI still runs the check.
    if let Ok(output) = dump {
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let dir = Dir::new();
    let built = dir
        .ragdex(["build", "kb", "--json", sample().to_str().unwrap()])
        .succeeds();
    let report = &built.json()[0];
    let articles = std::fs::read_dir(repository("crates/sample/articles"))
        .unwrap()
        .count();
    assert_eq!(report["documents"]["added"], articles);
    assert_eq!(report["skipped"]["redirects"], 5);
}

fn sample() -> std::path::PathBuf {
    repository("crates/sample/data/ragdex-sample.xml.bz2")
}

#[test]
fn the_questions_are_answered_from_the_right_articles() {
    let dir = Dir::new();
    dir.ragdex(["build", "kb", sample().to_str().unwrap()])
        .succeeds();
    let questions = questions();
    assert!(questions.len() >= 60);
    let lines: Vec<&str> = questions.iter().map(|q| &*q.text).collect();
    let input = lines.join("\n");
    let answers = dir
        .ragdex(["answer", "kb", "--json", "--min-confidence", "0"])
        .exits_given(input.as_bytes(), 0)
        .json();
    assert_eq!(answers.len(), questions.len());
    let (mut right, mut first) = (0, 0);
    for (question, answer) in questions.iter().zip(&answers) {
        let accepted: BTreeSet<String> = question.answers.iter().map(|a| normalized(a)).collect();
        let given = answer["answer"].as_str().unwrap();
        let is_right = accepted.contains(&normalized(given));
        let is_first = answer["passages"][0]["title"] == question.title.as_str();
        if !is_right {
            println!(
                "{} → {given} (expected {})",
                question.text, question.answers[0]
            );
        }
        right += usize::from(is_right);
        first += usize::from(is_first);
    }
    let share = |n: usize| n as f64 / questions.len() as f64;
    println!(
        "answered right: {right}, ranked first: {first}, of {}",
        questions.len()
    );
    assert!(share(right) >= ANSWERED_FLOOR, "answered right: {right}");
    assert!(share(first) >= FIRST_FLOOR, "ranked first: {first}");
}

/// What the bundled models may weigh together, in bytes.
const MOST_BYTES: u64 = 32_000_000;

#[test]
fn the_bundled_models_are_small_and_the_ones_that_their_page_names() {
    let folder = repository("crates/sample/models/mini");
    let entries = std::fs::read_dir(&folder).unwrap();
    let bytes: u64 = entries
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(bytes <= MOST_BYTES, "{bytes}");
    let page = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let dir = Dir::new();
    let parts = dir
        .ragdex(["models", "info", "mini", "--json"])
        .succeeds()
        .json();
    assert_eq!(parts.len(), 2);
    for part in parts {
        let sum = part["sha256"].as_str().unwrap();
        assert!(page.contains(&format!("| `{sum}` |")), "{sum}");
    }
}

#[test]
fn a_knowledge_base_names_the_bundled_models_with_their_checksums() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.ragdex(["build", "kb", "a.txt"]).succeeds();
    let models = dir
        .ragdex(["models", "info", "mini", "--json"])
        .succeeds()
        .json();
    let info = dir
        .ragdex(["info", "kb", "--json"])
        .succeeds()
        .json()
        .remove(0);
    let (encoder, generator) = (&models[0]["sha256"], &models[1]["sha256"]);
    assert_eq!(&info["encoder"]["context"]["sha256"], encoder);
    assert_eq!(&info["generator_sha256"], generator);
    let text = dir.ragdex(["info", "kb"]).succeeds().stdout;
    for sum in [encoder, generator] {
        let line = format!("ragdex/mini sha256 {}", sum.as_str().unwrap());
        assert!(text.contains(&line), "{line} in {text}");
    }
}
