//! The configuration of a BERT.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// What `config.json` says of a BERT; fields keep their names there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct BertConfig {
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) max_position_embeddings: usize,
    #[serde(default = "default_type_vocab_size")]
    pub(crate) type_vocab_size: usize,
    #[serde(default = "default_layer_norm_eps")]
    pub(crate) layer_norm_eps: f64,
    #[serde(default)]
    pub(crate) pad_token_id: u32,
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
        if self.type_vocab_size == 0 || self.max_position_embeddings == 0 {
            let what = "at least 1 expected, found 0".to_owned();
            return refuse("type_vocab_size` or `max_position_embeddings", what);
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
