//! Where a checkpoint keeps its BERT or RoBERTa.

use crate::bert::BertConfig;
use crate::{Checkpoint, Error};

/// The table that every BERT has.
const WORD_EMBEDDINGS: &str = "embeddings.word_embeddings.weight";

/// Where the BERT of a checkpoint is, and what it is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Put before the names of its tensors; ends in a dot, or is empty.
    pub(super) prefix: &'static str,
    /// Put before `encode_proj`, the projection of DPR; `None` for a plain BERT.
    pub(super) dpr: Option<&'static str>,
    /// The section of `config.json`; empty for the whole.
    section: &'static str,
    /// The folder of the tokenizer.
    pub(super) tokenizer: &'static str,
}

/// The layouts in use.
const LAYOUTS: [Layout; 7] = [
    Layout::dpr("ctx_encoder.bert_model.", "ctx_encoder."),
    Layout::dpr("question_encoder.bert_model.", "question_encoder."),
    Layout {
        section: "question_encoder",
        tokenizer: "question_encoder_tokenizer",
        ..Layout::dpr(
            "rag.question_encoder.question_encoder.bert_model.",
            "rag.question_encoder.question_encoder.",
        )
    },
    Layout::plain("bert."),
    Layout::plain("roberta."),
    Layout::plain("model."),
    Layout::plain(""),
];

impl Layout {
    const fn plain(prefix: &'static str) -> Self {
        Self {
            prefix,
            dpr: None,
            section: "",
            tokenizer: "",
        }
    }

    const fn dpr(prefix: &'static str, model: &'static str) -> Self {
        Self {
            dpr: Some(model),
            ..Self::plain(prefix)
        }
    }

    /// Finds the layout by the names of the tensors.
    pub(super) fn find(checkpoint: &Checkpoint) -> Result<Self, Error> {
        let holds = |layout: &Self| {
            checkpoint
                .shape(&format!("{}{WORD_EMBEDDINGS}", layout.prefix))
                .is_some()
        };
        LAYOUTS
            .into_iter()
            .find(holds)
            .ok_or_else(|| Error::MissingTensors {
                path: checkpoint.path(""),
                names: vec![WORD_EMBEDDINGS.into()],
            })
    }

    pub(super) fn config(&self, checkpoint: &Checkpoint) -> Result<BertConfig, Error> {
        let config = checkpoint.config();
        let config = config.get(self.section).unwrap_or(config);
        BertConfig::read(config, &checkpoint.path("config.json"))
    }
}
