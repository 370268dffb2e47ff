//! What a checkpoint is and what it serves for.

use ragdex_models::bart::BartConfig;
use ragdex_models::{BertEncoder, Checkpoint, EncoderOptions, Pooling};
use serde::Serialize;
use serde_json::Value;

use super::licence;
use crate::models::open_bundled_parts;
use crate::presets::MINI;
use crate::{Context, Result};

/// What a checkpoint can do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelUse {
    /// Encodes passages.
    ContextEncoder,
    /// Encodes questions.
    QuestionEncoder,
    /// Writes answers.
    Generator,
}

/// What a checkpoint holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInfo {
    /// The name it was opened by.
    pub name: String,
    /// Its commit on the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The folder of its files; absent for the bundled models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The family: `dpr`, `bert`, `roberta`, `bart`, `rag` and so on.
    pub kind: String,
    /// What it serves for; empty when it serves for nothing.
    pub uses: Vec<ModelUse>,
    /// Why it serves for nothing, or for less than its family would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Layers of the encoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder_layers: Option<u64>,
    /// Layers of the decoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoder_layers: Option<u64>,
    /// The width of its states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u64>,
    /// The width of its vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimension: Option<usize>,
    /// How token vectors become one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Whether vectors are brought to length 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// The longest input in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// The number of tokens that its tokenizers know.
    pub vocabulary: Vec<usize>,
    /// The number of weights.
    pub parameters: u64,
    /// The number formats of the weights.
    pub formats: Vec<String>,
    /// The licence that its publisher names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The SHA-256 of the weights.
    pub sha256: String,
}

/// Tells what a checkpoint is: of a folder, of a model in the cache, or of the bundled models, which are two.
///
/// An encoder is loaded, a generator is not: its tensors are checked when it is used.
///
/// # Errors
/// [`Error::Hub`](crate::Error::Hub) for a name that is neither; what damaged files give.
pub fn info(name: &str, context: &Context<'_>) -> Result<Vec<ModelInfo>> {
    if name == MINI {
        let parts = open_bundled_parts(context)?.into_iter();
        return Ok(parts
            .map(|(checkpoint, options)| describe(&checkpoint, &options))
            .collect());
    }
    let checkpoint = super::open(name)?;
    Ok(vec![describe(&checkpoint, &EncoderOptions::default())])
}

fn describe(checkpoint: &Checkpoint, options: &EncoderOptions) -> ModelInfo {
    let config = checkpoint.config();
    let kind = config["model_type"].as_str().unwrap_or("unknown");
    let is_bundled = checkpoint.id() == MINI;
    let mut info = ModelInfo {
        name: checkpoint.id().to_owned(),
        revision: checkpoint.revision().map(str::to_owned),
        folder: (!is_bundled).then(|| checkpoint.path("").display().to_string()),
        kind: kind.to_owned(),
        uses: Vec::new(),
        problem: None,
        encoder_layers: number(config, &["num_hidden_layers", "encoder_layers"]),
        decoder_layers: number(config, &["decoder_layers"]),
        width: number(config, &["hidden_size", "d_model"]),
        dimension: None,
        pooling: None,
        normalize: None,
        max_tokens: None,
        vocabulary: Vec::new(),
        parameters: checkpoint.n_parameters(),
        formats: checkpoint.formats().into_iter().collect(),
        licence: if is_bundled {
            Some("Apache-2.0".into())
        } else {
            licence(checkpoint.id())
        },
        sha256: checkpoint.sha256().to_string(),
    };
    let described = match kind {
        "bart" => generator(&mut info, checkpoint, config, ""),
        "rag" => encoder(&mut info, checkpoint, options).and_then(|()| {
            let config = &config["generator"];
            info.encoder_layers = number(
                &checkpoint.config()["question_encoder"],
                &["num_hidden_layers"],
            );
            info.decoder_layers = number(config, &["decoder_layers"]);
            info.width = number(config, &["d_model"]);
            generator(&mut info, checkpoint, config, "generator_tokenizer")
        }),
        _ => encoder(&mut info, checkpoint, options),
    };
    info.problem = described.err().map(|error| error.to_string());
    info
}

/// Adds what an encoder is.
fn encoder(
    info: &mut ModelInfo,
    checkpoint: &Checkpoint,
    options: &EncoderOptions,
) -> Result<(), ragdex_models::Error> {
    let encoder = BertEncoder::open(checkpoint, options)?;
    let description = ragdex_models::Encoder::description(&encoder);
    info.dimension = Some(description.dim);
    info.pooling = Some(description.pooling);
    info.normalize = Some(description.normalize);
    info.max_tokens = Some(description.max_tokens);
    info.vocabulary.push(encoder.tokenizer().vocab_size());
    let holds = |prefix: &str| {
        checkpoint
            .tensor_names()
            .any(|name| name.starts_with(prefix))
    };
    // The two towers of DPR were trained for one of the two each.
    if !holds("question_encoder.") && !holds("rag.") {
        info.uses.push(ModelUse::ContextEncoder);
    }
    if !holds("ctx_encoder.") {
        info.uses.push(ModelUse::QuestionEncoder);
    }
    Ok(())
}

/// Adds what a generator is.
fn generator(
    info: &mut ModelInfo,
    checkpoint: &Checkpoint,
    config: &Value,
    tokenizer: &str,
) -> Result<(), ragdex_models::Error> {
    BartConfig::from_json(config, &checkpoint.path("config.json"))?;
    info.vocabulary
        .push(checkpoint.tokenizer(tokenizer)?.vocab_size());
    info.uses.push(ModelUse::Generator);
    Ok(())
}

/// The first of some keys of a configuration that is a number.
fn number(config: &Value, keys: &[&str]) -> Option<u64> {
    keys.iter().find_map(|key| config.get(key)?.as_u64())
}
