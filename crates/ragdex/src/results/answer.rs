//! Answers and their sources.

use serde::Serialize;

use super::FoundPassage;

/// One answer with its sources.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnswerResult {
    /// The question as it was asked.
    pub question: String,
    /// The best answer; empty when the model is not sure enough of it: then it is the first of
    /// [`AnswerResult::candidates`] only.
    pub answer: String,
    /// Whether the model is sure enough: whether `confidence` reaches `min_confidence`.
    pub answered: bool,
    /// How sure the model is of its best answer, from 0 to 1: the geometric mean of its tokens' probabilities.
    pub confidence: f32,
    /// What the confidence must reach; 0 where every answer is given.
    pub min_confidence: f64,
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
    /// How sure the model is of it, from 0 to 1.
    pub confidence: f32,
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
    /// `p(y_t|x,y_<t)`, over all passages.
    pub probability: f32,
    /// For each passage `p(z|x) p(y_t|x,z,y_<t)`, divided by the sum over all.
    pub passages: Vec<f32>,
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
    /// Where the words of the answer that is given stand in `text`: pairs of byte offsets, start and end.
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
