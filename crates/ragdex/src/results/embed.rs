//! What embedding a split folder did, or would take.

use serde::Serialize;

/// What embedding a split folder did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbedReport {
    /// Which of the parts were to be made: `1/1` for all.
    pub shard: String,
    /// How many these are.
    pub parts: u64,
    /// Their passages by what became of them.
    pub passages: EmbedCounts,
    /// Tokens of the passages embedded, special ones included.
    pub tokens: u64,
    /// The share of the places computed that held no token, from 0 to 1; 0 where sequences are packed.
    pub padding: f64,
    /// The width of the vectors.
    pub dimension: usize,
    /// How vectors are stored: `f32` or `f16`.
    pub vectors: String,
    /// The encoder, as `embed.json` records it.
    pub encoder: serde_json::Value,
    /// Parts of the folder that have no vectors yet, those of other shards included.
    pub remaining: u64,
    /// Seconds of each step.
    pub seconds: EmbedTimes,
    /// The largest memory of the process, where the system tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// Passages by what became of them when they were embedded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EmbedCounts {
    /// All of them.
    pub total: u64,
    /// Those whose vectors were there.
    pub kept: u64,
    /// Those that went through the encoder.
    pub embedded: u64,
}

/// Seconds of embedding a split folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct EmbedTimes {
    /// Reading, tokenising, computing and writing, which overlap.
    pub embed: f64,
    /// Everything: the encoder is loaded and finished parts are checked before.
    pub total: f64,
}

/// What embedding a split folder would take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbedEstimate {
    /// Which of the parts: `1/1` for all.
    pub shard: String,
    /// Parts that are still to be made.
    pub parts: u64,
    /// Their passages.
    pub passages: u64,
    /// About how many tokens these have.
    pub tokens: u64,
    /// About how long it takes on this machine.
    pub seconds: f64,
    /// Bytes of the vectors.
    pub bytes: u64,
    /// What was embedded to know that.
    pub sample: EmbedSample,
    /// The width of the vectors.
    pub dimension: usize,
    /// How vectors would be stored: `f32` or `f16`.
    pub vectors: String,
    /// The encoder, as `embed.json` would record it.
    pub encoder: serde_json::Value,
}

/// The passages that an estimate rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct EmbedSample {
    /// How many.
    pub passages: u64,
    /// Their tokens.
    pub tokens: u64,
    /// How long they took.
    pub seconds: f64,
}
