//! The tensors of a checkpoint, whatever file format they are in.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ragdex_core::{Sha256, Sha256Hasher};
use serde_json::Value;

use super::element::{Element, dequantise};
use super::files::{Bytes, Files};
use super::safetensors::{Borrowed, read_header};
use crate::{Error, pickle};

/// The files that can hold weights, in the order in which they are tried.
pub(super) const WEIGHT_FILES: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];

/// Where the numbers of a tensor lie. Every range was checked against the file.
#[derive(Debug)]
pub(crate) struct StoredTensor {
    pub(crate) element: Element,
    pub(crate) shape: Vec<usize>,
    /// In elements; `None` for row-major without gaps.
    pub(crate) strides: Option<Vec<usize>>,
    /// The number of the file.
    pub(crate) file: usize,
    /// From the first element to the end of the storage.
    pub(crate) bytes: Range<usize>,
    /// The scales of an 8-bit tensor, in the same file.
    pub(crate) scales: Option<Range<usize>>,
}

/// The tensors of one folder of a checkpoint.
#[derive(Debug)]
pub(crate) struct Weights {
    /// The one file, or the folder of the shards.
    pub(crate) path: PathBuf,
    files: Vec<Bytes>,
    /// How many of the files are the checkpoint's own; one more may lend tensors.
    n_own: usize,
    tensors: BTreeMap<String, StoredTensor>,
    /// The `config.json` inside a packed file.
    pub(crate) config: Option<String>,
    sha256: OnceLock<Sha256>,
}

impl Weights {
    /// Opens the weights in `folder`, which is empty or ends in `/`.
    pub(crate) fn open(files: &Files, folder: &str) -> Result<Self, Error> {
        let name = WEIGHT_FILES
            .iter()
            .map(|name| format!("{folder}{name}"))
            .find(|name| files.contains(name))
            .ok_or_else(|| Error::MissingFile {
                path: files.path(folder),
                expected: "`model.safetensors` or `pytorch_model.bin`",
            })?;
        let names = if name.ends_with(".index.json") {
            shard_names(files, folder, &name)?
        } else {
            vec![name.clone()]
        };
        let path = match &*names {
            [one] => files.path(one),
            _ => files.path(folder),
        };
        let mut weights = Self {
            path,
            files: Vec::new(),
            n_own: names.len(),
            tensors: BTreeMap::new(),
            config: None,
            sha256: OnceLock::new(),
        };
        let mut borrowed = None;
        for name in names {
            let found = weights.add(files.open(&name)?, &files.path(&name))?;
            borrowed = borrowed.or(found);
        }
        if let Some(borrowed) = borrowed {
            weights.borrow(files, folder, borrowed)?;
        }
        Ok(weights)
    }

    /// Adds a file; gives what it leaves to another.
    fn add(&mut self, bytes: Bytes, path: &Path) -> Result<Option<Borrowed>, Error> {
        let file = self.files.len();
        let mut borrowed = None;
        let tensors = if path.extension().is_some_and(|e| e == "safetensors") {
            let header = read_header(&bytes, file, path)?;
            self.config = self.config.take().or(header.config);
            borrowed = header.borrowed;
            header.tensors
        } else {
            pickle::read_tensors(&bytes, file, path)?
        };
        let tensors = tensors.into_iter().map(|(name, t)| (present_name(name), t));
        self.tensors.extend(tensors);
        self.files.push(bytes);
        Ok(borrowed)
    }

    /// Adds the tensors that lie in a file beside the own ones; what that file borrows itself is not looked at.
    fn borrow(&mut self, files: &Files, folder: &str, borrowed: Borrowed) -> Result<(), Error> {
        let file = format!("{folder}{}", borrowed.file);
        let (bytes, path) = (files.open(&file)?, files.path(&file));
        let mut lent = read_header(&bytes, self.files.len(), &path)?.tensors;
        for (name, theirs) in borrowed.tensors {
            let Some(tensor) = lent.remove(&theirs) else {
                let names = vec![theirs];
                return Err(Error::MissingTensors { path, names });
            };
            self.tensors.insert(name, tensor);
        }
        self.files.push(bytes);
        Ok(())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// All tensors with their names, in order.
    pub(super) fn tensors(&self) -> impl Iterator<Item = (&str, &StoredTensor)> {
        self.tensors.iter().map(|(name, tensor)| (&**name, tensor))
    }

    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| &*tensor.shape)
    }

    /// A tensor; `None` when there is none of that name.
    pub(super) fn tensor(&self, name: &str) -> Option<&StoredTensor> {
        self.tensors.get(name)
    }

    /// The bytes of a file by its number.
    pub(super) fn file(&self, file: usize) -> &[u8] {
        &self.files[file]
    }

    /// Hashes the weights on first use. Shards are hashed as if they were one file, in the order
    /// of their names; a file that only lends tensors is not.
    pub(crate) fn sha256(&self) -> Sha256 {
        *self.sha256.get_or_init(|| {
            let mut hasher = Sha256Hasher::default();
            for file in &self.files[..self.n_own] {
                hasher.update(file);
            }
            hasher.finish()
        })
    }

    /// Reads a tensor, row-major.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>, Error> {
        let tensor = self
            .tensors
            .get(name)
            .ok_or_else(|| Error::MissingTensors {
                path: self.path.clone(),
                names: vec![name.into()],
            })?;
        let values = self.decode(tensor).ok_or_else(|| {
            let what = format!("tensor `{name}`: floating point numbers expected, found integers");
            Error::malformed(&self.path, what)
        })?;
        if values.iter().any(|value| value.is_nan()) {
            return Err(Error::NotANumber {
                path: self.path.clone(),
                tensor: name.into(),
            });
        }
        Ok(values)
    }

    /// The bytes of a tensor, row-major; 8-bit weights with scales as `f32`.
    pub(super) fn stored(&self, tensor: &StoredTensor) -> Cow<'_, [u8]> {
        let file = &self.files[tensor.file];
        let bytes = &file[tensor.bytes.clone()];
        if let Some(scales) = &tensor.scales {
            let values = dequantise(bytes, &file[scales.clone()]);
            return Cow::Owned(
                values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect(),
            );
        }
        match &tensor.strides {
            None => Cow::Borrowed(bytes),
            Some(strides) => {
                let width = tensor.element.bytes();
                let numbers = offsets(&tensor.shape, strides).into_iter();
                let numbers = numbers.flat_map(|at| &bytes[at * width..][..width]);
                Cow::Owned(numbers.copied().collect())
            }
        }
    }

    /// The numbers of a tensor, row-major; `None` for integers.
    pub(super) fn decode(&self, tensor: &StoredTensor) -> Option<Vec<f32>> {
        let file = &self.files[tensor.file];
        let bytes = &file[tensor.bytes.clone()];
        if let Some(scales) = &tensor.scales {
            return Some(dequantise(bytes, &file[scales.clone()]));
        }
        let values = tensor.element.decode(bytes)?;
        Some(match &tensor.strides {
            None => values,
            Some(strides) => gather(&values, &tensor.shape, strides),
        })
    }
}

/// Gives old names of layer normalisation, kept by the first conversions from TensorFlow, their
/// present form.
fn present_name(name: String) -> String {
    if let Some(stem) = name.strip_suffix("LayerNorm.gamma") {
        format!("{stem}LayerNorm.weight")
    } else if let Some(stem) = name.strip_suffix("LayerNorm.beta") {
        format!("{stem}LayerNorm.bias")
    } else {
        name
    }
}

/// Reads the names of shards, in order, each once.
fn shard_names(files: &Files, folder: &str, index: &str) -> Result<Vec<String>, Error> {
    let path = files.path(index);
    let json = files.json(index)?.unwrap_or_default();
    let map = json.get("weight_map").and_then(Value::as_object);
    let shards: Option<BTreeSet<&str>> = map.and_then(|m| m.values().map(Value::as_str).collect());
    let Some(shards) = shards.filter(|shards| !shards.is_empty()) else {
        let what = "`weight_map` from tensors to files expected".to_owned();
        return Err(Error::malformed(path, what));
    };
    if let Some(name) = shards.iter().find(|name| name.contains(['/', '\\', ':'])) {
        return Err(Error::malformed(
            path,
            format!("`{name}`: a plain file name expected"),
        ));
    }
    Ok(shards
        .iter()
        .map(|shard| format!("{folder}{shard}"))
        .collect())
}

/// Copies a strided tensor row-major. Opening checked that the tensor has elements, at most as many
/// as `values`, and that the last lies within.
fn gather(values: &[f32], shape: &[usize], strides: &[usize]) -> Vec<f32> {
    let offsets = offsets(shape, strides).into_iter();
    offsets.map(|offset| values[offset]).collect()
}

/// Where each number of a strided tensor lies, row-major.
fn offsets(shape: &[usize], strides: &[usize]) -> Vec<usize> {
    let mut offsets = vec![0];
    for (&size, &stride) in shape.iter().zip(strides) {
        offsets = offsets
            .iter()
            .flat_map(|&offset| (0..size).map(move |i| offset + i * stride))
            .collect();
    }
    offsets
}
