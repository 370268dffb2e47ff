//! The configuration of a BERT or a RoBERTa.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::TokenRules;
use crate::Error;

/// The models that are computed, by their `model_type`; a configuration without one is a BERT.
const BERT_TYPES: [&str; 2] = ["bert", "dpr"];

/// RoBERTa and its heirs: BERT whose positions begin behind the padding id.
const ROBERTA_TYPES: [&str; 3] = ["roberta", "xlm-roberta", "camembert"];

/// More layers than any model has: a number from a damaged file must not become as many names.
const MAX_LAYERS: usize = 1000;

/// The padding id of a RoBERTa that names none.
const ROBERTA_PAD: u32 = 1;

/// What `config.json` says of a BERT; fields keep their names there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct BertConfig {
    #[serde(default)]
    model_type: Option<String>,
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) intermediate_size: usize,
    /// Rows of the table of positions; see [`BertConfig::positions`].
    pub(crate) max_position_embeddings: usize,
    #[serde(default = "default_type_vocab_size")]
    pub(crate) type_vocab_size: usize,
    #[serde(default = "default_layer_norm_eps")]
    pub(crate) layer_norm_eps: f64,
    #[serde(default)]
    pad_token_id: Option<u32>,
    /// The width of DPR's projection; 0 when it has none.
    #[serde(default)]
    pub(crate) projection_dim: usize,
    #[serde(default)]
    hidden_act: Option<String>,
    #[serde(default)]
    position_embedding_type: Option<String>,
}

fn default_type_vocab_size() -> usize {
    2
}

fn default_layer_norm_eps() -> f64 {
    1e-12
}

impl BertConfig {
    /// Reads and checks a configuration; `path` is for messages.
    pub(crate) fn read(value: &Value, path: &Path) -> Result<Self, Error> {
        let config = Self::deserialize(value).map_err(|source| Error::Json {
            path: path.to_owned(),
            source,
        })?;
        config.check(path)?;
        Ok(config)
    }

    /// The id of the padding token.
    pub(crate) fn pad_token_id(&self) -> u32 {
        let usual = if self.is_roberta() { ROBERTA_PAD } else { 0 };
        self.pad_token_id.unwrap_or(usual)
    }

    /// Whether padding tokens have a position of their own and the others count from there.
    pub(crate) fn is_roberta(&self) -> bool {
        let model_type = self.model_type.as_deref();
        model_type.is_some_and(|name| ROBERTA_TYPES.contains(&name))
    }

    /// What this model makes of padding tokens in texts, where nothing attends to `masked_id`.
    pub(crate) fn token_rules(&self, masked_id: Option<u32>) -> TokenRules {
        TokenRules {
            masked_id,
            first_position_after: self.is_roberta().then(|| self.pad_token_id()),
        }
    }

    /// The row of the table of positions for the first token.
    pub(crate) fn first_position(&self) -> usize {
        if self.is_roberta() {
            self.pad_token_id() as usize + 1
        } else {
            0
        }
    }

    /// The tokens that the table of positions suffices for.
    pub(crate) fn positions(&self) -> usize {
        self.max_position_embeddings - self.first_position()
    }

    pub(crate) fn head_width(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    fn check(&self, path: &Path) -> Result<(), Error> {
        let refuse = |key: &str, what: String| {
            Err(Error::Config {
                path: path.to_owned(),
                key: key.into(),
                what,
            })
        };
        let known = || BERT_TYPES.iter().chain(&ROBERTA_TYPES);
        if let Some(other) = self
            .model_type
            .as_deref()
            .filter(|name| known().all(|known| known != name))
        {
            let known: Vec<&str> = known().copied().collect();
            let what = format!("one of `{}` expected, found `{other}`", known.join("`, `"));
            return refuse("model_type", what);
        }
        if let Some(activation) = self.hidden_act.as_deref().filter(|name| *name != "gelu") {
            return refuse(
                "hidden_act",
                format!("`gelu` expected, found `{activation}`"),
            );
        }
        let position = self.position_embedding_type.as_deref();
        if let Some(position) = position.filter(|name| *name != "absolute") {
            let what = format!("`absolute` expected, found `{position}`");
            return refuse("position_embedding_type", what);
        }
        let (width, heads) = (self.hidden_size, self.num_attention_heads);
        if heads == 0 || width == 0 || width % heads != 0 {
            let what = format!("a divisor of `hidden_size` {width} expected, found {heads}");
            return refuse("num_attention_heads", what);
        }
        let layers = self.num_hidden_layers;
        if !(1..=MAX_LAYERS).contains(&layers) {
            let what = format!("1 to {MAX_LAYERS} expected, found {layers}");
            return refuse("num_hidden_layers", what);
        }
        for (key, size) in [
            ("vocab_size", self.vocab_size),
            ("intermediate_size", self.intermediate_size),
            ("type_vocab_size", self.type_vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
        ] {
            if size == 0 {
                return refuse(key, "at least 1 expected, found 0".to_owned());
            }
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps.is_finite()) {
            let what = format!("a positive number expected, found {}", self.layer_norm_eps);
            return refuse("layer_norm_eps", what);
        }
        if self.max_position_embeddings <= self.first_position() {
            let what = format!(
                "more than {} expected, the first position of this model, found {}",
                self.first_position(),
                self.max_position_embeddings
            );
            return refuse("max_position_embeddings", what);
        }
        Ok(())
    }

    /// The tensors of the model below a prefix, with their shapes.
    pub(crate) fn tensors(&self, prefix: &str) -> Vec<(String, Vec<usize>)> {
        let (hidden, inner) = (self.hidden_size, self.intermediate_size);
        let mut tensors = Vec::new();
        let mut add = |name: String, shape: &[usize]| {
            tensors.push((format!("{prefix}{name}"), shape.to_vec()));
        };
        for (table, rows) in [
            ("word", self.vocab_size),
            ("position", self.max_position_embeddings),
            ("token_type", self.type_vocab_size),
        ] {
            add(
                format!("embeddings.{table}_embeddings.weight"),
                &[rows, hidden],
            );
        }
        add("embeddings.LayerNorm.weight".into(), &[hidden]);
        add("embeddings.LayerNorm.bias".into(), &[hidden]);
        let linear = [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", inner, hidden),
            ("output.dense", hidden, inner),
        ];
        for layer in (0..self.num_hidden_layers).map(|i| format!("encoder.layer.{i}")) {
            for (name, outputs, inputs) in linear {
                add(format!("{layer}.{name}.weight"), &[outputs, inputs]);
                add(format!("{layer}.{name}.bias"), &[outputs]);
            }
            for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
                add(format!("{layer}.{name}.weight"), &[hidden]);
                add(format!("{layer}.{name}.bias"), &[hidden]);
            }
        }
        tensors
    }
}
