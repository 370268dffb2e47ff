//! Encoders of the BERT family.

use std::sync::Arc;

use super::engine::Engine;
use super::head::Head;
use super::plan::Plan;
use super::{
    EncodeOptions, Encoder, EncoderDescription, EncoderOptions, PassageForm, PassageText,
    PrecisionChoice, Prepared, schedule,
};
use crate::{Checkpoint, Encoding, Error, Tokenizer};

/// How many texts are tokenised by one thread at a time: about 10 ms of work.
const TOKENIZE_CHUNK: usize = 32;

/// A DPR encoder, a model of sentence-transformers, or a bare BERT or RoBERTa with a pooling that the
/// user names.
///
/// | checkpoint | pooling | passages |
/// | --- | --- | --- |
/// | DPR, context or question; the question encoder in RAG | CLS, then `encode_proj` if any | [`PassageForm::Pair`] |
/// | sentence-transformers (`modules.json`) | as its files say, with its prompts | [`PassageForm::Joined`] |
/// | bare BERT or RoBERTa | [`EncoderOptions::pooling`], else an error | [`PassageForm::Joined`] |
///
/// RoBERTa includes XLM-RoBERTa and `CamemBERT`, and with them the E5 and BGE models built on either.
/// E5 is published without the prompts it was trained with: name them in
/// [`EncoderOptions::question_prompt`] and [`EncoderOptions::passage_prompt`].
///
/// A tower of DPR encodes passages as well as questions, but only those it was trained for mean
/// something.
#[derive(Debug, Clone)]
pub struct BertEncoder {
    engine: Arc<Engine>,
    head: Head,
    tokenizer: Tokenizer,
    vocab_size: usize,
    positions: usize,
    description: EncoderDescription,
}

impl BertEncoder {
    /// Loads the encoder of a checkpoint.
    ///
    /// # Errors
    /// [`Error::MissingTensors`], [`Error::Shape`], [`Error::Config`], [`Error::NotANumber`];
    /// [`Error::Precision`] and [`Error::HalfRange`] when the precision does not suit;
    /// [`Error::PoolingUnknown`] for a bare BERT when `options` names no pooling;
    /// [`Error::DeviceMemory`] when a device cannot hold the weights.
    pub fn open(checkpoint: &Checkpoint, options: &EncoderOptions) -> Result<Self, Error> {
        let precision = PrecisionChoice::resolve(options)?;
        let plan = Plan::make(checkpoint, options)?;
        checkpoint.require(&plan.config.tensors(plan.layout.prefix))?;
        let tokenizer = checkpoint.tokenizer(plan.layout.tokenizer)?;
        let head = Head::load(checkpoint, &plan, options)?;
        let engine = Engine::load(checkpoint, &plan, precision, options)?;
        let max_tokens = plan.max_tokens(tokenizer.max_length(), options);
        let (passage_prompt, question_prompt) = plan.prompts(options)?;
        let description = EncoderDescription {
            id: checkpoint.id().to_owned(),
            revision: checkpoint.revision().map(str::to_owned),
            sha256: checkpoint.sha256(),
            tokenizer_sha256: Some(tokenizer.sha256()),
            dim: head.dim,
            pooling: plan.pooling,
            normalize: head.normalizes(),
            scale: options.scale.unwrap_or(1.0),
            max_tokens,
            passage_form: plan.passage_form,
            passage_prompt,
            question_prompt,
            precision,
        };
        Ok(Self {
            engine: Arc::new(engine),
            head,
            tokenizer,
            vocab_size: plan.config.vocab_size,
            positions: plan.config.positions(),
            description,
        })
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn tokenize_passage(&self, passage: PassageText<'_>) -> Result<Encoding, Error> {
        let max_length = Some(self.description.max_tokens);
        let PassageText { title, text } = passage;
        match self.description.passage_form {
            PassageForm::Pair => self.tokenizer.encode_pair(title, text, max_length),
            PassageForm::Joined => {
                let prompt = &self.description.passage_prompt;
                let space = if title.is_empty() { "" } else { " " };
                self.tokenizer
                    .encode(&format!("{prompt}{title}{space}{text}"), max_length)
            }
        }
    }

    fn tokenize_question(&self, question: &str) -> Result<Encoding, Error> {
        let prompt = &self.description.question_prompt;
        let max_length = Some(self.description.max_tokens);
        self.tokenizer
            .encode(&format!("{prompt}{question}"), max_length)
    }

    /// Tokenises `n` texts by `tokenize`, over all threads.
    fn prepare(
        &self,
        n: usize,
        tokenize: impl Fn(usize) -> Result<Encoding, Error> + Sync,
        options: &EncodeOptions<'_>,
    ) -> Result<Prepared, Error> {
        let chunks = schedule::run(n.div_ceil(TOKENIZE_CHUNK), options, |chunk| {
            let start = chunk * TOKENIZE_CHUNK;
            let texts = start..n.min(start + TOKENIZE_CHUNK);
            texts
                .map(|i| self.check_tokens(tokenize(i)?))
                .collect::<Result<Vec<_>, Error>>()
        })?;
        Ok(chunks.into_iter().flatten().collect())
    }

    /// Refuses vectors that overflowed.
    fn check_vectors(&self, vectors: &[f32]) -> Result<(), Error> {
        let mut rows = vectors.chunks_exact(self.description.dim);
        let is_finite = |row: &[f32]| row.iter().all(|number| number.is_finite());
        match rows.position(|row| !is_finite(row)) {
            Some(text) => Err(Error::Overflow {
                id: self.description.id.clone(),
                text,
            }),
            None => Ok(()),
        }
    }

    /// Refuses a text without any token: nothing could be pooled.
    fn check_tokens(&self, encoding: Encoding) -> Result<Encoding, Error> {
        if encoding.ids.is_empty() {
            return Err(Error::Config {
                path: self.description.id.clone().into(),
                key: "post_processor".into(),
                what: "a tokenizer that adds special tokens expected".into(),
            });
        }
        Ok(encoding)
    }

    /// Refuses texts that the model has no embeddings for: those of another tokenizer, or of one that does
    /// not belong to the weights.
    fn check_texts(&self, texts: &Prepared) -> Result<(), Error> {
        if let Some(id) = texts.highest_id()
            && id as usize >= self.vocab_size
        {
            return Err(Error::TokenId {
                id,
                vocab_size: self.vocab_size,
            });
        }
        let (tokens, limit) = (texts.longest(), self.positions);
        if tokens > limit {
            return Err(Error::TooLong { tokens, limit });
        }
        Ok(())
    }
}

impl Encoder for BertEncoder {
    fn dim(&self) -> usize {
        self.description.dim
    }

    fn description(&self) -> &EncoderDescription {
        &self.description
    }

    fn prepare_passages(
        &self,
        passages: &[PassageText<'_>],
        options: &EncodeOptions<'_>,
    ) -> Result<Prepared, Error> {
        self.prepare(
            passages.len(),
            |i| self.tokenize_passage(passages[i]),
            options,
        )
    }

    fn prepare_questions(
        &self,
        questions: &[&str],
        options: &EncodeOptions<'_>,
    ) -> Result<Prepared, Error> {
        self.prepare(
            questions.len(),
            |i| self.tokenize_question(questions[i]),
            options,
        )
    }

    fn question_overflow(&self, question: &str) -> Result<Option<usize>, Error> {
        let prompt = &self.description.question_prompt;
        let limit = self.description.max_tokens;
        self.tokenizer
            .overflow(&format!("{prompt}{question}"), limit)
    }

    fn encode(&self, texts: &Prepared, options: &EncodeOptions<'_>) -> Result<Vec<f32>, Error> {
        self.check_texts(texts)?;
        let vectors = self.engine.encode(texts, &self.head, options)?;
        self.check_vectors(&vectors)?;
        Ok(vectors)
    }
}
