//! What a split did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a split did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitReport {
    /// What was read, written and left out.
    #[serde(flatten)]
    pub summary: SplitSummary,
    /// Whether the folder was finished before, so that nothing was done.
    pub unchanged: bool,
    /// The files written, as the manifest names them: `path`, `bytes`, `sha256`.
    pub files: Vec<serde_json::Value>,
    /// Seconds of each step; all 0 when the folder was finished before.
    pub seconds: SplitTimes,
    /// The largest memory of the process, where the system tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// What a split read, wrote and left out; kept in its manifest. The same for the same sources and options.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SplitSummary {
    /// What the source was read as.
    pub format: String,
    /// Documents used.
    pub documents: u64,
    /// Passages written; 0 when documents were written whole.
    pub passages: u64,
    /// Documents used that gave no passage: without prose, or too short for the rule.
    #[serde(default)]
    pub without_passages: u64,
    /// Rows that are equal to an earlier one.
    pub duplicates: DuplicateCounts,
    /// Records that the reader left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Documents whose key an earlier one had; they are written.
    pub repeated_keys: u64,
    /// Pages whose text does not match the checksum in the dump; they are written.
    pub checksum_mismatches: u64,
    /// What was dropped from wikitext, by cause.
    pub dropped: BTreeMap<String, u64>,
    /// Templates for which no rule is known, the most frequent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_templates: Vec<TemplateCount>,
}

/// Rows that are equal to an earlier one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateCounts {
    /// How many there are.
    pub found: u64,
    /// How many were left out.
    pub dropped: u64,
}

/// How often a template occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateCount {
    /// Its name: lower case, single spaces.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// Seconds of a split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SplitTimes {
    /// Waiting for documents.
    pub read: f64,
    /// Cutting them.
    pub split: f64,
    /// Writing.
    pub write: f64,
    /// Everything.
    pub total: f64,
}
