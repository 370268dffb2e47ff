//! Generation settings as one place gives them: a call, a file, a section of a file.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::Error;

/// Generation settings under the reference's names; what is `None` is left to the next place.
///
/// Where the inner type is an `Option` too, `Some(None)` unsets the setting.
///
/// ```
/// # fn main() -> Result<(), ragdex_rag::Error> {
/// use ragdex_rag::GenerationOptions;
///
/// let mut options = GenerationOptions::default();
/// options.set("num-beams", "4")?;
/// options.set("forced_eos_token_id", "none")?;
/// assert_eq!(options.num_beams, Some(4));
/// assert_eq!(options.forced_eos_token_id, Some(None));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct GenerationOptions {
    /// The longest sequence, the start token included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// The most tokens behind the start token. Has no effect on RAG-Token, as in the reference.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<Option<usize>>,
    /// The shortest sequence, the start token included; the end token may follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<usize>,
    /// Sequences kept at every step; 1 is greedy search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_beams: Option<usize>,
    /// Answers to return.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_return_sequences: Option<usize>,
    /// The power of the length by which a finished beam's score is divided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_penalty: Option<f64>,
    /// When beam search may stop before the last position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Runs of so many tokens occur once at most; 0 for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_repeat_ngram_size: Option<usize>,
    /// Makes tokens that the sequence holds already less likely; 1 for no change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition_penalty: Option<f64>,
    /// Token sequences that must not occur.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub bad_words_ids: Option<Option<Vec<Vec<u32>>>>,
    /// The token that must follow the start token.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub forced_bos_token_id: Option<Option<u32>>,
    /// The token that must stand at the last position.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub forced_eos_token_id: Option<Option<TokenIds>>,
    /// The token that decoding starts with.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub decoder_start_token_id: Option<Option<u32>>,
    /// The token that begins a text.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub bos_token_id: Option<Option<u32>>,
    /// The tokens that end a text.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub eos_token_id: Option<Option<TokenIds>>,
    /// The token that fills rows up.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub pad_token_id: Option<Option<u32>>,
    /// Sampling; only `false` is supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub do_sample: Option<bool>,
    /// Groups of beams; only 1 is supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_beam_groups: Option<usize>,
    /// Runs of the context that must not be repeated; only 0 is supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder_no_repeat_ngram_size: Option<usize>,
}

/// When beam search may stop before the last position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EarlyStopping {
    /// As soon as as many sequences are finished as there are beams (`true`).
    Full,
    /// When the best open beam, at its present length, is worse than all finished ones (`false`).
    #[default]
    Heuristic,
    /// When no open beam could become better than the finished ones at any length (`"never"`).
    Never,
}

impl Serialize for EarlyStopping {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Full => serializer.serialize_bool(true),
            Self::Heuristic => serializer.serialize_bool(false),
            Self::Never => serializer.serialize_str("never"),
        }
    }
}

impl<'de> Deserialize<'de> for EarlyStopping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(true) => Ok(Self::Full),
            Value::Bool(false) => Ok(Self::Heuristic),
            Value::String(text) if text == "never" => Ok(Self::Never),
            other => Err(serde::de::Error::custom(format!(
                "`true`, `false` or `never` expected, found `{other}`"
            ))),
        }
    }
}

/// One token id, or several that serve alike; files write either form.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "OneOrMany")]
pub struct TokenIds(pub Vec<u32>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

impl From<OneOrMany> for TokenIds {
    fn from(ids: OneOrMany) -> Self {
        match ids {
            OneOrMany::One(id) => Self(vec![id]),
            OneOrMany::Many(ids) => Self(ids),
        }
    }
}

impl From<TokenIds> for OneOrMany {
    fn from(ids: TokenIds) -> Self {
        match *ids.0 {
            [id] => Self::One(id),
            _ => Self::Many(ids.0),
        }
    }
}

/// Reads a value that is there, null included, as `Some`.
fn given<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Calls a macro with every field, those that can be unset apart.
macro_rules! each_field {
    ($call:ident) => {
        $call! {
            [max_length min_length num_beams num_return_sequences length_penalty early_stopping
             no_repeat_ngram_size repetition_penalty do_sample num_beam_groups
             encoder_no_repeat_ngram_size]
            [max_new_tokens bad_words_ids forced_bos_token_id forced_eos_token_id
             decoder_start_token_id bos_token_id eos_token_id pad_token_id]
        }
    };
}

macro_rules! names {
    ([$($plain:ident)*] [$($nullable:ident)*]) => {
        &[$(stringify!($plain),)* $(stringify!($nullable),)*]
    };
}

macro_rules! nullable_names {
    ([$($plain:ident)*] [$($nullable:ident)*]) => { &[$(stringify!($nullable),)*] };
}

/// The settings that can be unset.
const NULLABLE: &[&str] = each_field!(nullable_names);

impl GenerationOptions {
    /// The names of all settings.
    pub const NAMES: &'static [&'static str] = each_field!(names);

    /// Sets a setting by its name, in snake or kebab case. A value is written as in JSON, and
    /// `none` unsets.
    ///
    /// # Errors
    /// [`Error::UnknownSetting`], [`Error::Setting`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let unknown = || Error::UnknownSetting { name: name.into() };
        let key = name.replace('-', "_");
        let known = Self::NAMES.iter().find(|known| **known == key);
        let known = *known.ok_or_else(unknown)?;
        let value = match value {
            "none" if !NULLABLE.contains(&known) => {
                return Err(Error::setting(known, "a value expected, found `none`"));
            }
            "none" => Value::Null,
            value => serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.into())),
        };
        let one = Map::from_iter([(key, value)]);
        let one = Self::deserialize(Value::Object(one))
            .map_err(|error| Error::setting(known, error.to_string()))?;
        *self = one.or(std::mem::take(self));
        Ok(())
    }

    /// Takes from `self` what it has, and the rest from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        macro_rules! join {
            ([$($plain:ident)*] [$($nullable:ident)*]) => {
                Self { $($plain: self.$plain.or(other.$plain),)*
                       $($nullable: self.$nullable.or(other.$nullable),)* }
            };
        }
        each_field!(join)
    }

    /// Reads the settings in a section of a configuration, where null means nothing.
    pub(crate) fn from_section(section: &Value) -> Result<Self, serde_json::Error> {
        let object = section.as_object().into_iter().flatten();
        let given = object.filter(|(_, value)| !value.is_null());
        let known = given.filter(|(key, _)| Self::NAMES.contains(&key.as_str()));
        let known = known.map(|(key, value)| (key.clone(), value.clone()));
        Self::deserialize(Value::Object(known.collect()))
    }

    /// Drops what equals the reference's global default.
    pub(crate) fn without_defaults(self) -> Self {
        let defaults = Self::defaults();
        macro_rules! drop {
            ([$($plain:ident)*] [$($nullable:ident)*]) => {
                Self { $($plain: self.$plain.filter(|v| Some(v) != defaults.$plain.as_ref()),)*
                       $($nullable: self.$nullable.filter(Option::is_some),)* }
            };
        }
        each_field!(drop)
    }

    /// The reference's global defaults of the settings that cannot be unset.
    pub(crate) fn defaults() -> Self {
        Self {
            max_length: Some(20),
            min_length: Some(0),
            num_beams: Some(1),
            num_return_sequences: Some(1),
            length_penalty: Some(1.0),
            early_stopping: Some(EarlyStopping::Heuristic),
            no_repeat_ngram_size: Some(0),
            repetition_penalty: Some(1.0),
            do_sample: Some(false),
            num_beam_groups: Some(1),
            encoder_no_repeat_ngram_size: Some(0),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_set_by_name() {
        let mut options = GenerationOptions::default();
        for (name, value) in [
            ("early-stopping", "never"),
            ("bad_words_ids", "[[0, 0]]"),
            ("eos-token-id", "[2, 3]"),
            ("length_penalty", "0"),
            ("max-new-tokens", "none"),
        ] {
            options.set(name, value).expect("a setting");
        }
        assert_eq!(options.early_stopping, Some(EarlyStopping::Never));
        assert_eq!(options.bad_words_ids, Some(Some(vec![vec![0, 0]])));
        assert_eq!(options.eos_token_id, Some(Some(TokenIds(vec![2, 3]))));
        assert_eq!(options.length_penalty, Some(0.0));
        assert_eq!(options.max_new_tokens, Some(None));
    }

    #[test]
    fn wrong_names_and_values_are_told() {
        let mut options = GenerationOptions::default();
        let unknown = options.set("num-beam", "4");
        assert!(matches!(unknown, Err(Error::UnknownSetting { .. })));
        for (name, value) in [
            ("num_beams", "many"),
            ("max_length", "-1"),
            ("num_beams", "none"),
        ] {
            let error = options.set(name, value).expect_err("a refusal");
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn options_survive_json() {
        let mut options = GenerationOptions::default();
        options
            .set("forced_eos_token_id", "none")
            .expect("a setting");
        options.set("early_stopping", "true").expect("a setting");
        let json = serde_json::to_string(&options).expect("JSON");
        assert_eq!(
            json,
            r#"{"early_stopping":true,"forced_eos_token_id":null}"#
        );
        assert_eq!(
            serde_json::from_str::<GenerationOptions>(&json).expect("JSON"),
            options
        );
    }
}
