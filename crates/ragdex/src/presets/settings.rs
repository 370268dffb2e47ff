//! How an encoder reads texts, said by another than its files.

use ragdex_models::{EncoderOptions, PassageForm, Pooling};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What holds of an encoder in place of what its files say; what is `None` is left to them.
///
/// Presets say it of published models whose files leave it out, such as the prompts of E5; a knowledge base of
/// the encoder that embedded its passages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncoderSettings {
    /// How token vectors become one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Whether vectors are brought to length 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// How title and text of a passage are joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passage_form: Option<PassageForm>,
    /// What is put before each passage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passage_prompt: Option<String>,
    /// What is put before each question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question_prompt: Option<String>,
    /// The longest input in tokens; the model's own limits still hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
}

impl EncoderSettings {
    /// The settings that a knowledge base recorded of an encoder, so that it is opened as it was.
    ///
    /// Prompts that were not recorded were empty. That vectors were not normalised is left to the files, which
    /// may normalise before their last step.
    pub(crate) fn recorded(encoder: &ragdex_store::Encoder) -> Self {
        let noted = Value::Object(encoder.settings.clone());
        let noted: Self = serde_json::from_value(noted).unwrap_or_default();
        Self {
            normalize: noted.normalize.filter(|normalize| *normalize),
            passage_prompt: Some(noted.passage_prompt.unwrap_or_default()),
            question_prompt: Some(noted.question_prompt.unwrap_or_default()),
            ..noted
        }
    }

    /// Writes the settings into the options of an encoder.
    pub(crate) fn apply(&self, options: &mut EncoderOptions) {
        options.pooling = self.pooling;
        options.normalize = self.normalize;
        options.passage_form = self.passage_form;
        options.passage_prompt.clone_from(&self.passage_prompt);
        options.question_prompt.clone_from(&self.question_prompt);
        options.max_tokens = self.max_tokens;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recorded(settings: &Value) -> EncoderSettings {
        let encoder = json!({"id": "x", "revision": null, "sha256": null});
        let mut encoder: serde_json::Map<String, Value> = serde_json::from_value(encoder).unwrap();
        encoder.extend(settings.as_object().unwrap().clone());
        EncoderSettings::recorded(&serde_json::from_value(Value::Object(encoder)).unwrap())
    }

    #[test]
    fn what_is_recorded_holds_and_what_is_not_was_empty() {
        let found = recorded(&json!({
            "pooling": "cls", "normalize": true, "scale": 1.0, "max_tokens": 40, "passage_form": "joined",
            "question_prompt": "query: ", "precision": "f32", "dim": 32,
        }));
        assert_eq!(found.pooling, Some(Pooling::Cls));
        assert_eq!((found.normalize, found.max_tokens), (Some(true), Some(40)));
        assert_eq!(found.passage_form, Some(PassageForm::Joined));
        assert_eq!(found.question_prompt.as_deref(), Some("query: "));
        assert_eq!(found.passage_prompt.as_deref(), Some(""));
    }

    #[test]
    fn vectors_that_were_not_normalised_leave_the_steps_of_the_files_alone() {
        assert_eq!(recorded(&json!({"normalize": false})).normalize, None);
    }
}
