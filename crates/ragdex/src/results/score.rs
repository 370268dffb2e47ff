//! How likely given answers are.

use serde::Serialize;

use super::{AnswerTimes, FoundPassage};

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
