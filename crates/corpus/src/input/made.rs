//! Folders that splitting and building leave behind, which are no source as a whole.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The folder of passages in the folder of a split.
const PASSAGES: &str = "passages";

/// Files of text in the folder of a split: how their names begin and end.
const TEXTS: [(&str, &str); 3] = [
    ("passages", "tsv"),
    ("passages", "jsonl"),
    ("documents", "jsonl"),
];

/// What made a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// Splitting: documents and the passages cut from them, which say the same twice.
    Split,
    /// Building: a knowledge base.
    Build,
}

impl Made {
    /// Tells what made a folder; `None` for every other folder, and for what cannot be read.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        if folder.join("CURRENT").is_file() && folder.join("snapshots").is_dir() {
            return Some(Self::Build);
        }
        let mut entries = fs::read_dir(folder).ok()?.flatten();
        let is_split = entries.any(|entry| {
            let name = entry.file_name();
            name.to_str().is_some_and(is_manifest_name) && is_manifest(&entry.path())
        });
        is_split.then_some(Self::Split)
    }

    /// A few words for people.
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Split => "the folder of a split",
            Self::Build => "a knowledge base",
        }
    }
}

/// Which files of the folder of a split hold what it was made for, by their names in it.
pub(super) struct SplitFiles {
    /// The passages are files in a folder of their own; the documents beside it are not read.
    in_folder: bool,
}

impl SplitFiles {
    pub(super) fn of(folder: &Path) -> Self {
        Self {
            in_folder: folder.join(PASSAGES).is_dir(),
        }
    }

    /// Whether a file is read; `name` is its path in the folder, with `/`.
    pub(super) fn holds(&self, name: &str) -> bool {
        if self.in_folder {
            return name
                .strip_prefix(PASSAGES)
                .is_some_and(|rest| rest.starts_with('/'));
        }
        TEXTS
            .iter()
            .any(|(start, end)| is_of_split(name, start, end))
    }
}

fn is_manifest_name(name: &str) -> bool {
    is_of_split(name, "split", "json")
}

/// Whether a name is `START.END` or, of a shard, `START-2-of-4.END`.
fn is_of_split(name: &str, start: &str, end: &str) -> bool {
    let shard = name
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(end)?.strip_suffix('.'));
    shard.is_some_and(|shard| shard.is_empty() || is_shard(shard))
}

fn is_shard(shard: &str) -> bool {
    let numbers = shard.strip_prefix('-').and_then(|s| s.split_once("-of-"));
    let is_number = |n: &str| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(index, count)| is_number(index) && is_number(count))
}

/// The fields that no other `split.json` has, such as one that says which questions are for training.
#[derive(Deserialize)]
struct Manifest {
    #[serde(rename = "ragdex")]
    _version: String,
    #[serde(rename = "parts")]
    _parts: Vec<IgnoredAny>,
}

fn is_manifest(path: &Path) -> bool {
    let file = File::open(path).map(BufReader::new);
    file.is_ok_and(|file| serde_json::from_reader::<_, Manifest>(file).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_split_are_told_by_name() {
        for name in ["split.json", "split-2-of-12.json"] {
            assert!(is_manifest_name(name), "{name}");
        }
        for name in [
            "splits.json",
            "split-a.json",
            "split-1-of-.json",
            "split.lock",
            "splitjson",
        ] {
            assert!(!is_manifest_name(name), "{name}");
        }
        let texts = SplitFiles { in_folder: false };
        assert!(texts.holds("passages.tsv") && texts.holds("documents-1-of-2.jsonl"));
        assert!(!texts.holds("documents.tsv") && !texts.holds("split.json"));
        let parts = SplitFiles { in_folder: true };
        assert!(parts.holds("passages/part-00000.parquet"));
        assert!(!parts.holds("documents/part-00000.parquet") && !parts.holds("passages.tsv"));
    }

    #[test]
    fn a_split_of_questions_is_no_split_of_passages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("split.json");
        fs::write(&path, "{\"train\": [1, 2], \"dev\": [3]}").unwrap();
        assert_eq!(Made::of(folder.path()), None);
        fs::write(&path, "{\"ragdex\": \"0.1.0\", \"parts\": [], \"x\": 1}").unwrap();
        assert_eq!(Made::of(folder.path()), Some(Made::Split));
    }
}
