//! `tokenizer_config.json` and `special_tokens_map.json`.

use serde_json::Value;

use crate::Error;
use crate::checkpoint::Files;

/// Lengths from here on mean "no limit": the reference writes `int(1e30)` then.
const UNLIMITED: f64 = 1e9;

/// What the configuration files beside a vocabulary say.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) max_length: Option<usize>,
    pub(super) clean_up: Option<bool>,
    config: Value,
    special: Value,
}

impl Settings {
    pub(super) fn read(files: &Files, prefix: &str) -> Result<Self, Error> {
        let json = |name| files.json(&format!("{prefix}{name}"));
        let config = json("tokenizer_config.json")?.unwrap_or_default();
        let special = json("special_tokens_map.json")?.unwrap_or_default();
        let length = config.get("model_max_length").and_then(Value::as_f64);
        let length = length.filter(|length| (1.0..UNLIMITED).contains(length));
        Ok(Self {
            max_length: length.map(|length| length as usize),
            clean_up: config
                .get("clean_up_tokenization_spaces")
                .and_then(Value::as_bool),
            config,
            special,
        })
    }

    /// Reads a flag; `None` when absent or null.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.config.get(key).and_then(Value::as_bool)
    }

    /// The spelling of a special token such as `cls_token`: a text, or an object with `content`.
    pub(super) fn special_token(&self, key: &str, default: &str) -> String {
        let spelling = |value: &Value| {
            let content = value.get("content").unwrap_or(value);
            content.as_str().map(str::to_owned)
        };
        let find = |settings: &Value| settings.get(key).and_then(spelling);
        find(&self.config)
            .or_else(|| find(&self.special))
            .unwrap_or_else(|| default.to_owned())
    }
}
