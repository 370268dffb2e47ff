//! What an export wrote.

use serde::Serialize;

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportReport {
    /// The folder.
    pub folder: String,
    /// The form of the files: `hf-dataset`, `parquet`, `jsonl`, `psgs-tsv`, `faiss-flat`.
    pub to: String,
    /// The snapshot.
    pub snapshot: u64,
    /// How many passages.
    pub passages: u64,
    /// The files, by name.
    pub files: Vec<ExportedFile>,
    /// Their length in all.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedFile {
    /// Its path within the folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
}
