//! The whole model in candle: for devices other than the processor, and as the reference of the packed one.

use candle_core::{Device, Tensor};

use super::BartConfig;
use super::decoder::Decoder;
use super::decoder::TensorDecoding;
use super::encoder::TensorEncoded;
use super::encoder::{Encoder, lengths};
use super::weights::Weights;
use crate::{Checkpoint, Error};

/// What may stand before the names of a BART inside a checkpoint: a RAG checkpoint, one saved with
/// its output layer, a bare one.
const PREFIXES: [&str; 3] = ["rag.generator.", "generator.", ""];

/// A BART with its output layer.
pub(super) struct TensorBart {
    config: BartConfig,
    shared: Tensor,
    logits_bias: Option<Tensor>,
    encoder: Encoder,
    pub(super) decoder: Decoder,
}

impl TensorBart {
    /// Loads a BART from its own checkpoint or from a RAG checkpoint.
    ///
    /// Names may begin with `rag.generator.` and may lack `model.`. Tied copies are not read and a
    /// missing `final_logits_bias` means none.
    ///
    /// # Errors
    /// [`Error::MissingTensors`] lists every missing name.
    pub(super) fn load(
        checkpoint: &Checkpoint,
        config: BartConfig,
        device: &Device,
    ) -> Result<Self, Error> {
        let (outer, inner) = find_prefix(checkpoint);
        let prefix = format!("{outer}{inner}");
        let mut weights = Weights::new(checkpoint, &prefix, device);
        let names = embedding_names(outer, &prefix);
        let shared = weights.take_any(&names, &[config.vocab_size, config.d_model])?;
        let encoder = Encoder::load(&mut weights, &config)?;
        let decoder = Decoder::load(&mut weights, &config)?;
        let bias = format!("{outer}final_logits_bias");
        let logits_bias = match checkpoint.shape(&bias) {
            Some(_) => Some(weights.take_any(&[bias], &[1, config.vocab_size])?),
            None => None,
        };
        weights.finish()?;
        Ok(Self {
            config,
            shared,
            logits_bias,
            encoder,
            decoder,
        })
    }

    /// The model's sizes.
    pub(super) fn config(&self) -> &BartConfig {
        &self.config
    }

    /// Encodes contexts, given as token ids without padding.
    ///
    /// # Errors
    /// [`Error::TooLong`] when a context has more tokens than the model has positions,
    /// [`Error::TokenId`] for an id outside the embedding.
    ///
    /// # Panics
    /// When there is no context, or one without tokens.
    pub(super) fn encode(&self, contexts: &[&[u32]]) -> Result<TensorEncoded, Error> {
        let states = self.checked_states(contexts)?;
        let lengths = lengths(contexts);
        Ok(TensorEncoded {
            memories: self.decoder.memories(&states, &lengths)?,
            lengths,
        })
    }

    /// Gives the encoder's states: `d_model` numbers a token, contexts one after another.
    ///
    /// # Errors
    /// As [`TensorBart::encode`].
    ///
    /// # Panics
    /// As [`TensorBart::encode`].
    pub(super) fn states(&self, contexts: &[&[u32]]) -> Result<Vec<f32>, Error> {
        let states = self.checked_states(contexts)?;
        Ok(states.flatten_all()?.to_vec1()?)
    }

    /// Begins sequences over encoded contexts, `rows_per_context` for each.
    pub(super) fn decode(
        &self,
        encoded: TensorEncoded,
        rows_per_context: usize,
    ) -> Result<TensorDecoding<'_>, Error> {
        TensorDecoding::new(self, encoded, rows_per_context)
    }

    fn checked_states(&self, contexts: &[&[u32]]) -> Result<Tensor, Error> {
        assert!(
            !contexts.is_empty() && contexts.iter().all(|context| !context.is_empty()),
            "contexts have tokens"
        );
        let limit = self.config.max_position_embeddings;
        if let Some(context) = contexts.iter().find(|context| context.len() > limit) {
            let tokens = context.len();
            return Err(Error::TooLong { tokens, limit });
        }
        for context in contexts {
            self.check_ids(context)?;
        }
        self.encoder.forward(&self.shared, contexts)
    }

    pub(super) fn check_ids(&self, ids: &[u32]) -> Result<(), Error> {
        let vocab_size = self.config.vocab_size;
        match ids.iter().find(|id| **id as usize >= vocab_size) {
            Some(&id) => Err(Error::TokenId { id, vocab_size }),
            None => Ok(()),
        }
    }

    pub(super) fn device(&self) -> &Device {
        self.shared.device()
    }

    pub(super) fn shared(&self) -> &Tensor {
        &self.shared
    }

    /// Logits of decoder states, `(n, d_model)` to `(n, vocab_size)`.
    pub(super) fn project(&self, states: &Tensor) -> Result<Tensor, Error> {
        let logits = states.matmul(&self.shared.t()?)?;
        Ok(match &self.logits_bias {
            Some(bias) => logits.broadcast_add(bias)?,
            None => logits,
        })
    }
}

/// Every name that the tied embedding goes by, best first.
pub(super) fn embedding_names(outer: &str, prefix: &str) -> Vec<String> {
    let mut names: Vec<String> = ["shared", "encoder.embed_tokens", "decoder.embed_tokens"]
        .iter()
        .map(|name| format!("{prefix}{name}.weight"))
        .collect();
    names.push(format!("{outer}lm_head.weight"));
    names
}

/// Finds where the names begin; a checkpoint without any of them is taken for a BART's own.
pub(super) fn find_prefix(checkpoint: &Checkpoint) -> (&'static str, &'static str) {
    let prefixes = PREFIXES
        .iter()
        .flat_map(|outer| ["model.", ""].map(|inner| (*outer, inner)));
    let holds = |(outer, inner): &(&str, &str)| {
        let probe = format!("{outer}{inner}encoder.embed_positions.weight");
        checkpoint.shape(&probe).is_some()
    };
    prefixes.clone().find(holds).unwrap_or(("", "model."))
}
