//! Which implementation of BERT computes: candle's operations anywhere, own kernels on the processor.

use std::sync::OnceLock;

use candle_core::{Device, Tensor};
use half::f16;
use ragdex_kernels::{
    BertLayerWeights, BertShape, BertWeights, EmbeddingTable, LayerNormWeights, LinearWeights,
    Output, PackedBert,
};

use super::devices::{DeviceEngine, Loader};
use super::head::Head;
use super::options::Computing;
use super::plan::Plan;
use super::{EncodeOptions, Encoded, EncoderOptions, Pooling, Precision, Prepared, schedule};
use crate::bert::{BertConfig, BertModel, PackedSequences};
use crate::{Checkpoint, Error};

/// The layers of an encoder.
#[derive(Debug)]
pub(super) enum Engine {
    /// Plain candle operations, the reference.
    Reference(BertModel),
    /// Kernels for the processor; see [`ragdex_kernels`].
    Packed(Box<Packed>),
    /// Padded batches on GPUs.
    Devices(DeviceEngine),
}

/// An encoder for the processor, and what it takes to do a rare case otherwise: in single precision,
/// whatever the rest has.
pub(super) struct Packed {
    model: PackedBert,
    masked_id: Option<u32>,
    exceptional_id: Option<u32>,
    source: Source,
    /// Loaded when the first sequence with an exceptional token comes: the kernels have no mask, and
    /// count positions from the first token on.
    reference: OnceLock<BertModel>,
}

/// Where the weights are.
#[derive(Debug, Clone)]
pub(super) struct Source {
    checkpoint: Checkpoint,
    pub(super) config: BertConfig,
    prefix: &'static str,
    pub(super) precision: Precision,
}

impl Engine {
    /// Loads the layers, for a precision that the device computes.
    pub(super) fn load(
        checkpoint: &Checkpoint,
        plan: &Plan,
        precision: Precision,
        options: &EncoderOptions,
    ) -> Result<Self, Error> {
        let masked_id = plan.masked_id();
        let source = Source {
            checkpoint: checkpoint.clone(),
            config: plan.config.clone(),
            prefix: plan.layout.prefix,
            precision,
        };
        Ok(match options.computing() {
            Computing::Reference => Self::Reference(source.reference(masked_id)?),
            Computing::Kernels => Self::Packed(Box::new(Packed::load(source, plan)?)),
            Computing::Padded => {
                let loader = Loader {
                    source,
                    rules: plan.config.token_rules(masked_id),
                    pooling: plan.pooling,
                };
                Self::Devices(DeviceEngine::load(&loader, options.devices())?)
            }
        })
    }

    /// Computes the vectors of texts, row-major, in their order.
    pub(super) fn encode(
        &self,
        texts: &Prepared,
        head: &Head,
        options: &EncodeOptions<'_>,
    ) -> Result<Vec<f32>, Error> {
        match self {
            Self::Reference(model) => run_packed(
                texts,
                options,
                |_| false,
                |batch| Ok(head.forward(&model.forward(batch)?, batch)?),
            ),
            Self::Packed(packed) => run_packed(
                texts,
                options,
                |ids| packed.is_exceptional(ids),
                |batch| packed.forward(batch, head),
            ),
            Self::Devices(engine) => engine.encode(texts, head, options),
        }
    }
}

/// Computes texts in units of about as many tokens, packed, over all threads; a text that stands alone,
/// so that it does not decide how its neighbours are computed, is a unit of its own.
fn run_packed(
    texts: &Prepared,
    options: &EncodeOptions<'_>,
    stands_alone: impl Fn(&[u32]) -> bool,
    forward: impl Fn(&PackedSequences) -> Result<Vec<f32>, Error> + Sync,
) -> Result<Vec<f32>, Error> {
    let max_tokens = options
        .batch_tokens
        .unwrap_or(EncodeOptions::DEFAULT_BATCH_TOKENS);
    let batches = texts.batches(max_tokens, stands_alone);
    let vectors = schedule::run(batches.len(), options, |i| {
        let batch = texts.packed(batches[i].clone());
        let vectors = forward(&batch)?;
        (options.on_progress)(Encoded {
            texts: batch.ranges.len(),
            tokens: batch.ids.len(),
            padding: 0,
        });
        Ok(vectors)
    })?;
    Ok(vectors.concat())
}

impl Packed {
    fn load(source: Source, plan: &Plan) -> Result<Self, Error> {
        let mut weights = source.weights()?;
        let first = source.config.first_position();
        weights.shape.max_position_embeddings -= first;
        weights
            .position_embeddings
            .drain(..first * source.config.hidden_size);
        Ok(Self {
            model: PackedBert::new(weights, source.precision.of_kernels()),
            masked_id: plan.masked_id(),
            exceptional_id: plan.exceptional_id(),
            source,
            reference: OnceLock::new(),
        })
    }

    fn is_exceptional(&self, ids: &[u32]) -> bool {
        self.exceptional_id.is_some_and(|id| ids.contains(&id))
    }

    fn forward(&self, batch: &PackedSequences, head: &Head) -> Result<Vec<f32>, Error> {
        if self.is_exceptional(&batch.ids) {
            return Ok(head.forward(&self.reference()?.forward(batch)?, batch)?);
        }
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
        let model = self.source.reference(self.masked_id)?;
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
    fn reference(&self, masked_id: Option<u32>) -> Result<BertModel, Error> {
        let weights = self.checkpoint.var_builder(&Device::Cpu);
        let weights = match self.prefix.trim_end_matches('.') {
            "" => weights,
            prefix => weights.pp(prefix),
        };
        Ok(BertModel::load(&self.config, &weights, masked_id)?)
    }

    /// Reads every weight, the rows of all positions among them. Sizes were checked by
    /// [`Checkpoint::require`].
    pub(super) fn weights(&self) -> Result<BertWeights, Error> {
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
            word_embeddings: self.table("embeddings.word_embeddings.weight")?,
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
        let tensor = format!("{name}.weight");
        let weight = self.read(&tensor)?;
        self.check_range(&tensor, &weight)?;
        Ok(LinearWeights {
            weight,
            bias: self.read(&format!("{name}.bias"))?,
        })
    }

    /// Refuses weights that half precision would make infinite.
    fn check_range(&self, name: &str, weights: &[f32]) -> Result<(), Error> {
        let limit = f16::MAX.to_f32();
        let beyond = weights.iter().find(|weight| weight.abs() > limit);
        match beyond {
            Some(&found) if self.precision == Precision::F16 => Err(Error::HalfRange {
                path: self.checkpoint.path(""),
                tensor: format!("{}{name}", self.prefix),
                found,
            }),
            _ => Ok(()),
        }
    }

    fn norm(&self, name: &str) -> Result<LayerNormWeights, Error> {
        Ok(LayerNormWeights {
            weight: self.read(&format!("{name}.weight"))?,
            bias: self.read(&format!("{name}.bias"))?,
        })
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, Error> {
        let tensor = format!("{}{name}", self.prefix);
        let values = self.checkpoint.read(&tensor)?;
        self.check_finite(&tensor, &values)?;
        Ok(values)
    }

    fn table(&self, name: &str) -> Result<EmbeddingTable, Error> {
        let tensor = format!("{}{name}", self.prefix);
        let table = self.checkpoint.table(&tensor)?;
        if let EmbeddingTable::Numbers(values) = &table {
            self.check_finite(&tensor, values)?;
        }
        Ok(table)
    }

    fn check_finite(&self, tensor: &str, values: &[f32]) -> Result<(), Error> {
        if values.iter().any(|value| value.is_infinite()) {
            let (path, tensor) = (self.checkpoint.path(""), tensor.to_owned());
            return Err(Error::Infinite { path, tensor });
        }
        Ok(())
    }
}
