//! From token vectors to the vector of the text.

use candle_core::{Device, Result, Tensor};

use super::plan::Plan;
use super::sentence::Module;
use super::{EncoderOptions, Pooling};
use crate::bert::{Linear, PackedSequences};
use crate::{Checkpoint, Error};

/// The shortest length that normalising divides by, as in PyTorch.
const MIN_NORM: f32 = 1e-12;

/// Pooling and what follows it, on the processor: next to nothing beside the layers.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pooling: Pooling,
    steps: Vec<Step>,
    /// The width of the vectors.
    pub(super) dim: usize,
}

/// One step after pooling.
#[derive(Debug, Clone)]
enum Step {
    Linear(Linear),
    Tanh,
    /// To length 1.
    Normalize,
    Scale(f32),
}

impl Head {
    pub(super) fn load(
        checkpoint: &Checkpoint,
        plan: &Plan,
        options: &EncoderOptions,
    ) -> std::result::Result<Self, Error> {
        let mut head = Self {
            pooling: plan.pooling,
            steps: Vec::new(),
            dim: plan.config.hidden_size,
        };
        if let (Some(prefix), width @ 1..) = (plan.layout.dpr, plan.config.projection_dim) {
            head.add_linear(checkpoint, &format!("{prefix}encode_proj"), width)?;
        }
        for module in plan.sentence.iter().flat_map(|sentence| &sentence.modules) {
            match module {
                Module::Normalize => head.steps.push(Step::Normalize),
                Module::Dense {
                    folder,
                    width,
                    tanh,
                } => {
                    let part = checkpoint.part(folder)?;
                    head.add_linear(&part, "linear", *width)?;
                    head.steps.extend(tanh.then_some(Step::Tanh));
                }
            }
        }
        match options.normalize {
            Some(true) if !head.normalizes() => head.steps.push(Step::Normalize),
            Some(false) => head.steps.retain(|step| !matches!(step, Step::Normalize)),
            _ => {}
        }
        head.steps.extend(options.scale.map(Step::Scale));
        Ok(head)
    }

    /// Whether the last thing done to vectors, but for scaling, is bringing them to length 1.
    pub(super) fn normalizes(&self) -> bool {
        let mut steps = self.steps.iter().rev();
        let last = steps.find(|step| !matches!(step, Step::Scale(_)));
        matches!(last, Some(Step::Normalize))
    }

    /// Computes the vectors of the sequences of a batch, row-major, from the last hidden state of
    /// shape `(n_tokens, hidden_size)`.
    pub(super) fn forward(&self, hidden: &Tensor, batch: &PackedSequences) -> Result<Vec<f32>> {
        self.finish(self.pool(hidden, batch)?)
    }

    /// How token vectors become one.
    pub(super) fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// Takes pooled vectors of shape `(n, hidden_size)` through the steps after pooling.
    pub(super) fn finish(&self, mut vectors: Tensor) -> Result<Vec<f32>> {
        for step in &self.steps {
            vectors = match step {
                Step::Linear(linear) => linear.forward(&vectors)?,
                Step::Tanh => vectors.tanh()?,
                Step::Normalize => normalize(&vectors)?,
                Step::Scale(scale) => (vectors * f64::from(*scale))?,
            };
        }
        vectors.flatten_all()?.to_vec1()
    }

    fn pool(&self, hidden: &Tensor, batch: &PackedSequences) -> Result<Tensor> {
        let pooled = batch.ranges.iter().map(|rows| match self.pooling {
            Pooling::Cls => hidden.narrow(0, rows.start, 1),
            Pooling::Mean => hidden.narrow(0, rows.start, rows.len())?.mean_keepdim(0),
            Pooling::Max => hidden.narrow(0, rows.start, rows.len())?.max_keepdim(0),
        });
        Tensor::cat(&pooled.collect::<Result<Vec<_>>>()?, 0)
    }

    /// Adds the affine map `name` of a checkpoint, to vectors of `width`.
    fn add_linear(
        &mut self,
        checkpoint: &Checkpoint,
        name: &str,
        width: usize,
    ) -> std::result::Result<(), Error> {
        let mut tensors = vec![(format!("{name}.weight"), vec![width, self.dim])];
        let bias = format!("{name}.bias");
        let has_bias = checkpoint.shape(&bias).is_some();
        tensors.extend(has_bias.then(|| (bias, vec![width])));
        checkpoint.require(&tensors)?;
        let weights = checkpoint.var_builder(&Device::Cpu).pp(name);
        let bias = has_bias.then(|| weights.get(width, "bias")).transpose()?;
        let linear = Linear::new(weights.get((width, self.dim), "weight")?, bias)?;
        self.steps.push(Step::Linear(linear));
        self.dim = width;
        Ok(())
    }
}

fn normalize(vectors: &Tensor) -> Result<Tensor> {
    let norms = vectors
        .sqr()?
        .sum_keepdim(1)?
        .sqrt()?
        .maximum(f64::from(MIN_NORM))?;
    vectors.broadcast_div(&norms)
}
