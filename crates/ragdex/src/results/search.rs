//! What a search finds.

use serde::Serialize;

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
