//! The stage `split` by itself.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::Value;

use crate::util::{Dir, files, repository};

const DUMP: &str = "tests/data/wiki/enwiki-pages-articles-shortened.xml.bz2";

fn dump() -> String {
    repository(DUMP).to_str().unwrap().to_owned()
}

fn lines(dir: &Dir, path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.path(path)).unwrap();
    let parse = |line| serde_json::from_str(line).unwrap();
    text.lines().map(parse).collect()
}

/// All files but those of the shard's own: the manifest names the shard, the lock its holder.
fn data(dir: &Dir, folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = files(&dir.path(folder));
    found.retain(|(name, _)| !name.starts_with("split"));
    found
}

#[test]
fn one_two_and_five_threads_write_the_same_bytes_in_every_form() {
    let dir = Dir::new();
    for to in ["parquet", "psgs-tsv", "jsonl", "documents"] {
        for threads in ["1", "2", "5"] {
            let folder = format!("{to}-{threads}");
            let arguments = [
                "split",
                &dump(),
                "-o",
                &folder,
                "--to",
                to,
                "--threads",
                threads,
            ];
            dir.ragdex(arguments).succeeds();
            assert_eq!(
                data(&dir, &folder),
                data(&dir, &format!("{to}-1")),
                "{folder}"
            );
        }
    }
}

#[test]
fn a_dump_gives_the_passages_that_a_build_gives() {
    let dir = Dir::new();
    let report = dir
        .ragdex(["split", &dump(), "-o", "out", "--json"])
        .succeeds()
        .json();
    assert_eq!(report[0]["documents"], 106);
    assert_eq!(report[0]["skipped"]["redirects"], 100);
    let options = ["--part-passages", "65536"];
    let build = ["build", "kb", &dump(), "--limit", "20"];
    dir.ragdex(build.iter().chain(&options)).succeeds();
    dir.ragdex(["split", &dump(), "-o", "few", "--limit", "20"])
        .succeeds();
    for folder in ["documents", "passages"] {
        let of = |base: &str| files(&dir.path(&format!("{base}/{folder}")));
        assert_eq!(of("few"), of("kb"), "{folder}");
    }
}

#[test]
fn shards_hold_every_document_once_and_their_ids_differ() {
    let dir = Dir::new();
    dir.ragdex(["split", &dump(), "-o", "whole", "--to", "jsonl"])
        .succeeds();
    let whole = lines(&dir, "whole/passages.jsonl");
    let by_document = |rows: &[Value]| {
        let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in rows {
            let key = row["document"].as_str().unwrap().to_owned();
            texts
                .entry(key)
                .or_default()
                .push(row["text"].as_str().unwrap().to_owned());
        }
        texts
    };
    let mut rows = Vec::new();
    let mut skipped = 0;
    for shard in ["1/3", "2/3", "3/3"] {
        let arguments = [
            "split",
            &dump(),
            "-o",
            "shards",
            "--to",
            "jsonl",
            "--shard",
            shard,
            "--json",
        ];
        let report = dir.ragdex(arguments).succeeds().json();
        skipped += report[0]["skipped"]["redirects"].as_u64().unwrap();
        let name = shard.replace('/', "-of-");
        let part = lines(&dir, &format!("shards/passages-{name}.jsonl"));
        assert!(part.len() > whole.len() / 6, "a shard is far too small");
        rows.extend(part);
    }
    assert_eq!(skipped, 100);
    assert_eq!(by_document(&rows), by_document(&whole));
    let mut ids: Vec<u64> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), whole.len());
}

#[test]
fn a_passage_that_occurs_again_is_counted_and_dropped_when_asked() {
    let dir = Dir::new();
    let row = |key: u32, text: &str| {
        format!("{{\"key\":\"{key}\",\"title\":\"T\",\"text\":\"{text}\"}}\n")
    };
    dir.write(
        "rows.jsonl",
        [row(1, "a b"), row(2, "c"), row(3, "a b"), row(4, "a  b")].concat(),
    );
    for (switch, passages, dropped) in [(None, 4, 0), (Some("--dedup"), 2, 2)] {
        let arguments = [
            "split",
            "rows.jsonl",
            "-o",
            "out",
            "--to",
            "jsonl",
            "--restart",
            "--json",
        ];
        let report = dir
            .ragdex(arguments.into_iter().chain(switch))
            .succeeds()
            .json();
        assert_eq!(report[0]["passages"], passages);
        assert_eq!(report[0]["duplicates"]["found"], 2);
        assert_eq!(report[0]["duplicates"]["dropped"], dropped);
        assert_eq!(lines(&dir, "out/passages.jsonl").len(), passages as usize);
    }
}

#[test]
fn passages_of_dpr_come_back_byte_for_byte() {
    let dir = Dir::new();
    let table = concat!(
        "id\ttext\ttitle\n",
        "7\t\"one  \"\"two\"\" \u{e9} three\"\tT\n",
        "12\t\"\"\"at the edges\"\"\"\tNaN\n",
        "13\t\"plain text\"\t\"\"\"R\"\" Is for Ricochet\"\n",
        "21015324\t\"e\u{301} stays decomposed\"\tMane\u{301}\n",
    );
    dir.write("psgs.tsv", table);
    // No rule cuts what is a passage already.
    for rule in ["plain", "dpr", "kilt"] {
        let folder = format!("out-{rule}");
        let arguments = [
            "split",
            "psgs.tsv",
            "-o",
            &folder,
            "--to",
            "psgs-tsv",
            "--splitter",
            rule,
        ];
        dir.ragdex(arguments).succeeds();
        let written = std::fs::read(dir.path(&folder).join("passages.tsv")).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), table, "{rule}");
    }
}

#[test]
fn a_finished_folder_is_left_alone_and_another_split_needs_a_word() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    let again = |more: &[&str], code| {
        let arguments = ["split", "a.txt", "-o", "out"]
            .into_iter()
            .chain(more.iter().copied());
        dir.ragdex(arguments).exits(code)
    };
    again(&[], 0);
    let before = files(&dir.path("out"));
    again(&[], 0);
    assert_eq!(files(&dir.path("out")), before);
    let refused = again(&["--words", "2"], 3);
    assert!(refused.stderr.contains("--restart"), "{}", refused.stderr);
    assert_eq!(files(&dir.path("out")), before);
    again(&["--words", "2", "--restart"], 0);
    dir.write("mine/notes.txt", "x");
    let foreign = dir.ragdex(["split", "a.txt", "-o", "mine"]).exits(3);
    assert!(foreign.stderr.contains("notes.txt"), "{}", foreign.stderr);
    assert!(dir.path("mine/notes.txt").is_file());
}

#[test]
fn standard_input_is_read_and_never_taken_for_known() {
    let dir = Dir::new();
    let row = b"{\"title\": \"T\", \"text\": \"a b c\"}\n";
    let split = |more: &[&'static str]| {
        let arguments = ["split", "-", "-o", "out", "--to", "jsonl"];
        dir.ragdex(arguments.iter().chain(more))
    };
    split(&[]).exits_given(row, 0);
    assert_eq!(lines(&dir, "out/passages.jsonl").len(), 1);
    split(&[]).exits_given(row, 3);
    split(&["--restart"]).exits_given(row, 0);
}

#[test]
fn a_stop_leaves_a_folder_that_the_same_command_finishes() {
    let dir = Dir::new();
    let mut text = Vec::new();
    for n in 0..200_000 {
        writeln!(
            text,
            "{{\"key\":\"{n}\",\"title\":\"T{n}\",\"text\":\"some words of {n}\"}}"
        )
        .unwrap();
    }
    dir.write("rows.jsonl", &text);
    let arguments = [
        "split",
        "rows.jsonl",
        "-o",
        "out",
        "--part-passages",
        "1000",
    ];
    let mut child = dir.ragdex(arguments).0.spawn().unwrap();
    // Killed as soon as something is there.
    while !dir.path("out/passages/part-00001.parquet").exists() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "finished before it could be killed"
        );
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(dir.path("out/split.json")).unwrap()).unwrap();
    assert_eq!(manifest["finished"], false);
    dir.ragdex(arguments).succeeds();
    dir.ragdex([
        "split",
        "rows.jsonl",
        "-o",
        "fresh",
        "--part-passages",
        "1000",
    ])
    .succeeds();
    assert_eq!(data(&dir, "out"), data(&dir, "fresh"));
}

#[test]
fn a_pipe_of_several_megabytes_goes_through() {
    let dir = Dir::new();
    let mut encoder = Vec::new();
    for n in 0..50_000 {
        writeln!(
            encoder,
            "{{\"title\": \"T{n}\", \"text\": \"words of number {n} follow here\"}}"
        )
        .unwrap();
    }
    let run = dir.ragdex(["split", "-", "-o", "out", "--format", "jsonl", "--json"]);
    let report = run.exits_given(&encoder, 0).json();
    assert_eq!(report[0]["passages"], 50_000);
}

/// A dump of one article in each of two namespaces, and a list.
const PAGES: &str = "<mediawiki><siteinfo><namespaces><namespace key=\"0\"/><namespace key=\"14\">Category\
</namespace></namespaces></siteinfo>\
<page><title>Aare</title><ns>0</ns><id>1</id><revision><id>7</id><text>Aare is a river.</text></revision></page>\
<page><title>List of rivers</title><ns>0</ns><id>2</id><revision><id>8</id><text>All rivers.</text></revision></page>\
<page><title>Category:Rivers</title><ns>14</ns><id>3</id><revision><id>9</id><text>Flowing water.</text>\
</revision></page></mediawiki>";

#[test]
fn namespaces_and_kinds_of_pages_are_chosen_apart() {
    let dir = Dir::new();
    dir.write("dump.xml", PAGES);
    let cases: [(&[&str], &[&str]); 5] = [
        (&[], &["1", "2"]),
        (&["--pages", "articles"], &["1"]),
        (&["--namespaces", "0,14"], &["1", "2", "3"]),
        (&["--splitter", "dpr", "--namespaces", "0,14"], &["1", "3"]),
        (&["--splitter", "dpr", "--pages", "lists"], &["2"]),
    ];
    for (options, expected) in cases {
        let arguments = [
            "split",
            "dump.xml",
            "-o",
            "out",
            "--to",
            "documents",
            "--restart",
        ];
        dir.ragdex(arguments.iter().chain(options)).succeeds();
        let keys: Vec<Value> = lines(&dir, "out/documents.jsonl")
            .iter()
            .map(|line| line["key"].clone())
            .collect();
        assert_eq!(keys, expected, "{options:?}");
    }
}

#[test]
fn nothing_is_replaced_before_the_new_source_is_read() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.write("cut.xml", "<mediawiki><page>");
    dir.ragdex(["split", "a.txt", "-o", "out"]).succeeds();
    let before = files(&dir.path("out"));
    dir.ragdex(["split", "cut.xml", "-o", "out", "--restart"])
        .exits(3);
    assert_eq!(files(&dir.path("out")), before);
}

#[test]
fn half_written_files_of_a_killed_run_go() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.write("out/passages.tsv.tmp", "id");
    dir.write("out/passages/part-00000.parquet.tmp", "PAR1");
    dir.ragdex(["split", "a.txt", "-o", "out", "--to", "jsonl"])
        .succeeds();
    let found = files(&dir.path("out"));
    let names: Vec<&str> = found.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["passages.jsonl", "split.json", "split.lock"]);
}

#[test]
fn a_second_look_says_that_nothing_was_done() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    for unchanged in [false, true] {
        let report = dir
            .ragdex(["split", "a.txt", "-o", "out", "--json"])
            .succeeds()
            .json();
        assert_eq!(report[0]["unchanged"], unchanged);
        assert_eq!(report[0]["passages"], 1);
    }
    std::fs::remove_file(dir.path("out/passages/part-00000.parquet")).unwrap();
    let report = dir
        .ragdex(["split", "a.txt", "-o", "out", "--json"])
        .succeeds()
        .json();
    assert_eq!(report[0]["unchanged"], false);
    assert!(dir.path("out/passages/part-00000.parquet").is_file());
}

#[test]
fn documents_too_short_for_the_rule_are_told() {
    let dir = Dir::new();
    let long = "word ".repeat(150);
    dir.write("a.txt", "The heron is a bird.");
    dir.write("b.txt", &long);
    let refused = dir
        .ragdex(["split", "a.txt", "-o", "none", "--splitter", "dpr"])
        .exits(3);
    assert!(refused.stderr.contains("`dpr`"), "{}", refused.stderr);
    let arguments = [
        "split",
        "a.txt",
        "b.txt",
        "-o",
        "out",
        "--splitter",
        "dpr",
        "--json",
    ];
    let report = dir.ragdex(arguments).succeeds().json();
    assert_eq!(report[0]["documents"], 2);
    assert_eq!(report[0]["without_passages"], 1);
}

#[test]
fn passages_with_ids_and_without_do_not_share_a_table() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.write("psgs.tsv", "id\ttext\ttitle\n1\t\"one two\"\tT\n");
    let arguments = ["split", "psgs.tsv", "a.txt", "-o", "out", "--to"];
    let refused = dir.ragdex(arguments.iter().chain(&["psgs-tsv"])).exits(3);
    assert!(
        refused.stderr.contains("--to parquet"),
        "{}",
        refused.stderr
    );
    dir.ragdex(arguments.iter().chain(&["jsonl", "--restart"]))
        .succeeds();
}

#[test]
fn a_request_to_stop_is_heard_also_while_input_is_awaited() {
    let dir = Dir::new();
    let mut run = dir.ragdex(["split", "-", "-o", "out", "--format", "jsonl"]);
    let mut child = run.0.stdin(std::process::Stdio::piped()).spawn().unwrap();
    // Held open, so that the input does not end.
    let _input = child.stdin.take();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(sent.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn what_is_made_inside_its_own_source_is_no_part_of_it() {
    let dir = Dir::new();
    let row = |n: u32| format!("{{\"key\":\"{n}\",\"title\":\"T\",\"text\":\"a {n}\"}}\n");
    dir.write("source/a.jsonl", (0..40).map(row).collect::<String>());
    let mut passages = 0;
    for shard in ["1/3", "2/3", "3/3"] {
        let arguments = [
            "split",
            "source",
            "-o",
            "source/out",
            "--to",
            "jsonl",
            "--strict",
            "--shard",
            shard,
        ];
        dir.ragdex(arguments).succeeds();
        let name = shard.replace('/', "-of-");
        passages += lines(&dir, &format!("source/out/passages-{name}.jsonl")).len();
    }
    assert_eq!(passages, 40);
    let report = dir
        .ragdex(["build", "source/kb", "source", "--strict", "--json"])
        .succeeds()
        .json();
    assert_eq!(report[0]["documents"]["added"], 40);
}
