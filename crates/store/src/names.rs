//! The names of the files of a knowledge base.

use crate::KbPath;

pub(crate) const CURRENT: &str = "CURRENT";
pub(crate) const LOCK: &str = "LOCK";
pub(crate) const DOCUMENTS: &str = "documents";
pub(crate) const PASSAGES: &str = "passages";
pub(crate) const EMBEDDINGS: &str = "embeddings";
pub(crate) const INDEX: &str = "index";
pub(crate) const SNAPSHOTS: &str = "snapshots";
pub(crate) const STAGING: &str = "staging";
/// In the staging folder: which command the work is for.
pub(crate) const PLAN: &str = "plan.json";
/// In the staging folder: the parts, once all documents are split.
pub(crate) const SPLIT: &str = "split.json";

/// In the staging folder: notes of finished pieces.
pub(crate) const RECEIPTS: &str = "receipts";

/// Every name at the top of a knowledge base.
pub(crate) const TOP_LEVEL: [&str; 8] = [
    CURRENT, LOCK, DOCUMENTS, PASSAGES, EMBEDDINGS, INDEX, SNAPSHOTS, STAGING,
];

/// The folders that a commit moves files into.
pub(crate) const DATA_FOLDERS: [&str; 4] = [DOCUMENTS, PASSAGES, EMBEDDINGS, INDEX];

pub(crate) fn current() -> KbPath {
    KbPath::known(CURRENT)
}

pub(crate) fn lock() -> KbPath {
    KbPath::known(LOCK)
}

pub(crate) fn staging() -> KbPath {
    KbPath::known(STAGING)
}

/// A file of the staging folder that is not moved by a commit.
pub(crate) fn staged(name: &str) -> KbPath {
    KbPath::known(format!("{STAGING}/{name}"))
}

pub(crate) fn snapshot(number: u64) -> KbPath {
    KbPath::known(format!("{SNAPSHOTS}/{number:08}.json"))
}

pub(crate) fn documents(part: u32) -> KbPath {
    KbPath::known(format!("{DOCUMENTS}/part-{part:05}.parquet"))
}

pub(crate) fn passages(part: u32) -> KbPath {
    KbPath::known(format!("{PASSAGES}/part-{part:05}.parquet"))
}

pub(crate) fn embeddings(part: u32) -> KbPath {
    KbPath::known(format!("{EMBEDDINGS}/part-{part:05}.arrow"))
}

/// The deletions of a part as of a snapshot.
pub(crate) fn deleted(part: u32, snapshot: u64) -> KbPath {
    KbPath::known(format!("{DOCUMENTS}/part-{part:05}.{snapshot:08}.deleted"))
}

/// Reads what `CURRENT` holds: the number of a snapshot as [`snapshot`] writes it, and a line end.
pub(crate) fn parse_current(content: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(content).ok()?.trim_end_matches('\n');
    let number = text.parse().ok()?;
    (number > 0 && current_content(number).trim_end() == text).then_some(number)
}

/// Whether a file of that name in that folder can have been made by a commit.
pub(crate) fn is_ours(folder: &str, name: &str) -> bool {
    match folder {
        SNAPSHOTS => {
            let stem = name.strip_suffix(".json");
            stem.is_some_and(|stem| parse_current(stem.as_bytes()).is_some())
        }
        INDEX => true,
        _ => name.starts_with("part-"),
    }
}

pub(crate) fn current_content(number: u64) -> String {
    format!("{number:08}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_a_snapshot_is_current() {
        assert_eq!(parse_current(current_content(7).as_bytes()), Some(7));
        assert_eq!(parse_current(b"00000007"), Some(7));
        let large = u64::MAX.to_string();
        assert_eq!(parse_current(large.as_bytes()), Some(u64::MAX));
        for text in [
            "",
            "7",
            "+0000007",
            "00000000",
            "0000000x",
            "../00001",
            " 00000007",
        ] {
            assert_eq!(parse_current(text.as_bytes()), None, "{text}");
        }
    }
}
