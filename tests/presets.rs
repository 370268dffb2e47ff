//! `--preset`: tiny encoders in the layouts of the published ones, from a hub to the scores of a search.
//!
//! `tests/data/golden/make_preset_golden.py` makes the encoders and what transformers computes from them.

use std::path::PathBuf;

use ragdex_testing::HubServer;
use serde_json::{Value, json};

use crate::json::check;
use crate::util::{Dir, Run, files, repository};
use crate::vectors::vectors;

/// Presets with the names of their models on the hub, in the order of the fixtures.
const LAYOUTS: [(&str, &str); 4] = [
    ("minilm", "sentence-transformers/all-MiniLM-L6-v2"),
    ("bge-base", "BAAI/bge-base-en-v1.5"),
    ("e5-base", "intfloat/e5-base-v2"),
    ("multilingual-e5-small", "intfloat/multilingual-e5-small"),
];

/// The tolerance on every component and on every score.
const TOLERANCE: f64 = 1e-5;

fn golden(name: &str) -> PathBuf {
    repository("tests/data/golden/presets").join(name)
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(golden("expected.json")).unwrap()).unwrap()
}

/// The stored vectors of a preset: of its `passages` or its `questions`.
fn expected_vectors(preset: &str, kind: &str) -> Vec<Vec<f64>> {
    serde_json::from_value(expected()[preset][kind].clone()).unwrap()
}

fn questions() -> Vec<String> {
    serde_json::from_value(expected()["questions"].clone()).unwrap()
}

/// Publishes the encoder of a preset, without the files whose names begin with one of `left_out`.
fn publish(hub: &HubServer, (preset, id): (&str, &str), left_out: &[&str]) {
    let mut model = files(&golden(preset));
    model.retain(|(name, _)| !left_out.iter().any(|left| name.starts_with(left)));
    model.push((
        "README.md".into(),
        b"---\nlicense: of-the-card\n---\n".to_vec(),
    ));
    let model: Vec<(&str, &[u8])> = model.iter().map(|(n, b)| (&**n, &**b)).collect();
    hub.publish(id, &model);
}

/// The program with a network, which is that hub.
fn online<'a>(dir: &Dir, hub: &HubServer, arguments: impl IntoIterator<Item = &'a str>) -> Run {
    let mut run = dir.ragdex(arguments);
    run.0
        .env("HF_HUB_OFFLINE", "0")
        .env("HF_ENDPOINT", hub.url());
    run
}

/// Writes the stored passages: `all.jsonl`, the first in `first.jsonl`, the others in `others.jsonl`.
fn write_passages(dir: &Dir) {
    let passages: Vec<[String; 2]> =
        serde_json::from_value(expected()["passages"].clone()).unwrap();
    let rows = (0..).zip(&passages);
    let rows = rows.map(|(key, [title, text])| {
        format!(
            "{}\n",
            json!({"key": format!("p{key}"), "title": title, "text": text})
        )
    });
    let rows: Vec<String> = rows.collect();
    dir.write("all.jsonl", rows.concat());
    dir.write("first.jsonl", &rows[0]);
    dir.write("others.jsonl", rows[1..].concat());
}

const WHOLE: [&str; 2] = ["--splitter", "whole"];

#[track_caller]
fn assert_close(found: &[Vec<f32>], expected: &[Vec<f64>], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{what}");
        let distances = found
            .iter()
            .zip(expected)
            .map(|(a, b)| (f64::from(*a) - b).abs());
        let largest = distances.fold(0.0, f64::max);
        assert!(largest < TOLERANCE, "{what}: row {row}: off by {largest}");
    }
}

/// The scores of all passages for each question, by key: what `search` prints with more arguments.
fn scores(run: Run) -> Vec<Vec<(String, f64)>> {
    let found = run.exits_given(questions().join("\n").as_bytes(), 0).json();
    let of = |line: &Value| {
        let passages = line["passages"].as_array().unwrap().iter();
        let pair = |p: &Value| {
            (
                p["document"].as_str().unwrap().to_owned(),
                p["score"].as_f64().unwrap(),
            )
        };
        let mut pairs: Vec<(String, f64)> = passages.map(pair).collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs
    };
    found.iter().map(of).collect()
}

#[track_caller]
fn assert_scores(found: &[Vec<(String, f64)>], preset: &str) {
    let passages = expected_vectors(preset, "passages");
    let questions = expected_vectors(preset, "questions");
    assert_eq!(found.len(), questions.len());
    for (found, question) in found.iter().zip(&questions) {
        assert_eq!(found.len(), passages.len());
        for ((key, score), passage) in found.iter().zip(&passages) {
            let expected: f64 = question.iter().zip(passage).map(|(a, b)| a * b).sum();
            assert!(
                (score - expected).abs() < TOLERANCE,
                "{preset} {key}: {score}, {expected}"
            );
        }
    }
}

#[test]
fn every_preset_gives_the_vectors_that_the_card_of_its_model_asks_for() {
    for layout in LAYOUTS {
        let (dir, hub) = (Dir::new(), HubServer::start());
        publish(&hub, layout, &[]);
        write_passages(&dir);
        let build = ["build", "kb", "first.jsonl", "--preset", layout.0];
        let printed = online(&dir, &hub, build.into_iter().chain(WHOLE)).succeeds();
        assert!(
            printed.stderr.contains("fetching it from"),
            "{}",
            printed.stderr
        );
        // What follows has no network, and takes the settings from the snapshot.
        dir.ragdex(["add", "kb", "others.jsonl"]).succeeds();
        let passages = expected_vectors(layout.0, "passages");
        assert_close(&vectors(&dir, "kb"), &passages, layout.0);
        assert_scores(&scores(dir.ragdex(["search", "kb", "--json"])), layout.0);
        let info = dir.ragdex(["info", "kb", "--json"]).succeeds().json();
        check("info", &info[0]);
        assert_eq!(info[0]["encoder"]["context"]["id"], layout.1);
    }
}

#[test]
fn a_preset_that_is_not_there_is_told_with_what_to_do() {
    let dir = Dir::new();
    write_passages(&dir);
    for (command, preset) in [("build", "e5-base"), ("build", "dpr-multiset")] {
        let run = dir.ragdex([command, "kb", "all.jsonl", "--preset", preset]);
        let printed = run.exits(3);
        for word in ["error:", "hint:", "HF_HUB_OFFLINE", "ragdex models pull"] {
            assert!(
                printed.stderr.contains(word),
                "{word} in {}",
                printed.stderr
            );
        }
    }
    let unknown = dir
        .ragdex(["build", "kb", "all.jsonl", "--preset", "e5"])
        .exits(2);
    assert!(
        unknown.stderr.contains("multilingual-e5-small"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn a_preset_says_what_the_files_do_not() {
    let (dir, hub) = (Dir::new(), HubServer::start());
    let bare = ["modules.json", "1_Pooling", "2_Normalize", "sentence_bert"];
    publish(&hub, LAYOUTS[2], &bare);
    write_passages(&dir);
    let build = ["build", "kb", "all.jsonl", "--preset", "e5-base"];
    online(&dir, &hub, build.into_iter().chain(WHOLE)).succeeds();
    assert_close(
        &vectors(&dir, "kb"),
        &expected_vectors("e5-base", "passages"),
        "bare files",
    );
    assert_scores(&scores(dir.ragdex(["search", "kb", "--json"])), "e5-base");
}

#[test]
fn a_model_of_a_preset_is_used_alike_when_it_is_named_by_its_id() {
    let (dir, hub) = (Dir::new(), HubServer::start());
    publish(&hub, LAYOUTS[2], &[]);
    write_passages(&dir);
    let build = [
        "build",
        "kb",
        "all.jsonl",
        "--context-encoder",
        LAYOUTS[2].1,
    ];
    online(&dir, &hub, build.into_iter().chain(WHOLE)).succeeds();
    let passages = expected_vectors("e5-base", "passages");
    assert_close(&vectors(&dir, "kb"), &passages, "named by its id");
}

/// A copy of an encoder in a folder of the test.
fn copy(dir: &Dir, preset: &str, folder: &str) {
    for (name, content) in files(&golden(preset)) {
        dir.write(&format!("{folder}/{name}"), content);
    }
}

#[test]
fn a_copy_is_used_as_the_preset_says_and_needs_no_network() {
    let dir = Dir::new();
    write_passages(&dir);
    copy(&dir, "e5-base", "copy");
    let build = [
        "build",
        "kb",
        "all.jsonl",
        "--preset",
        "e5-base",
        "--context-encoder",
        "copy",
    ];
    dir.ragdex(build.into_iter().chain(WHOLE)).succeeds();
    let passages = expected_vectors("e5-base", "passages");
    assert_close(&vectors(&dir, "kb"), &passages, "a copy");

    // Another name for the same weights is another name only.
    copy(&dir, "e5-base", "second");
    let search = ["search", "kb", "--json", "--question-encoder", "second"];
    assert_scores(&scores(dir.ragdex(search)), "e5-base");

    // What the files come to say changes nothing for passages that are embedded.
    let prompts = json!({"prompts": {"query": "ask: ", "passage": "tell: "}});
    dir.write(
        "copy/config_sentence_transformers.json",
        prompts.to_string(),
    );
    dir.write(
        "copy/1_Pooling/config.json",
        r#"{"pooling_mode_cls_token": true}"#,
    );
    assert_scores(&scores(dir.ragdex(["search", "kb", "--json"])), "e5-base");
}

#[test]
fn embed_refresh_and_search_take_presets_too() {
    let (dir, hub) = (Dir::new(), HubServer::start());
    for layout in LAYOUTS {
        publish(&hub, layout, &[]);
    }
    write_passages(&dir);
    let split = ["split", "all.jsonl", "-o", "out"];
    dir.ragdex(split.into_iter().chain(WHOLE)).succeeds();
    online(&dir, &hub, ["embed", "out", "--preset", "bge-base"]).succeeds();
    let passages = expected_vectors("bge-base", "passages");
    assert_close(&vectors(&dir, "out"), &passages, "embed");
    let build = ["build", "kb", "out", "--preset", "bge-base", "--json"];
    let built = dir.ragdex(build).succeeds().json().remove(0);
    assert_eq!(built["embedded"], 0, "the vectors are taken over");
    assert_scores(&scores(dir.ragdex(["search", "kb", "--json"])), "bge-base");

    let refresh = ["refresh", "kb", "all.jsonl", "--preset", "e5-base"];
    online(&dir, &hub, refresh).succeeds();
    assert_scores(&scores(dir.ragdex(["search", "kb", "--json"])), "e5-base");

    // Built elsewhere, where the encoder was a folder: here the preset fetches it.
    copy(&dir, "minilm", "gone");
    let build = [
        "build",
        "other",
        "all.jsonl",
        "--preset",
        "minilm",
        "--context-encoder",
        "gone",
    ];
    dir.ragdex(build.into_iter().chain(WHOLE)).succeeds();
    std::fs::remove_dir_all(dir.path("gone")).unwrap();
    dir.ragdex(["search", "other", "lamp"]).exits(3);
    let search = ["search", "other", "--json", "--preset", "minilm"];
    assert_scores(&scores(online(&dir, &hub, search)), "minilm");
}

#[test]
fn the_list_tells_licences_and_how_texts_are_read() {
    let (dir, hub) = (Dir::new(), HubServer::start());
    publish(&hub, LAYOUTS[2], &[]);
    let text = dir.ragdex(["models", "list"]).succeeds().stdout;
    for part in [
        "--preset mini (bundled)",
        "--preset e5-base (not on this machine)",
        "MIT: commercial use allowed",
        "CC BY-NC 4.0: not for commercial use",
        "`Represent this sentence for searching relevant passages: `",
        "cls, vectors of length 1",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let pull = ["models", "pull", "--preset", "e5-base", "--json"];
    let pulled = online(&dir, &hub, pull).succeeds().json();
    assert_eq!(pulled.len(), 1);
    check("models-pull", &pulled[0]);
    let listed = dir.ragdex(["models", "list", "--json"]).succeeds().json();
    let found = listed
        .iter()
        .find(|line| line["name"] == "e5-base")
        .unwrap();
    check("models", found);
    assert_eq!(found["available"], true);
    assert_eq!(found["settings"]["question_prompt"], "query: ");
}
