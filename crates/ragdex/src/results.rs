//! What commands and callers get back, as it is written in JSON.
//!
//! The JSON Schemas in `schemas/` describe these types for others; fields may be added, never renamed
//! or removed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The passages found for one question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchResult {
    /// The question as it was asked.
    pub query: String,
    /// The snapshot that was searched.
    pub snapshot: u64,
    /// The kind of index: `exact` or `hnsw`.
    pub index: String,
    /// Best first; equal scores by ascending id.
    pub passages: Vec<FoundPassage>,
    /// How long each step took.
    pub milliseconds: SearchTimes,
}

/// A passage and its score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoundPassage {
    /// Position in the list, from 1.
    pub rank: usize,
    /// The passage's id in the knowledge base.
    pub id: u64,
    /// The inner product of question and passage.
    pub score: f32,
    /// The title of the document.
    pub title: String,
    /// The words.
    pub text: String,
    /// The key of the document.
    pub document: String,
    /// The headings above the passage, joined by ` > `; empty in the lead.
    pub section: String,
    /// Where to read the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A passage looked up by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownPassage {
    /// Its id in the knowledge base.
    pub id: u64,
    /// The snapshot that it was looked up in.
    pub snapshot: u64,
    /// The title of the document.
    pub title: String,
    /// The words.
    pub text: String,
    /// The key of the document.
    pub document: String,
    /// The headings above the passage, joined by ` > `; empty in the lead.
    pub section: String,
    /// Where to read the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The version of the document that it was cut from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// Milliseconds of a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SearchTimes {
    /// Encoding the question; shared evenly among the questions of a batch.
    pub encode: f64,
    /// Searching the index; likewise.
    pub search: f64,
    /// Reading the passages.
    pub fetch: f64,
}

/// One answer with its sources.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnswerResult {
    /// The question as it was asked.
    pub question: String,
    /// The best answer.
    pub answer: String,
    /// `rag-token` or `rag-sequence`.
    pub model: String,
    /// The snapshot that was asked; absent for passages that were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<u64>,
    /// As many answers as were asked for, best first.
    pub candidates: Vec<Candidate>,
    /// The passages that the model read, as they were ranked by the search.
    pub passages: Vec<SourcePassage>,
    /// How long each step took.
    pub milliseconds: AnswerTimes,
}

/// One answer that the model proposes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The words.
    pub text: String,
    /// Token ids as the reference returns them, start token included, cut after the first end token.
    pub tokens: Vec<u32>,
    /// RAG-Token: the sum of log-probabilities, under beam search divided by the length penalty.
    /// RAG-Sequence: log p(y|x).
    pub score: f32,
    /// p(z|x,y) of each passage, in the order of [`AnswerResult::passages`]; sums to 1.
    pub posterior: Vec<f32>,
    /// RAG-Token: where each token behind the start token comes from. Empty for RAG-Sequence, where one
    /// passage carries all tokens.
    pub provenance: Vec<TokenProvenance>,
}

/// Where a token comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TokenProvenance {
    /// The token.
    pub token: u32,
    /// Its characters.
    pub text: String,
    /// For each passage `p(z|x) p(y_t|x,z,y_<t)`, divided by the sum over all.
    pub passages: Vec<f32>,
}

/// How likely given answers are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreResult {
    /// The question as it was asked.
    pub question: String,
    /// The snapshot that was asked; absent for passages that were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<u64>,
    /// One for each answer, in the order given.
    pub scores: Vec<CandidateScore>,
    /// The passages that the model read.
    pub passages: Vec<ScoredPassage>,
    /// How long each step took.
    pub milliseconds: AnswerTimes,
}

/// How likely one answer is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CandidateScore {
    /// The answer.
    pub text: String,
    /// Its token ids: start token, begin token, words, end token.
    pub tokens: Vec<u32>,
    /// log p(y|x,z) for each passage, without the begin token.
    pub passage_log_probs: Vec<f32>,
    /// Under RAG-Token.
    pub rag_token: ModelScore,
    /// Under RAG-Sequence.
    pub rag_sequence: ModelScore,
}

/// How likely an answer is under one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelScore {
    /// log p(y|x); RAG-Sequence leaves the begin token out, as its generation does.
    pub log_prob: f32,
    /// The training loss of the reference for the tokens without the start token.
    pub loss: f32,
    /// p(z|x,y) for each passage; sums to 1.
    pub posterior: Vec<f32>,
}

/// A passage that answers were scored with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoredPassage {
    /// The passage and its score.
    #[serde(flatten)]
    pub passage: FoundPassage,
    /// p(z|x); sums to 1.
    pub prior: f64,
}

/// A passage that an answer may rest on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourcePassage {
    /// The passage and its score.
    #[serde(flatten)]
    pub passage: FoundPassage,
    /// p(z|x): how likely the retriever holds the passage to be the right one; sums to 1.
    pub prior: f64,
    /// p(z|x,y): how much the answer rests on the passage; sums to 1.
    pub posterior: f64,
    /// Where the answer's words stand in `text`: pairs of byte offsets, start and end.
    pub answer_spans: Vec<(usize, usize)>,
}

/// Milliseconds of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct AnswerTimes {
    /// Encoding the question.
    pub encode: f64,
    /// Searching and reading the passages.
    pub search: f64,
    /// Generating the answer.
    pub generate: f64,
}

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

/// One snapshot of a knowledge base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SnapshotInfo {
    /// Its number.
    pub snapshot: u64,
    /// Whether it is what searching uses.
    #[serde(rename = "current")]
    pub is_current: bool,
    /// The snapshot that it was made from.
    pub parent: Option<u64>,
    /// When it was committed, RFC 3339, UTC.
    pub created: String,
    /// The command that made it; empty where an older version did not note it.
    pub command: String,
    /// Documents in it.
    pub documents: u64,
    /// Passages in it.
    pub passages: u64,
    /// Parts that it is stored in.
    pub parts: u64,
    /// Bytes of all its files, those shared with other snapshots among them.
    pub bytes: u64,
}

/// What a rollback did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RollbackReport {
    /// The snapshot that is current now.
    pub snapshot: u64,
    /// The one that was.
    pub from: u64,
    /// The one whose state it has.
    pub to: u64,
}

/// What a collection of garbage deleted, or would delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// Whether this is only what would be done.
    pub dry_run: bool,
    /// The snapshots that are there.
    pub kept: Vec<u64>,
    /// The snapshots deleted.
    pub deleted: Vec<u64>,
    /// How many files went.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What differs between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffReport {
    /// The snapshot compared.
    pub from: u64,
    /// The one that it is compared with.
    pub to: u64,
    /// Documents by what became of them.
    pub documents: DocumentCounts,
    /// Passages by what became of their texts, wherever these stand.
    pub passages: PassageCounts,
    /// The documents that differ: added ones first, then changed, then removed; by key.
    pub changes: Vec<ChangedDocument>,
}

/// A document that differs between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ChangedDocument {
    /// What became of it.
    pub change: Change,
    /// Its key.
    pub document: String,
    /// Its title; of a changed one the newer.
    pub title: String,
}

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Its key is new.
    Added,
    /// Its content is another.
    Changed,
    /// Its key is gone.
    Removed,
}

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
