//! What `export` writes.

use std::fs;

use serde_json::Value;

use crate::util::{Dir, files};

const ROWS: &str = concat!(
    r#"{"title": "Ohre", "text": "The Ohre is a river. It flows into the Elbe at Litomerice.", "url": "https://en.wikipedia.org/wiki/Ohre"}"#,
    "\n",
    r#"{"title": "Elbe", "text": "The Elbe flows to the \"North Sea\"\tnear Cuxhaven."}"#,
    "\n",
    r#"{"title": "Aare", "text": "The Aare joins the Rhine at Koblenz."}"#,
    "\n",
);

/// A knowledge base of three passages in parts of one, from a file with the date of a dump.
fn built() -> Dir {
    let dir = Dir::new();
    dir.write("rivers-20261101-pages.jsonl", ROWS);
    let build = [
        "build",
        "kb",
        "rivers-20261101-pages.jsonl",
        "--part-passages",
        "1",
    ];
    dir.ragdex(build).succeeds();
    dir
}

fn export(dir: &Dir, to: &str, more: &[&str]) -> Value {
    let arguments = ["export", "kb", "-o", to, "--to", to, "--json"];
    let arguments = arguments.iter().chain(more);
    dir.ragdex(arguments).succeeds().json().remove(0)
}

fn names(report: &Value) -> Vec<&str> {
    let files = report["files"].as_array().unwrap();
    files
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .filter(|name| *name != "export.json")
        .collect()
}

#[test]
fn every_form_is_written_whole_and_says_where_its_text_is_from() {
    let dir = built();
    let forms: [(&str, &[&str]); 6] = [
        (
            "hf-dataset",
            &[
                "data-00000-of-00001.arrow",
                "dataset_info.json",
                "state.json",
            ],
        ),
        (
            "parquet",
            &["README.md", "data/train-00000-of-00001.parquet"],
        ),
        ("jsonl", &["README.md", "passages.jsonl"]),
        ("psgs-tsv", &["README.md", "passages.tsv"]),
        ("faiss-flat", &["README.md", "ids.npy", "index.faiss"]),
        ("faiss-hnsw", &["README.md", "ids.npy", "index.faiss"]),
    ];
    for (to, expected) in forms {
        let report = export(&dir, to, &[]);
        assert_eq!(names(&report), expected, "{to}");
        assert_eq!(report["passages"], 3);
        let page = if to == "hf-dataset" {
            "dataset_info.json"
        } else {
            "README.md"
        };
        let page = fs::read_to_string(dir.path(&format!("{to}/{page}"))).unwrap();
        // An index holds no text.
        let has_text = page.contains("en.wikipedia.org, dump of 2026-11-01, under CC BY-SA 4.0");
        assert_eq!(has_text, !to.starts_with("faiss"), "{to}: {page}");
    }
    let listed = fs::read_dir(dir.path("")).unwrap();
    let hidden = listed.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with('.')
    });
    assert_eq!(hidden.count(), 0, "nothing temporary is left");
}

#[test]
fn lines_hold_what_was_read_in_the_order_of_ids() {
    let dir = built();
    export(&dir, "jsonl", &[]);
    let lines = fs::read_to_string(dir.path("jsonl/passages.jsonl")).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let titles: Vec<_> = lines
        .iter()
        .map(|line| line["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, ["Ohre", "Elbe", "Aare"]);
    assert_eq!(
        lines[1]["text"],
        "The Elbe flows to the \"North Sea\" near Cuxhaven."
    );
    assert_eq!(lines[2]["id"], 2);
    export(&dir, "psgs-tsv", &[]);
    let table = fs::read_to_string(dir.path("psgs-tsv/passages.tsv")).unwrap();
    let second = "1\t\"The Elbe flows to the \"\"North Sea\"\" near Cuxhaven.\"\tElbe";
    assert_eq!(table.lines().nth(2), Some(second));
}

#[test]
fn a_flat_index_holds_the_vectors_and_says_their_ids() {
    let dir = built();
    export(&dir, "faiss-flat", &[]);
    let index = fs::read(dir.path("faiss-flat/index.faiss")).unwrap();
    assert_eq!(&index[..4], b"IxFI");
    let stored = files(&dir.path("kb/embeddings"));
    let dim = u32::from_le_bytes(index[4..8].try_into().unwrap()) as usize;
    assert_eq!(index.len(), 45 + 3 * dim * 4);
    for (row, (name, file)) in stored.iter().enumerate() {
        let vector = &index[45 + row * dim * 4..][..dim * 4];
        let found = file.windows(vector.len()).any(|window| window == vector);
        assert!(found, "{name}");
    }
    let ids = fs::read(dir.path("faiss-flat/ids.npy")).unwrap();
    let expected: Vec<u8> = [0_i64, 1, 2]
        .iter()
        .flat_map(|id| id.to_le_bytes())
        .collect();
    assert!(ids.ends_with(&expected));
}

#[test]
fn the_same_snapshot_is_exported_to_the_same_bytes() {
    let dir = built();
    for to in [
        "hf-dataset",
        "parquet",
        "jsonl",
        "psgs-tsv",
        "faiss-flat",
        "faiss-hnsw",
    ] {
        let name = |n: u8| format!("{to}-{n}");
        for n in [1, 2] {
            let arguments = ["export", "kb", "-o", &name(n), "--to", to];
            dir.ragdex(arguments).succeeds();
        }
        assert!(
            files(&dir.path(&name(1))) == files(&dir.path(&name(2))),
            "{to}"
        );
    }
}

#[test]
fn a_folder_that_holds_something_is_replaced_only_when_told_to() {
    let dir = built();
    fs::create_dir(dir.path("jsonl")).unwrap();
    fs::write(dir.path("jsonl/precious"), "x").unwrap();
    let arguments = ["export", "kb", "-o", "jsonl", "--to", "jsonl"];
    let refused = dir.ragdex(arguments).exits(3).stderr;
    assert!(
        refused.contains("new or empty folder expected"),
        "{refused}"
    );
    assert!(refused.contains("--force"), "{refused}");
    let forced = dir.ragdex(arguments.iter().chain(&["--force"])).exits(3);
    assert!(
        forced.stderr.contains("an earlier export expected"),
        "{}",
        forced.stderr
    );
    assert!(dir.path("jsonl/precious").is_file());
    fs::remove_file(dir.path("jsonl/precious")).unwrap();
    export(&dir, "jsonl", &[]);
    fs::write(dir.path("jsonl/old"), "x").unwrap();
    export(&dir, "jsonl", &["--force"]);
    assert!(!dir.path("jsonl/old").exists());
    fs::create_dir(dir.path("empty")).unwrap();
    dir.ragdex(["export", "kb", "-o", "empty", "--to", "jsonl"])
        .succeeds();
    let missing = dir
        .ragdex(["export", "nowhere", "-o", "x", "--to", "jsonl"])
        .exits(3)
        .stderr;
    assert!(missing.contains("nowhere"), "{missing}");
    assert!(!dir.path("x").exists());
}

#[test]
fn nothing_is_exported_onto_a_knowledge_base_or_around_it() {
    let dir = built();
    let before = files(&dir.path("kb"));
    fs::write(dir.path("afile"), "x").unwrap();
    for place in ["kb", "kb/documents", ".", "../", "kb/../kb", "afile"] {
        let arguments = ["export", "kb", "-o", place, "--to", "jsonl", "--force"];
        dir.ragdex(arguments).exits(3);
        assert!(files(&dir.path("kb")) == before, "{place}");
    }
}

#[test]
fn a_graph_for_faiss_ends_with_the_flat_index_of_what_is_left() {
    let dir = built();
    dir.ragdex(["remove", "kb", "--title", "Elbe"]).succeeds();
    export(&dir, "faiss-flat", &[]);
    export(&dir, "faiss-hnsw", &["--connectivity", "8"]);
    let read = |path: &str| fs::read(dir.path(path)).unwrap();
    let (flat, graph) = (
        read("faiss-flat/index.faiss"),
        read("faiss-hnsw/index.faiss"),
    );
    assert_eq!(&graph[..4], b"IHNf");
    assert_eq!(graph[8..16], 2_u64.to_le_bytes());
    assert!(graph.ends_with(&flat));
    assert_eq!(read("faiss-flat/ids.npy"), read("faiss-hnsw/ids.npy"));
}
