//! Tensors of checkpoints, written as one safetensors file.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::{Dtype, SafeTensorError, View, serialize_to_file};
use serde_json::Value;

use super::Element;
use super::weights::{StoredTensor, Weights};
use crate::{Checkpoint, Error};

/// Tables of BART that are one table when its embeddings are tied.
const TIED: [&str; 3] = [
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
    "lm_head.weight",
];

/// The name of that table.
const SHARED: &str = "shared.weight";

/// Collects tensors, by the names that they shall have, and writes them as a safetensors file that PyTorch's
/// users read.
///
/// Tensors are written as they are stored, byte for byte; only 8-bit weights with scales become `f32`. Tables
/// that equal BART's `shared.weight`, to which they are tied, are left out, as the reference leaves them out.
#[derive(Debug, Default)]
pub struct WeightsFile<'a> {
    tensors: BTreeMap<String, Placed<'a>>,
    is_single: bool,
}

/// A tensor of a checkpoint.
#[derive(Debug, Clone, Copy)]
struct Placed<'a> {
    weights: &'a Weights,
    tensor: &'a StoredTensor,
    /// Whether floating point numbers are written as `f32`.
    is_single: bool,
}

impl<'a> WeightsFile<'a> {
    /// A file in which all floating point numbers are `f32`, however they are stored.
    pub fn in_f32() -> Self {
        Self {
            is_single: true,
            ..Self::default()
        }
    }

    /// Adds the tensors of a checkpoint that `name` gives a name; one of the same name is replaced.
    pub fn add(&mut self, checkpoint: &'a Checkpoint, name: impl Fn(&str) -> Option<String>) {
        let weights = &*checkpoint.weights;
        let is_single = self.is_single;
        for (old, tensor) in weights.tensors() {
            if let Some(new) = name(old)
                && !is_repeated(old, tensor, checkpoint)
            {
                self.tensors.insert(
                    new,
                    Placed {
                        weights,
                        tensor,
                        is_single,
                    },
                );
            }
        }
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Writes the file, one tensor in memory at a time at most.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let tensors = self.tensors.iter().map(|(name, placed)| (name, *placed));
        serialize_to_file(tensors, Some(metadata), path).map_err(|error| match error {
            SafeTensorError::IoError(source) => Error::Write {
                path: path.to_owned(),
                source,
            },
            source => Error::Safetensors {
                path: path.to_owned(),
                source,
            },
        })
    }
}

/// Whether a tensor is the shared table of a BART once more.
fn is_repeated(name: &str, tensor: &StoredTensor, checkpoint: &Checkpoint) -> bool {
    let weights = &checkpoint.weights;
    let is_same = |other: &StoredTensor| {
        (other.element, &other.shape) == (tensor.element, &tensor.shape)
            && weights.stored(other) == weights.stored(tensor)
    };
    let config = checkpoint.config();
    let is_untied = |config: &Value| config.get("tie_word_embeddings") == Some(&Value::Bool(false));
    TIED.iter().any(|tied| name.ends_with(tied))
        && !is_untied(config)
        && !config.get("generator").is_some_and(is_untied)
        && checkpoint
            .weights
            .tensors()
            .any(|(other, shared)| other.ends_with(SHARED) && is_same(shared))
}

impl View for Placed<'_> {
    fn dtype(&self) -> Dtype {
        match self.tensor.element {
            _ if self.tensor.scales.is_some() => Dtype::F32,
            Element::F64 | Element::F16 | Element::Bf16 if self.is_single => Dtype::F32,
            element => element.dtype(),
        }
    }

    fn shape(&self) -> &[usize] {
        &self.tensor.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if self.dtype() == self.tensor.element.dtype() {
            return self.weights.stored(self.tensor);
        }
        let values = self.weights.decode(self.tensor).unwrap_or_default();
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    fn data_len(&self) -> usize {
        let bytes = self.dtype().bitsize() / 8;
        self.tensor.shape.iter().product::<usize>() * bytes
    }
}
