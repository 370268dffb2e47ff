//! RAG checkpoints made of a question encoder and a generator, and taken apart again.
//!
//! The counterpart of `RagModel.from_pretrained_question_encoder_generator` of the reference: one weights file
//! in which every name tells the part, one `config.json` that holds both others, two folders of tokenizers.

use std::path::Path;

use ragdex_models::{Checkpoint, WeightsFile};
use serde_json::{Map, Value, json};

use crate::{Error, GenerationOptions, RagConfig, RagKind};

/// Where the weights of the question encoder are, in front of their own names.
const QUESTION_ENCODER: &str = "rag.question_encoder.";

/// Where those of the generator are.
const GENERATOR: &str = "rag.generator.";

/// How the weights of a DPR question encoder begin.
const DPR: &str = "question_encoder.";

/// How those of a BART with a language model head begin.
const BART: &str = "model.";

/// The file of generation settings.
const GENERATION_CONFIG: &str = "generation_config.json";

/// Files of a tokenizer.
const TOKENIZER_FILES: [&str; 7] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
];

/// Settings that the reference copies from the generator to the top, or reads there first.
const COPIED: [&str; 6] = [
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "decoder_start_token_id",
    "forced_eos_token_id",
    "vocab_size",
];

/// Writes a RAG checkpoint into a folder that exists: `model.safetensors`, `config.json`,
/// `question_encoder_tokenizer/` and `generator_tokenizer/`.
///
/// Tensors keep their bytes. Settings of generation that the generator keeps in a file of their own move into
/// its part of `config.json`, so that the new checkpoint answers as the two did.
///
/// # Errors
/// [`Error::Kind`] and [`Error::Config`] for anything but a DPR question encoder and a BART; what files give.
pub fn consolidate(
    question_encoder: &Checkpoint,
    generator: &Checkpoint,
    kind: RagKind,
    folder: &Path,
) -> Result<(), Error> {
    expect_type(question_encoder, "dpr")?;
    expect_type(generator, "bart")?;
    let mut weights = WeightsFile::default();
    weights.add(question_encoder, |name| {
        name.starts_with(DPR)
            .then(|| format!("{QUESTION_ENCODER}{name}"))
    });
    if weights.is_empty() {
        let what = format!("tensors that begin with `{DPR}` expected: this is no question encoder");
        return Err(config_error(question_encoder, what));
    }
    let has_head = generator.tensor_names().any(|name| name.starts_with(BART));
    weights.add(generator, |name| {
        let model = if has_head { "" } else { BART };
        Some(format!("{GENERATOR}{model}{name}"))
    });
    weights.write(&folder.join("model.safetensors"))?;
    let config = consolidated_config(question_encoder, generator, kind)?;
    write_json(&folder.join("config.json"), &config)?;
    copy_tokenizer(
        question_encoder,
        "",
        &folder.join("question_encoder_tokenizer"),
    )?;
    copy_tokenizer(generator, "", &folder.join("generator_tokenizer"))
}

/// Takes a RAG checkpoint apart: into `question_encoder/`, a DPR question encoder, and `generator/`, a BART,
/// in a folder that exists.
///
/// The settings between the two, such as separators and `n_docs`, have no place in either and stay behind.
///
/// # Errors
/// [`Error::Kind`] and [`Error::Config`] for anything but a RAG checkpoint; what files give.
pub fn separate(rag: &Checkpoint, folder: &Path) -> Result<(), Error> {
    expect_type(rag, "rag")?;
    let kind = RagConfig::of_rag(rag)?.kind;
    for (part, prefix) in [
        ("question_encoder", QUESTION_ENCODER),
        ("generator", GENERATOR),
    ] {
        let folder = folder.join(part);
        copy_tokenizer(rag, &format!("{part}_tokenizer/"), &folder)?;
        let mut weights = WeightsFile::default();
        weights.add(rag, |name| name.strip_prefix(prefix).map(str::to_owned));
        if weights.is_empty() {
            return Err(config_error(
                rag,
                format!("tensors that begin with `{prefix}` expected"),
            ));
        }
        weights.write(&folder.join("model.safetensors"))?;
        write_json(&folder.join("config.json"), &rag.config()[part])?;
    }
    // RAG-Sequence generates by the settings of the generator, RAG-Token by its own.
    match rag.json(GENERATION_CONFIG)? {
        Some(settings) if kind != Some(RagKind::Sequence) => {
            write_json(&folder.join("generator").join(GENERATION_CONFIG), &settings)
        }
        _ => Ok(()),
    }
}

fn consolidated_config(
    question_encoder: &Checkpoint,
    generator: &Checkpoint,
    kind: RagKind,
) -> Result<Value, Error> {
    let generator = with_generation_settings(generator)?;
    let encoder = question_encoder.config();
    let width = encoder["projection_dim"]
        .as_u64()
        .filter(|width| *width > 0);
    let class = match kind {
        RagKind::Token => "RagTokenForGeneration",
        RagKind::Sequence => "RagSequenceForGeneration",
    };
    let defaults = RagConfig::default();
    let mut config = json!({
        "architectures": [class],
        "model_type": "rag",
        "is_encoder_decoder": true,
        "title_sep": defaults.title_sep,
        "doc_sep": defaults.doc_sep,
        "n_docs": defaults.n_docs,
        "max_combined_length": max_combined_length(&generator, defaults.max_combined_length),
        "retrieval_vector_size": width.or_else(|| encoder["hidden_size"].as_u64()),
        "retrieval_batch_size": defaults.retrieval_batch_size,
        "index_name": "custom",
        "dataset": defaults.dataset,
        "dataset_split": defaults.dataset_split,
        "do_deduplication": defaults.do_deduplication,
        "use_cache": defaults.use_cache,
        "question_encoder": encoder,
    });
    for key in COPIED {
        if let Some(value) = generator.get(key) {
            config[key] = value.clone();
        }
    }
    config["generator"] = Value::Object(generator);
    Ok(config)
}

/// The reference pads contexts to this length: no more than the generator has positions.
fn max_combined_length(generator: &Map<String, Value>, default: usize) -> usize {
    let positions = generator
        .get("max_position_embeddings")
        .and_then(Value::as_u64);
    positions.map_or(default, |positions| default.min(positions as usize))
}

/// The configuration of a generator, with the settings of its `generation_config.json` over its own.
fn with_generation_settings(generator: &Checkpoint) -> Result<Map<String, Value>, Error> {
    let mut config = generator.config().as_object().cloned().unwrap_or_default();
    let settings = generator.json(GENERATION_CONFIG)?.unwrap_or_default();
    for (key, value) in settings.as_object().into_iter().flatten() {
        if GenerationOptions::NAMES.contains(&&**key) {
            config.insert(key.clone(), value.clone());
        }
    }
    Ok(config)
}

/// Copies the files of a tokenizer into a folder, which is made.
fn copy_tokenizer(from: &Checkpoint, prefix: &str, to: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(to).map_err(|source| write_error(to, source))?;
    for name in TOKENIZER_FILES {
        if let Some(content) = from.file(&format!("{prefix}{name}"))? {
            let path = to.join(name);
            std::fs::write(&path, content).map_err(|source| write_error(&path, source))?;
        }
    }
    Ok(())
}

fn write_json(path: &Path, value: &Value) -> Result<(), Error> {
    let text = format!("{value:#}\n");
    std::fs::write(path, text).map_err(|source| write_error(path, source))
}

fn write_error(path: &Path, source: std::io::Error) -> Error {
    Error::Models(ragdex_models::Error::Write {
        path: path.to_owned(),
        source,
    })
}

fn expect_type(checkpoint: &Checkpoint, expected: &'static str) -> Result<(), Error> {
    let found = checkpoint.config()["model_type"].as_str().unwrap_or("none");
    if found == expected {
        return Ok(());
    }
    Err(Error::Kind {
        path: checkpoint.path("config.json"),
        expected,
        found: found.to_owned(),
    })
}

fn config_error(checkpoint: &Checkpoint, what: String) -> Error {
    Error::Config {
        path: checkpoint.path("config.json"),
        what,
    }
}
