//! What decides the vectors of an encoder.

use ragdex_core::Sha256;
use serde::{Deserialize, Serialize};

use super::Precision;

/// How token vectors become the vector of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Pooling {
    /// The vector of the first token, `[CLS]`.
    Cls,
    /// The mean over all tokens, special ones included.
    Mean,
    /// The largest value over all tokens, component by component.
    Max,
}

/// How title and text of a passage are given to the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PassageForm {
    /// As a pair, `[CLS] title [SEP] text [SEP]`, all token types 0: DPR. The pair form stays when
    /// the title is empty.
    Pair,
    /// As one text, `title text`; the text alone when the title is empty.
    Joined,
}

/// Everything that decides the vectors of an encoder. Vectors of encoders whose descriptions are
/// equal can be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderDescription {
    /// The name of the checkpoint.
    pub id: String,
    /// Its commit on the hub.
    pub revision: Option<String>,
    /// The SHA-256 of its weights.
    pub sha256: Sha256,
    /// The SHA-256 of its tokenizer, see [`Tokenizer::sha256`](crate::Tokenizer::sha256); absent where it was
    /// not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer_sha256: Option<Sha256>,
    /// The width of the vectors.
    pub dim: usize,
    /// How token vectors become one.
    pub pooling: Pooling,
    /// Whether vectors are brought to length 1, before scaling.
    pub normalize: bool,
    /// The factor put on the vectors.
    pub scale: f32,
    /// The longest input in tokens, special ones included; the rest is cut.
    pub max_tokens: usize,
    /// How title and text are joined.
    pub passage_form: PassageForm,
    /// What is put before each passage.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub passage_prompt: String,
    /// What is put before each question.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub question_prompt: String,
    /// The arithmetic. Questions are encoded in that of the passages.
    pub precision: Precision,
}
