//! `ragdex models`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use ragdex::presets::Preset;

use super::{RagKind, preset};

/// List, fetch, look at and convert models.
///
/// A model is a folder, a model of the Hugging Face hub such as `facebook/bart-large` (another revision
/// than `main` behind `@`), or the bundled one, `mini`. Commands that are given the name of a hub's model
/// fetch it when it is not on this machine.
///
/// Fetched models lie in the cache that Python's `huggingface_hub` shares (`HF_HOME`, `HF_HUB_CACHE`).
/// `HF_TOKEN` opens private and gated models, `HF_ENDPOINT` names a mirror, `HF_HUB_OFFLINE=1` forbids the
/// network.
#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// List the presets and the models in the cache: licence and whether it allows commercial use, pooling and
    /// prompts, size, revision, and whether they are on this machine.
    List,
    Pull(Box<Pull>),
    Info(ModelInfo),
    Convert(Box<Convert>),
}

/// Fetch models into the cache, or what is missing of them, and show their licences.
///
/// Only the files that ragdex reads are fetched, and every length and checksum is checked. After Ctrl-C or
/// a cut connection the same command goes on where it stopped.
///
/// Examples:
///   ragdex models pull --preset minilm
///   ragdex models pull sentence-transformers/all-MiniLM-L6-v2
///   ragdex models pull facebook/dpr-ctx_encoder-multiset-base \
///       facebook/dpr-question_encoder-multiset-base
///   ragdex models pull facebook/rag-token-nq --revision main
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Pull {
    /// Models of the hub.
    #[arg(required_unless_present = "preset", value_name = "ID")]
    pub models: Vec<String>,
    /// Every model of a named set.
    #[arg(long, value_name = "NAME", value_parser = preset::parser())]
    pub preset: Option<Preset>,
    /// A branch, a tag or a commit.
    #[arg(long, value_name = "REVISION", conflicts_with = "preset")]
    pub revision: Option<String>,
}

/// Show what a model is and what it serves for.
///
/// Layers, width, pooling, tokenizer, number and format of weights, licence, SHA-256 of the weights. Uses
/// no network.
///
/// Examples:
///   ragdex models info mini
///   ragdex models info sentence-transformers/all-MiniLM-L6-v2
///   ragdex models info ./my-rag --json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ModelInfo {
    /// A folder, a model in the cache, or `mini`.
    #[arg(value_name = "ID_OR_DIR")]
    pub model: String,
}

/// Write a model as a folder in another form, for ragdex and for Python's transformers.
///
/// With a model alone, its weights become safetensors: `pytorch_model.bin` is read without running
/// anything in it. With `--preset mini`, the bundled models become the folders `encoder` and `generator`
/// in f32. With `--question-encoder` and `--generator`, a DPR question encoder and a BART become one RAG
/// checkpoint, as `from_pretrained_question_encoder_generator` makes it; `--split` takes one apart into
/// the folders `question_encoder` and `generator`.
///
/// Tensors keep their bytes. The folder appears whole or not at all.
///
/// Examples:
///   ragdex models convert facebook/dpr-ctx_encoder-multiset-base --to dpr-ctx
///   ragdex models convert --preset mini --to mini
///   ragdex models convert --question-encoder facebook/dpr-question_encoder-single-nq-base \
///       --generator facebook/bart-large --to my-rag
///   ragdex models convert facebook/rag-token-nq --split --to parts
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    group = ArgGroup::new("what").required(true).args(["model", "preset", "question_encoder"])
)]
pub(crate) struct Convert {
    /// A folder, or a model of the hub.
    #[arg(value_name = "ID_OR_DIR")]
    pub model: Option<String>,
    /// The bundled models.
    #[arg(long, value_enum)]
    pub preset: Option<BundledPreset>,
    /// The question encoder of a new RAG checkpoint.
    #[arg(long, value_name = "ID_OR_DIR", requires = "generator")]
    pub question_encoder: Option<String>,
    /// The generator of a new RAG checkpoint.
    #[arg(long, value_name = "ID_OR_DIR", requires = "question_encoder")]
    pub generator: Option<String>,
    /// How a new RAG checkpoint combines passages.
    #[arg(long, value_enum, value_name = "KIND", default_value_t = RagKind::RagToken)]
    pub kind: RagKind,
    /// Take a RAG checkpoint apart.
    #[arg(long, requires = "model")]
    pub split: bool,
    /// The folder to make.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Replace the folder if it is there and holds a model.
    #[arg(long)]
    pub force: bool,
}

/// Presets that are inside the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BundledPreset {
    /// The small bundled models.
    Mini,
}
