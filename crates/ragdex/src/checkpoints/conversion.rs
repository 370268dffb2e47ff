//! Checkpoints in other forms.

use std::fs;
use std::path::{Path, PathBuf};

use ragdex_models::{Checkpoint, WeightsFile};
use ragdex_rag::RagKind;
use serde::Serialize;
use serde_json::{Value, json};

use crate::models::open_bundled_parts;
use crate::presets::MINI;
use crate::replacement::{Failure, Replacement};
use crate::{Context, Error, Result};

/// What is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conversion {
    /// The same checkpoint with its weights as safetensors; of the bundled models `encoder` and
    /// `generator`, in `f32`.
    Safetensors {
        /// A folder, a model in the cache, or the bundled models.
        model: String,
    },
    /// A RAG checkpoint of two.
    Consolidated {
        /// A DPR question encoder.
        question_encoder: String,
        /// A BART.
        generator: String,
        /// How the new checkpoint marginalises when nothing else is said.
        kind: RagKind,
    },
    /// The two parts of a RAG checkpoint: `question_encoder` and `generator`.
    Separated {
        /// The checkpoint.
        model: String,
    },
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConvertReport {
    /// The folder.
    pub folder: String,
    /// Its files, by name.
    pub files: Vec<ConvertedFile>,
}

/// A file that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConvertedFile {
    /// Its name within the folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
}

/// Files of a checkpoint that are copied as they are: all that is no weights.
const COPIED_ENDINGS: [&str; 4] = [".json", ".txt", ".md", ".model"];

/// Weights and what belongs to their former form.
const LEFT_OUT: [&str; 2] = [".index.json", "training_args.json"];

/// The marks of a folder that holds checkpoints, so that replacing it destroys nothing else.
const MARKS: [&str; 3] = [
    "config.json",
    "generator/config.json",
    "encoder/config.json",
];

/// Makes a folder in another form: whole, or not at all.
///
/// Tensors keep their bytes, but for 8-bit weights, which become `f32`. Tables that a BART shares are written
/// once. An existing folder is refused unless `replace` is set, and then must hold a checkpoint.
///
/// # Errors
/// [`Error::TargetExists`], [`Error::TargetNoModel`]; what files give; [`Error::Cancelled`].
pub fn convert(
    conversion: &Conversion,
    target: &Path,
    replace: bool,
    context: &Context<'_>,
) -> Result<ConvertReport> {
    check_target(target, replace)?;
    let replacement = Replacement::begin(target).map_err(replace_error)?;
    let made = replacement.new_folder();
    make(conversion, &made, context)?;
    context.cancel.check()?;
    let mut files = files(&made)?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    replacement.finish().map_err(replace_error)?;
    Ok(ConvertReport {
        folder: target.display().to_string(),
        files,
    })
}

fn replace_error(failure: Failure) -> ragdex_models::Error {
    write_error(&failure.path)(failure.source)
}

/// Refuses a target that is there, unless it is to be replaced and is a model.
fn check_target(target: &Path, replace: bool) -> Result<()> {
    let path = target.to_owned();
    let is_empty = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
    if !target.exists() || is_empty() {
        return Ok(());
    }
    if !replace {
        return Err(Error::TargetExists { path });
    }
    if MARKS.iter().any(|mark| target.join(mark).is_file()) {
        return Ok(());
    }
    Err(Error::TargetNoModel { path })
}

fn make(conversion: &Conversion, folder: &Path, context: &Context<'_>) -> Result<()> {
    match conversion {
        Conversion::Safetensors { model } if model == MINI => bundled(folder, context),
        Conversion::Safetensors { model } => rewrite(&super::open(model)?, folder, context),
        Conversion::Consolidated {
            question_encoder,
            generator,
            kind,
        } => {
            let (encoder, generator) = (super::open(question_encoder)?, super::open(generator)?);
            Ok(ragdex_rag::consolidate(
                &encoder, &generator, *kind, folder,
            )?)
        }
        Conversion::Separated { model } => Ok(ragdex_rag::separate(&super::open(model)?, folder)?),
    }
}

/// Copies a checkpoint, with its weights as safetensors.
fn rewrite(checkpoint: &Checkpoint, folder: &Path, context: &Context<'_>) -> Result<()> {
    for name in checkpoint.file_names()? {
        let is_copied = COPIED_ENDINGS.iter().any(|end| name.ends_with(end)) || name == "LICENSE";
        if is_copied
            && !LEFT_OUT.iter().any(|end| name.ends_with(end))
            && let Some(content) = checkpoint.file(&name)?
        {
            write(&folder.join(&name), &content)?;
        }
    }
    for (part, weights) in checkpoint.parts()? {
        context.cancel.check()?;
        write_weights(&weights, &folder.join(part))?;
    }
    Ok(())
}

/// Writes the bundled models as two ordinary folders.
fn bundled(folder: &Path, context: &Context<'_>) -> Result<()> {
    for (checkpoint, options) in open_bundled_parts(context)? {
        context.cancel.check()?;
        let is_encoder = options.pooling.is_some();
        let folder = folder.join(if is_encoder { "encoder" } else { "generator" });
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            if let Some(content) = checkpoint.file(name)? {
                write(&folder.join(name), &content)?;
            }
        }
        write_json(&folder.join("config.json"), checkpoint.config())?;
        write_weights(&checkpoint, &folder)?;
        if is_encoder {
            sentence_modules(&checkpoint, options.scale.unwrap_or(1.0), &folder)?;
        }
    }
    Ok(())
}

/// Writes what makes a bare BERT an encoder of sentence-transformers: mean pooling, length 1, and the scale as
/// a map that multiplies every number by it.
fn sentence_modules(checkpoint: &Checkpoint, scale: f32, folder: &Path) -> Result<()> {
    let width = checkpoint.config()["hidden_size"]
        .as_u64()
        .unwrap_or_default() as usize;
    let module = |index: u8, path: &str, kind: &str| {
        let kind = format!("sentence_transformers.models.{kind}");
        json!({"idx": index, "name": index.to_string(), "path": path, "type": kind})
    };
    let modules = json!([
        module(0, "", "Transformer"),
        module(1, "1_Pooling", "Pooling"),
        module(2, "2_Normalize", "Normalize"),
        module(3, "3_Dense", "Dense"),
    ]);
    write_json(&folder.join("modules.json"), &modules)?;
    let pooling = json!({"word_embedding_dimension": width, "pooling_mode_mean_tokens": true});
    write_json(&folder.join("1_Pooling/config.json"), &pooling)?;
    create_folder(&folder.join("2_Normalize"))?;
    let dense = json!({
        "in_features": width, "out_features": width, "bias": false,
        "activation_function": "torch.nn.modules.linear.Identity",
    });
    write_json(&folder.join("3_Dense/config.json"), &dense)?;
    let scaling = scaling(width, scale);
    write(&folder.join("3_Dense/model.safetensors"), &scaling)
}

/// A safetensors file with the identity times `scale`.
fn scaling(width: usize, scale: f32) -> Vec<u8> {
    let numbers = (0..width * width).map(|at| if at % (width + 1) == 0 { scale } else { 0.0 });
    let data: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
    let header = json!({
        "__metadata__": {"format": "pt"},
        "linear.weight": {"dtype": "F32", "shape": [width, width], "data_offsets": [0, data.len()]},
    });
    let mut header = header.to_string();
    // The data begins at a multiple of 8 bytes.
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), &data].concat()
}

fn write_weights(checkpoint: &Checkpoint, folder: &Path) -> Result<()> {
    create_folder(folder)?;
    let is_bundled = checkpoint.id() == MINI;
    let mut weights = if is_bundled {
        WeightsFile::in_f32()
    } else {
        WeightsFile::default()
    };
    weights.add(checkpoint, |name| Some(name.to_owned()));
    Ok(weights.write(&folder.join("model.safetensors"))?)
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    write(path, format!("{value:#}\n").as_bytes())
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    Ok(fs::write(path, content).map_err(write_error(path))?)
}

fn create_folder(path: &Path) -> Result<()> {
    Ok(fs::create_dir_all(path).map_err(write_error(path))?)
}

fn write_error(path: &Path) -> impl FnOnce(std::io::Error) -> ragdex_models::Error {
    let path: PathBuf = path.to_owned();
    move |source| ragdex_models::Error::Write { path, source }
}

fn files(folder: &Path) -> Result<Vec<ConvertedFile>> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.map_err(|error| write_error(folder)(error.into()))?;
        if entry.file_type().is_file()
            && let Ok(name) = entry.path().strip_prefix(folder)
        {
            let metadata = entry
                .metadata()
                .map_err(|error| write_error(folder)(error.into()))?;
            files.push(ConvertedFile {
                name: name.to_string_lossy().replace('\\', "/"),
                bytes: metadata.len(),
            });
        }
    }
    Ok(files)
}
