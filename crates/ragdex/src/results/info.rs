//! What a knowledge base holds.

use serde::Serialize;

/// What a knowledge base holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Info {
    /// The current snapshot.
    pub snapshot: u64,
    /// Documents in it.
    pub documents: u64,
    /// Passages in it.
    pub passages: u64,
    /// The width of the vectors.
    pub dimension: usize,
    /// How vectors are stored: `f32` or `f16`.
    pub vectors: String,
    /// The encoders, as recorded when the passages were embedded.
    pub encoder: EncoderPairInfo,
    /// The model that answers unless another is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
    /// The SHA-256 of its weights, as recorded when the knowledge base was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generator_sha256: Option<String>,
    /// The splitting rule.
    pub splitter: serde_json::Value,
    /// The indexes.
    pub indexes: Vec<IndexInfo>,
    /// Bytes of all files of the snapshot.
    pub bytes: u64,
    /// When the snapshot was committed, RFC 3339, UTC.
    pub created: String,
}

/// The two encoders of a knowledge base.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EncoderPairInfo {
    /// The encoder of passages.
    pub context: serde_json::Value,
    /// The encoder of questions.
    pub question: serde_json::Value,
}

/// One index of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IndexInfo {
    /// `exact` or `hnsw`.
    pub kind: String,
    /// What it was built with, and what it was measured to find.
    pub parameters: serde_json::Value,
    /// Bytes of its own files; 0 for an index that reads the vectors themselves.
    pub bytes: u64,
    /// Bytes of its own files for each passage in it.
    pub bytes_per_passage: f64,
    /// Memory that lets a search read no disk. Files are mapped: with less, it is slower.
    pub memory_bytes: u64,
}

/// What `index` did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IndexReport {
    /// The snapshot with these indexes.
    pub snapshot: u64,
    /// Passages in it.
    pub passages: u64,
    /// All indexes that it has now.
    pub indexes: Vec<IndexInfo>,
    /// Whether it had them before, so that nothing was done.
    pub unchanged: bool,
    /// Seconds in all.
    pub seconds: f64,
    /// The largest memory of the process, where the system tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// What a check of a snapshot read; there is one only when everything holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The snapshot.
    pub snapshot: u64,
    /// Files read.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
}
