//! From names to models.

use std::path::Path;
use std::sync::Arc;

use ragdex_core::Sha256;
use ragdex_models::{
    BertEncoder, Checkpoint, Device, DeviceChoice, Encoder, EncoderDescription, EncoderOptions,
    EncoderPair, Precision, PrecisionChoice,
};
use ragdex_rag::RagModel;
use serde_json::{Map, Value};

use crate::checkpoints::{is_at_hand, open as open_checkpoint};
use crate::presets::{EncoderSettings, MINI, settings_of};
use crate::{Bundled, Context, Error, ModelNames, Result};

/// Names a folder by its absolute path, so that the knowledge base finds it again from anywhere; other
/// names stay.
pub(crate) fn absolute_name(name: &str) -> String {
    let path = Path::new(name);
    match path.canonicalize() {
        Ok(absolute) if path.is_dir() => absolute.to_string_lossy().into_owned(),
        _ => name.to_owned(),
    }
}

/// One of the two bundled models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Encoder,
    Generator,
}

/// A bundled model with the files that both share: the tokenizer, and the encoder's weights, of which the
/// generator borrows its embedding table.
pub(crate) fn open_bundled(part: Part, context: &Context<'_>) -> Result<Checkpoint> {
    let Some(bundled) = &context.bundled else {
        return Err(Error::NotBundled { id: MINI.into() });
    };
    let weights = match part {
        Part::Encoder => bundled.encoder,
        Part::Generator => bundled.generator,
    };
    let files = [
        ("model.safetensors", weights),
        (Bundled::ENCODER_FILE, bundled.encoder),
        ("tokenizer.json", bundled.tokenizer),
        ("tokenizer_config.json", bundled.tokenizer_config),
    ];
    Ok(Checkpoint::from_files(MINI, files)?)
}

/// The bundled encoder and the bundled generator, each with the settings that make an encoder of it.
pub(crate) fn open_bundled_parts(
    context: &Context<'_>,
) -> Result<[(Checkpoint, EncoderOptions); 2]> {
    let encoder = open_bundled(Part::Encoder, context)?;
    let generator = open_bundled(Part::Generator, context)?;
    Ok([
        (encoder, EncoderOptions::bundled()),
        (generator, EncoderOptions::default()),
    ])
}

/// How an encoder is to be opened.
#[derive(Debug, Clone)]
pub(crate) struct Opening<'a> {
    /// What holds in place of what its files say; `None` leaves it to the presets that name it, then to its files.
    pub(crate) settings: Option<&'a EncoderSettings>,
    /// What it computes in.
    pub(crate) precision: PrecisionChoice,
    /// Where it runs.
    pub(crate) devices: &'a [Device],
}

/// Loads an encoder.
pub(crate) fn open_encoder(
    name: &str,
    opening: &Opening<'_>,
    context: &Context<'_>,
) -> Result<Arc<dyn Encoder>> {
    load_encoder(&encoder_files(name, context)?, opening, context)
}

fn encoder_files(name: &str, context: &Context<'_>) -> Result<Checkpoint> {
    match name {
        MINI => open_bundled(Part::Encoder, context),
        name => open_checkpoint(name),
    }
}

fn load_encoder(
    checkpoint: &Checkpoint,
    opening: &Opening<'_>,
    context: &Context<'_>,
) -> Result<Arc<dyn Encoder>> {
    let name = checkpoint.id();
    let mut options = EncoderOptions::default();
    if name == MINI {
        options = EncoderOptions::bundled();
    } else if let Some(settings) = opening.settings.or_else(|| settings_of(name)) {
        settings.apply(&mut options);
    }
    options.precision = opening.precision;
    options.devices = suited_devices(name, opening, context);
    Ok(Arc::new(BertEncoder::open(checkpoint, &options)?))
}

/// The devices, or the processor in their place, said aloud, where the user left it to us and they do not
/// compute in a precision.
fn suited_devices(name: &str, opening: &Opening<'_>, context: &Context<'_>) -> Vec<Device> {
    let (precision, devices) = (opening.precision, opening.devices);
    let is_free = *context.devices.choice() == DeviceChoice::Auto;
    if !is_free || precision.is_computed_by(devices) {
        return devices.to_vec();
    }
    context.reporter.warn(&format!(
        "`{name}` runs on the processor: GPUs do not compute in precision `{precision}`"
    ));
    vec![Device::Cpu]
}

/// Loads both encoders, that of passages onto all devices; one checkpoint named for both is loaded once.
///
/// # Errors
/// [`Error::EncoderPair`] when their vectors have different widths.
pub(crate) fn open_pair(names: &ModelNames, context: &Context<'_>) -> Result<EncoderPair> {
    let opening = Opening {
        settings: names.settings.as_ref(),
        precision: names.precision,
        devices: context.open_devices()?,
    };
    let passages = open_encoder(&names.context_encoder, &opening, context)?;
    if names.question_encoder == names.context_encoder {
        return Ok(EncoderPair::shared(passages));
    }
    let opening = Opening {
        precision: PrecisionChoice::from(passages.description().precision),
        devices: &[context.first_device()?],
        ..opening
    };
    let questions = open_encoder(&names.question_encoder, &opening, context)?;
    check_width(passages.description(), questions.description())?;
    Ok(EncoderPair::new(passages, questions)?)
}

fn check_width(passages: &EncoderDescription, questions: &EncoderDescription) -> Result<()> {
    if passages.dim == questions.dim {
        return Ok(());
    }
    Err(Error::EncoderPair {
        context: passages.id.clone(),
        passage_dim: passages.dim,
        question: questions.id.clone(),
        question_dim: questions.dim,
    })
}

/// Loads the encoder of questions for passages that were embedded as `recorded` says. Another name for the
/// recorded weights, such as that of a copy, is opened with the recorded settings too.
///
/// # Errors
/// [`Error::OtherWeights`] and [`Error::OtherSettings`] when the recorded name no longer leads to the
/// recorded encoder;
/// [`Error::EncoderPair`] when the vectors have another width.
pub(crate) fn open_question_encoder(
    name: Option<&str>,
    recorded: &ragdex_store::EncoderPair,
    dim: usize,
    context: &Context<'_>,
) -> Result<Arc<dyn Encoder>> {
    let at_commit = recorded_name(&recorded.question);
    let id = name.unwrap_or(&at_commit);
    let files = encoder_files(id, context)?;
    let is_recorded = name.is_none() || recorded.question.sha256 == Some(files.sha256());
    let settings = EncoderSettings::recorded(&recorded.question);
    let opening = Opening {
        settings: is_recorded.then_some(&settings),
        precision: recorded_precision(recorded),
        devices: &[context.first_device()?],
    };
    let encoder = load_encoder(&files, &opening, context)?;
    let found = encoder.description();
    check_question_width(found, &recorded.context.id, dim)?;
    match recorded.question.sha256 {
        Some(expected) if name.is_none() && expected != found.sha256 => Err(Error::OtherWeights {
            id: found.id.clone(),
            expected: expected.to_string(),
            found: found.sha256.to_string(),
        }),
        _ if name.is_none() && !has_settings(found, &recorded.question) => {
            Err(Error::OtherSettings {
                id: found.id.clone(),
            })
        }
        _ => Ok(encoder),
    }
}

/// Loads an encoder of questions for passages whose encoder is not known.
///
/// # Errors
/// [`Error::EncoderPair`] when the vectors have another width.
pub(crate) fn open_named_question_encoder(
    name: &str,
    dim: usize,
    context: &Context<'_>,
) -> Result<Arc<dyn Encoder>> {
    let opening = Opening {
        settings: None,
        precision: PrecisionChoice::default(),
        devices: &[context.first_device()?],
    };
    let encoder = open_encoder(name, &opening, context)?;
    check_question_width(encoder.description(), "unknown", dim)?;
    Ok(encoder)
}

fn check_question_width(found: &EncoderDescription, passages: &str, dim: usize) -> Result<()> {
    if found.dim == dim {
        return Ok(());
    }
    Err(Error::EncoderPair {
        context: passages.to_owned(),
        passage_dim: dim,
        question: found.id.clone(),
        question_dim: found.dim,
    })
}

/// The name of a recorded encoder: at the commit it had, whatever its branch leads to by now, unless the cache
/// holds only another.
fn recorded_name(encoder: &ragdex_store::Encoder) -> String {
    let id = &encoder.id;
    let Some(commit) = encoder.revision.as_ref().filter(|_| !id.contains('@')) else {
        return id.clone();
    };
    let at_commit = format!("{id}@{commit}");
    if is_at_hand(id) && !is_at_hand(&at_commit) {
        return id.clone();
    }
    at_commit
}

/// The field of the manifest that names the tokenizer; absent in knowledge bases of before it was recorded.
const TOKENIZER: &str = "tokenizer_sha256";

/// Whether an encoder reads texts as `recorded` says, as far as it says.
fn has_settings(encoder: &EncoderDescription, recorded: &ragdex_store::Encoder) -> bool {
    let mut settings = record(encoder).settings;
    if !recorded.settings.contains_key(TOKENIZER) {
        settings.remove(TOKENIZER);
    }
    settings == recorded.settings
}

/// Loads the encoder that embedded passages as `recorded` says, to embed others alike.
///
/// # Errors
/// [`Error::OtherWeights`] and [`Error::OtherSettings`] when the recorded name no longer leads to the
/// recorded encoder.
pub(crate) fn open_context_encoder(
    recorded: &ragdex_store::EncoderPair,
    context: &Context<'_>,
) -> Result<Arc<dyn Encoder>> {
    let id = &recorded_name(&recorded.context);
    let opening = Opening {
        settings: Some(&EncoderSettings::recorded(&recorded.context)),
        precision: recorded_precision(recorded),
        devices: context.open_devices()?,
    };
    let encoder = open_encoder(id, &opening, context)?;
    let found = record(encoder.description());
    if let (Some(expected), Some(sha256)) = (recorded.context.sha256, found.sha256)
        && expected != sha256
    {
        return Err(Error::OtherWeights {
            id: id.clone(),
            expected: expected.to_string(),
            found: sha256.to_string(),
        });
    }
    if !has_settings(encoder.description(), &recorded.context) {
        return Err(Error::OtherSettings { id: id.clone() });
    }
    Ok(encoder)
}

/// The precision that the passages were embedded in.
fn recorded_precision(recorded: &ragdex_store::EncoderPair) -> PrecisionChoice {
    let name = recorded.context.settings.get("precision");
    let precision = name.and_then(Value::as_str).map(str::parse);
    precision.and_then(Result::ok).unwrap_or_default()
}

/// Writes down an encoder for the manifest.
pub(crate) fn record(description: &EncoderDescription) -> ragdex_store::Encoder {
    let settings = match serde_json::to_value(description) {
        Ok(Value::Object(settings)) => settings,
        _ => Map::new(),
    };
    let told_apart = ["id", "revision", "sha256"];
    let settings = settings
        .into_iter()
        .filter(|(key, _)| !told_apart.contains(&key.as_str()));
    ragdex_store::Encoder {
        id: description.id.clone(),
        revision: description.revision.clone(),
        sha256: Some(description.sha256),
        settings: settings.collect(),
    }
}

/// Loads the model that writes answers: the bundled reader, a whole RAG checkpoint, or a BART.
///
/// The reference hands a generator the question as the tokenizer of the question encoder decodes it. A
/// RAG checkpoint brings that tokenizer; beside a plain BART it is that of a DPR `question_encoder`,
/// and with encoders of other kinds, which RAG was never trained with, the question stays as it was
/// asked.
pub(crate) fn open_generator(
    name: &str,
    question_encoder: &str,
    precision: Precision,
    context: &Context<'_>,
) -> Result<RagModel> {
    let device = generator_device(name, precision, context)?;
    if name == MINI {
        let checkpoint = open_bundled(Part::Generator, context)?;
        return Ok(RagModel::assemble_in(
            &checkpoint,
            None,
            &device,
            precision,
        )?);
    }
    let checkpoint = open_checkpoint(name)?;
    if model_type(&checkpoint) == Some("rag") {
        return Ok(RagModel::load_in(&checkpoint, &device, precision)?);
    }
    let tokenizer = match question_encoder {
        MINI => None,
        id => {
            let encoder = open_checkpoint(id)?;
            let is_dpr = model_type(&encoder) == Some("dpr");
            is_dpr.then(|| encoder.tokenizer("")).transpose()?
        }
    };
    let model = RagModel::assemble_in(&checkpoint, tokenizer, &device, precision)?;
    Ok(model)
}

/// The hash of the weights of a generator; `None` for the bundled one in a program that does not bundle it.
pub(crate) fn generator_sha256(name: &str, context: &Context<'_>) -> Result<Option<Sha256>> {
    let checkpoint = match (name, &context.bundled) {
        (MINI, None) => return Ok(None),
        (MINI, Some(_)) => open_bundled(Part::Generator, context)?,
        (name, _) => open_checkpoint(name)?,
    };
    Ok(Some(checkpoint.sha256()))
}

/// The first device, or the processor, said aloud, where the user left it to us and generators compute
/// there in `f32` only.
fn generator_device(name: &str, precision: Precision, context: &Context<'_>) -> Result<Device> {
    let device = context.first_device()?;
    let is_free = *context.devices.choice() == DeviceChoice::Auto;
    if device.is_cpu() || precision == Precision::F32 || !is_free {
        return Ok(device);
    }
    context.reporter.warn(&format!(
        "`{name}` runs on the processor: generators compute on GPUs in precision `f32` only"
    ));
    Ok(Device::Cpu)
}

fn model_type(checkpoint: &Checkpoint) -> Option<&str> {
    checkpoint.config()["model_type"].as_str()
}
