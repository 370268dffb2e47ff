//! The stage `embed` by itself, and the knowledge base made of what it leaves.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::util::{Dir, files, repository};

/// A folder of passages of the bundled sample, in six files.
fn split(dir: &Dir, folder: &str) {
    let sample = repository("crates/sample/data/ragdex-sample.xml.bz2");
    let sample = sample.to_str().unwrap();
    dir.ragdex([
        "split",
        sample,
        "-o",
        folder,
        "--limit",
        "40",
        "--part-passages",
        "20",
    ])
    .succeeds();
}

fn copy(from: &Path, to: &Path) {
    for (name, content) in files(from) {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// Embeds and gives the report.
fn embed(dir: &Dir, folder: &str, more: &[&str]) -> Value {
    let arguments = ["embed", folder, "--json", "-q"];
    let arguments = arguments.iter().chain(more);
    dir.ragdex(arguments).succeeds().json().remove(0)
}

/// All files but locks, which tell who held them.
fn data(dir: &Dir, folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = files(&dir.path(folder));
    found.retain(|(name, _)| Path::new(name).extension() != Some("lock".as_ref()));
    found
}

fn start(dir: &Dir, arguments: &[&str]) -> Child {
    let mut run = dir.ragdex(arguments).0;
    run.stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A folder of the golden encoder, whose vectors cost nothing.
fn tiny() -> String {
    let folder = repository("tests/data/golden/rag/dpr-ctx-encoder");
    folder.to_str().unwrap().to_owned()
}

#[test]
fn threads_batches_and_shards_write_the_same_bytes() {
    let dir = Dir::new();
    split(&dir, "one");
    for folder in ["two", "small", "shards", "crowd"] {
        copy(&dir.path("one"), &dir.path(folder));
    }
    let report = embed(&dir, "one", &["--threads", "1"]);
    assert_eq!(report["parts"], 6);
    assert_eq!(report["passages"]["embedded"], report["passages"]["total"]);
    assert_eq!(
        (&report["remaining"], &report["padding"]),
        (&0.into(), &0.0.into())
    );
    let n_tokens = report["tokens"].as_u64().unwrap();
    assert!(n_tokens > report["passages"]["total"].as_u64().unwrap());
    embed(&dir, "two", &["--threads", "2"]);
    embed(&dir, "small", &["--threads", "3", "--batch-tokens", "64"]);
    let mut embedded = 0;
    for (shard, remaining) in [("3/3", 4), ("1/3", 2), ("2/3", 0)] {
        let report = embed(&dir, "shards", &["--shard", shard]);
        assert_eq!(report["remaining"], remaining);
        embedded += report["tokens"].as_u64().unwrap();
    }
    assert_eq!(embedded, n_tokens);
    let crowd = ["1/3", "2/3", "3/3"].map(|shard| {
        let arguments = ["embed", "crowd", "--shard", shard];
        start(&dir, &arguments)
    });
    for mut child in crowd {
        assert!(child.wait().unwrap().success());
    }
    for folder in ["two", "small", "shards", "crowd"] {
        assert_eq!(data(&dir, folder), data(&dir, "one"), "{folder}");
    }
    let names: Vec<String> = data(&dir, "one")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(
        names.contains(&"embeddings/part-00005.arrow".into()),
        "{names:?}"
    );
    let is_finished = |name: &String| Path::new(name).extension() != Some("tmp".as_ref());
    assert!(names.iter().all(is_finished), "{names:?}");
}

#[test]
fn a_run_killed_ten_times_ends_with_the_same_files() {
    let dir = Dir::new();
    split(&dir, "whole");
    copy(&dir.path("whole"), &dir.path("killed"));
    let started = Instant::now();
    embed(&dir, "whole", &["--threads", "1"]);
    let whole = started.elapsed();
    // Where a run stops depends on the machine; what must hold does not.
    for tenth in [1, 9, 3, 7, 5, 8, 2, 10, 4, 6] {
        let mut child = start(&dir, &["embed", "killed", "--threads", "1"]);
        std::thread::sleep(whole.mul_f64(f64::from(tenth) / 10.0));
        child.kill().unwrap();
        child.wait().unwrap();
        let refused = dir.ragdex(["embed", "killed", "--context-encoder", &tiny()]);
        if dir.path("killed/embed.json").exists() {
            refused.exits(3);
        }
    }
    let report = embed(&dir, "killed", &["--threads", "1"]);
    assert!(report["passages"]["kept"].as_u64().unwrap() > 0);
    assert_eq!(data(&dir, "killed"), data(&dir, "whole"));
    // Nothing is left to do, and nothing is touched.
    assert_eq!(embed(&dir, "killed", &[])["passages"]["embedded"], 0);
}

#[test]
fn a_request_to_stop_leaves_what_is_finished() {
    let dir = Dir::new();
    split(&dir, "out");
    let child = start(&dir, &["embed", "out", "--threads", "1"]);
    let waiting = Instant::now();
    while !dir.path("out/receipts/part-00000.json").exists() {
        assert!(waiting.elapsed() < Duration::from_mins(2), "nothing comes");
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(sent.unwrap().success());
    let code = child.wait_with_output().unwrap().status.code();
    // It may have been done already.
    assert!([Some(130), Some(0)].contains(&code), "{code:?}");
    let report = embed(&dir, "out", &[]);
    assert!(report["passages"]["kept"].as_u64().unwrap() >= 20);
}

#[test]
fn what_is_damaged_is_made_again() {
    let dir = Dir::new();
    split(&dir, "whole");
    embed(&dir, "whole", &[]);
    let whole = data(&dir, "whole");
    copy(&dir.path("whole"), &dir.path("out"));
    for name in ["embeddings/part-00002.arrow", "receipts/part-00004.json"] {
        let path = dir.path("out").join(name);
        let content = fs::read(&path).unwrap();
        let mut flipped = content.clone();
        flipped[content.len() / 2] ^= 1;
        for damaged in [&flipped[..], &content[..100], &[]] {
            fs::write(&path, damaged).unwrap();
            let estimate = embed(&dir, "out", &["--dry-run"]);
            assert_eq!(estimate["parts"], 1, "{name}");
            let report = embed(&dir, "out", &[]);
            assert!(report["passages"]["embedded"].as_u64().unwrap() > 0);
            assert_eq!(data(&dir, "out"), whole, "{name}");
        }
    }
    // A half-written file of a killed run is in nobody's way.
    fs::write(dir.path("out/embeddings/part-00002.arrow.tmp"), "ARROW1").unwrap();
    fs::remove_file(dir.path("out/embeddings/part-00002.arrow")).unwrap();
    embed(&dir, "out", &[]);
    assert_eq!(data(&dir, "out"), whole);
}

#[test]
fn folders_that_cannot_be_embedded_are_refused_with_a_remedy() {
    let dir = Dir::new();
    dir.write("notes/a.txt", "The heron is a bird.");
    let refused = |folder: &str, expected: &str| {
        let printed = dir.ragdex(["embed", folder]).exits(3);
        assert!(printed.stderr.contains(expected), "{}", printed.stderr);
        assert!(printed.stderr.contains("hint:"), "{}", printed.stderr);
    };
    refused("notes", "split.json");
    refused("notes/a.txt", "split.json");
    refused("nowhere", "nowhere");
    dir.ragdex(["split", "notes", "-o", "text", "--to", "jsonl"])
        .succeeds();
    refused("text", "Parquet");
    dir.ragdex(["split", "notes", "-o", "out"]).succeeds();
    let manifest = fs::read_to_string(dir.path("out/split.json")).unwrap();
    let unfinished = manifest.replace("\"finished\": true", "\"finished\": false");
    fs::write(dir.path("out/split.json"), unfinished).unwrap();
    refused("out", "not finished");
    fs::write(dir.path("out/split.json"), &manifest[..manifest.len() / 2]).unwrap();
    refused("out", "not a valid manifest");
    let outside = manifest.replace("passages/part-00000.parquet", "passages/../../x.parquet");
    fs::write(dir.path("out/split.json"), outside).unwrap();
    refused("out", "not a valid manifest");
    fs::write(dir.path("out/split.json"), &manifest).unwrap();
    let passages = dir.path("out/passages/part-00000.parquet");
    let content = fs::read(&passages).unwrap();
    let mut flipped = content.clone();
    flipped[content.len() / 2] ^= 1;
    fs::write(&passages, flipped).unwrap();
    refused("out", "passages/part-00000.parquet");
    fs::remove_file(&passages).unwrap();
    refused("out", "passages/part-00000.parquet");
    fs::write(&passages, content).unwrap();
    embed(&dir, "out", &[]);
}

#[test]
fn a_dry_run_tells_what_is_to_be_done_and_writes_nothing() {
    let dir = Dir::new();
    split(&dir, "out");
    let before = files(&dir.path("out"));
    let estimate = embed(&dir, "out", &["--dry-run", "--vectors", "f16"]);
    assert_eq!(files(&dir.path("out")), before);
    let passages = estimate["passages"].as_u64().unwrap();
    assert_eq!(estimate["parts"], 6);
    assert_eq!(
        estimate["bytes"],
        passages * estimate["dimension"].as_u64().unwrap() * 2
    );
    assert!(estimate["seconds"].as_f64().unwrap() > 0.0);
    let report = embed(&dir, "out", &["--vectors", "f16"]);
    assert_eq!(report["passages"]["embedded"], passages);
    let (told, found) = (estimate["tokens"].as_f64(), report["tokens"].as_f64());
    let ratio = told.unwrap() / found.unwrap();
    assert!((0.8..1.25).contains(&ratio), "{ratio}");
    let before = files(&dir.path("out"));
    let estimate = embed(&dir, "out", &["--dry-run", "--vectors", "f16"]);
    assert_eq!(
        (&estimate["passages"], &estimate["seconds"]),
        (&0.into(), &0.0.into())
    );
    dir.ragdex(["embed", "out", "--dry-run"]).exits(3);
    embed(&dir, "out", &["--dry-run", "--restart"]);
    assert_eq!(files(&dir.path("out")), before);
}

#[test]
fn vectors_of_another_encoder_are_refused_until_they_are_thrown_away() {
    let dir = Dir::new();
    split(&dir, "out");
    embed(&dir, "out", &["--context-encoder", &tiny()]);
    let tiny = tiny();
    let others: [(&[&str], &str); 3] = [
        (&[], "sha256 of the weights"),
        (
            &["--context-encoder", &tiny, "--precision", "int8"],
            "precision",
        ),
        (&["--context-encoder", &tiny, "--vectors", "f16"], "vectors"),
    ];
    for (options, difference) in others {
        let refused = dir.ragdex(["embed", "out"].iter().chain(options)).exits(3);
        assert!(refused.stderr.contains(difference), "{}", refused.stderr);
        assert!(refused.stderr.contains("--restart"), "{}", refused.stderr);
    }
    embed(&dir, "out", &["--restart", "--vectors", "f16"]);
    split(&dir, "fresh");
    embed(&dir, "fresh", &["--vectors", "f16"]);
    assert_eq!(data(&dir, "out"), data(&dir, "fresh"));
    let again = embed(&dir, "out", &["--restart", "--vectors", "f16"]);
    assert_eq!(again["passages"]["kept"], 0);
    assert_eq!(data(&dir, "out"), data(&dir, "fresh"));
}

#[test]
fn a_folder_that_was_split_anew_is_embedded_anew() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.write("b.txt", "The trout is a fish.");
    dir.ragdex(["split", "a.txt", "-o", "out"]).succeeds();
    embed(&dir, "out", &[]);
    dir.ragdex(["split", "b.txt", "-o", "out", "--restart"])
        .succeeds();
    assert_eq!(embed(&dir, "out", &[])["passages"]["embedded"], 1);
    dir.ragdex(["split", "b.txt", "-o", "fresh"]).succeeds();
    embed(&dir, "fresh", &[]);
    assert_eq!(data(&dir, "out"), data(&dir, "fresh"));
}

/// The files of a knowledge base that tell nothing of when and where it was made.
fn kb_files(dir: &Dir, kb: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = files(&dir.path(kb));
    found.retain(|(name, _)| name.contains('/') && !name.starts_with("snapshots"));
    found
}

fn build(dir: &Dir, kb: &str, sources: &[&str], more: &[&str]) -> (Value, String) {
    let parts = ["--part-passages", "25", "--json"];
    let command = ["build", kb];
    let arguments = command.iter().chain(sources).chain(&parts).chain(more);
    let printed = dir.ragdex(arguments).succeeds();
    (printed.json().remove(0), printed.stderr)
}

#[test]
fn a_split_embedded_in_shards_becomes_the_knowledge_base_that_a_build_makes() {
    let dir = Dir::new();
    split(&dir, "out");
    let sample = repository("crates/sample/data/ragdex-sample.xml.bz2");
    let sample = sample.to_str().unwrap();
    build(&dir, "direct", &[sample], &["--limit", "40"]);
    // Nothing is embedded yet.
    let (report, _) = build(&dir, "own", &["out"], &[]);
    assert_eq!(report["embedded"], report["passages"]["total"]);
    assert_eq!(kb_files(&dir, "own"), kb_files(&dir, "direct"));
    // Half of it is.
    embed(&dir, "out", &["--shard", "1/2"]);
    let (report, told) = build(&dir, "half", &["out"], &[]);
    assert_eq!(report["embedded"], report["passages"]["total"]);
    assert!(told.contains("not taken over"), "{told}");
    embed(&dir, "out", &["--shard", "2/2"]);
    let (report, _) = build(&dir, "taken", &["out"], &[]);
    assert_eq!(report["embedded"], 0);
    assert_eq!(kb_files(&dir, "taken"), kb_files(&dir, "direct"));
    dir.ragdex(["verify", "taken"]).succeeds();
    let (report, _) = build(&dir, "taken", &["out"], &[]);
    assert_eq!(report["documents"]["unchanged"], 40);
    // Rounded as the encoder's own would be.
    build(&dir, "halves", &["out"], &["--vectors", "f16"]);
    build(
        &dir,
        "direct16",
        &[sample],
        &["--limit", "40", "--vectors", "f16"],
    );
    assert_eq!(kb_files(&dir, "halves"), kb_files(&dir, "direct16"));
    let (limited, _) = build(&dir, "few", &["out"], &["--limit", "5"]);
    assert_eq!(limited["documents"]["added"], 5);
    assert_eq!(limited["embedded"], 0);
}

#[test]
fn vectors_that_are_not_the_encoders_own_are_not_taken_over() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.write("b.txt", "The trout is a fish.");
    let sources = ["a.txt", "b.txt"];
    dir.ragdex(["split", "a.txt", "b.txt", "-o", "out"])
        .succeeds();
    embed(&dir, "out", &["--vectors", "f16"]);
    build(&dir, "direct", &sources, &[]);
    let (report, told) = build(&dir, "kb", &["out"], &[]);
    assert_eq!(report["embedded"], 2);
    assert!(told.contains("--vectors f16"), "{told}");
    assert_eq!(kb_files(&dir, "kb"), kb_files(&dir, "direct"));
    let (report, _) = build(&dir, "kb16", &["out"], &["--vectors", "f16"]);
    assert_eq!(report["embedded"], 0);
    embed(&dir, "out", &["--restart", "--context-encoder", &tiny()]);
    let (report, told) = build(&dir, "other", &["out"], &[]);
    assert_eq!(report["embedded"], 2);
    assert!(
        told.contains(&format!("--context-encoder {}", tiny())),
        "{told}"
    );
    assert_eq!(kb_files(&dir, "other"), kb_files(&dir, "direct"));
}

#[test]
fn shards_on_several_machines_become_one_knowledge_base() {
    let dir = Dir::new();
    let row = |n: u32| format!("{{\"key\":\"k{n}\",\"title\":\"T{n}\",\"text\":\"stork {n}\"}}\n");
    dir.write("rows.jsonl", (0..60).map(row).collect::<String>());
    for shard in ["1/2", "2/2"] {
        let folder = format!("machine-{}", &shard[..1]);
        let arguments = ["split", "rows.jsonl", "-o", &folder, "--shard", shard];
        dir.ragdex(arguments.iter().chain(&["--part-passages", "7"]))
            .succeeds();
        let embedded = dir.ragdex(["embed", &folder]).succeeds();
        assert!(
            embedded.stderr.contains("1 of 2 shards"),
            "{}",
            embedded.stderr
        );
    }
    // The documents of one machine again: every one is known by its key.
    copy(&dir.path("machine-1"), &dir.path("copy"));
    let sources = ["machine-1", "copy", "machine-2"];
    let (report, told) = build(&dir, "kb", &sources, &[]);
    assert_eq!(report["documents"]["added"], 60);
    assert_eq!(report["embedded"], 0);
    assert!(
        report["skipped"]["repeated keys"].as_u64().unwrap() > 10,
        "{report}"
    );
    assert!(told.contains("left out"), "{told}");
    dir.ragdex(["verify", "kb"]).succeeds();
    // Each passage has its own vector: it is what a search for it finds.
    build(&dir, "own", &["rows.jsonl"], &[]);
    for question in ["stork 3", "stork 41", "T59 stork 59"] {
        let best = |kb: &str| {
            let arguments = ["search", kb, "--json", "-k", "3", question];
            let found = dir.ragdex(arguments).succeeds().json().remove(0);
            let passages = found["passages"].as_array().unwrap().clone();
            let of = |passage: &Value| {
                (
                    passage["document"].to_string(),
                    passage["score"].to_string(),
                )
            };
            let mut found: Vec<_> = passages.iter().map(of).collect();
            found.sort();
            found
        };
        assert_eq!(best("kb"), best("own"), "{question}");
    }
    let refused = dir
        .ragdex(["build", "mixed", "machine-1", "rows.jsonl"])
        .exits(3);
    assert!(refused.stderr.contains("rows.jsonl"), "{}", refused.stderr);
}

#[test]
fn damage_in_a_split_folder_is_found_before_it_is_built_upon() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.ragdex(["split", "a.txt", "-o", "out"]).succeeds();
    embed(&dir, "out", &[]);
    for name in [
        "documents/part-00000.parquet",
        "passages/part-00000.parquet",
    ] {
        let path = dir.path("out").join(name);
        let content = fs::read(&path).unwrap();
        let mut flipped = content.clone();
        flipped[content.len() / 2] ^= 1;
        fs::write(&path, flipped).unwrap();
        let refused = dir.ragdex(["build", "kb", "out"]).exits(3);
        assert!(refused.stderr.contains(name), "{}", refused.stderr);
        fs::write(&path, content).unwrap();
    }
    let vectors = dir.path("out/embeddings/part-00000.arrow");
    fs::write(&vectors, "cut").unwrap();
    let (report, told) = build(&dir, "kb", &["out"], &[]);
    assert_eq!(report["embedded"], 1);
    assert!(told.contains("ragdex embed"), "{told}");
}
