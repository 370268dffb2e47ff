//! The model: loading, and the calls that people make.

use std::sync::OnceLock;

use ragdex_models::bart::{Bart, BartConfig, Encoded};
use ragdex_models::{BertEncoder, Checkpoint, Device, EncoderOptions, Precision, Tokenizer};

use crate::answer::{Answer, AnswerOptions, PassageInput, Query, RagKind};
use crate::context::{context_text, question_text};
use crate::loss::SpecialTokens;
use crate::prepared::Prepared;
use crate::{Error, GenerationSettings, RagConfig};

/// A generator with the tokenizers around it, ready to answer.
///
/// Loaded from a RAG checkpoint, or assembled from a question encoder and a BART. Unless another
/// precision is asked for, everything is computed in `f32`. The same input gives the same answer, alone or in a batch.
pub struct RagModel {
    pub(crate) config: RagConfig,
    pub(crate) generator: Bart,
    pub(crate) tokenizer: Tokenizer,
    question_tokenizer: Option<Tokenizer>,
    /// The checkpoint that holds the question encoder.
    checkpoint: Option<Checkpoint>,
    question_encoder: OnceLock<BertEncoder>,
    device: Device,
}

impl RagModel {
    /// Loads a RAG checkpoint (one with `question_encoder_tokenizer` and `generator_tokenizer`), on
    /// the processor.
    ///
    /// # Errors
    /// [`Error::Config`], and what checkpoints give: all missing tensors are named at once.
    pub fn load(checkpoint: &Checkpoint) -> Result<Self, Error> {
        Self::load_on(checkpoint, &Device::Cpu)
    }

    /// Loads a RAG checkpoint onto a device.
    ///
    /// # Errors
    /// As [`RagModel::load`].
    pub fn load_on(checkpoint: &Checkpoint, device: &Device) -> Result<Self, Error> {
        Self::load_in(checkpoint, device, Precision::F32)
    }

    /// Loads a RAG checkpoint onto a device, with a generator whose products with weights compute in
    /// `precision`. Anything but `f32` reads fewer bytes a token, and may change answers.
    ///
    /// # Errors
    /// As [`RagModel::load`], and for a precision that the device does not compute.
    pub fn load_in(
        checkpoint: &Checkpoint,
        device: &Device,
        precision: Precision,
    ) -> Result<Self, Error> {
        let config = RagConfig::of_rag(checkpoint)?;
        let path = checkpoint.path("config.json");
        let bart = BartConfig::from_json(&checkpoint.config()["generator"], &path)?;
        Ok(Self {
            config,
            generator: Bart::load_in(checkpoint, bart, device, precision)?,
            tokenizer: checkpoint.tokenizer("generator_tokenizer")?,
            question_tokenizer: Some(checkpoint.tokenizer("question_encoder_tokenizer")?),
            checkpoint: Some(checkpoint.clone()),
            question_encoder: OnceLock::new(),
            device: device.clone(),
        })
    }

    /// Assembles a model from a BART and the tokenizer of the question encoder that is used with
    /// it; without one, questions reach the generator as they are.
    ///
    /// # Errors
    /// As [`RagModel::load`].
    pub fn assemble(
        generator: &Checkpoint,
        question_tokenizer: Option<Tokenizer>,
        device: &Device,
    ) -> Result<Self, Error> {
        Self::assemble_in(generator, question_tokenizer, device, Precision::F32)
    }

    /// Assembles a model as [`RagModel::assemble`] does, with a generator in `precision`.
    ///
    /// # Errors
    /// As [`RagModel::load_in`].
    pub fn assemble_in(
        generator: &Checkpoint,
        question_tokenizer: Option<Tokenizer>,
        device: &Device,
        precision: Precision,
    ) -> Result<Self, Error> {
        let path = generator.path("config.json");
        let bart = BartConfig::from_json(generator.config(), &path)?;
        Ok(Self {
            config: RagConfig::of_generator(generator)?,
            generator: Bart::load_in(generator, bart, device, precision)?,
            tokenizer: generator.tokenizer("")?,
            question_tokenizer,
            checkpoint: None,
            question_encoder: OnceLock::new(),
            device: device.clone(),
        })
    }

    /// The configuration.
    pub fn config(&self) -> &RagConfig {
        &self.config
    }

    /// The configuration, to be changed before use.
    pub fn config_mut(&mut self) -> &mut RagConfig {
        &mut self.config
    }

    /// How this model marginalises when a call does not say: as its checkpoint, else RAG-Token.
    pub fn kind(&self) -> RagKind {
        self.config.kind.unwrap_or(RagKind::Token)
    }

    /// The question encoder of a RAG checkpoint, loaded on first use. Inner products of its vectors
    /// with those of passages are [`PassageInput::score`].
    ///
    /// # Errors
    /// [`Error::NoQuestionEncoder`] for an assembled model.
    pub fn question_encoder(&self) -> Result<&BertEncoder, Error> {
        if let Some(encoder) = self.question_encoder.get() {
            return Ok(encoder);
        }
        let checkpoint = self.checkpoint.as_ref().ok_or(Error::NoQuestionEncoder)?;
        let mut options = EncoderOptions::default();
        options.devices = vec![self.device.clone()];
        let encoder = BertEncoder::open(checkpoint, &options)?;
        Ok(self.question_encoder.get_or_init(|| encoder))
    }

    /// Answers a question from passages, best first.
    ///
    /// # Errors
    /// [`Error::EmptyQuestion`], [`Error::NDocs`], [`Error::Score`] and [`Error::Setting`] for
    /// input that cannot be used; [`Error::NotANumber`]; [`Error::NoAnswer`];
    /// [`Error::Cancelled`].
    pub fn answer(
        &self,
        question: &str,
        passages: &[PassageInput],
        options: &AnswerOptions,
    ) -> Result<Answer, Error> {
        let query = Query { question, passages };
        let mut answers = self.answer_batch(&[query], options)?;
        answers.pop().ok_or(Error::NoAnswer)
    }

    /// Answers several questions; faster than one by one, with the same answers.
    ///
    /// # Errors
    /// As [`RagModel::answer`], for the first question that fails.
    pub fn answer_batch(
        &self,
        queries: &[Query<'_>],
        options: &AnswerOptions,
    ) -> Result<Vec<Answer>, Error> {
        let settings = self.settings(options)?;
        let prepared = queries
            .iter()
            .map(|query| self.prepare(query, options))
            .collect::<Result<Vec<Prepared<'_>>, _>>()?;
        let mut answers = Vec::with_capacity(queries.len());
        for run in runs(&prepared, settings.num_beams) {
            options.cancel.check()?;
            answers.extend(self.answer_run(run, &settings, options)?);
        }
        Ok(answers)
    }

    /// The generation settings that a call has.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn settings(&self, options: &AnswerOptions) -> Result<GenerationSettings, Error> {
        let kind = options.kind.unwrap_or(self.kind());
        let settings = GenerationSettings::resolve(kind, &options.generation, &self.config)?;
        let model = self.generator.config();
        if settings.max_length > model.max_position_embeddings {
            let what = format!(
                "at most {}, the positions of the generator, expected, found {}",
                model.max_position_embeddings, settings.max_length
            );
            return Err(Error::setting("max_length", what));
        }
        settings.check_tokens(model.vocab_size)?;
        Ok(settings)
    }

    /// Gives the question as the generator sees it: decoded from the tokens of the question
    /// encoder's tokenizer.
    ///
    /// # Errors
    /// [`Error::EmptyQuestion`].
    pub fn question_text(&self, question: &str) -> Result<String, Error> {
        question_text(question, self.question_tokenizer.as_ref())
    }

    /// The tokens of a question that the question encoder's tokenizer would cut, and how many it keeps; `None`
    /// for a question that is read whole.
    ///
    /// # Errors
    /// What the tokenizer gives.
    pub fn question_cut(&self, question: &str) -> Result<Option<(usize, usize)>, Error> {
        let Some(tokenizer) = &self.question_tokenizer else {
            return Ok(None);
        };
        let Some(limit) = tokenizer.max_length() else {
            return Ok(None);
        };
        let tokens = tokenizer.overflow(question, limit)?;
        Ok(tokens.map(|tokens| (tokens, limit)))
    }

    /// Gives what the generator reads of one passage: the text, and its tokens.
    ///
    /// # Errors
    /// [`Error::EmptyQuestion`].
    pub fn context(
        &self,
        question: &str,
        passage: &PassageInput,
        options: &AnswerOptions,
    ) -> Result<(String, Vec<u32>), Error> {
        let question = self.question_text(question)?;
        let prefix = options.prefix.as_deref().unwrap_or(&self.config.prefix);
        let text = context_text(passage, &question, prefix, &self.config);
        let positions = self.generator.config().max_position_embeddings;
        let length = options
            .max_combined_length
            .unwrap_or(self.config.max_combined_length);
        let tokens = self.tokenizer.encode(&text, Some(length.min(positions)))?;
        Ok((text, tokens.ids))
    }

    /// Encodes the contexts of several questions, one question after another.
    pub(crate) fn encode(&self, prepared: &[&Prepared<'_>]) -> Result<Encoded, Error> {
        let contexts = prepared.iter().flat_map(|p| &p.contexts);
        let contexts: Vec<&[u32]> = contexts.map(Vec::as_slice).collect();
        Ok(self.generator.encode(&contexts)?)
    }

    pub(crate) fn special_tokens(&self) -> SpecialTokens {
        let top = self.config.generation.bos_token_id.flatten();
        let generator = &self.config.generator_generation;
        SpecialTokens {
            pad: generator.pad_token_id.flatten().unwrap_or(1),
            // The reference writes `top or generator`, where a 0 counts as none.
            bos: top
                .filter(|&id| id != 0)
                .or(generator.bos_token_id.flatten()),
        }
    }

    /// Tells whether a token has no text of its own.
    pub(crate) fn is_special(&self, id: u32) -> bool {
        let options = &self.config.generator_generation;
        let eos = options.eos_token_id.clone().flatten().unwrap_or_default().0;
        let others = [
            options.bos_token_id,
            options.pad_token_id,
            options.decoder_start_token_id,
        ];
        eos.contains(&id)
            || others
                .into_iter()
                .flatten()
                .flatten()
                .any(|other| other == id)
    }
}

/// Splits questions into runs that are searched together.
fn runs<'a, 'q>(
    prepared: &'a [Prepared<'q>],
    beams: usize,
) -> impl Iterator<Item = &'a [Prepared<'q>]> {
    /// Rows of a decoding step: enough to share every weight read among many rows, few enough to
    /// keep logits and caches of a large BART below a gigabyte.
    const MAX_ROWS: usize = 160;
    let mut rest = prepared;
    std::iter::from_fn(move || {
        let mut rows = 0;
        let fits = |p: &&Prepared<'_>| {
            rows += p.contexts.len() * beams;
            rows <= MAX_ROWS
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (run, others) = rest.split_at(count);
        rest = others;
        (!run.is_empty()).then_some(run)
    })
}
