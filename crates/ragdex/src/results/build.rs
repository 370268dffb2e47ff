//! What builds and updates did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a build did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BuildReport {
    /// The snapshot that was committed.
    pub snapshot: u64,
    /// Documents by what became of them.
    pub documents: DocumentCounts,
    /// Passages by what became of them.
    pub passages: PassageCounts,
    /// Passages that went through the encoder, finished pieces of an interrupted build included.
    pub embedded: u64,
    /// What the reader left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Seconds of each stage.
    pub seconds: BuildTimes,
    /// The largest memory of the process, where the system tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// What `refresh`, `add`, `remove` or `compact` did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UpdateReport {
    /// The snapshot that was committed; the current one when none was.
    pub snapshot: u64,
    /// Whether a snapshot was committed; not when nothing changed.
    pub committed: bool,
    /// Whether this is only what would be done.
    pub dry_run: bool,
    /// Documents by what became of them.
    pub documents: DocumentCounts,
    /// Passages by what became of them.
    pub passages: PassageCounts,
    /// Passages that went through the encoder in this run; those made by an interrupted run do not count.
    pub embedded: u64,
    /// Parts of the former snapshot that were written anew without their dead rows, or dropped.
    pub rewritten_parts: u64,
    /// What the reader left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Keys and titles to remove that no document has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_found: Vec<String>,
    /// Seconds that embedding would take, from a sample; in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_embed_seconds: Option<f64>,
    /// Seconds of each stage.
    pub seconds: BuildTimes,
    /// The largest memory of the process, where the system tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// Documents by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentCounts {
    /// New keys.
    pub added: u64,
    /// Known keys with another content.
    pub changed: u64,
    /// Keys that are gone.
    pub removed: u64,
    /// Known keys with the same content.
    pub unchanged: u64,
}

/// Passages by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassageCounts {
    /// In the snapshot.
    pub total: u64,
    /// Not in the snapshot before.
    pub added: u64,
    /// No longer in the snapshot.
    pub removed: u64,
    /// In both.
    pub kept: u64,
}

/// Seconds of a build.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BuildTimes {
    /// Waiting for documents.
    pub read: f64,
    /// Cutting them and writing passages.
    pub split: f64,
    /// Computing vectors.
    pub embed: f64,
    /// Building and checking the index.
    pub index: f64,
    /// Everything.
    pub total: f64,
}
