//! Knowledge is swapped with the index, as in the paper on RAG (Lewis et al. 2020, §4.5): the same models
//! answer from two editions of one corpus, and the answers follow the edition.

use std::fmt::Write as _;

use serde_json::Value;

use crate::util::{Dir, repository};

/// Share of the questions answered right in either edition that must be answered right in both.
const FOLLOWED_FLOOR: f64 = 0.8;

/// What is other in the second edition.
struct Changed {
    article: String,
    replace: Vec<(String, String)>,
    question: String,
    answers: [String; 2],
}

fn changes() -> Vec<Changed> {
    let path = repository("tests/data/second-edition/changes.jsonl");
    let parse = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        Changed {
            article: text("article"),
            replace: serde_json::from_value(line["replace"].clone()).unwrap(),
            question: text("question"),
            answers: [text("first"), text("second")],
        }
    };
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(parse)
        .collect()
}

/// The articles as a dump; revisions of changed ones are higher.
fn dump(changes: &[Changed], edition: usize) -> String {
    let mut paths: Vec<_> = std::fs::read_dir(repository("crates/sample/articles"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut pages = String::new();
    for (id, path) in paths.iter().enumerate() {
        let text = std::fs::read_to_string(path).unwrap();
        let (title, text) = text.split_once('\n').unwrap();
        let title = title.strip_prefix("title: ").unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let changed = changes
            .iter()
            .find(|changed| changed.article == stem)
            .filter(|_| edition == 1);
        let text = changed.map_or(text.to_owned(), |changed| replaced(text, &changed.replace));
        let revision = 1000 + id + 1000 * usize::from(changed.is_some());
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let title = title.replace('&', "&amp;");
        let _ = writeln!(
            pages,
            "<page><title>{title}</title><ns>0</ns><id>{}</id><revision><id>{revision}</id>\
             <model>wikitext</model><text>{text}</text></revision></page>",
            id + 1
        );
    }
    format!("<mediawiki xml:lang=\"en\">{pages}</mediawiki>")
}

fn replaced(text: &str, replace: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    let first = &replace[0].0;
    assert!(text.contains(first), "`{first}` is not in its article");
    for (from, to) in replace {
        text = text.replace(from.as_str(), to);
    }
    text
}

fn words(text: &str) -> String {
    let kept: String = text
        .to_lowercase()
        .chars()
        .filter(|c| !c.is_ascii_punctuation())
        .collect();
    let words = kept
        .split_whitespace()
        .filter(|word| !matches!(*word, "a" | "an" | "the"));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn answers_follow_the_snapshot() {
    let dir = Dir::new();
    let changes = changes();
    assert!(changes.len() >= 20);
    dir.write("first.xml", dump(&changes, 0));
    dir.write("second.xml", dump(&changes, 1));
    dir.ragdex(["build", "kb", "first.xml"]).succeeds();
    let report = dir
        .ragdex(["refresh", "kb", "second.xml", "--json"])
        .succeeds()
        .json();
    assert_eq!(report[0]["documents"]["changed"], changes.len());
    let questions = changes.iter().map(|changed| &*changed.question);
    let answers = ["1", "2"].map(|snapshot| {
        let arguments = ["answer", "kb", "--json", "--snapshot", snapshot];
        let lines = dir
            .ragdex(arguments.into_iter().chain(questions.clone()))
            .succeeds()
            .json();
        lines
            .iter()
            .map(|line| line["answer"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    });
    let (mut either, mut both) = (0, 0);
    for (place, changed) in changes.iter().enumerate() {
        let right =
            |edition: usize| words(&answers[edition][place]) == words(&changed.answers[edition]);
        either += usize::from(right(0) || right(1));
        both += usize::from(right(0) && right(1));
        if right(0) != right(1) {
            println!(
                "{}: {:?} {:?}",
                changed.question, answers[0][place], answers[1][place]
            );
        }
    }
    println!(
        "{both} of {either} answered right in either edition follow it ({} asked)",
        changes.len()
    );
    assert!(either >= 20, "{either} answered right in either edition");
    assert!(
        both as f64 >= FOLLOWED_FLOOR * either as f64,
        "{both} of {either}"
    );
}
