//! Which implementation of BERT computes: candle's operations anywhere, own kernels on the processor.

use std::sync::OnceLock;

use candle_core::{Device, Tensor};
use ragdex_kernels::{
    BertLayerWeights, BertShape, BertWeights, LayerNormWeights, LinearWeights, Output, PackedBert,
};

use super::head::Head;
use super::plan::Plan;
use super::{EncoderOptions, Pooling};
use crate::bert::{BertConfig, BertModel, PackedSequences};
use crate::{Checkpoint, Error};

/// The layers of an encoder.
#[derive(Debug)]
pub(super) enum Engine {
    /// Plain candle operations, the reference.
    Reference(BertModel),
    /// Kernels for the processor; see [`ragdex_kernels`].
    Packed(Box<Packed>),
}

/// An encoder for the processor, and what it takes to do a rare case otherwise.
pub(super) struct Packed {
    model: PackedBert,
    masked_id: Option<u32>,
    source: Source,
    /// Loaded when the first sequence with a masked token comes: the kernels have no mask.
    reference: OnceLock<BertModel>,
}

/// Where the weights are.
#[derive(Clone)]
struct Source {
    checkpoint: Checkpoint,
    config: BertConfig,
    prefix: &'static str,
}

impl Engine {
    /// Loads the layers. Tokens of `masked_id` get no attention.
    pub(super) fn load(
        checkpoint: &Checkpoint,
        plan: &Plan,
        masked_id: Option<u32>,
        options: &EncoderOptions,
    ) -> Result<Self, Error> {
        let source = Source {
            checkpoint: checkpoint.clone(),
            config: plan.config.clone(),
            prefix: plan.layout.prefix,
        };
        if !options.kernels || !matches!(options.device, Device::Cpu) {
            return Ok(Self::Reference(
                source.reference(masked_id, &options.device)?,
            ));
        }
        let weights = source.weights()?;
        Ok(Self::Packed(Box::new(Packed {
            model: PackedBert::new(weights, ragdex_kernels::Precision::F32),
            masked_id,
            source,
            reference: OnceLock::new(),
        })))
    }

    /// Whether a sequence must be a batch of its own, so that it does not decide how its neighbours are
    /// computed.
    pub(super) fn stands_alone(&self, ids: &[u32]) -> bool {
        match self {
            Self::Reference(_) => false,
            Self::Packed(packed) => packed.is_masked(ids),
        }
    }

    /// Computes the vectors of the sequences of a batch, row-major.
    pub(super) fn forward(&self, batch: &PackedSequences, head: &Head) -> Result<Vec<f32>, Error> {
        match self {
            Self::Reference(model) => Ok(head.forward(&model.forward(batch)?, batch)?),
            Self::Packed(packed) if packed.is_masked(&batch.ids) => {
                Ok(head.forward(&packed.reference()?.forward(batch)?, batch)?)
            }
            Self::Packed(packed) => packed.forward(batch, head),
        }
    }
}

impl Packed {
    fn is_masked(&self, ids: &[u32]) -> bool {
        self.masked_id.is_some_and(|masked| ids.contains(&masked))
    }

    fn forward(&self, batch: &PackedSequences, head: &Head) -> Result<Vec<f32>, Error> {
        let mut offsets = vec![0];
        offsets.extend(batch.ranges.iter().map(|rows| rows.end));
        let output = match head.pooling() {
            Pooling::Cls => Output::Cls,
            Pooling::Mean => Output::Mean,
            Pooling::Max => Output::Hidden,
        };
        let states = self
            .model
            .forward(&batch.ids, Some(&batch.type_ids), &offsets, output);
        let width = self.source.config.hidden_size;
        let rows = states.len() / width;
        let states = Tensor::from_vec(states, (rows, width), &Device::Cpu)?;
        Ok(match output {
            Output::Hidden => head.forward(&states, batch)?,
            Output::Cls | Output::Mean => head.finish(states)?,
        })
    }

    fn reference(&self) -> Result<&BertModel, Error> {
        if let Some(model) = self.reference.get() {
            return Ok(model);
        }
        let model = self.source.reference(self.masked_id, &Device::Cpu)?;
        Ok(self.reference.get_or_init(|| model))
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packed")
            .field("shape", self.model.shape())
            .finish_non_exhaustive()
    }
}

impl Source {
    fn reference(&self, masked_id: Option<u32>, device: &Device) -> Result<BertModel, Error> {
        let weights = self.checkpoint.var_builder(device);
        let weights = match self.prefix.trim_end_matches('.') {
            "" => weights,
            prefix => weights.pp(prefix),
        };
        Ok(BertModel::load(&self.config, &weights, masked_id)?)
    }

    /// Reads every weight. Sizes were checked by [`Checkpoint::require`].
    fn weights(&self) -> Result<BertWeights, Error> {
        let config = &self.config;
        let layers = (0..config.num_hidden_layers).map(|i| self.layer(i));
        Ok(BertWeights {
            shape: BertShape {
                hidden_size: config.hidden_size,
                num_hidden_layers: config.num_hidden_layers,
                num_attention_heads: config.num_attention_heads,
                intermediate_size: config.intermediate_size,
                vocab_size: config.vocab_size,
                max_position_embeddings: config.max_position_embeddings,
                type_vocab_size: config.type_vocab_size,
                layer_norm_eps: config.layer_norm_eps,
            },
            word_embeddings: self.read("embeddings.word_embeddings.weight")?,
            position_embeddings: self.read("embeddings.position_embeddings.weight")?,
            token_type_embeddings: self.read("embeddings.token_type_embeddings.weight")?,
            embedding_norm: self.norm("embeddings.LayerNorm")?,
            layers: layers.collect::<Result<_, Error>>()?,
        })
    }

    fn layer(&self, i: usize) -> Result<BertLayerWeights, Error> {
        let name = |part: &str| format!("encoder.layer.{i}.{part}");
        Ok(BertLayerWeights {
            query: self.linear(&name("attention.self.query"))?,
            key: self.linear(&name("attention.self.key"))?,
            value: self.linear(&name("attention.self.value"))?,
            attention_output: self.linear(&name("attention.output.dense"))?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"))?,
            intermediate: self.linear(&name("intermediate.dense"))?,
            output: self.linear(&name("output.dense"))?,
            output_norm: self.norm(&name("output.LayerNorm"))?,
        })
    }

    fn linear(&self, name: &str) -> Result<LinearWeights, Error> {
        Ok(LinearWeights {
            weight: self.read(&format!("{name}.weight"))?,
            bias: self.read(&format!("{name}.bias"))?,
        })
    }

    fn norm(&self, name: &str) -> Result<LayerNormWeights, Error> {
        Ok(LayerNormWeights {
            weight: self.read(&format!("{name}.weight"))?,
            bias: self.read(&format!("{name}.bias"))?,
        })
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, Error> {
        self.checkpoint.read(&format!("{}{name}", self.prefix))
    }
}
