//! The weights on a device.

use std::sync::OnceLock;

use candle_core::{DType, Device};

use super::halving::Compute;
use crate::Error;
use crate::bert::TokenRules;
use crate::device::{another_stream, is_out_of_memory, name};
use crate::encoder::engine::Source;
use crate::encoder::{Pooling, Precision};
use crate::padded::{PaddedBatch, PaddedBert};

/// What it takes to bring the weights to a device.
#[derive(Debug, Clone)]
pub(in crate::encoder) struct Loader {
    pub(in crate::encoder) source: Source,
    pub(in crate::encoder) rules: TokenRules,
    pub(in crate::encoder) pooling: Pooling,
}

impl Loader {
    fn load(&self, device: &Device) -> Result<PaddedBert, Error> {
        let weights = self.source.weights()?;
        let dtype = dtype(self.source.precision);
        let model = PaddedBert::new(&weights, self.rules, self.pooling, dtype, device);
        model.map_err(|error| device_error(error, device, 0))
    }
}

/// A handle to a device, with the weights once they are needed.
#[derive(Debug)]
pub(super) struct Replica {
    loader: Loader,
    device: Device,
    /// Whether another replica has the same device, so that this one can be done without.
    is_extra: bool,
    model: OnceLock<PaddedBert>,
}

impl Replica {
    pub(super) fn new(loader: &Loader, device: &Device, is_extra: bool) -> Self {
        Self {
            loader: loader.clone(),
            device: device.clone(),
            is_extra,
            model: OnceLock::new(),
        }
    }

    /// Gives the model, loaded by the first call.
    ///
    /// # Errors
    /// [`Error::DeviceMemory`]; [`Error::DeviceFailed`]; what reading weights gives.
    pub(super) fn load(&self) -> Result<&PaddedBert, Error> {
        if let Some(model) = self.model.get() {
            return Ok(model);
        }
        let model = if self.is_extra {
            self.loader.load(&self.another_handle()?)?
        } else {
            self.loader.load(&self.device)?
        };
        Ok(self.model.get_or_init(|| model))
    }

    fn another_handle(&self) -> Result<Device, Error> {
        another_stream(&self.device).map_err(|source| Error::DeviceFailed {
            device: name(&self.device),
            source: Box::new(source),
        })
    }
}

impl Compute for Replica {
    fn make_ready(&self) -> Result<bool, Error> {
        match self.load() {
            Ok(_) => Ok(true),
            Err(Error::DeviceMemory { .. }) if self.is_extra => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn compute(&self, batch: &PaddedBatch<'_>) -> Result<Vec<f32>, Error> {
        let rows = self.load()?.forward(batch);
        let tokens = batch.rows() * batch.length();
        rows.map_err(|error| device_error(error, &self.device, tokens))
    }
}

fn dtype(precision: Precision) -> DType {
    match precision {
        Precision::F16 => DType::F16,
        Precision::Bf16 => DType::BF16,
        Precision::F32 | Precision::Int8 => DType::F32,
    }
}

/// Tells full memory from other errors. What a failed batch held is given back in the order of the
/// device's work: once that is done, it is free.
fn device_error(source: candle_core::Error, device: &Device, tokens: usize) -> Error {
    if !is_out_of_memory(&source) {
        return source.into();
    }
    device.synchronize().ok();
    Error::DeviceMemory {
        device: name(device),
        tokens,
        source: Box::new(source),
    }
}
