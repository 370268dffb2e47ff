//! The names of the files of a split folder.

use crate::KbPath;

/// The folders that hold Parquet files.
pub(super) const FOLDERS: [&str; 2] = ["documents", "passages"];

/// The folders that hold parts, those of later stages among them; receipts go before what they vouch for.
pub(super) const PART_FOLDERS: [&str; 4] = ["receipts", "documents", "passages", EMBEDDINGS];

const EMBEDDINGS: &str = "embeddings";
const RECEIPTS: &str = "receipts";

/// Which encoder made the vectors.
pub(super) fn embed() -> KbPath {
    KbPath::known("embed.json")
}

/// Held while that is compared or written.
pub(super) fn embed_lock() -> KbPath {
    KbPath::known("embed.lock")
}

/// The vectors of a passages file.
pub(super) fn vectors(passages: &KbPath) -> KbPath {
    beside(passages, EMBEDDINGS, "arrow")
}

/// The receipt of the vectors of a passages file.
pub(super) fn receipt(passages: &KbPath) -> KbPath {
    beside(passages, RECEIPTS, "json")
}

/// Held by whoever computes the vectors of a passages file.
pub(super) fn part_lock(passages: &KbPath) -> KbPath {
    beside(passages, RECEIPTS, "lock")
}

fn beside(passages: &KbPath, folder: &str, extension: &str) -> KbPath {
    let stem = passages.name().split('.').next().unwrap_or_default();
    KbPath::known(format!("{folder}/{stem}.{extension}"))
}

/// Names of files of text, without the shard.
const TEXTS: [(&str, &str); 3] = [
    ("passages", "tsv"),
    ("passages", "jsonl"),
    ("documents", "jsonl"),
];

/// Which of several shards a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SplitName {
    index: u64,
    count: u64,
}

impl Default for SplitName {
    /// The only one.
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl SplitName {
    /// Names the shard `index`, from 0, of `count`; `None` when there is no such shard.
    pub fn new(index: u64, count: u64) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// How many shards there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// `-2-of-4`, or nothing for the only one.
    fn suffix(self) -> String {
        match self.count {
            1 => String::new(),
            count => format!("-{}-of-{count}", self.index + 1),
        }
    }

    pub(super) fn manifest(self) -> KbPath {
        KbPath::known(format!("split{}.json", self.suffix()))
    }

    pub(super) fn lock(self) -> KbPath {
        KbPath::known(format!("split{}.lock", self.suffix()))
    }

    pub(super) fn text(self, stem: &str, extension: &str) -> KbPath {
        KbPath::known(format!("{stem}{}.{extension}", self.suffix()))
    }

    /// The documents file and the passages file of a part.
    pub(super) fn part(self, number: u32) -> [KbPath; 2] {
        let suffix = self.suffix();
        FOLDERS.map(|folder| KbPath::known(format!("{folder}/part{suffix}-{number:05}.parquet")))
    }

    /// A part in one of [`PART_FOLDERS`].
    pub(super) fn part_in(self, folder: &KbPath, number: u32) -> KbPath {
        let extension = match folder.as_str() {
            EMBEDDINGS => "arrow",
            RECEIPTS => "json",
            _ => "parquet",
        };
        KbPath::known(format!(
            "{folder}/part{}-{number:05}.{extension}",
            self.suffix()
        ))
    }

    /// The number of a part of this shard; `None` for other names.
    pub(super) fn number_of(self, name: &str) -> Option<u32> {
        let rest = name.strip_prefix(&format!("part{}-", self.suffix()))?;
        let (number, extension) = rest.split_once('.')?;
        let is_number = number.len() >= 5 && number.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && matches!(extension, "parquet" | "arrow" | "json"))
            .then(|| number.parse().ok())
            .flatten()
    }

    /// Every file of text that there may be.
    pub(super) fn texts(self) -> [KbPath; 3] {
        TEXTS.map(|(stem, extension)| self.text(stem, extension))
    }

    /// Reads the name of a manifest.
    pub(super) fn of_manifest(name: &str) -> Option<Self> {
        Self::of_suffix(name.strip_prefix("split")?.strip_suffix(".json")?)
    }

    fn of_suffix(suffix: &str) -> Option<Self> {
        if suffix.is_empty() {
            return Some(Self::default());
        }
        let (number, count) = suffix.strip_prefix('-')?.split_once("-of-")?;
        let index = number.parse::<u64>().ok()?.checked_sub(1)?;
        let name = Self::new(index, count.parse().ok()?)?;
        (name.suffix() == suffix).then_some(name)
    }
}

/// Whether a name at the top of a folder is one that a split makes.
pub(super) fn is_ours(name: &str) -> bool {
    let of = |stem: &str, extension: &str| {
        name.strip_prefix(stem)
            .and_then(|rest| rest.strip_suffix(extension)?.strip_suffix('.'))
            .is_some_and(|suffix| SplitName::of_suffix(suffix).is_some())
    };
    PART_FOLDERS.contains(&name)
        || [embed(), embed_lock()]
            .iter()
            .any(|ours| ours.as_str() == name)
        || of("split", "json")
        || of("split", "lock")
        || TEXTS.iter().any(|(stem, extension)| of(stem, extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_shard_unless_it_is_the_only_one() {
        let (only, second) = (SplitName::default(), SplitName::new(1, 4).unwrap());
        assert_eq!(only.manifest().as_str(), "split.json");
        assert_eq!(second.manifest().as_str(), "split-2-of-4.json");
        assert_eq!(
            second.part(3)[1].as_str(),
            "passages/part-2-of-4-00003.parquet"
        );
        assert_eq!(
            second.text("passages", "tsv").as_str(),
            "passages-2-of-4.tsv"
        );
        assert_eq!(SplitName::of_manifest("split-2-of-4.json"), Some(second));
        assert_eq!(SplitName::of_manifest("split.json"), Some(only));
        for other in [
            "split-5-of-4.json",
            "split-0-of-4.json",
            "split-02-of-4.json",
            "split-1-of-1.json",
        ] {
            assert_eq!(SplitName::of_manifest(other), None, "{other}");
        }
    }

    #[test]
    fn parts_of_one_shard_are_not_those_of_another() {
        let (only, second) = (SplitName::default(), SplitName::new(1, 4).unwrap());
        assert_eq!(only.number_of("part-00007.parquet"), Some(7));
        assert_eq!(second.number_of("part-2-of-4-123456.arrow"), Some(123_456));
        for other in [
            "part-2-of-4-00000.parquet",
            "part-7.parquet",
            "part-00007.txt",
            "part-00007",
        ] {
            assert_eq!(only.number_of(other), None, "{other}");
        }
        assert_eq!(second.number_of("part-00000.parquet"), None);
    }

    #[test]
    fn what_belongs_to_a_passages_file_has_its_name() {
        let passages = SplitName::new(1, 4).unwrap().part(3)[1].clone();
        let [vectors, receipt, lock] = [vectors, receipt, part_lock].map(|name| name(&passages));
        assert_eq!(vectors.as_str(), "embeddings/part-2-of-4-00003.arrow");
        assert_eq!(receipt.as_str(), "receipts/part-2-of-4-00003.json");
        assert_eq!(lock.as_str(), "receipts/part-2-of-4-00003.lock");
    }

    #[test]
    fn other_names_are_foreign() {
        for ours in [
            "split.json",
            "split-1-of-2.lock",
            "passages",
            "passages.tsv",
            "documents-1-of-2.jsonl",
            "embed.json",
            "embed.lock",
            "receipts",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for foreign in [
            "CURRENT",
            "notes.txt",
            "split.txt",
            "passages.tsv.gz",
            "documents.tsv",
        ] {
            assert!(!is_ours(foreign), "{foreign}");
        }
    }
}
