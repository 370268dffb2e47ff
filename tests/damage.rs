//! One file of each kind lost, cut off, or with a flipped bit: an error with its remedy, never a panic, a signal or
//! another result.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::index::with_graph;
use crate::util::{Dir, files};

/// A base with a graph, deleted rows and a new part, so that it has a file of every kind but scan copies, which
/// come with 50,000 passages and are damaged in `crates/index`.
fn base() -> Dir {
    let dir = with_graph();
    dir.ragdex(["remove", "kb", "heron 0", "trout 1"])
        .succeeds();
    dir.ragdex(["verify", "kb"]).succeeds();
    dir
}

/// One file of each kind that the current snapshot names, and what says which that is.
fn kinds(dir: &Dir) -> Vec<PathBuf> {
    let manifest = dir.path("kb/snapshots/00000002.json");
    let named = fs::read_to_string(&manifest).unwrap();
    let kb = dir.path("kb");
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for (name, _) in files(&kb) {
        let path = Path::new(&name);
        let end = path.extension().unwrap_or_default().to_str().unwrap();
        let kind = format!("{}/{end}", path.parent().unwrap().display());
        let is_new = !found.iter().any(|(known, _)| *known == kind);
        if named.contains(&name) && is_new {
            found.push((kind, kb.join(name)));
        }
    }
    let kinds: Vec<&str> = found.iter().map(|(kind, _)| &**kind).collect();
    let expected = [
        "documents/deleted",
        "documents/parquet",
        "embeddings/arrow",
        "index/graph",
        "passages/parquet",
    ];
    assert_eq!(kinds, expected);
    let mut paths: Vec<PathBuf> = found.into_iter().map(|(_, path)| path).collect();
    paths.extend([manifest, kb.join("CURRENT")]);
    paths
}

/// The damages of a file: its name and what is left, nothing for a lost file.
fn damages(whole: &[u8]) -> Vec<(String, Option<Vec<u8>>)> {
    let mut damages = vec![("lost".to_owned(), None)];
    // Not the last byte alone: a line break at the end of a manifest means nothing.
    for left in [0, whole.len() / 2, whole.len() - 2] {
        damages.push((format!("cut to {left} bytes"), Some(whole[..left].to_vec())));
    }
    for place in [0, whole.len() / 3, whole.len() / 2, whole.len() - 2] {
        let mut flipped = whole.to_vec();
        flipped[place] ^= 0x20;
        damages.push((format!("bit of byte {place} flipped"), Some(flipped)));
    }
    damages
}

#[track_caller]
fn ended_well(output: &Output, what: &str) -> (i32, String) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1 | 3)), "{what}: {code:?}: {said}");
    assert!(!said.contains("panicked"), "{what}: {said}");
    let explains = said.contains("error:") && said.contains("hint:");
    assert!(code == Some(0) || explains, "{what}: {said}");
    (code.unwrap(), said)
}

#[test]
fn each_kind_of_file_lost_cut_off_or_flipped_is_named_with_a_remedy() {
    let dir = base();
    let search = [
        "search",
        "kb",
        "--json",
        "-k",
        "5",
        "which animal was seen 77 times?",
    ];
    let found = |output: &Output| -> Value {
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        line["passages"].clone()
    };
    for kind in ["exact", "hnsw"] {
        let search = || {
            dir.ragdex(search.iter().chain(&["--index", kind]))
                .0
                .output()
                .unwrap()
        };
        let expected = found(&search());
        for path in kinds(&dir) {
            let whole = fs::read(&path).unwrap();
            for (damage, left) in damages(&whole) {
                match left {
                    None => fs::remove_file(&path).unwrap(),
                    Some(left) => fs::write(&path, left).unwrap(),
                }
                let what = format!("{}: {damage}: {kind}", path.display());
                let verified = dir.ragdex(["verify", "kb"]).0.output().unwrap();
                let (code, said) = ended_well(&verified, &what);
                assert_eq!(code, 3, "{what}: {said}");
                let name = path.file_name().unwrap().to_str().unwrap();
                let is_named = said.contains(name) || name == "CURRENT";
                assert!(is_named, "{what}: {said}");
                let searched = search();
                let (code, _) = ended_well(&searched, &what);
                // A search that does not need the file goes on; none gives another result.
                if code == 0 {
                    assert_eq!(found(&searched), expected, "{what}");
                }
            }
            fs::write(&path, &whole).unwrap();
        }
        assert_eq!(found(&search()), expected);
    }
}

#[test]
fn a_manifest_that_names_a_path_outside_is_refused() {
    let dir = base();
    let path = dir.path("kb/snapshots/00000002.json");
    let whole: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for outside in [
        "../../../etc/passwd",
        "/etc/passwd",
        "passages/../../secret",
    ] {
        let mut manifest = whole.clone();
        manifest["parts"][0]["passages"]["path"] = outside.into();
        // Whoever writes it leaves out the checksum, as the first versions did.
        manifest.as_object_mut().unwrap().remove("checksum");
        fs::write(&path, manifest.to_string()).unwrap();
        for command in [
            &["search", "kb", "x"][..],
            &["verify", "kb"],
            &["gc", "kb"],
            &["compact", "kb"],
        ] {
            let refused = dir.ragdex(command).exits(3);
            assert!(
                refused.stderr.contains("00000002.json"),
                "{}",
                refused.stderr
            );
            assert!(refused.stderr.contains("hint:"), "{}", refused.stderr);
        }
    }
}
