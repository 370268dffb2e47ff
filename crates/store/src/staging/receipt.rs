//! Notes of finished pieces.

use ragdex_core::Sha256;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Staging;
use crate::files::EmbeddingShape;
use crate::manifest::{FileEntry, pretty_json};
use crate::names::RECEIPTS;
use crate::{Error, KbPath, Result, names};

const SPLIT_SUFFIX: &str = ".split.json";
const EMBEDDED_SUFFIX: &str = ".embedded.json";
const INDEX_PREFIX: &str = "index-";

/// Documents and passages of one part are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SplitReceipt {
    pub(super) number: u32,
    pub(super) n_documents: u64,
    pub(super) n_passages: u64,
    pub(super) first_passage: u64,
    /// One more than the id of the last passage; ids have gaps where rows were rewritten.
    pub(super) end_passage: u64,
    /// Of the documents and passages as they were given, to know them again.
    pub(super) digest: Sha256,
    pub(super) documents: FileEntry,
    pub(super) passages: FileEntry,
}

impl SplitReceipt {
    pub(super) fn path(part: u32) -> KbPath {
        names::staged(&format!("{RECEIPTS}/part-{part:05}{SPLIT_SUFFIX}"))
    }
}

/// The vectors of one part are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct EmbedReceipt {
    /// The passages file that they were computed from.
    pub(super) passages: FileEntry,
    pub(super) shape: EmbeddingShape,
    pub(super) file: FileEntry,
}

impl EmbedReceipt {
    pub(super) fn path(part: u32) -> KbPath {
        names::staged(&format!("{RECEIPTS}/part-{part:05}{EMBEDDED_SUFFIX}"))
    }
}

/// One file of an index is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct IndexReceipt {
    /// The vectors that it was built from.
    pub(super) embeddings: Vec<FileEntry>,
    pub(super) file: FileEntry,
}

impl IndexReceipt {
    pub(super) fn path(name: &str) -> KbPath {
        names::staged(&format!("{RECEIPTS}/{INDEX_PREFIX}{name}.json"))
    }
}

/// All documents are split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SplitMarker {
    pub(super) parts: Vec<SplitReceipt>,
    /// The caller's.
    pub(super) summary: Value,
}

impl Staging<'_> {
    pub(super) fn write_receipt(&self, path: &KbPath, receipt: &impl Serialize) -> Result<()> {
        self.files().replace(path, &pretty_json(receipt))
    }

    /// Reads a receipt; one that cannot be understood counts as not there.
    pub(super) fn read_receipt<T: DeserializeOwned>(&self, path: &KbPath) -> Result<Option<T>> {
        let content = self.files().open_if_there(path)?;
        Ok(content.and_then(|content| serde_json::from_slice(&content).ok()))
    }

    /// Removes every receipt whose piece is not there byte for byte, so that the piece is made again.
    pub(super) fn drop_bad_receipts(&self) -> Result<()> {
        let folder = names::staged(RECEIPTS);
        let mut all_split = true;
        for name in self.files().list(&folder)? {
            let path = KbPath::known(format!("{folder}/{name}"));
            let vouched = if name.ends_with(SPLIT_SUFFIX) {
                let split = self.is_split(&path)?;
                all_split &= split;
                split
            } else if name.starts_with(INDEX_PREFIX) {
                self.is_indexed(&path)?
            } else {
                self.is_embedded(&path)?
            };
            if !vouched {
                self.files().remove(&path)?;
                self.files().sync_folder(&folder)?;
            }
        }
        self.drop_bad_marker(all_split)
    }

    fn drop_bad_marker(&self, all_split: bool) -> Result<()> {
        let Some(marker) = self.split_marker()? else {
            return Ok(());
        };
        for part in &marker.parts {
            let receipt: Option<SplitReceipt> =
                self.read_receipt(&SplitReceipt::path(part.number))?;
            if !all_split || receipt.as_ref() != Some(part) {
                self.files().remove(&names::staged(names::SPLIT))?;
                return self.files().sync_folder(&names::staging());
            }
        }
        Ok(())
    }

    fn is_split(&self, path: &KbPath) -> Result<bool> {
        let Some(receipt) = self.read_receipt::<SplitReceipt>(path)? else {
            return Ok(false);
        };
        Ok(self.is_whole(&receipt.documents)? && self.is_whole(&receipt.passages)?)
    }

    fn is_embedded(&self, path: &KbPath) -> Result<bool> {
        let Some(receipt) = self.read_receipt::<EmbedReceipt>(path)? else {
            return Ok(false);
        };
        self.is_whole(&receipt.file)
    }

    fn is_indexed(&self, path: &KbPath) -> Result<bool> {
        let Some(receipt) = self.read_receipt::<IndexReceipt>(path)? else {
            return Ok(false);
        };
        self.is_whole(&receipt.file)
    }

    /// Whether a piece is there with the bytes that were written.
    pub(super) fn is_whole(&self, entry: &FileEntry) -> Result<bool> {
        let place = self.place(&entry.path)?;
        let opened = self.files().open_entry(entry, &place);
        let checked = opened.and_then(|content| self.files().check_sum(entry, &place, &content));
        match checked {
            Ok(()) => Ok(true),
            Err(Error::Missing { .. } | Error::Length { .. } | Error::Checksum { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
