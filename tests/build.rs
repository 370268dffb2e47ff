//! Building: real input, same bytes for any thread count, going on after a kill.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::util::{Dir, files, repository};

const DUMP: &str = "tests/data/wiki/enwiki-pages-articles-shortened.xml.bz2";

/// All files of a knowledge base but the manifest, which tells when it was made.
fn immutable_files(dir: &Dir, kb: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = files(&dir.path(kb));
    found.retain(|(name, _)| !name.starts_with("snapshots") && name != "LOCK");
    found
}

/// The manifest without what tells when it was made.
fn manifest(dir: &Dir, kb: &str) -> Value {
    let bytes = std::fs::read(dir.path(kb).join("snapshots/00000001.json")).unwrap();
    let mut manifest: Value = serde_json::from_slice(&bytes).unwrap();
    manifest["created"] = Value::Null;
    manifest["checksum"] = Value::Null;
    manifest
}

#[test]
fn a_wikipedia_dump_is_read_whole_and_found() {
    let dir = Dir::new();
    let dump = repository(DUMP);
    let built = dir
        .ragdex(["build", "kb", "--json", dump.to_str().unwrap()])
        .succeeds();
    let report = &built.json()[0];
    assert_eq!(report["documents"]["added"], 106);
    assert_eq!(report["skipped"]["redirects"], 100);
    let questions = std::fs::read_to_string(repository("tests/data/wiki/questions.jsonl")).unwrap();
    let mut found = 0;
    for line in questions.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let question = line["question"].as_str().unwrap();
        let result = &dir
            .ragdex(["search", "kb", "--json", "-k3", question])
            .succeeds()
            .json()[0];
        let passages = result["passages"].as_array().unwrap();
        let hit = passages
            .iter()
            .any(|passage| passage["title"] == line["title"]);
        if !hit {
            println!(
                "{question}: {:?}",
                passages.iter().map(|p| &p["title"]).collect::<Vec<_>>()
            );
        }
        found += usize::from(hit);
    }
    assert!(found >= 9, "{found} of 10");
    dir.ragdex(["verify", "kb"]).succeeds();
}

#[test]
fn one_and_two_threads_write_the_same_bytes() {
    let dir = Dir::new();
    let sample = repository("crates/sample/data/ragdex-sample.xml.bz2");
    for (kb, threads) in [("one", "1"), ("two", "2")] {
        let sample = sample.to_str().unwrap();
        dir.ragdex(["build", kb, sample, "--threads", threads])
            .succeeds();
    }
    assert_eq!(immutable_files(&dir, "one"), immutable_files(&dir, "two"));
    assert_eq!(manifest(&dir, "one"), manifest(&dir, "two"));
}

#[test]
fn a_killed_build_goes_on_and_equals_an_undisturbed_one() {
    let dir = Dir::new();
    let sample = repository("crates/sample/data/ragdex-sample.xml.bz2");
    let sample = sample.to_str().unwrap();
    let started = Instant::now();
    // Seven parts, so that finished ones are met again.
    let parts = ["--part-passages", "50"];
    dir.ragdex(["build", "whole", sample].iter().chain(&parts))
        .succeeds();
    let whole = started.elapsed();
    for eighth in 1..8 {
        let mut build = dir
            .ragdex(["build", "killed", sample].iter().chain(&parts))
            .0;
        let mut child = build
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole.mul_f64(f64::from(eighth) / 8.0));
        child.kill().unwrap();
        child.wait().unwrap();
        if !dir.path("killed/CURRENT").exists() {
            let search = dir.ragdex(["search", "killed", "x"]).exits(3);
            assert!(search.stderr.contains("hint:"), "{}", search.stderr);
        }
    }
    dir.ragdex(["build", "killed", sample].iter().chain(&parts))
        .succeeds();
    assert_eq!(
        immutable_files(&dir, "whole"),
        immutable_files(&dir, "killed")
    );
    assert_eq!(manifest(&dir, "whole"), manifest(&dir, "killed"));
}

#[test]
fn an_interrupted_build_says_that_it_can_be_resumed() {
    let dir = Dir::new();
    let dump = repository(DUMP);
    let mut build = dir.ragdex(["build", "kb", dump.to_str().unwrap()]).0;
    let pipes = build.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = pipes.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("same command"), "{stderr}");
}

#[test]
fn folders_tables_and_json_lines_come_in() {
    let dir = Dir::new();
    dir.write(
        "notes/herons.md",
        "# Herons\n\nThe heron eats fish.\n\n## Nests\n\nHerons nest in trees.\n",
    );
    dir.write(
        "notes/deep/trout.txt",
        "The trout is a fish of cold rivers.",
    );
    dir.write(
        "birds.csv",
        "title,text\nStork,\"The stork, a white bird, eats frogs.\"\n",
    );
    dir.write(
        "fish.tsv",
        "Pike\tThe pike hunts in weedy lakes.\nPerch\tThe perch has stripes.\n",
    );
    dir.write(
        "more.jsonl",
        "{\"title\": \"Otter\", \"text\": \"The otter eats crayfish.\"}\n",
    );
    let sources = ["notes", "birds.csv", "fish.tsv", "more.jsonl"];
    let arguments = ["build", "kb", "--json"].into_iter().chain(sources);
    let report = &dir.ragdex(arguments).succeeds().json()[0];
    assert_eq!(report["documents"]["added"], 6);
    let found = dir
        .ragdex(["search", "kb", "--json", "-k1", "where do herons nest?"])
        .succeeds();
    let passage = &found.json()[0]["passages"][0];
    assert_eq!(passage["title"], "Herons");
}

#[test]
fn the_precision_is_recorded_and_questions_are_encoded_alike() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.write("b.txt", "The trout is a fish.");
    let mut scores = Vec::new();
    for precision in ["f32", "f16", "bf16", "int8"] {
        let arguments = [
            "build",
            precision,
            "a.txt",
            "b.txt",
            "--precision",
            precision,
        ];
        dir.ragdex(arguments).succeeds();
        let info = dir.ragdex(["info", precision, "--json"]).succeeds().json();
        for role in ["context", "question"] {
            assert_eq!(info[0]["encoder"][role]["precision"], precision);
        }
        let found = dir
            .ragdex(["search", precision, "--json", "which bird?"])
            .succeeds()
            .json();
        let best = &found[0]["passages"][0];
        assert_eq!(best["document"], "a.txt");
        scores.push(best["score"].as_f64().unwrap());
    }
    assert!(
        scores
            .iter()
            .all(|score| (score / scores[0] - 1.0).abs() < 0.02),
        "{scores:?}"
    );
    assert!(
        scores[1..].iter().all(|score| *score != scores[0]),
        "{scores:?}"
    );
    let refused = dir
        .ragdex(["build", "kb", "a.txt", "--precision", "f8"])
        .exits(2);
    assert!(refused.stderr.contains("int8"), "{}", refused.stderr);
}
