//! What can go wrong with checkpoints, tokenizers and encoders.

use std::path::PathBuf;

use ragdex_core::Cancelled;

use crate::{DeviceKind, Precision};

/// An error of this crate. Paths of checkpoints held in memory are `<id>/<file>`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("`{}`: cannot be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("`{}`: cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A checkpoint lacks a file.
    #[error("`{}`: {expected} expected, none found", path.display())]
    MissingFile {
        /// The folder.
        path: PathBuf,
        /// The names that would serve.
        expected: &'static str,
    },
    /// A file is no JSON, or JSON of another shape.
    #[error("`{}`: malformed JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A safetensors file is damaged.
    #[error("`{}`: damaged safetensors file", path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: safetensors::SafeTensorError,
    },
    /// A file contradicts itself or its format.
    #[error("`{}`: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where in the file and what.
        what: String,
    },
    /// A pickle asks for code that is not needed for tensors.
    #[error(
        "`{}`: byte {position}: the pickle names `{global}`; only what rebuilds tensors is accepted",
        path.display()
    )]
    ForbiddenGlobal {
        /// The file.
        path: PathBuf,
        /// Where in the pickle.
        position: usize,
        /// The class or function, as `module.name`.
        global: String,
    },
    /// The weights lack tensors that the model needs.
    #[error(
        "`{}`: missing tensors ({}): `{}`", path.display(), names.len(), names.join("`, `")
    )]
    MissingTensors {
        /// The weights file or its folder.
        path: PathBuf,
        /// Every missing tensor.
        names: Vec<String>,
    },
    /// A tensor has another shape than the configuration says.
    #[error("`{}`: tensor `{tensor}`: shape {expected:?} expected, found {found:?}", path.display())]
    Shape {
        /// The weights file or its folder.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shape by the configuration.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor holds something that is not a number.
    #[error("`{}`: weights hold NaN: tensor `{tensor}`", path.display())]
    NotANumber {
        /// The weights file or its folder.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// A tensor holds an infinite number.
    #[error("`{}`: weights hold infinite numbers: tensor `{tensor}`", path.display())]
    Infinite {
        /// The checkpoint.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// An encoder made something that is no vector of numbers.
    #[error("`{id}`: the vector of text {text} holds NaN or infinite numbers")]
    Overflow {
        /// The checkpoint.
        id: String,
        /// The text, counted from 0 in the call.
        text: usize,
    },
    /// A weight is beyond what half precision holds.
    #[error(
        "`{}`: tensor `{tensor}`: numbers up to 65504 expected by precision `f16`, found {found}",
        path.display()
    )]
    HalfRange {
        /// The checkpoint.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The weight.
        found: f32,
    },
    /// A device does not compute in the precision asked for.
    #[error("precision `{precision}`: {device} computes in {computed} only")]
    Precision {
        /// The precision.
        precision: Precision,
        /// What was to compute.
        device: &'static str,
        /// The precisions that it computes in, as a list.
        computed: &'static str,
    },
    /// A device was asked for that this program knows nothing of.
    #[error("device `{kind}`: this program is built without support for it")]
    DeviceNotCompiledIn {
        /// The kind of device.
        kind: DeviceKind,
    },
    /// A device was asked for that the machine does not have.
    #[error(
        "device `{kind}:{number}`: more than {number} devices of this kind expected, found {count}"
    )]
    NoDevice {
        /// The kind of device.
        kind: DeviceKind,
        /// Its number, counted from 0.
        number: usize,
        /// The devices that there are.
        count: usize,
    },
    /// A device does not start.
    #[error("device `{device}`: does not start")]
    DeviceFailed {
        /// The device.
        device: String,
        /// What the driver says.
        source: Box<candle_core::Error>,
    },
    /// The memory of a device does not suffice.
    #[error("device `{device}`: memory for {tokens} tokens beside the weights expected, none left")]
    DeviceMemory {
        /// The device.
        device: String,
        /// The tokens that were to be computed at once, padding included; 0 while weights are loaded.
        tokens: usize,
        /// What the driver says.
        source: Box<candle_core::Error>,
    },
    /// A configuration asks for what this crate does not do, or misses a value.
    #[error("`{}`: `{key}`: {what}", path.display())]
    Config {
        /// The configuration file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is expected, and what was found.
        what: String,
    },
    /// A tokenizer cannot be built or fails on a text.
    #[error("`{}`: tokenizer: {source}", path.display())]
    Tokenizer {
        /// The tokenizer file or its folder.
        path: PathBuf,
        /// What the tokenizer says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A BERT checkpoint does not say how token vectors become one vector.
    #[error("`{}`: neither a DPR encoder nor a sentence encoder: pooling unknown", path.display())]
    PoolingUnknown {
        /// The checkpoint.
        path: PathBuf,
    },
    /// Passages in pair form cannot have a prompt.
    #[error(
        "passage prompt `{prompt}`: passages of one text expected, found pairs of title and text"
    )]
    PairPrompt {
        /// The prompt.
        prompt: String,
    },
    /// The tokenizer gives an id for which the model has no embedding.
    #[error("token id {id}: the model has {vocab_size} embeddings")]
    TokenId {
        /// The id.
        id: u32,
        /// The number of rows of the embedding table.
        vocab_size: usize,
    },
    /// A text has more tokens than the model has positions.
    #[error("at most {limit} tokens expected, the positions of the model, found {tokens}")]
    TooLong {
        /// The tokens of the text.
        tokens: usize,
        /// The positions of the model.
        limit: usize,
    },
    /// The two encoders of a pair give vectors of different width.
    #[error("{passage}-dimensional question vectors expected, found {question}")]
    Dimension {
        /// The width of passage vectors.
        passage: usize,
        /// The width of question vectors.
        question: usize,
    },
    /// A tensor operation failed.
    #[error("tensor operation failed")]
    Candle(#[from] candle_core::Error),
    /// Threads cannot be started.
    #[error("threads cannot be started")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The work was stopped.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Error {
    /// Tells what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Safetensors { .. }
            | Self::NotANumber { .. }
            | Self::Infinite { .. }
            | Self::Malformed { .. } => {
                "the file may be cut short or damaged: get it again".into()
            }
            Self::MissingFile { .. } => {
                "name a folder with config.json, weights (model.safetensors or pytorch_model.bin) and a \
                 tokenizer (tokenizer.json or vocab.txt), as the Hugging Face hub has them"
                    .into()
            }
            Self::Json { .. } | Self::Config { .. } | Self::Tokenizer { .. } => {
                "compare the file with the one that the model was published with".into()
            }
            Self::Io { .. } | Self::Write { .. } => "check the path, its permissions and the space on the disk".into(),
            Self::ForbiddenGlobal { .. } => {
                "convert the checkpoint to safetensors where it was made".into()
            }
            Self::MissingTensors { .. } | Self::Shape { .. } => {
                "config.json and the weights may belong to different models".into()
            }
            Self::PoolingUnknown { .. } => {
                "name a sentence-transformers folder with modules.json, which tells the pooling, or a DPR \
                 encoder"
                    .into()
            }
            Self::Overflow { .. } => {
                "take precision `f32`; if it was, the weights are damaged or too large for it".into()
            }
            Self::PairPrompt { .. } => {
                "take no passage prompt, or the passage form `joined`".into()
            }
            Self::HalfRange { .. } => "take precision `f32` or `bf16` for this model".into(),
            Self::Precision { .. } => {
                "take precision `f32`, or encode on the processor by the kernels, which compute in all".into()
            }
            Self::DeviceNotCompiledIn { kind: DeviceKind::Cpu } => return None,
            Self::DeviceNotCompiledIn { kind } => format!(
                "build ragdex with `--features {kind}` (its README says what that needs), or take `--device cpu`"
            ),
            Self::NoDevice { .. } => {
                "`nvidia-smi -L` lists what the driver knows, `CUDA_VISIBLE_DEVICES` hides devices; `--device cpu` \
                 needs none"
                    .into()
            }
            Self::DeviceFailed { .. } => {
                "the driver may be older than the program or the device taken: see `nvidia-smi`, or take \
                 `--device cpu`"
                    .into()
            }
            Self::DeviceMemory { .. } => {
                "see by `nvidia-smi` who holds the memory; fewer `--batch-tokens`, and `--precision f16`, need less"
                    .into()
            }
            Self::TokenId { .. } => "tokenizer and weights belong to different models".into(),
            Self::Dimension { .. } => "name a context and a question encoder of one pair".into(),
            _ => return None,
        })
    }

    pub(crate) fn malformed(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::Malformed {
            path: path.into(),
            what: what.into(),
        }
    }
}
