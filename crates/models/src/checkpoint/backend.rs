//! Weights as candle asks for them.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;

use super::weights::Weights;
use crate::Error;

/// Reads each tensor from its file when it is asked for. Keeps nothing.
pub(super) struct WeightsBackend(pub(super) Arc<Weights>);

impl SimpleBackend for WeightsBackend {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        if tensor.shape() != &shape {
            return Err(candle_core::Error::wrap(Error::Shape {
                path: self.0.path.clone(),
                tensor: name.into(),
                expected: shape.into_dims(),
                found: tensor.shape().clone().into_dims(),
            }));
        }
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let values = self.0.read(name).map_err(candle_core::Error::wrap)?;
        let shape = self.0.shape(name).unwrap_or_default();
        Tensor::from_vec(values, shape, device)?.to_dtype(dtype)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.shape(name).is_some()
    }
}
