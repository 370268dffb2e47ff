//! The names of the files of a knowledge base.

use ragdex_core::Sha256;

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
    let suffix = deleted_suffix(snapshot);
    KbPath::known(format!("{DOCUMENTS}/part-{part:05}{suffix}"))
}

/// What the names of all deletions as of a snapshot end with.
pub(crate) fn deleted_suffix(snapshot: u64) -> String {
    format!(".{snapshot:08}.deleted")
}

/// Reads the number of a snapshot as [`snapshot`] writes it.
pub(crate) fn parse_number(text: &str) -> Option<u64> {
    let number = text.parse().ok()?;
    (number > 0 && format!("{number:08}") == text).then_some(number)
}

/// Reads what [`current_content`] wrote, or just a number, as people may.
pub(crate) fn parse_current(content: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(content).ok()?.trim_end_matches('\n');
    let (number, sum) = match text.split_once(' ') {
        Some((number, sum)) => (number, Some(sum)),
        None => (text, None),
    };
    let is_whole = sum.is_none_or(|sum| sum == sum_of(number));
    parse_number(number).filter(|_| is_whole)
}

/// Whether a file of that name in that folder can have been made by a commit.
pub(crate) fn is_ours(folder: &str, name: &str) -> bool {
    match folder {
        SNAPSHOTS => {
            let stem = name.strip_suffix(".json");
            stem.is_some_and(|stem| parse_number(stem).is_some())
        }
        INDEX => true,
        _ => name.starts_with("part-"),
    }
}

/// What `CURRENT` holds: the number of the snapshot and a checksum of it, since one flipped bit of the number may
/// name another snapshot that is there.
pub(crate) fn current_content(number: u64) -> String {
    let number = format!("{number:08}");
    format!("{number} {}\n", sum_of(&number))
}

/// The first eight digits of the SHA-256 of a text.
fn sum_of(text: &str) -> String {
    let mut sum = Sha256::of(text.as_bytes()).to_string();
    sum.truncate(8);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_a_snapshot_is_current() {
        assert_eq!(parse_current(current_content(7).as_bytes()), Some(7));
        for text in ["00000007", "00000007\n"] {
            assert_eq!(parse_current(text.as_bytes()), Some(7));
        }
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
            "00000007 ",
            "00000007 0",
        ] {
            assert_eq!(parse_current(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn no_damage_of_current_names_another_snapshot() {
        let whole = current_content(7).into_bytes();
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[place] ^= 1 << bit;
                let found = parse_current(&damaged);
                assert!(found.is_none_or(|found| found == 7), "{place}: {found:?}");
            }
            let cut = parse_current(&whole[..place]);
            assert!(cut.is_none_or(|found| found == 7), "{place}");
        }
    }
}
