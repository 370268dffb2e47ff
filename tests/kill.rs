//! `kill -9` at random times: the current snapshot is whole, and the same command then ends as if nothing
//! had happened.
//!
//! `RAGDEX_KILLS=500 cargo test --release --test integration kill` kills more often than the usual 20 times.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ragdex::{Cancel, Context, KnowledgeBase, NoReporter};
use serde_json::{Value, json};

use crate::util::{Dir, files, repository};

const KILLS: u64 = 20;

/// The commands that are killed, each in a copy of the folder `before`.
const COMMANDS: [(&str, &[&str]); 8] = [
    ("empty", &["build", "kb", "b.jsonl", "--part-passages", "8"]),
    ("one", &["refresh", "kb", "b.jsonl"]),
    ("one", &["add", "kb", "c.jsonl"]),
    ("one", &["remove", "kb", "3", "4", "5"]),
    ("one", &["refresh", "kb", "--context-encoder", "model"]),
    ("two", &["rollback", "kb", "--to", "1"]),
    ("two", &["gc", "kb"]),
    ("two", &["compact", "kb"]),
];

fn write_sources(dir: &Dir) {
    let line = |key: usize, salt: usize| {
        let text: Vec<String> = (0..40)
            .map(|word| format!("w{}", (key * 31 + word * 7 + salt) % 97))
            .collect();
        format!(
            "{}\n",
            json!({"key": key.to_string(), "title": format!("T {key}"), "text": text.join(" ")})
        )
    };
    dir.write(
        "a.jsonl",
        (0..60).map(|key| line(key, 0)).collect::<String>(),
    );
    dir.write(
        "b.jsonl",
        (10..70)
            .map(|key| line(key, usize::from(key % 3 == 0)))
            .collect::<String>(),
    );
    dir.write(
        "c.jsonl",
        (50..90).map(|key| line(key, 2)).collect::<String>(),
    );
}

fn copy(from: &Path, to: &Path) {
    if to.exists() {
        std::fs::remove_dir_all(to).unwrap();
    }
    if !from.exists() {
        return;
    }
    for (name, content) in files(from) {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// The files of a knowledge base; manifests without what tells when they were made.
fn state(kb: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = files(kb);
    found.retain(|(name, _)| {
        name != "LOCK" && Path::new(name).extension().is_none_or(|end| end != "tmp")
    });
    for (name, content) in &mut found {
        if name.starts_with("snapshots/") {
            let mut manifest: Value = serde_json::from_slice(content).unwrap();
            manifest["created"] = Value::Null;
            // It covers the time too.
            manifest["checksum"] = Value::Null;
            *content = manifest.to_string().into_bytes();
        }
    }
    found
}

/// The number of the current snapshot, which must verify; `None` before the first.
fn checked(kb: &Path, what: &str) -> Option<u64> {
    if !kb.join("CURRENT").exists() {
        return None;
    }
    let cancel = Cancel::default();
    let context = Context::new(&NoReporter, &cancel);
    let opened = KnowledgeBase::open(kb, None).unwrap_or_else(|error| panic!("{what}: {error}"));
    opened
        .verify(&context)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    Some(opened.snapshot())
}

struct Undisturbed {
    state: Vec<(String, Vec<u8>)>,
    before: Option<u64>,
    after: Option<u64>,
    took: Duration,
}

fn undisturbed(dir: &Dir, before: &str, command: &[&str]) -> Undisturbed {
    let kb = dir.path("kb");
    copy(&dir.path(before), &kb);
    let number = checked(&kb, before);
    let started = Instant::now();
    dir.ragdex(command).succeeds();
    Undisturbed {
        took: started.elapsed(),
        before: number,
        after: checked(&kb, "undisturbed"),
        state: state(&kb),
    }
}

#[test]
fn a_killed_command_leaves_a_whole_snapshot_and_can_be_run_again() {
    let kills = std::env::var("RAGDEX_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(KILLS);
    let dir = Dir::new();
    write_sources(&dir);
    dir.ragdex(["build", "one", "a.jsonl", "--part-passages", "8"])
        .succeeds();
    copy(&dir.path("one"), &dir.path("two"));
    copy(
        &repository("tests/data/golden/rag/dpr-ctx-encoder"),
        &dir.path("model"),
    );
    dir.ragdex(["refresh", "two", "b.jsonl"]).succeeds();
    let expected = COMMANDS.map(|(before, command)| undisturbed(&dir, before, command));
    let kb = dir.path("kb");
    let mut random: u64 = 42;
    let mut in_time = 0;
    for kill in 0..kills {
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let which = kill as usize % COMMANDS.len();
        let (before, command) = COMMANDS[which];
        let expected = &expected[which];
        let wait = expected
            .took
            .mul_f64((random >> 33) as f64 / f64::from(1u32 << 31));
        let what = format!("{command:?} killed after {wait:?}");
        copy(&dir.path(before), &kb);
        let mut run = dir.ragdex(command);
        let quiet = run.0.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = quiet.spawn().unwrap();
        std::thread::sleep(wait);
        child.kill().unwrap();
        in_time += usize::from(!child.wait().unwrap().success());
        let number = checked(&kb, &what);
        assert!(
            number == expected.before || number == expected.after,
            "{what}: {number:?}"
        );
        dir.ragdex(command).succeeds();
        let (found, wanted) = (state(&kb), &expected.state);
        let names = |files: &[(String, Vec<u8>)]| {
            files.iter().map(|file| file.0.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&found), names(wanted), "{what}");
        assert!(found == *wanted, "{what}: other bytes");
    }
    println!("{in_time} of {kills} were killed before their end");
    assert!(in_time > 0, "every command ended before it was killed");
}
