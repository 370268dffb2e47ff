//! What `config.json` says of a BART model.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// The fields of a BART `config.json` that decide what is computed, under their own names.
///
/// Generation settings and the leftovers of old files (`extra_pos_embeddings`,
/// `normalize_embedding`, …) are not read here.
///
/// A key that is absent has the reference's default, which is that of `facebook/bart-large`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the flags are those of the file"
)]
pub struct BartConfig {
    /// Rows of the shared embedding.
    pub vocab_size: usize,
    /// Width of a state.
    pub d_model: usize,
    /// Layers of the encoder.
    pub encoder_layers: usize,
    /// Layers of the decoder.
    pub decoder_layers: usize,
    /// Heads of the encoder's self-attention.
    pub encoder_attention_heads: usize,
    /// Heads of both attentions of the decoder.
    pub decoder_attention_heads: usize,
    /// Inner width of the encoder's feed-forward layers.
    pub encoder_ffn_dim: usize,
    /// Inner width of the decoder's feed-forward layers.
    pub decoder_ffn_dim: usize,
    /// Positions that were trained, for input and output each.
    pub max_position_embeddings: usize,
    /// Whether token embeddings are multiplied by `sqrt(d_model)`.
    pub scale_embedding: bool,
    /// The non-linearity; only `gelu` (the exact one) is known.
    pub activation_function: String,
    /// Old files may put layer normalisation before each part instead of after it; not supported.
    normalize_before: bool,
    /// Old files may have fixed sine positions; not supported.
    static_position_embeddings: bool,
    /// Old files may have another layer normalisation after the last layer; not supported.
    add_final_layer_norm: bool,
}

impl Default for BartConfig {
    fn default() -> Self {
        Self {
            vocab_size: 50265,
            d_model: 1024,
            encoder_layers: 12,
            decoder_layers: 12,
            encoder_attention_heads: 16,
            decoder_attention_heads: 16,
            encoder_ffn_dim: 4096,
            decoder_ffn_dim: 4096,
            max_position_embeddings: 1024,
            scale_embedding: false,
            activation_function: "gelu".into(),
            normalize_before: false,
            static_position_embeddings: false,
            add_final_layer_norm: false,
        }
    }
}

impl BartConfig {
    /// Reads the object `value` of the file `path`, and refuses what this implementation would
    /// compute differently.
    ///
    /// # Errors
    /// [`Error::Json`] for a field of another type, [`Error::Config`] for a value.
    pub fn from_json(value: &Value, path: &Path) -> Result<Self, Error> {
        let config = Self::deserialize(value).map_err(|source| Error::Json {
            path: path.to_owned(),
            source,
        })?;
        match config.objection() {
            None => Ok(config),
            Some((key, what)) => Err(Error::Config {
                path: path.to_owned(),
                key: key.to_owned(),
                what,
            }),
        }
    }

    /// The first field, if any, that cannot be used, and why.
    fn objection(&self) -> Option<(&'static str, String)> {
        if self.activation_function != "gelu" {
            let what = format!("`gelu` expected, found `{}`", self.activation_function);
            return Some(("activation_function", what));
        }
        let sines = self.static_position_embeddings;
        let variants = [
            ("normalize_before", self.normalize_before),
            ("static_position_embeddings", sines),
            ("add_final_layer_norm", self.add_final_layer_norm),
        ];
        if let Some((key, _)) = variants.iter().find(|(_, set)| *set) {
            return Some((key, "`false` expected, found `true`".into()));
        }
        self.wrong_size()
    }

    fn wrong_size(&self) -> Option<(&'static str, String)> {
        let heads = [
            ("encoder_attention_heads", self.encoder_attention_heads),
            ("decoder_attention_heads", self.decoder_attention_heads),
        ];
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("d_model", self.d_model),
            ("max_position_embeddings", self.max_position_embeddings),
            ("encoder_ffn_dim", self.encoder_ffn_dim),
            ("decoder_ffn_dim", self.decoder_ffn_dim),
        ];
        if let Some((key, _)) = sizes.iter().chain(&heads).find(|(_, size)| *size == 0) {
            return Some((key, "a positive number expected, found 0".into()));
        }
        let uneven = |(_, n): &&(_, usize)| !self.d_model.is_multiple_of(*n);
        let (key, n) = heads.iter().find(uneven)?;
        let what = format!(
            "a divisor of `d_model` {} expected, found {n}",
            self.d_model
        );
        Some((key, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(change: (&str, Value)) -> Result<BartConfig, Error> {
        let mut value = json!({
            "vocab_size": 9, "d_model": 8, "encoder_layers": 1, "decoder_layers": 1,
            "encoder_attention_heads": 2, "decoder_attention_heads": 4, "encoder_ffn_dim": 4,
            "decoder_ffn_dim": 4, "max_position_embeddings": 16,
            "extra_pos_embeddings": 2, "classif_dropout": 0.0
        });
        value[change.0] = change.1;
        BartConfig::from_json(&value, Path::new("config.json"))
    }

    #[test]
    fn leftovers_of_old_files_are_ignored() {
        let config = config(("normalize_embedding", json!(true))).expect("a good configuration");
        assert_eq!(config.decoder_attention_heads, 4);
    }

    #[test]
    fn what_would_be_computed_differently_is_refused() {
        for change in [
            ("activation_function", json!("relu")),
            ("normalize_before", json!(true)),
            ("decoder_attention_heads", json!(3)),
            ("d_model", json!(0)),
        ] {
            let message = config(change.clone()).expect_err("a refusal").to_string();
            assert!(message.contains(change.0), "{message}");
        }
    }
}
