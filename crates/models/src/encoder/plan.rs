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

    /// The smallest of all limits on the length of inputs.
    pub(super) fn max_tokens(&self, tokenizer: Option<usize>, options: &EncoderOptions) -> usize {
        let sentence = self
            .sentence
            .as_ref()
            .and_then(|sentence| sentence.max_tokens);
        let limits = [tokenizer, sentence, options.max_tokens];
        let positions = self.config.max_position_embeddings;
        limits.into_iter().flatten().fold(positions, usize::min)
    }
}
