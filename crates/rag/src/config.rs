//! What `config.json` says of a RAG model.

use std::path::Path;

use ragdex_models::Checkpoint;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::options::GenerationOptions;
use crate::{Error, RagKind};

/// The fields of a RAG `config.json`, under their own names, with the reference's defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the flags are those of the file"
)]
pub struct RagConfig {
    /// Stands between title and text.
    pub title_sep: String,
    /// Stands between text and question.
    pub doc_sep: String,
    /// Passages per question.
    pub n_docs: usize,
    /// The most tokens of a context, special ones included.
    pub max_combined_length: usize,
    /// The width of the index vectors.
    pub retrieval_vector_size: usize,
    /// Questions per search.
    pub retrieval_batch_size: usize,
    /// The kind of index: `exact`, `compressed`, `legacy` or `custom`.
    pub index_name: String,
    /// Where the index is.
    pub index_path: Option<String>,
    /// Where the passages are.
    pub passages_path: Option<String>,
    /// The hosted data set.
    pub dataset: Option<String>,
    /// Its split.
    pub dataset_split: Option<String>,
    /// Its revision.
    pub dataset_revision: Option<String>,
    /// Whether to take its small variant.
    pub use_dummy_dataset: bool,
    /// The epsilon of the loss; also reaches the ranking of RAG-Sequence.
    pub label_smoothing: f32,
    /// Whether RAG-Sequence drops repeated hypotheses before it scores them.
    pub do_deduplication: bool,
    /// Whether the loss of RAG-Sequence leaves the begin token out. Generation always does.
    pub exclude_bos_score: bool,
    /// Whether the reference's forward pass marginalises; nothing here depends on it.
    pub do_marginalize: bool,
    /// Whether the reference's forward pass returns what was retrieved; nothing depends on it.
    pub output_retrieved: bool,
    /// Whether losses are summed over a batch.
    pub reduce_loss: bool,
    /// Whether the reference keeps keys and values between steps; it makes no difference.
    pub use_cache: bool,
    /// Stands before every context, unless the call names another.
    #[serde(skip)]
    pub prefix: String,
    /// What the class of the checkpoint is, if it says.
    #[serde(skip)]
    pub kind: Option<RagKind>,
    /// Generation settings of the top level.
    #[serde(skip)]
    pub generation: GenerationOptions,
    /// Generation settings of the generator.
    #[serde(skip)]
    pub generator_generation: GenerationOptions,
    /// `generation_config.json`.
    #[serde(skip)]
    pub generation_config: Option<GenerationOptions>,
}

impl Default for RagConfig {
    fn default() -> Self {
        Self {
            title_sep: " / ".into(),
            doc_sep: " // ".into(),
            n_docs: 5,
            max_combined_length: 300,
            retrieval_vector_size: 768,
            retrieval_batch_size: 8,
            index_name: "compressed".into(),
            index_path: None,
            passages_path: None,
            dataset: Some("wiki_dpr".into()),
            dataset_split: Some("train".into()),
            dataset_revision: None,
            use_dummy_dataset: false,
            label_smoothing: 0.0,
            do_deduplication: true,
            exclude_bos_score: false,
            do_marginalize: false,
            output_retrieved: false,
            reduce_loss: false,
            use_cache: true,
            prefix: String::new(),
            kind: None,
            generation: GenerationOptions::default(),
            generator_generation: GenerationOptions::default(),
            generation_config: None,
        }
    }
}

impl RagConfig {
    /// Reads the configuration of a RAG checkpoint, its `generation_config.json` included.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn of_rag(checkpoint: &Checkpoint) -> Result<Self, Error> {
        let path = checkpoint.path("config.json");
        let value = checkpoint.config();
        let wrong = |what: String| Error::Config {
            path: path.clone(),
            what,
        };
        let generator = value
            .get("generator")
            .ok_or_else(|| wrong("`generator` expected, none found".into()))?;
        let mut config = Self::deserialize(value).map_err(|e| wrong(e.to_string()))?;
        config.generation = section(value, &path)?;
        config.read_generator(generator, &path)?;
        config.kind = kind(value);
        let file = "generation_config.json";
        if let Some(value) = checkpoint.json(file)? {
            config.generation_config = Some(section(&value, &checkpoint.path(file))?);
        }
        Ok(config)
    }

    /// The configuration of a model assembled from a question encoder and a BART: the reference's
    /// defaults around that BART's settings, those of its `generation_config.json` first.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn of_generator(checkpoint: &Checkpoint) -> Result<Self, Error> {
        let path = checkpoint.path("config.json");
        let mut config = Self::default();
        config.read_generator(checkpoint.config(), &path)?;
        let file = "generation_config.json";
        if let Some(value) = checkpoint.json(file)? {
            let own = section(&value, &checkpoint.path(file))?;
            config.generator_generation = own.or(config.generator_generation);
        }
        Ok(config)
    }

    fn read_generator(&mut self, generator: &Value, path: &Path) -> Result<(), Error> {
        let model_type = generator.get("model_type").and_then(Value::as_str);
        if let Some(other) = model_type.filter(|name| *name != "bart") {
            return Err(Error::Config {
                path: path.to_owned(),
                what: format!("a `bart` generator expected, found `{other}`"),
            });
        }
        let prefix = generator.get("prefix").and_then(Value::as_str);
        self.prefix = prefix.unwrap_or_default().into();
        let generator = with_bart_defaults(generator);
        let mut own = section(&generator, path)?;
        let force_bos = generator.get("force_bos_token_to_be_generated");
        if own.forced_bos_token_id.is_none() && force_bos == Some(&Value::Bool(true)) {
            own.forced_bos_token_id = own.bos_token_id;
        }
        self.generator_generation = own;
        Ok(())
    }
}

/// Adds the special tokens that a BART configuration has where its file does not name them.
fn with_bart_defaults(generator: &Value) -> Value {
    let mut generator = generator.clone();
    let defaults = json!({
        "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2,
        "forced_eos_token_id": 2,
    });
    if let (Some(own), Value::Object(defaults)) = (generator.as_object_mut(), defaults) {
        for (key, value) in defaults {
            own.entry(key).or_insert(value);
        }
    }
    generator
}

fn section(value: &Value, path: &Path) -> Result<GenerationOptions, Error> {
    GenerationOptions::from_section(value).map_err(|error| Error::Config {
        path: path.to_owned(),
        what: error.to_string(),
    })
}

fn kind(value: &Value) -> Option<RagKind> {
    let class = value.get("architectures")?.get(0)?.as_str()?;
    match class {
        "RagTokenForGeneration" => Some(RagKind::Token),
        "RagSequenceForGeneration" => Some(RagKind::Sequence),
        _ => None,
    }
}
