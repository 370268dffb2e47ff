//! A disk that is full, and one that cannot be written: file systems of their own, mounted in a name space that
//! ends with the test.
//!
//! They need `unshare -rm` or root. Where neither is allowed the tests say so and check nothing; to run them
//! there: `sudo -E cargo test --release --test integration full_disk -- --nocapture`.

#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Output};

use serde_json::json;

use crate::util::Dir;

/// What every script begins with: `step NAME ARGUMENTS…` runs the program and keeps what it printed and its
/// exit code, `fill KILOBYTES` leaves so much room.
const PRELUDE: &str = r#"
set -e
step() {
    name=$1; shift
    code=0
    "$RAGDEX" "$@" >"out/$name.out" 2>"out/$name.err" || code=$?
    echo $code >"out/$name.code"
}
fill() {
    rm -f small/filler
    available=$(df -k --output=avail small | tail -n 1)
    dd if=/dev/zero of=small/filler bs=1024 count=$((available - $1)) 2>/dev/null
}
mkdir -p out small
"#;

/// Runs a script in a name space of its own where it may mount; `false` where that is not allowed.
#[must_use]
fn run(dir: &Dir, script: &str) -> bool {
    let unshare = |flags: &str, script: &str| -> Option<Output> {
        let mut command = Command::new("unshare");
        command
            .args([flags, "sh", "-c", script])
            .current_dir(dir.path("."))
            .env("RAGDEX", env!("CARGO_BIN_EXE_ragdex"))
            .env("HF_HUB_OFFLINE", "1");
        command.output().ok()
    };
    let try_mount = "mkdir -p small && mount -t tmpfs -o size=64k tmpfs small";
    let flags = ["-rm", "-m"]
        .into_iter()
        .find(|flags| unshare(flags, try_mount).is_some_and(|output| output.status.success()));
    let Some(flags) = flags else {
        println!(
            "not allowed to mount a file system: nothing was tested; see the top of `full_disk.rs`"
        );
        return false;
    };
    let output = unshare(flags, &format!("{PRELUDE}{script}")).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    true
}

/// What a step printed on standard output and standard error.
#[track_caller]
fn step(dir: &Dir, name: &str, code: i32) -> (String, String) {
    let read = |end: &str| fs::read_to_string(dir.path(&format!("out/{name}.{end}"))).unwrap();
    let (out, err) = (read("out"), read("err"));
    assert_eq!(read("code").trim(), code.to_string(), "{name}: {err}");
    assert!(!err.contains("panicked"), "{name}: {err}");
    (out, err)
}

/// Checks that a step failed for want of space, said where and what to do, and may be tried again.
#[track_caller]
fn assert_full(dir: &Dir, name: &str) {
    let (_, err) = step(dir, name, 1);
    for told in [
        "small/kb",
        "No space left on device",
        "hint: free some space",
    ] {
        assert!(err.contains(told), "{name}: {told} in: {err}");
    }
}

fn write_sources(dir: &Dir) {
    let line = |key: usize, edition: usize| {
        let text: Vec<String> = (0..60)
            .map(|word| format!("w{}", (key * 31 + word * 7 + edition * (key % 3)) % 97))
            .collect();
        let row =
            json!({"key": key.to_string(), "title": format!("T {key}"), "text": text.join(" ")});
        format!("{row}\n")
    };
    for (name, edition) in [("a.jsonl", 0), ("b.jsonl", 1)] {
        dir.write(
            name,
            (0..60).map(|key| line(key, edition)).collect::<String>(),
        );
    }
}

/// Passages and scores of a search, without times and snapshot.
#[track_caller]
fn found(printed: &str) -> Vec<(String, String)> {
    let line: serde_json::Value = serde_json::from_str(printed).unwrap();
    let passages = line["passages"].as_array().unwrap().iter();
    passages
        .map(|passage| (passage["text"].to_string(), passage["score"].to_string()))
        .collect()
}

#[test]
fn a_build_on_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    let dir = Dir::new();
    write_sources(&dir);
    let script = r"
        mount -t tmpfs -o size=16k tmpfs small
        for size in 16 24 40 64 96 128 160; do
            mount -o remount,size=${size}k small
            step build-$size build small/kb a.jsonl --part-passages 8
            step search-$size search small/kb w5
        done
        mount -o remount,size=64m small
        step build build small/kb a.jsonl --part-passages 8 --json
        step verify verify small/kb
        step found search small/kb w5 --json -k 60
        step fresh-build build fresh a.jsonl --part-passages 8 --json
        step fresh search fresh w5 --json -k 60
    ";
    if !run(&dir, script) {
        return;
    }
    for size in [16, 24, 40, 64, 96, 128, 160] {
        assert_full(&dir, &format!("build-{size}"));
        // Nothing half-done is seen.
        step(&dir, &format!("search-{size}"), 3);
    }
    step(&dir, "build", 0);
    step(&dir, "verify", 0);
    let [found, fresh] = ["found", "fresh"].map(|name| found(&step(&dir, name, 0).0));
    assert_eq!(found, fresh);
}

#[test]
fn a_refresh_on_a_full_disk_leaves_the_snapshot_whole_and_goes_on_when_there_is_room() {
    let dir = Dir::new();
    write_sources(&dir);
    let script = r"
        mount -t tmpfs -o size=16m tmpfs small
        step build build small/kb a.jsonl --part-passages 8
        step before search small/kb w5 --json -k 60
        for room in 0 4 12 24 48 80; do
            fill $room
            step refresh-$room refresh small/kb b.jsonl
            step verify-$room verify small/kb
            step search-$room search small/kb w5 --json -k 60
        done
        rm small/filler
        step refresh refresh small/kb b.jsonl --json
        step verify verify small/kb
        step after search small/kb w5 --json -k 60
        step fresh-build build fresh b.jsonl --part-passages 8 --json
        step fresh search fresh w5 --json -k 60
    ";
    if !run(&dir, script) {
        return;
    }
    let before = found(&step(&dir, "before", 0).0);
    for room in [0, 4, 12, 24, 48, 80] {
        assert_full(&dir, &format!("refresh-{room}"));
        step(&dir, &format!("verify-{room}"), 0);
        let meanwhile = step(&dir, &format!("search-{room}"), 0).0;
        assert_eq!(found(&meanwhile), before, "{room}");
    }
    step(&dir, "refresh", 0);
    step(&dir, "verify", 0);
    let [after, fresh] = ["after", "fresh"].map(|name| {
        let mut found = found(&step(&dir, name, 0).0);
        // Equal scores come by ascending id, and ids differ.
        found.sort();
        found
    });
    assert_eq!(after, fresh);
}

#[test]
fn what_lies_on_read_only_media_can_be_read_by_every_command_that_reads() {
    let dir = Dir::new();
    write_sources(&dir);
    dir.ragdex(["build", "kb", "a.jsonl"]).succeeds();
    dir.ragdex(["refresh", "kb", "b.jsonl"]).succeeds();
    let reading = [
        "search kb w5",
        "search kb w5 --snapshot 1",
        "answer kb w5",
        "show kb 3 --snapshot 1",
        "info kb",
        "history kb",
        "verify kb",
        "diff kb 1 2",
        "refresh kb a.jsonl --dry-run",
        "export kb -o exported --to jsonl",
    ];
    let writing = [
        "refresh kb a.jsonl",
        "add kb a.jsonl",
        "remove kb 3",
        "rollback kb --to 1",
        "gc kb",
        "compact kb",
        "index kb --index hnsw",
    ];
    let steps = |what: &str, commands: &[&str]| -> String {
        let steps = commands.iter().enumerate();
        let steps = steps.map(|(n, command)| format!("step {what}-{n} {command}"));
        steps.collect::<Vec<_>>().join("\n")
    };
    let script = format!(
        "mount --bind kb kb && mount -o remount,bind,ro kb\n{}\n{}",
        steps("read", &reading),
        steps("write", &writing)
    );
    let before = crate::util::files(&dir.path("kb"));
    if !run(&dir, &script) {
        return;
    }
    for n in 0..reading.len() {
        step(&dir, &format!("read-{n}"), 0);
    }
    for (n, command) in writing.iter().enumerate() {
        let (_, err) = step(&dir, &format!("write-{n}"), 1);
        for told in ["kb/LOCK", "Read-only file system", "hint:"] {
            assert!(err.contains(told), "{command}: {err}");
        }
    }
    assert_eq!(crate::util::files(&dir.path("kb")), before);
}
