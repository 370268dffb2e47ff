//! What is asked for, and what comes back.

use std::ops::Range;

use ragdex_core::Cancel;
use serde::{Deserialize, Serialize};

use crate::GenerationOptions;

/// How passages are marginalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RagKind {
    /// At every token: each may come from another passage.
    #[serde(rename = "rag-token")]
    Token,
    /// Over the whole sequence: one passage carries the answer.
    #[serde(rename = "rag-sequence")]
    Sequence,
}

impl std::fmt::Display for RagKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token => "rag-token",
            Self::Sequence => "rag-sequence",
        })
    }
}

/// How RAG-Sequence scores the hypotheses that the passages propose.
///
/// # Source
/// Lewis et al. 2020, §2.5. The reference library has the thorough way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SequenceDecoding {
    /// Every hypothesis under every passage.
    #[default]
    Thorough,
    /// A passage that did not propose the hypothesis contributes nothing.
    Fast,
}

/// A retrieved passage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PassageInput {
    /// The title; may be empty.
    pub title: String,
    /// The text.
    pub text: String,
    /// The inner product of question and passage.
    pub score: f32,
}

/// A question with its passages, best first.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The question.
    pub question: &'a str,
    /// What was retrieved for it, in the order of the index.
    pub passages: &'a [PassageInput],
}

/// How to answer; what is `None` comes from the checkpoint.
#[derive(Debug, Clone, Default)]
pub struct AnswerOptions {
    /// How passages are marginalised. Without a word of the checkpoint either: RAG-Token.
    pub kind: Option<RagKind>,
    /// How many of the passages are read. `None`: the checkpoint's number, or all if fewer.
    pub n_docs: Option<usize>,
    /// What stands before every context.
    pub prefix: Option<String>,
    /// The most tokens of a context; never more than the generator has positions.
    pub max_combined_length: Option<usize>,
    /// Generation settings.
    pub generation: GenerationOptions,
    /// RAG-Sequence: whether repeated hypotheses are dropped before scoring.
    pub do_deduplication: Option<bool>,
    /// RAG-Sequence: how hypotheses are scored.
    pub sequence_decoding: SequenceDecoding,
    /// Lets only runs of whole words of a passage's title or text be answers, and gives them in the
    /// passage's own characters. A passage without the answer then counts as never saying it.
    pub grounded: bool,
    /// Stops the work at the next token.
    pub cancel: Cancel,
}

/// An answer with its provenance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The best candidate's text.
    pub text: String,
    /// `num_return_sequences` sequences, best first; RAG-Sequence gives fewer when the passages
    /// propose fewer, grounded decoding when the passages hold fewer.
    pub candidates: Vec<Candidate>,
    /// One for each passage that was read, in the order given.
    pub passages: Vec<PassageEvidence>,
}

/// A sequence that may be the answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The text without special tokens and without space around it.
    pub text: String,
    /// Token ids from the start token to the first end token.
    pub tokens: Vec<u32>,
    /// RAG-Token: the log-probability as search scores it, with beams divided by the power of the
    /// length. RAG-Sequence: `log p(y|x)`, without the begin token.
    pub score: f32,
    /// How sure the model is of it, from 0 to 1: the geometric mean of the probabilities of its tokens, the end
    /// token among them, the begin token not. RAG-Token: of `Σ_z p(z|x) p(y_t|x,z,y_<t)`. RAG-Sequence: the root
    /// of `p(y|x)` of that degree. With grounded decoding what no passage says keeps its share of the
    /// probability, so that a passage without the answer makes it small.
    pub confidence: f32,
    /// `p(z|x,y)` of each passage read, in their order; sums to one. See [`PassageEvidence::posterior`].
    pub posterior: Vec<f32>,
    /// RAG-Token: where each token behind the start token comes from. Empty for RAG-Sequence, where all
    /// tokens come from one passage, of which [`Candidate::posterior`] tells.
    pub provenance: Vec<TokenEvidence>,
}

/// What a passage has to do with the best candidate.
///
/// With `s(z)` the score of passage `z`, its prior is `p(z|x) = exp s(z) / Σ_z' exp s(z')`. The posterior
/// `p(z|x,y)` of an answer `y = y_1 … y_T` is, by the model's own probabilities,
///
/// ```text
/// RAG-Sequence   p(z|x,y) = p(z|x) Π_t p(y_t|x,z,y_<t) / Σ_z' p(z'|x) Π_t p(y_t|x,z',y_<t)
/// RAG-Token      r_t(z)   = p(z|x) p(y_t|x,z,y_<t) / Σ_z' p(z'|x) p(y_t|x,z',y_<t)
///                p(z|x,y) = mean of r_t(z) over the tokens y_t that are not special
/// ```
///
/// RAG-Sequence holds that one passage carries the answer; RAG-Token draws one anew for each token. Each
/// sums to one over the passages read. The begin token is left out of the product, as in the score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PassageEvidence {
    /// `p(z|x)`: softmax of the scores of the passages read.
    pub prior: f32,
    /// `p(z|x,y)`. RAG-Sequence: in proportion to `p(z|x) p(y|x,z)`. RAG-Token: the mean of
    /// [`TokenEvidence::passages`] over the tokens that are not special.
    pub posterior: f32,
    /// Where the answer stands in the passage's text: byte ranges, ascending.
    pub occurrences: Vec<Range<usize>>,
}

/// Where a token comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TokenEvidence {
    /// The token.
    pub token: u32,
    /// Its characters, with the space that may stand before them; a part of a character as U+FFFD.
    pub text: String,
    /// `p(y_t|x,y_<t) = Σ_z p(z|x) p(y_t|x,z,y_<t)`: how likely the token is, among all.
    pub probability: f32,
    /// For each passage `r_t(z)`, which is `p(z|x) p(y_t|x,z,y_<t)` in proportion to that of all; the
    /// prior for a token that no passage can say, such as a forced one.
    pub passages: Vec<f32>,
}

/// How likely a given answer is, under both models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnswerScore {
    /// The answer in tokens: start token, begin token, words, end token.
    pub tokens: Vec<u32>,
    /// `log p(y|x,z)` for each passage, without the begin token.
    pub passage_log_probs: Vec<f32>,
    /// Each token may come from another passage.
    pub rag_token: ModelScore,
    /// One passage carries the answer.
    pub rag_sequence: ModelScore,
}

/// How likely an answer is under one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelScore {
    /// `log p(y|x)` of the tokens behind the start token. RAG-Token: `Σ_t log Σ_z p(z|x) p(y_t|x,z,y_<t)`.
    /// RAG-Sequence: `log Σ_z p(z|x) Π_t p(y_t|x,z,y_<t)` without the begin token, as generation ranks.
    pub log_prob: f32,
    /// The training loss of the reference for the labels `<s> … </s>`, the tokens without the start
    /// token, with the checkpoint's `label_smoothing` and `exclude_bos_score`.
    pub loss: f32,
    /// `p(z|x,y)` for each passage, as in [`PassageEvidence::posterior`].
    pub posterior: Vec<f32>,
}
