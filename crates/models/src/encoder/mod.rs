//! Encoders: text to vectors.

mod bert_encoder;
mod description;
mod engine;
mod head;
mod layout;
mod options;
mod plan;
mod precision;
mod schedule;
mod sentence;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use self::bert_encoder::BertEncoder;
pub use self::description::{EncoderDescription, PassageForm, Pooling};
pub use self::options::{EncodeOptions, EncoderOptions};
pub use self::precision::{Precision, PrecisionChoice, UnknownPrecision};
use crate::Error;

/// What an encoder sees of a passage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PassageText<'a> {
    /// The title of its document; may be empty.
    pub title: &'a str,
    /// The text.
    pub text: &'a str,
}

/// Maps passages and questions into one vector space, where a large inner product means that the
/// passage may answer the question.
///
/// The vector of a text depends on nothing but the text: not on the texts around it, their number,
/// the number of threads or [`EncodeOptions::max_batch_tokens`]. Implementations keep this to the
/// bit on one machine.
pub trait Encoder: Send + Sync {
    /// The width of the vectors.
    fn dim(&self) -> usize;

    /// What decides its vectors: record it beside them.
    fn description(&self) -> &EncoderDescription;

    /// Encodes passages. Returns shape `(passages.len(), dim)`, row-major, in input order.
    ///
    /// Texts that are too long are cut. Calls [`EncodeOptions::on_progress`] from several threads
    /// with the number of passages just done.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::Tokenizer`], [`Error::TokenId`], [`Error::Candle`].
    fn encode_passages(
        &self,
        passages: &[PassageText<'_>],
        options: &EncodeOptions<'_>,
    ) -> Result<Vec<f32>, Error>;

    /// Encodes questions. Returns shape `(questions.len(), dim)`, row-major, in input order.
    ///
    /// # Errors
    /// As [`Encoder::encode_passages`].
    fn encode_questions(
        &self,
        questions: &[&str],
        options: &EncodeOptions<'_>,
    ) -> Result<Vec<f32>, Error>;
}

/// The encoder of passages and the encoder of questions of one vector space.
#[derive(Clone)]
pub struct EncoderPair {
    context: Arc<dyn Encoder>,
    question: Arc<dyn Encoder>,
}

impl EncoderPair {
    /// Joins two encoders, such as those of DPR.
    ///
    /// # Errors
    /// [`Error::Dimension`] when their widths differ.
    pub fn new(context: Arc<dyn Encoder>, question: Arc<dyn Encoder>) -> Result<Self, Error> {
        if context.dim() != question.dim() {
            return Err(Error::Dimension {
                passage: context.dim(),
                question: question.dim(),
            });
        }
        Ok(Self { context, question })
    }

    /// Takes one encoder for both, as sentence encoders are used.
    pub fn shared(encoder: Arc<dyn Encoder>) -> Self {
        Self {
            context: Arc::clone(&encoder),
            question: encoder,
        }
    }

    /// The encoder of passages.
    pub fn context(&self) -> &dyn Encoder {
        &*self.context
    }

    /// The encoder of questions.
    pub fn question(&self) -> &dyn Encoder {
        &*self.question
    }

    /// The width of the vectors.
    pub fn dim(&self) -> usize {
        self.context.dim()
    }
}

impl std::fmt::Debug for EncoderPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EncoderPair")
            .field("context", self.context.description())
            .field("question", self.question.description())
            .finish()
    }
}
