//! Kinds of index: making, searching, dropping, and what damage does.

use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use ragdex_testing::Random;
use serde_json::Value;

use crate::json::check;
use crate::util::{Dir, files};

/// Enough passages for a graph.
const PASSAGES: usize = 1200;

const SUBJECTS: [&str; 8] = [
    "heron",
    "trout",
    "otter",
    "stork",
    "pike",
    "beaver",
    "newt",
    "kingfisher",
];

fn passages() -> String {
    let row = |row: usize| {
        let subject = SUBJECTS[row % SUBJECTS.len()];
        format!(
            "{{\"title\": \"{subject} {row}\", \"text\": \"The {subject} was seen {row} times.\"}}\n"
        )
    };
    (0..PASSAGES).map(row).collect()
}

/// A knowledge base `kb` with both kinds, made once for all tests; copied, because tests change it.
pub(crate) fn with_graph() -> Dir {
    static MADE: OnceLock<Dir> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let dir = Dir::new();
        dir.write("rows.jsonl", passages());
        let kinds = [
            "--index",
            "exact",
            "--index",
            "hnsw",
            "--part-passages",
            "500",
        ];
        dir.ragdex(["build", "kb", "rows.jsonl"].iter().chain(&kinds))
            .succeeds();
        dir
    });
    let dir = Dir::new();
    copy(&made.path("kb"), &dir, "kb");
    dir
}

fn copy(from: &Path, dir: &Dir, name: &str) {
    for (path, content) in files(from) {
        dir.write(&format!("{name}/{path}"), content);
    }
}

/// The only file of a graph.
fn graph(dir: &Dir, kb: &str) -> std::path::PathBuf {
    let folder = dir.path(kb).join("index");
    let names = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let graphs: Vec<_> = names
        .filter(|path| path.extension().is_some_and(|e| e == "graph"))
        .collect();
    assert_eq!(graphs.len(), 1, "{graphs:?}");
    graphs[0].clone()
}

fn found(dir: &Dir, arguments: &[&str]) -> Value {
    let search = [
        "search",
        "kb",
        "--json",
        "-k",
        "5",
        "which animal was seen 77 times?",
    ];
    let mut printed = dir.ragdex(search.iter().chain(arguments)).succeeds().json();
    printed.remove(0)
}

fn info(dir: &Dir) -> Value {
    dir.ragdex(["info", "kb", "--json"])
        .succeeds()
        .json()
        .remove(0)
}

#[test]
fn a_build_makes_the_kinds_asked_for_and_a_search_names_the_one_it_used() {
    let dir = with_graph();
    let info = info(&dir);
    check("info", &info);
    let [exact, hnsw] = &info["indexes"].as_array().unwrap()[..] else {
        panic!("{info:#}");
    };
    assert_eq!(
        (&exact["kind"], &exact["bytes"]),
        (&"exact".into(), &0.into())
    );
    assert_eq!(hnsw["kind"], "hnsw");
    assert_eq!(hnsw["parameters"]["graphs"], 1);
    assert_eq!(hnsw["parameters"]["connectivity"], 32);
    assert!(
        hnsw["parameters"]["recall"]["at_20"].as_f64().unwrap() > 0.97,
        "{hnsw:#}"
    );
    let per_passage = hnsw["bytes"].as_f64().unwrap() / PASSAGES as f64;
    assert_eq!(hnsw["bytes_per_passage"], per_passage);
    let text = dir.ragdex(["info", "kb"]).succeeds().stdout;
    assert!(
        text.contains("bytes a passage") && text.contains("finds of the nearest 5"),
        "{text}"
    );

    let default = found(&dir, &[]);
    let walked = found(&dir, &["--index", "hnsw"]);
    check("search", &walked);
    assert_eq!(
        (&default["index"], &walked["index"]),
        (&"exact".into(), &"hnsw".into())
    );
    assert_eq!(default["passages"], walked["passages"]);
    let wide = found(&dir, &["--index", "hnsw", "--expansion-search", "1000"]);
    assert_eq!(wide["passages"], default["passages"]);
    dir.ragdex(["verify", "kb"]).succeeds();
}

#[test]
fn an_index_is_added_searched_rebuilt_and_dropped_without_embedding_again() {
    let dir = Dir::new();
    dir.write("rows.jsonl", passages());
    dir.ragdex(["build", "kb", "rows.jsonl"]).succeeds();
    let missing = dir
        .ragdex(["search", "kb", "--index", "hnsw", "x"])
        .exits(3);
    assert!(
        missing.stderr.contains("it has exact"),
        "{}",
        missing.stderr
    );
    assert!(
        missing.stderr.contains("ragdex index KB --index hnsw"),
        "{}",
        missing.stderr
    );

    let add = || {
        dir.ragdex(["index", "kb", "--json", "--index", "hnsw"])
            .succeeds()
            .json()
            .remove(0)
    };
    let added = add();
    check("index", &added);
    assert_eq!(
        (&added["snapshot"], &added["unchanged"]),
        (&2.into(), &false.into())
    );
    let again = add();
    assert_eq!(
        (&again["snapshot"], &again["unchanged"]),
        (&2.into(), &true.into())
    );
    assert_eq!(found(&dir, &[])["index"], "exact");
    assert_eq!(found(&dir, &["--index", "hnsw"])["snapshot"], 2);
    dir.ragdex(["verify", "kb"]).succeeds();

    let smaller = [
        "index",
        "kb",
        "--json",
        "--connectivity",
        "8",
        "--index",
        "hnsw",
    ];
    let smaller = dir.ragdex(smaller).succeeds().json().remove(0);
    assert_eq!(smaller["snapshot"], 3);
    let bytes = |report: &Value| report["indexes"][1]["bytes"].as_u64().unwrap();
    assert!(bytes(&smaller) < bytes(&added), "{smaller:#}");

    let dropped = dir
        .ragdex(["index", "kb", "--drop", "exact", "--json"])
        .succeeds()
        .json()
        .remove(0);
    assert_eq!(dropped["indexes"].as_array().unwrap().len(), 1);
    assert_eq!(found(&dir, &[])["index"], "hnsw");
    assert_eq!(found(&dir, &["--index", "exact"])["index"], "exact");
    let none = dir.ragdex(["index", "kb", "--drop", "hnsw"]).exits(3);
    assert!(
        none.stderr.contains("at least one index"),
        "{}",
        none.stderr
    );
}

#[test]
fn added_later_or_built_at_once_on_one_thread_or_two_a_graph_has_the_same_bytes() {
    let dir = with_graph();
    let at_once = std::fs::read(graph(&dir, "kb")).unwrap();
    for threads in ["1", "2"] {
        let rebuild = ["index", "kb", "--index", "hnsw", "--threads", threads];
        dir.ragdex(rebuild).succeeds();
        let report = dir
            .ragdex(["info", "kb", "--json"])
            .succeeds()
            .json()
            .remove(0);
        let name = format!(
            "kb/index/hnsw-00000-{:08}.graph",
            report["snapshot"].as_u64().unwrap()
        );
        assert_eq!(std::fs::read(dir.path(&name)).unwrap(), at_once);
        dir.ragdex(["index", "kb", "--drop", "hnsw"]).succeeds();
    }
}

#[test]
fn a_killed_index_command_goes_on_and_leaves_the_base_searchable() {
    let dir = with_graph();
    dir.ragdex(["index", "kb", "--drop", "hnsw"]).succeeds();
    for milliseconds in [5, 20, 50, 80, 120] {
        let mut command = dir.ragdex(["index", "kb", "--index", "hnsw"]).0;
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        found(&dir, &["--index", "exact"]);
    }
    dir.ragdex(["index", "kb", "--index", "hnsw"]).succeeds();
    assert_eq!(found(&dir, &["--index", "hnsw"])["snapshot"], 3);
    dir.ragdex(["verify", "kb"]).succeeds();
    assert!(!dir.path("kb/staging").exists());
}

#[test]
fn a_damaged_graph_is_named_with_its_remedy_and_the_exact_index_still_serves() {
    let dir = with_graph();
    let path = graph(&dir, "kb");
    let whole = std::fs::read(&path).unwrap();
    let mut random = Random::new(4);
    for _ in 0..12 {
        let mut damaged = whole.clone();
        let place = random.below(damaged.len());
        damaged[place] ^= 1 << random.below(8);
        std::fs::write(&path, damaged).unwrap();
        let printed = dir
            .ragdex(["search", "kb", "--index", "hnsw", "x"])
            .exits(3);
        assert!(printed.stderr.contains("hnsw-00000"), "{}", printed.stderr);
        assert!(
            printed.stderr.contains("ragdex index KB --index hnsw"),
            "{}",
            printed.stderr
        );
    }
    found(&dir, &["--index", "exact"]);
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    dir.ragdex(["search", "kb", "--index", "hnsw", "x"])
        .exits(3);
}

#[test]
fn the_graph_of_another_base_is_refused() {
    let dir = with_graph();
    dir.write("others.jsonl", passages().replace("was seen", "slept"));
    let kinds = ["--index", "hnsw", "--part-passages", "500"];
    dir.ragdex(["build", "other", "others.jsonl"].iter().chain(&kinds))
        .succeeds();
    std::fs::copy(graph(&dir, "other"), graph(&dir, "kb")).unwrap();
    dir.ragdex(["search", "kb", "--index", "hnsw", "x"])
        .exits(3);
}

/// A manifest says anything; what it says is believed only as far as the files agree.
#[test]
fn no_mutation_of_what_the_manifest_says_of_indexes_ends_the_program_otherwise_than_it_should() {
    let dir = with_graph();
    let path = dir.path("kb/snapshots/00000001.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let start = whole.find("\"indexes\"").unwrap();
    let end = start + whole[start..].find("\"source\"").unwrap();
    let mut random = Random::new(5);
    for _ in 0..30 {
        let mut damaged = whole.clone().into_bytes();
        let place = start + random.below(end - start);
        damaged[place] = b"0123456789abc[]{},\"-"[random.below(20)];
        std::fs::write(&path, damaged).unwrap();
        let search = ["search", "kb", "--index", "hnsw", "--json", "x"];
        let output = dir.ragdex(search).0.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

/// The rows with those numbered below `n` changed.
fn changed_below(n: usize) -> String {
    let passages = passages();
    let rows = passages.lines().enumerate().map(|(row, line)| match row {
        row if row < n => line.replace("was seen", "hid") + "\n",
        _ => line.to_owned() + "\n",
    });
    rows.collect()
}

#[test]
fn what_would_change_nothing_commits_nothing_and_says_so() {
    let dir = with_graph();
    let index = |arguments: &[&str]| -> Value {
        let all = ["index", "kb", "--json"].iter().chain(arguments);
        dir.ragdex(all).succeeds().json().remove(0)
    };
    for same in [
        &[][..],
        &["--index", "exact"],
        &["--index", "hnsw"],
        &["--connectivity", "32", "--index", "hnsw"],
    ] {
        let report = index(same);
        check("index", &report);
        assert_eq!(
            (&report["unchanged"], &report["snapshot"]),
            (&true.into(), &1.into()),
            "{same:?}"
        );
        assert!(!dir.path("kb/staging").exists(), "{same:?}");
    }
    assert_eq!(index(&["--drop", "hnsw"])["snapshot"], 2);
    assert_eq!(index(&["--drop", "hnsw"])["unchanged"], true);
    dir.ragdex(["remove", "kb", "heron 0"]).succeeds();
    let none = index(&["--drop", "hnsw"]);
    assert_eq!(
        (&none["unchanged"], &none["snapshot"]),
        (&true.into(), &3.into())
    );
    let text = dir.ragdex(["index", "kb", "--drop", "hnsw"]).succeeds();
    assert!(text.stdout.contains("unchanged"), "{}", text.stdout);
}

#[test]
fn a_damaged_graph_is_built_again_though_its_options_are_the_same() {
    let dir = with_graph();
    let path = graph(&dir, "kb");
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(&path, damaged).unwrap();
    let report = dir.ragdex(["index", "kb", "--index", "hnsw", "--json"]);
    assert_eq!(report.succeeds().json()[0]["unchanged"], false);
    found(&dir, &["--index", "hnsw"]);
    dir.ragdex(["verify", "kb"]).succeeds();
}

#[test]
fn graphs_stay_through_a_small_refresh_and_are_built_anew_after_a_large_one() {
    let dir = with_graph();
    let n_graphs = || {
        let names = std::fs::read_dir(dir.path("kb/index")).unwrap();
        names.count()
    };
    for (changed, graphs) in [(60, 1), (400, 2)] {
        dir.write("now.jsonl", changed_below(changed));
        let told = dir.ragdex(["refresh", "kb", "now.jsonl"]).succeeds();
        let recall = "of the nearest 5, 20 and 100 passages it finds";
        assert!(told.stderr.contains(recall), "{}", told.stderr);
        assert_eq!(n_graphs(), graphs, "after {changed} rows changed");
        let walked = found(&dir, &["--index", "hnsw"]);
        assert_eq!(
            walked["passages"],
            found(&dir, &["--index", "exact"])["passages"]
        );
        let info = info(&dir);
        assert_eq!(info["passages"], PASSAGES);
        let recall = &info["indexes"][1]["parameters"]["recall"];
        assert!(recall["at_20"].as_f64().unwrap() > 0.97, "{info:#}");
    }
    dir.ragdex(["verify", "kb"]).succeeds();
    // The first snapshot still has its own graph and rows.
    found(&dir, &["--index", "hnsw", "--snapshot", "1"]);
}

#[test]
fn the_plan_is_told_before_the_work_and_what_is_found_after_it() {
    let dir = Dir::new();
    dir.write("rows.jsonl", passages());
    let built = dir
        .ragdex([
            "build",
            "kb",
            "rows.jsonl",
            "--index",
            "hnsw",
            "--vectors",
            "f16",
        ])
        .succeeds();
    for told in [
        "plan: vectors take",
        "plan: index hnsw takes",
        "for 1200 passages",
        "of the nearest 5, 20 and 100",
    ] {
        assert!(built.stderr.contains(told), "{told}: {}", built.stderr);
    }
}

#[test]
fn few_passages_need_no_graph_and_are_found_all_the_same() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.write("b.txt", "The trout is a fish.");
    dir.ragdex(["build", "kb", "a.txt", "b.txt", "--index", "hnsw"])
        .succeeds();
    let result = found(&dir, &[]);
    assert_eq!(result["index"], "hnsw");
    assert_eq!(result["passages"].as_array().unwrap().len(), 2);
    let info = dir.ragdex(["info", "kb"]).succeeds().stdout;
    assert!(
        info.contains("too few passages") && !info.contains("100.00"),
        "{info}"
    );
}

#[test]
fn candidates_to_weigh_are_refused_where_the_search_is_exact() {
    let dir = with_graph();
    let exact = ["--index", "exact", "--expansion-search", "9"];
    for more in [&exact[..], &exact[2..]] {
        for command in ["search", "answer"] {
            let arguments = [&[command, "kb", "heron"], more].concat();
            let refused = dir.ragdex(arguments).exits(3).stderr;
            assert!(refused.contains("the one searched is `exact`"), "{refused}");
            assert!(refused.contains("--index hnsw"), "{refused}");
        }
    }
    found(&dir, &["--index", "hnsw", "--expansion-search", "9"]);
}

#[test]
fn an_answer_rests_on_what_the_index_asked_for_finds() {
    let dir = with_graph();
    let question = "which animal was seen 77 times?";
    let ids = |more: &[&str]| {
        let arguments = ["answer", "kb", "--json", "--n-docs", "5", question];
        let answer = dir.ragdex(arguments.iter().chain(more)).succeeds().json();
        let passages = answer[0]["passages"].as_array().unwrap().clone();
        let ids = passages.into_iter().map(|passage| passage["id"].clone());
        ids.collect::<Vec<_>>()
    };
    let hnsw = found(&dir, &["--index", "hnsw"]);
    let expected = hnsw["passages"].as_array().unwrap().iter();
    let expected: Vec<Value> = expected.map(|passage| passage["id"].clone()).collect();
    assert_eq!(ids(&["--index", "hnsw"]), expected);
    // What is damaged is noticed only where it is read.
    let mut damaged = std::fs::read(graph(&dir, "kb")).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(graph(&dir, "kb"), damaged).unwrap();
    assert_eq!(ids(&["--index", "exact"]).len(), 5);
    dir.ragdex(["answer", "kb", question, "--index", "hnsw"])
        .exits(3);
}
