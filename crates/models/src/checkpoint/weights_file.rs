//! Tensors of checkpoints, written as one safetensors file.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::{Dtype, SafeTensorError, View, serialize_to_file};
use serde_json::Value;

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
/// that share their storage with BART's `shared.weight` are left out, as the reference leaves them out.
#[derive(Debug, Default)]
pub struct WeightsFile<'a> {
    tensors: BTreeMap<String, Placed<'a>>,
}

/// A tensor of a checkpoint.
#[derive(Debug, Clone, Copy)]
struct Placed<'a> {
    weights: &'a Weights,
    tensor: &'a StoredTensor,
}

impl<'a> WeightsFile<'a> {
    /// Adds the tensors of a checkpoint that `name` gives a name; one of the same name is replaced.
    pub fn add(&mut self, checkpoint: &'a Checkpoint, name: impl Fn(&str) -> Option<String>) {
        let weights = &*checkpoint.weights;
        for (old, tensor) in weights.tensors() {
            if let Some(new) = name(old)
                && !is_repeated(old, tensor, checkpoint)
            {
                self.tensors.insert(new, Placed { weights, tensor });
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
    let is_same = |other: &StoredTensor| {
        (other.file, &other.bytes, &other.shape) == (tensor.file, &tensor.bytes, &tensor.shape)
    };
    let config = checkpoint.config();
    let is_untied = |config: &Value| config.get("tie_word_embeddings") == Some(&Value::Bool(false));
    TIED.iter().any(|tied| name.ends_with(tied))
        && !is_untied(config)
        && !config.get("generator").is_some_and(is_untied)
        && checkpoint
            .weights
            .tensors()
            .any(|(other, tensor)| other.ends_with(SHARED) && is_same(tensor))
}

impl View for Placed<'_> {
    fn dtype(&self) -> Dtype {
        match self.tensor.scales {
            Some(_) => Dtype::F32,
            None => self.tensor.element.dtype(),
        }
    }

    fn shape(&self) -> &[usize] {
        &self.tensor.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.weights.stored(self.tensor)
    }

    fn data_len(&self) -> usize {
        let bytes = self.dtype().bitsize() / 8;
        self.tensor.shape.iter().product::<usize>() * bytes
    }
}
