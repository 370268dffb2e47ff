//! What a checkpoint is, found out before tensors are read.

use super::layout::Layout;
use super::sentence::{self, SentenceModel};
use super::{EncoderOptions, PassageForm, Pooling};
use crate::bert::BertConfig;
use crate::{Checkpoint, Error};

/// How a checkpoint becomes an encoder: its files, and the user's options over them.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) layout: Layout,
    pub(super) config: BertConfig,
    pub(super) pooling: Pooling,
    pub(super) passage_form: PassageForm,
    /// Present for models of sentence-transformers.
    pub(super) sentence: Option<SentenceModel>,
}

impl Plan {
    pub(super) fn make(checkpoint: &Checkpoint, options: &EncoderOptions) -> Result<Self, Error> {
        let layout = Layout::find(checkpoint)?;
        let sentence = match layout.dpr {
            Some(_) => None,
            None => sentence::read(checkpoint)?,
        };
        let stated = match (layout.dpr, &sentence) {
            (Some(_), _) => Some(Pooling::Cls),
            (None, Some(sentence)) => Some(sentence.pooling),
            (None, None) => None,
        };
        let pooling = options
            .pooling
            .or(stated)
            .ok_or_else(|| Error::PoolingUnknown {
                path: checkpoint.path(""),
            })?;
        let usual_form = match layout.dpr {
            Some(_) => PassageForm::Pair,
            None => PassageForm::Joined,
        };
        Ok(Self {
            layout,
            config: layout.config(checkpoint)?,
            pooling,
            passage_form: options.passage_form.unwrap_or(usual_form),
            sentence,
        })
    }

    /// Tokens that nothing attends to, wherever they stand: DPR attends to nothing that looks like
    /// padding, sentence encoders attend to all.
    pub(super) fn masked_id(&self) -> Option<u32> {
        self.layout.dpr.map(|_| self.config.pad_token_id())
    }

    /// Tokens that only the reference computes as it should: those that are masked, and those whose
    /// position is not that of their place.
    pub(super) fn exceptional_id(&self) -> Option<u32> {
        let is_roberta = self.config.is_roberta();
        self.masked_id()
            .or_else(|| is_roberta.then(|| self.config.pad_token_id()))
    }

    /// What is put before passages and before questions: what the user says, else what the files say.
    ///
    /// # Errors
    /// [`Error::PairPrompt`]: the pair form has no place for a prompt.
    pub(super) fn prompts(&self, options: &EncoderOptions) -> Result<(String, String), Error> {
        let of_files = self.sentence.as_ref();
        let passage = options.passage_prompt.clone();
        let passage = passage.or_else(|| of_files.map(|files| files.passage_prompt.clone()));
        let question = options.question_prompt.clone();
        let question = question.or_else(|| of_files.map(|files| files.question_prompt.clone()));
        let passage = passage.unwrap_or_default();
        if self.passage_form == PassageForm::Pair && !passage.is_empty() {
            return Err(Error::PairPrompt { prompt: passage });
        }
        Ok((passage, question.unwrap_or_default()))
    }

    /// The smallest of all limits on the length of inputs.
    pub(super) fn max_tokens(&self, tokenizer: Option<usize>, options: &EncoderOptions) -> usize {
        let sentence = self
            .sentence
            .as_ref()
            .and_then(|sentence| sentence.max_tokens);
        let limits = [tokenizer, sentence, options.max_tokens];
        let positions = self.config.positions();
        limits.into_iter().flatten().fold(positions, usize::min)
    }
}
