//! Checkpoints: configuration, weights and tokenizer files of one model.

mod backend;
mod element;
mod files;
mod mapping;
mod modules;
mod safetensors;
mod stored_rows;
#[cfg(test)]
mod tests;
mod weights;
mod weights_file;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use ragdex_core::Sha256;
use ragdex_kernels::EmbeddingTable;
use serde_json::Value;

use self::backend::WeightsBackend;
pub(crate) use self::element::Element;
pub(crate) use self::files::Files;
pub(crate) use self::modules::{ModuleEntry, read_modules};
use self::stored_rows::StoredRows;
pub(crate) use self::weights::{StoredTensor, Weights};
pub use self::weights_file::WeightsFile;
use crate::{Error, Tokenizer};

/// A model as it is stored: `config.json`, weights and tokenizer files.
///
/// Weights are `model.safetensors` or `pytorch_model.bin`, in one file or in shards; pickles are
/// read for their tensors, nothing in them is executed. Weights are mapped, and tensors converted
/// to `f32` when they are asked for. Every length, offset and shape is checked on opening.
///
/// ```no_run
/// # fn main() -> Result<(), ragdex_models::Error> {
/// use ragdex_models::Checkpoint;
///
/// let checkpoint = Checkpoint::from_folder("dpr-ctx_encoder-single-nq-base")?;
/// let tokenizer = checkpoint.tokenizer("")?;
/// println!("{} {}", checkpoint.id(), checkpoint.sha256());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Checkpoint {
    id: String,
    revision: Option<String>,
    files: Arc<Files>,
    /// Where configuration, weights and tokenizer are; empty, or ends in `/`.
    folder: String,
    config: Arc<Value>,
    weights: Arc<Weights>,
}

impl Checkpoint {
    /// Opens a folder. Its path becomes the id.
    ///
    /// # Errors
    /// [`Error::MissingFile`], and what damaged files give.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let id = folder.display().to_string();
        Self::from_parts(id, None, Files::Folder(folder.to_owned()))
    }

    /// Opens a folder under the name that a hub has for the model; `revision` is its commit.
    ///
    /// # Errors
    /// As [`Checkpoint::from_folder`].
    pub fn from_snapshot(
        id: impl Into<String>,
        revision: impl Into<String>,
        folder: impl Into<PathBuf>,
    ) -> Result<Self, Error> {
        let files = Files::Folder(folder.into());
        Self::from_parts(id.into(), Some(revision.into()), files)
    }

    /// Opens files held in memory, by the names they would have in a folder.
    ///
    /// Without a `config.json` the configuration is the one inside `model.safetensors`, under
    /// `config` of its metadata, as the bundled 8-bit models carry it. Tensors that `borrowed` of its metadata
    /// names are read from the file named there.
    ///
    /// # Errors
    /// As [`Checkpoint::from_folder`].
    pub fn from_files<N, B>(
        id: impl Into<String>,
        files: impl IntoIterator<Item = (N, B)>,
    ) -> Result<Self, Error>
    where
        N: Into<String>,
        B: Into<Cow<'static, [u8]>>,
    {
        let id = id.into();
        let files = files
            .into_iter()
            .map(|(n, b)| (n.into(), b.into()))
            .collect();
        let memory = Files::Memory {
            id: id.clone(),
            files,
        };
        Self::from_parts(id, None, memory)
    }

    fn from_parts(id: String, revision: Option<String>, files: Files) -> Result<Self, Error> {
        let folder = modules::transformer_folder(&files)?;
        let weights = Weights::open(&files, &folder)?;
        let config = match (
            files.json(&format!("{folder}config.json"))?,
            &weights.config,
        ) {
            (Some(config), _) => config,
            (None, Some(text)) => serde_json::from_str(text).map_err(|source| Error::Json {
                path: weights.path.clone(),
                source,
            })?,
            (None, None) => {
                return Err(Error::MissingFile {
                    path: files.path(&folder),
                    expected: "`config.json`",
                });
            }
        };
        Ok(Self {
            id,
            revision,
            files: Arc::new(files),
            folder,
            config: Arc::new(config),
            weights: Arc::new(weights),
        })
    }

    /// The name it was opened by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The commit of the hub; `None` for other folders and memory.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    /// The configuration.
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// The folder of the model within the checkpoint, empty or ending in `/`: where models of
    /// sentence-transformers keep it apart from the modules that follow it.
    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    /// Names a file of the checkpoint for messages: its path, or `<id>/<name>` in memory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.files.path(name)
    }

    /// Reads a JSON file beside the configuration, such as `generation_config.json`; `None` when
    /// there is none.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Json`].
    pub fn json(&self, name: &str) -> Result<Option<Value>, Error> {
        self.files.json(name)
    }

    /// Builds the tokenizer in a folder of the checkpoint: `""`, or
    /// `"question_encoder_tokenizer"`.
    ///
    /// # Errors
    /// [`Error::MissingFile`] and [`Error::Tokenizer`].
    pub fn tokenizer(&self, folder: &str) -> Result<Tokenizer, Error> {
        Tokenizer::open(&self.files, &format!("{}{folder}", self.folder))
    }

    /// Hashes the weights: the SHA-256 that `sha256sum` prints for the one file. Shards are hashed
    /// as if joined in the order of their names; a file that only lends tensors is not hashed. Reads the whole
    /// file on first use.
    pub fn sha256(&self) -> Sha256 {
        self.weights.sha256()
    }

    /// The names of all tensors, in order.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.weights.names()
    }

    /// The shape of a tensor; `None` when the weights do not hold it.
    pub fn shape(&self, tensor: &str) -> Option<&[usize]> {
        self.weights.shape(tensor)
    }

    /// The number of weights in all tensors.
    pub fn n_parameters(&self) -> u64 {
        let sizes = self
            .weights
            .tensors()
            .map(|(_, tensor)| tensor.shape.iter().product::<usize>());
        sizes.map(|size| size as u64).sum()
    }

    /// The number formats of the tensors, such as `F32`, in order; `I8` for 8-bit weights with scales.
    pub fn formats(&self) -> BTreeSet<String> {
        let formats = self
            .weights
            .tensors()
            .map(|(_, tensor)| tensor.element.dtype());
        formats.map(|dtype| dtype.to_string()).collect()
    }

    /// The names of the files, with `/` behind folders, one level deep and in order.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn file_names(&self) -> Result<Vec<String>, Error> {
        self.files.names()
    }

    /// Reads a small file by its name within the checkpoint; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Malformed`] for one that is not small.
    pub fn file(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>, Error> {
        self.files.read(name)
    }

    /// The folders that hold weights, each empty or ending in `/`, with the weights in them.
    ///
    /// # Errors
    /// What damaged files give.
    pub fn parts(&self) -> Result<Vec<(String, Self)>, Error> {
        let names = self.file_names()?;
        let weights = names.iter().filter_map(|name| {
            let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
            weights::WEIGHT_FILES.contains(&file).then_some(folder)
        });
        let folders: BTreeSet<&str> = weights.collect();
        let parts = folders.into_iter().map(|folder| match folder {
            "" => Ok((String::new(), self.clone())),
            folder => Ok((format!("{folder}/"), self.part(folder)?)),
        });
        parts.collect()
    }

    /// Checks that the weights hold all these tensors in these shapes.
    ///
    /// # Errors
    /// [`Error::MissingTensors`] with every name that is missing, else [`Error::Shape`].
    pub fn require(&self, tensors: &[(String, Vec<usize>)]) -> Result<(), Error> {
        let path = || self.weights.path.clone();
        let missing = tensors
            .iter()
            .filter(|(name, _)| self.shape(name).is_none());
        let names: Vec<String> = missing.map(|(name, _)| name.clone()).collect();
        if !names.is_empty() {
            return Err(Error::MissingTensors {
                path: path(),
                names,
            });
        }
        for (name, expected) in tensors {
            let found = self.shape(name).unwrap_or_default();
            if found != expected {
                return Err(Error::Shape {
                    path: path(),
                    tensor: name.clone(),
                    expected: expected.clone(),
                    found: found.to_vec(),
                });
            }
        }
        Ok(())
    }

    /// Reads a tensor as `f32`, row-major; 8-bit weights are multiplied by their scales.
    ///
    /// # Errors
    /// [`Error::MissingTensors`]; [`Error::NotANumber`]; [`Error::Malformed`] for integers.
    pub fn read(&self, tensor: &str) -> Result<Vec<f32>, Error> {
        self.weights.read(tensor)
    }

    /// A table of embeddings: left in its file where it is one of 8 bits, so that only the rows of a text are ever
    /// made; else read as [`Checkpoint::read`] does.
    pub(crate) fn table(&self, tensor: &str) -> Result<EmbeddingTable, Error> {
        match StoredRows::open(&self.weights, tensor) {
            Some(rows) => Ok(EmbeddingTable::Rows(Arc::new(rows))),
            None => Ok(self.read(tensor)?.into()),
        }
    }

    /// Gives the weights to candle, as `f32`. Each request reads and converts anew, so a tensor
    /// used twice should be fetched once. Call [`Checkpoint::require`] first: it names everything
    /// that is missing, this only the first.
    pub fn var_builder(&self, device: &Device) -> VarBuilder<'static> {
        let backend = WeightsBackend(Arc::clone(&self.weights));
        VarBuilder::from_backend(Box::new(backend), DType::F32, device.clone())
    }

    /// The files.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Opens the weights and the configuration in a folder of the checkpoint.
    pub(crate) fn part(&self, folder: &str) -> Result<Self, Error> {
        let config = self
            .json(&format!("{folder}/config.json"))?
            .unwrap_or_default();
        let weights = Weights::open(&self.files, &format!("{folder}/"))?;
        Ok(Self {
            folder: format!("{folder}/"),
            config: Arc::new(config),
            weights: Arc::new(weights),
            ..self.clone()
        })
    }
}
