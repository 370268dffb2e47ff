//! BART as its users see it, on whatever computes it.

use std::sync::Arc;

use candle_core::Device;

use super::decoder::TensorDecoding;
use super::encoder::TensorEncoded;
use super::model::{TensorBart, embedding_names, find_prefix};
use super::packed::{self, Context, Model, Places};
use super::{BartConfig, TargetScore};
use crate::{Checkpoint, Error, Precision};

/// A BART with its output layer.
///
/// On the processor it is computed by own kernels, in the precision asked for; on other devices by candle,
/// in single precision.
pub struct Bart {
    config: BartConfig,
    engine: Engine,
}

enum Engine {
    Packed(Box<Model>),
    Tensors(Box<TensorBart>),
}

/// Contexts as the decoder sees them: the cross-attention keys and values of every layer.
///
/// Clones share their numbers.
#[derive(Debug, Clone)]
pub struct Encoded(Contexts);

#[derive(Debug, Clone)]
enum Contexts {
    Packed(Vec<Arc<Context>>),
    Tensors(TensorEncoded),
}

/// Sequences being written: the same number of rows for each context, context-major.
///
/// Row `c · rows_per_context + r` belongs to context `c`. Every step appends the same number of
/// tokens to each row.
pub struct Decoding<'a> {
    bart: &'a Bart,
    rows: Rows<'a>,
}

enum Rows<'a> {
    Packed(packed::Decoding<'a>),
    Tensors(Box<TensorDecoding<'a>>),
}

impl Bart {
    /// Loads a BART from its own checkpoint or from a RAG checkpoint, in single precision.
    ///
    /// Names may begin with `rag.generator.` and may lack `model.`. Tied copies are not read and a
    /// missing `final_logits_bias` means none.
    ///
    /// # Errors
    /// [`Error::MissingTensors`] lists every missing name.
    pub fn load(
        checkpoint: &Checkpoint,
        config: BartConfig,
        device: &Device,
    ) -> Result<Self, Error> {
        Self::load_in(checkpoint, config, device, Precision::F32)
    }

    /// Loads a BART whose products with weights compute in `precision`; all else is single precision.
    ///
    /// # Errors
    /// As [`Bart::load`]; [`Error::Precision`] for another device than the processor in anything but
    /// `f32`; [`Error::HalfRange`].
    pub fn load_in(
        checkpoint: &Checkpoint,
        config: BartConfig,
        device: &Device,
        precision: Precision,
    ) -> Result<Self, Error> {
        let engine = if device.is_cpu() {
            Engine::Packed(Box::new(load_packed(checkpoint, &config, precision)?))
        } else if precision == Precision::F32 {
            let bart = TensorBart::load(checkpoint, config.clone(), device)?;
            Engine::Tensors(Box::new(bart))
        } else {
            return Err(Error::Precision {
                precision,
                device: "a generator on a GPU",
                computed: "`f32`",
            });
        };
        Ok(Self { config, engine })
    }

    /// Loads a BART onto the processor that is computed by candle: what the kernels are held against.
    ///
    /// # Errors
    /// As [`Bart::load`].
    pub fn load_reference(checkpoint: &Checkpoint, config: BartConfig) -> Result<Self, Error> {
        let bart = TensorBart::load(checkpoint, config.clone(), &Device::Cpu)?;
        Ok(Self {
            config,
            engine: Engine::Tensors(Box::new(bart)),
        })
    }

    /// The model's sizes.
    pub fn config(&self) -> &BartConfig {
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
    pub fn encode(&self, contexts: &[&[u32]]) -> Result<Encoded, Error> {
        self.check(contexts)?;
        Ok(Encoded(match &self.engine {
            Engine::Packed(model) => Contexts::Packed(model.encode(contexts)),
            Engine::Tensors(bart) => Contexts::Tensors(bart.encode(contexts)?),
        }))
    }

    /// Gives the encoder's states: `d_model` numbers a token, contexts one after another.
    ///
    /// # Errors
    /// As [`Bart::encode`].
    ///
    /// # Panics
    /// As [`Bart::encode`].
    pub fn states(&self, contexts: &[&[u32]]) -> Result<Vec<f32>, Error> {
        self.check(contexts)?;
        match &self.engine {
            Engine::Packed(model) => Ok(model.states(contexts)),
            Engine::Tensors(bart) => bart.states(contexts),
        }
    }

    /// Begins sequences over contexts that this model encoded, `rows_per_context` for each.
    ///
    /// # Panics
    /// When another model, on another device, encoded them.
    pub fn decode(&self, encoded: Encoded, rows_per_context: usize) -> Result<Decoding<'_>, Error> {
        let rows = match (&self.engine, encoded.0) {
            (Engine::Packed(model), Contexts::Packed(contexts)) => {
                Rows::Packed(packed::Decoding::new(model, contexts, rows_per_context))
            }
            (Engine::Tensors(bart), Contexts::Tensors(encoded)) => {
                Rows::Tensors(Box::new(bart.decode(encoded, rows_per_context)?))
            }
            _ => panic!("contexts of this model expected"),
        };
        Ok(Decoding { bart: self, rows })
    }

    fn check(&self, contexts: &[&[u32]]) -> Result<(), Error> {
        assert!(
            !contexts.is_empty() && contexts.iter().all(|context| !context.is_empty()),
            "contexts have tokens"
        );
        let limit = self.config.max_position_embeddings;
        for context in contexts {
            let tokens = context.len();
            if tokens > limit {
                return Err(Error::TooLong { tokens, limit });
            }
            self.check_ids(context)?;
        }
        Ok(())
    }

    fn check_ids(&self, ids: &[u32]) -> Result<(), Error> {
        let vocab_size = self.config.vocab_size;
        match ids.iter().find(|id| **id as usize >= vocab_size) {
            Some(&id) => Err(Error::TokenId { id, vocab_size }),
            None => Ok(()),
        }
    }
}

impl Encoded {
    /// The number of contexts.
    pub fn len(&self) -> usize {
        match &self.0 {
            Contexts::Packed(contexts) => contexts.len(),
            Contexts::Tensors(encoded) => encoded.len(),
        }
    }

    /// Tells whether there is no context.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes some of the contexts, in the order named.
    ///
    /// # Panics
    /// When a context does not exist.
    pub fn select(&self, contexts: &[u32]) -> Result<Self, Error> {
        Ok(Self(match &self.0 {
            Contexts::Packed(all) => {
                let named = contexts.iter().map(|&c| Arc::clone(&all[c as usize]));
                Contexts::Packed(named.collect())
            }
            Contexts::Tensors(encoded) => Contexts::Tensors(encoded.select(contexts)?),
        }))
    }
}

impl Decoding<'_> {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        match &self.rows {
            Rows::Packed(decoding) => decoding.rows(),
            Rows::Tensors(decoding) => decoding.rows(),
        }
    }

    /// Appends `tokens`, the same number to each row and row after row; gives the logits behind each,
    /// `vocab_size` each.
    ///
    /// # Errors
    /// [`Error::TooLong`] behind the last position that the model has.
    ///
    /// # Panics
    /// When the rows do not get as many tokens each.
    pub fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Error> {
        self.check(tokens)?;
        match &mut self.rows {
            Rows::Packed(decoding) => Ok(decoding.logits(tokens)),
            Rows::Tensors(decoding) => decoding.step(tokens),
        }
    }

    /// Appends tokens as [`Decoding::step`] does, and scores `targets`: the token that follows each of them.
    ///
    /// The logits of all positions are never in memory at once.
    ///
    /// # Errors
    /// As [`Decoding::step`].
    ///
    /// # Panics
    /// As [`Decoding::step`].
    pub fn score(&mut self, tokens: &[u32], targets: &[u32]) -> Result<Vec<TargetScore>, Error> {
        self.check(tokens)?;
        self.bart.check_ids(targets)?;
        match &mut self.rows {
            Rows::Packed(decoding) => Ok(decoding.score(tokens, targets)),
            Rows::Tensors(decoding) => decoding.score(tokens, targets),
        }
    }

    /// The same as [`Decoding::step`].
    pub fn logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Error> {
        self.step(tokens)
    }

    /// Makes row `i` continue what row `rows[i]` of the same context was.
    pub fn reorder(&mut self, rows: &[u32]) -> Result<(), Error> {
        match &mut self.rows {
            Rows::Packed(decoding) => {
                decoding.select_rows(rows);
                Ok(())
            }
            Rows::Tensors(decoding) => decoding.reorder(rows),
        }
    }

    /// Keeps only the named contexts with their rows, in that order.
    pub fn keep_contexts(&mut self, contexts: &[u32]) -> Result<(), Error> {
        match &mut self.rows {
            Rows::Packed(decoding) => {
                decoding.keep_contexts(contexts);
                Ok(())
            }
            Rows::Tensors(decoding) => decoding.keep_contexts(contexts),
        }
    }

    fn check(&self, tokens: &[u32]) -> Result<(), Error> {
        let rows = self.rows();
        assert!(
            rows == 0 || tokens.len().is_multiple_of(rows),
            "every row gets as many tokens"
        );
        self.bart.check_ids(tokens)?;
        let Rows::Packed(decoding) = &self.rows else {
            return Ok(());
        };
        let limit = self.bart.config.max_position_embeddings;
        let tokens = decoding.used() + tokens.len().checked_div(rows).unwrap_or(0);
        if tokens > limit {
            return Err(Error::TooLong { tokens, limit });
        }
        Ok(())
    }
}

fn load_packed(
    checkpoint: &Checkpoint,
    config: &BartConfig,
    precision: Precision,
) -> Result<Model, Error> {
    let (outer, inner) = find_prefix(checkpoint);
    let prefix = format!("{outer}{inner}");
    let names = embedding_names(outer, &prefix);
    let exists = |name: &&String| checkpoint.shape(name).is_some();
    let shared = names.iter().find(exists).unwrap_or(&names[0]);
    let bias = format!("{outer}final_logits_bias");
    let places = Places {
        prefix: &prefix,
        shared,
        bias: checkpoint.shape(&bias).map(|_| bias.as_str()),
    };
    Model::load(checkpoint, config, &places, precision)
}
