//! BART for the processor, by own kernels.
//!
//! Weights are packed once. Contexts lie one behind another without padding, their cross-attention keys
//! and values are packed once for all beams and steps, and beams change places in a table of places: what
//! they wrote stays where it is. A step is bounded by reading the weights, once for all rows.

mod decoding;
mod layers;
mod names;

use std::sync::Arc;

use ragdex_kernels::{
    Activation, CrossMemory, EmbeddingTable, LinearWeights, PackedLinear, self_attention,
};
use rayon::prelude::*;

pub(super) use self::decoding::Decoding;
use self::layers::{CrossAttention, Embedding, FeedForward, SelfAttention, Source};
use super::BartConfig;
use crate::{Checkpoint, Error, Precision};

/// Tokens encoded at once, about; bounds the states in memory to some 100 MB for a large BART.
const ENCODE_TOKENS: usize = 2048;

/// A BART with its output layer.
pub(super) struct Model {
    width: usize,
    vocab_size: usize,
    encoder_heads: usize,
    decoder_heads: usize,
    /// `(vocab_size, d_model)`.
    shared: EmbeddingTable,
    output: PackedLinear,
    encoder: Encoder,
    decoder: Decoder,
}

struct Encoder {
    embedding: Embedding,
    layers: Vec<(SelfAttention, FeedForward)>,
}

struct Decoder {
    embedding: Embedding,
    layers: Vec<DecoderLayer>,
}

struct DecoderLayer {
    attention: SelfAttention,
    cross: CrossAttention,
    feed_forward: FeedForward,
}

/// What the decoder reads of one context: its cross-attention keys and values, layer by layer.
#[derive(Debug)]
pub(super) struct Context {
    layers: Vec<CrossMemory>,
}

/// Where the tensors of a model are.
pub(super) struct Places<'a> {
    /// Before the names of all but the embedding and the bias.
    pub(super) prefix: &'a str,
    /// The token embedding.
    pub(super) shared: &'a str,
    /// The bias of the logits, where there is one.
    pub(super) bias: Option<&'a str>,
}

impl Model {
    pub(super) fn load(
        checkpoint: &Checkpoint,
        config: &BartConfig,
        places: &Places<'_>,
        precision: Precision,
    ) -> Result<Self, Error> {
        require(checkpoint, config, places)?;
        let source = Source {
            checkpoint,
            prefix: places.prefix.to_owned(),
            precision,
        };
        let encoder = Encoder::load(&source, config)?;
        let decoder = Decoder::load(&source, config)?;
        let bias = match places.bias {
            Some(name) => checkpoint.read(name)?,
            None => vec![0.0; config.vocab_size],
        };
        let (rows, weight) = match checkpoint.table(places.shared)? {
            EmbeddingTable::Numbers(numbers) => (None, numbers),
            rows @ EmbeddingTable::Rows(_) => {
                let numbers = rows.numbers(config.d_model).into_owned();
                (Some(rows), numbers)
            }
        };
        let output = LinearWeights { weight, bias };
        Ok(Self {
            width: config.d_model,
            vocab_size: config.vocab_size,
            encoder_heads: config.encoder_attention_heads,
            decoder_heads: config.decoder_attention_heads,
            output: PackedLinear::new(&output, precision.of_kernels()),
            shared: rows.unwrap_or_else(|| output.weight.into()),
            encoder,
            decoder,
        })
    }

    /// The states of all contexts, one after another.
    pub(super) fn states(&self, contexts: &[&[u32]]) -> Vec<f32> {
        let groups = groups(contexts);
        groups.flat_map(|group| self.encode_group(group)).collect()
    }

    /// What the decoder reads of each context.
    pub(super) fn encode(&self, contexts: &[&[u32]]) -> Vec<Arc<Context>> {
        let groups = groups(contexts);
        groups
            .flat_map(|group| self.memories(&self.encode_group(group), group))
            .collect()
    }

    fn encode_group(&self, contexts: &[&[u32]]) -> Vec<f32> {
        let lengths: Vec<usize> = contexts.iter().map(|context| context.len()).collect();
        let tokens = contexts
            .iter()
            .flat_map(|context| context.iter().copied().zip(0..));
        let mut x = self.encoder.embedding.forward(&self.shared, tokens);
        for (attention, feed_forward) in &self.encoder.layers {
            let qkv = attention.qkv(&x);
            attention.finish(&mut x, &self_attention(&qkv, &lengths, self.encoder_heads));
            feed_forward.forward(&mut x);
        }
        x
    }

    fn memories(&self, states: &[f32], contexts: &[&[u32]]) -> Vec<Arc<Context>> {
        let mut packed: Vec<Vec<CrossMemory>> = contexts.iter().map(|_| Vec::new()).collect();
        for layer in &self.decoder.layers {
            let both = layer.cross.key_value(states);
            let mut rest = both.as_slice();
            let parts = contexts.iter().map(|context| {
                let (own, others) = rest.split_at(context.len() * 2 * self.width);
                rest = others;
                (own, context.len())
            });
            let parts: Vec<(&[f32], usize)> = parts.collect();
            let heads = self.decoder_heads;
            let memories = parts
                .into_par_iter()
                .map(|(own, length)| CrossMemory::new(own, length, heads));
            let memories: Vec<CrossMemory> = memories.collect();
            for (layers, memory) in packed.iter_mut().zip(memories) {
                layers.push(memory);
            }
        }
        let contexts = packed.into_iter();
        contexts
            .map(|layers| Arc::new(Context { layers }))
            .collect()
    }

    /// Logits of decoder states, `vocab_size` a row.
    fn project(&self, states: &[f32]) -> Vec<f32> {
        self.output.apply(states, Activation::None)
    }
}

/// Checks that every tensor is there in its shape, naming all that are not.
fn require(checkpoint: &Checkpoint, config: &BartConfig, places: &Places<'_>) -> Result<(), Error> {
    let shared = vec![config.vocab_size, config.d_model];
    let mut wanted = vec![(places.shared.to_owned(), shared)];
    // A layer has a tensor at least: one more than there are would be missed.
    let most_layers = checkpoint.tensor_names().count() + 1;
    let named = names::tensors(config, most_layers).into_iter();
    wanted.extend(named.map(|(name, shape)| (format!("{}{name}", places.prefix), shape)));
    if let Some(bias) = places.bias {
        wanted.push((bias.to_owned(), vec![1, config.vocab_size]));
    }
    checkpoint.require(&wanted)
}

impl Encoder {
    fn load(source: &Source<'_>, config: &BartConfig) -> Result<Self, Error> {
        let (width, heads) = (config.d_model, config.encoder_attention_heads);
        let layer = |i| {
            let name = format!("encoder.layers.{i}");
            let attention = SelfAttention::load(source, &name, width, heads)?;
            Ok((attention, FeedForward::load(source, &name)?))
        };
        Ok(Self {
            embedding: Embedding::load(source, "encoder", config)?,
            layers: (0..config.encoder_layers)
                .map(layer)
                .collect::<Result<_, Error>>()?,
        })
    }
}

impl Decoder {
    fn load(source: &Source<'_>, config: &BartConfig) -> Result<Self, Error> {
        let (width, heads) = (config.d_model, config.decoder_attention_heads);
        let layer = |i| {
            let name = format!("decoder.layers.{i}");
            Ok(DecoderLayer {
                attention: SelfAttention::load(source, &name, width, heads)?,
                cross: CrossAttention::load(source, &name, width, heads)?,
                feed_forward: FeedForward::load(source, &name)?,
            })
        };
        Ok(Self {
            embedding: Embedding::load(source, "decoder", config)?,
            layers: (0..config.decoder_layers)
                .map(layer)
                .collect::<Result<_, Error>>()?,
        })
    }
}

/// Cuts contexts into groups of about [`ENCODE_TOKENS`].
fn groups<'a, 'c>(contexts: &'a [&'c [u32]]) -> impl Iterator<Item = &'a [&'c [u32]]> {
    let mut rest = contexts;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fits = |context: &&&[u32]| {
            tokens += context.len();
            tokens <= ENCODE_TOKENS
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (group, others) = rest.split_at(count);
        rest = others;
        (!group.is_empty()).then_some(group)
    })
}
