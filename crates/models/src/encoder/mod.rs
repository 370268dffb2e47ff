//! Encoders: text to vectors.

mod bert_encoder;
mod description;
mod devices;
mod engine;
mod head;
mod layout;
mod options;
mod plan;
mod precision;
mod prepared;
mod schedule;
mod sentence;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use self::bert_encoder::BertEncoder;
pub use self::description::{EncoderDescription, PassageForm, Pooling};
pub use self::options::{EncodeOptions, Encoded, EncoderOptions};
pub use self::precision::{Precision, PrecisionChoice, UnknownPrecision};
pub use self::prepared::Prepared;
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
/// Encoding has two steps, so that one batch can be tokenised while another is computed: `prepare_…` works
/// on the processor alone and gives tokens, [`Encoder::encode`] computes their vectors.
///
/// The vector of a text depends on nothing but the text: not on the texts around it, their number,
/// the number of threads or [`EncodeOptions::batch_tokens`]. On one machine processors keep this to the bit.
/// GPUs keep it but for rounding: their libraries choose the order of a sum by the shape of the whole
/// batch. So on a GPU the same texts in the same call, with the same `batch_tokens`, give the same bits on
/// devices of one kind, unless memory runs out and a batch is halved; the same text among others does not.
pub trait Encoder: Send + Sync {
    /// The width of the vectors.
    fn dim(&self) -> usize;

    /// What decides its vectors: record it beside them.
    fn description(&self) -> &EncoderDescription;

    /// Tokenises passages, in input order; texts that are too long are cut.
    ///
    /// Uses [`EncodeOptions::threads`] and heeds [`EncodeOptions::cancel`].
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::Tokenizer`].
    fn prepare_passages(
        &self,
        passages: &[PassageText<'_>],
        options: &EncodeOptions<'_>,
    ) -> Result<Prepared, Error>;

    /// Tokenises questions, likewise.
    ///
    /// # Errors
    /// As [`Encoder::prepare_passages`].
    fn prepare_questions(
        &self,
        questions: &[&str],
        options: &EncodeOptions<'_>,
    ) -> Result<Prepared, Error>;

    /// Computes the vectors of prepared texts. Returns shape `(texts.len(), dim)`, row-major, in input
    /// order.
    ///
    /// Calls [`EncodeOptions::on_progress`] from several threads with what is newly done.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::Candle`]; [`Error::TokenId`] and [`Error::TooLong`] for texts that
    /// were not prepared for this encoder; [`Error::Overflow`].
    fn encode(&self, texts: &Prepared, options: &EncodeOptions<'_>) -> Result<Vec<f32>, Error>;

    /// Encodes passages: [`Encoder::prepare_passages`], then [`Encoder::encode`].
    ///
    /// # Errors
    /// Those of both.
    fn encode_passages(
        &self,
        passages: &[PassageText<'_>],
        options: &EncodeOptions<'_>,
    ) -> Result<Vec<f32>, Error> {
        self.encode(&self.prepare_passages(passages, options)?, options)
    }

    /// Encodes questions: [`Encoder::prepare_questions`], then [`Encoder::encode`].
    ///
    /// # Errors
    /// Those of both.
    fn encode_questions(
        &self,
        questions: &[&str],
        options: &EncodeOptions<'_>,
    ) -> Result<Vec<f32>, Error> {
        self.encode(&self.prepare_questions(questions, options)?, options)
    }

    /// The number of tokens of a question that is longer than [`EncoderDescription::max_tokens`], so that
    /// its end would not be read; `None` for all others.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    fn question_overflow(&self, question: &str) -> Result<Option<usize>, Error> {
        let _ = question;
        Ok(None)
    }
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
