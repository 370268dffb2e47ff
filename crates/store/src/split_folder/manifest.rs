//! What a split folder says of itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::manifest::FileEntry;
use crate::storage::Files;
use crate::{Error, KbPath, Result};

/// The form of the manifest; a reader that does not know it must not guess.
const FORMAT: u32 = 1;

/// The longest name of a passages file, in bytes. Ours are under 60.
const MAX_NAME_BYTES: usize = 120;

/// One shard of a split folder: what was asked for, and every file with length and checksum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitManifest {
    /// The form of the manifest and of the files.
    pub format: u32,
    /// The version that wrote it.
    pub ragdex: String,
    /// Whether all files are there; `false` while the work is under way, and after an interruption.
    pub finished: bool,
    /// What was asked for, as the caller wrote it.
    pub plan: Value,
    /// The Parquet files, in the order of the source.
    pub parts: Vec<SplitPart>,
    /// Files of text.
    pub files: Vec<FileEntry>,
    /// What was read and left out, as the caller wrote it.
    pub summary: Value,
}

/// The two files of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitPart {
    /// One row a document.
    pub documents: FileEntry,
    /// One row a passage.
    pub passages: FileEntry,
    /// Rows of the documents file.
    pub n_documents: u64,
    /// Rows of the passages file.
    pub n_passages: u64,
    /// The id of the first passage; those of a part follow one another.
    pub first_passage: u64,
}

impl SplitManifest {
    /// How many passages there are; saturates where a damaged manifest has more than numbers.
    pub fn n_passages(&self) -> u64 {
        let counts = self.parts.iter().map(|part| part.n_passages);
        counts.fold(0, u64::saturating_add)
    }

    pub(super) fn unfinished(plan: &Value) -> Self {
        Self {
            format: FORMAT,
            ragdex: env!("CARGO_PKG_VERSION").into(),
            finished: false,
            plan: plan.clone(),
            parts: Vec::new(),
            files: Vec::new(),
            summary: Value::Null,
        }
    }

    /// Every file, in order.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        let parts = self.parts.iter();
        let parts = parts.flat_map(|part| [&part.documents, &part.passages]);
        parts.chain(&self.files)
    }
}

/// Reads a manifest that need not be there.
pub(super) fn read(files: &Files, path: &KbPath) -> Result<Option<SplitManifest>> {
    let Some(content) = files.open_if_there(path)? else {
        return Ok(None);
    };
    let manifest: SplitManifest =
        serde_json::from_slice(&content).map_err(|source| Error::DamagedSplit {
            path: files.locate(path),
            kind: "split",
            source,
        })?;
    if manifest.format != FORMAT {
        return Err(Error::malformed(
            files.locate(path),
            format!("format {FORMAT}"),
            format!("format {}", manifest.format),
        ));
    }
    match manifest.parts.iter().find(|part| !is_named_as_ours(part)) {
        None => Ok(Some(manifest)),
        Some(part) => Err(Error::malformed(
            files.locate(path),
            "`passages/part-….parquet`",
            format!("`{}`", part.passages.path),
        )),
    }
}

/// Whether files that belong to the passages can be named after them.
fn is_named_as_ours(part: &SplitPart) -> bool {
    let path = &part.passages.path;
    path.folder().as_str() == "passages"
        && path.name().starts_with("part-")
        && path.name().ends_with(".parquet")
        && path.as_str().len() <= MAX_NAME_BYTES
}
