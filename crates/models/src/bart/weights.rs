//! Fetches weights by name and keeps account of what is missing.

use candle_core::{Device, Tensor};

use crate::{Checkpoint, Error};

/// Weights of one checkpoint below one prefix, as `f32`.
///
/// A missing or misshapen tensor stands as zeros until [`Weights::finish`], so that the error lists
/// every name at once.
pub(super) struct Weights<'a> {
    checkpoint: &'a Checkpoint,
    prefix: String,
    device: Device,
    wanted: Vec<(String, Vec<usize>)>,
}

impl<'a> Weights<'a> {
    pub(super) fn new(checkpoint: &'a Checkpoint, prefix: &str, device: &Device) -> Self {
        Self {
            checkpoint,
            prefix: prefix.to_owned(),
            device: device.clone(),
            wanted: Vec::new(),
        }
    }

    /// Takes the tensor `prefix + name`.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        self.take_full(format!("{}{name}", self.prefix), shape)
    }

    /// Takes the first tensor that exists of several full names.
    pub(super) fn take_any(&mut self, names: &[String], shape: &[usize]) -> Result<Tensor, Error> {
        let exists = |name: &&String| self.checkpoint.shape(name).is_some();
        let name = names.iter().find(exists).unwrap_or(&names[0]);
        self.take_full(name.clone(), shape)
    }

    /// Reports everything that was missing, else the first that was misshapen.
    pub(super) fn finish(self) -> Result<(), Error> {
        self.checkpoint.require(&self.wanted)
    }

    fn take_full(&mut self, name: String, shape: &[usize]) -> Result<Tensor, Error> {
        let tensor = if self.checkpoint.shape(&name) == Some(shape) {
            let values = self.checkpoint.read(&name)?;
            Tensor::from_vec(values, shape, &self.device)?
        } else {
            // Takes no memory, whatever the shape.
            let zero = Tensor::zeros(1, candle_core::DType::F32, &self.device)?;
            zero.broadcast_as(shape)?
        };
        self.wanted.push((name, shape.to_vec()));
        Ok(tensor)
    }
}
