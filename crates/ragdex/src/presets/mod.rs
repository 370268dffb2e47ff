//! Named sets of models. Which there are, and how each encoder is used, is data: `presets.json`.

mod settings;

use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

pub use self::settings::EncoderSettings;
use crate::{Error, ModelNames, checkpoints};

/// The id under which the bundled models are recorded.
pub const MINI: &str = "ragdex/mini";

/// Models that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The name on the command line.
    pub name: String,
    /// What it is, in a few words.
    pub summary: String,
    /// The encoder of passages.
    pub context_encoder: String,
    /// The encoder of questions.
    pub question_encoder: String,
    /// The model that writes answers; the bundled one when none belongs to the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
    /// The licence of the weights, as their publisher states it.
    pub licence: String,
    /// Whether that licence lets the weights be used commercially.
    pub commercial_use: bool,
    /// How both encoders read texts; where there is nothing, their files say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<EncoderSettings>,
}

/// The presets, as `presets.json` has them.
///
/// # Source
/// Ids, licences and pairings are those of the model cards; RAG's passages were embedded by the single-NQ context
/// encoder. Poolings and lengths are those of the published files, prompts those of the cards: BGE asks for an
/// instruction before questions only, E5 for `query: ` and `passage: `.
static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("presets.json")).expect("a test reads the file")
});

/// Every preset, the default first.
pub fn all() -> &'static [Preset] {
    &PRESETS
}

/// How the presets use a model of the hub, whatever its revision; `None` for one that none of them names.
pub(crate) fn settings_of(id: &str) -> Option<&'static EncoderSettings> {
    let id = id.split_once('@').map_or(id, |(id, _)| id);
    let preset = all().iter().find(|preset| preset.encoders().contains(&id));
    preset.and_then(|preset| preset.settings.as_ref())
}

/// The licences of the models named, as `id: licence`: of a preset's, else as the model card says; models for
/// which neither says anything are left out.
pub(crate) fn licences(models: &ModelNames) -> Vec<String> {
    let mut ids = vec![
        &*models.context_encoder,
        &models.question_encoder,
        &models.generator,
    ];
    ids.dedup();
    let licence = |id: &str| {
        let known = all().iter().find(|preset| preset.models().contains(&id));
        let licence = known.map(|preset| preset.licence.clone());
        let licence = licence.or_else(|| checkpoints::licence(id))?;
        Some(format!("{id}: {licence}"))
    };
    ids.into_iter().filter_map(licence).collect()
}

impl Preset {
    /// The two encoders.
    fn encoders(&self) -> [&str; 2] {
        [&self.context_encoder, &self.question_encoder]
    }

    /// Every model of the set, each once, the encoder of passages first.
    pub fn models(&self) -> Vec<&str> {
        let mut models: Vec<&str> = Vec::new();
        for id in self.encoders().into_iter().chain(self.generator.as_deref()) {
            if !models.contains(&id) {
                models.push(id);
            }
        }
        models
    }

    /// Whether its models are inside the program.
    pub fn is_bundled(&self) -> bool {
        self.context_encoder == MINI
    }
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = all().iter().find(|preset| preset.name == name);
        found.cloned().ok_or_else(|| Error::UnknownPreset {
            name: name.to_owned(),
        })
    }
}

/// A preset and whether its models are at hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PresetStatus {
    /// The preset.
    #[serde(flatten)]
    pub preset: Preset,
    /// Whether the models are inside the program.
    pub bundled: bool,
    /// Whether all of them can be opened without a network.
    pub available: bool,
}

/// Looks for the models of every preset.
pub fn status() -> Vec<PresetStatus> {
    all().iter().map(PresetStatus::of).collect()
}

impl PresetStatus {
    fn of(preset: &Preset) -> Self {
        let models = preset.models();
        Self {
            bundled: preset.is_bundled(),
            available: models.iter().all(|id| checkpoints::is_at_hand(id)),
            preset: preset.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ragdex_models::Pooling;

    use super::*;

    #[test]
    fn every_preset_is_found_by_its_name_and_no_two_share_one() {
        assert_eq!(all()[0].name, "mini");
        for preset in all() {
            assert_eq!(preset.name.parse::<Preset>().ok().as_ref(), Some(preset));
            assert!(!preset.summary.is_empty() && !preset.licence.is_empty());
        }
        assert!("minni".parse::<Preset>().is_err());
    }

    #[test]
    fn models_of_the_hub_are_used_as_their_preset_says() {
        let e5 = settings_of("intfloat/e5-base-v2@main").unwrap();
        assert_eq!(e5.pooling, Some(Pooling::Mean));
        assert_eq!(e5.question_prompt.as_deref(), Some("query: "));
        assert_eq!(settings_of("org/other"), None);
        assert_eq!(settings_of("facebook/rag-token-nq"), None);
    }

    #[test]
    fn presets_that_name_a_model_agree_on_how_it_is_used() {
        for one in all() {
            for other in all() {
                let shares = one
                    .encoders()
                    .iter()
                    .any(|id| other.encoders().contains(id));
                assert!(
                    !shares || one.settings == other.settings,
                    "{one:?} {other:?}"
                );
            }
        }
    }

    #[test]
    fn only_the_published_dpr_models_are_kept_from_commerce() {
        for preset in all() {
            let is_dpr = preset.context_encoder.starts_with("facebook/dpr-");
            assert_eq!(preset.commercial_use, !is_dpr, "{}", preset.name);
        }
    }

    #[test]
    fn the_models_of_a_set_are_named_once() {
        let rag: Preset = "rag-token-nq".parse().unwrap();
        assert_eq!(rag.models().len(), 2);
        let e5: Preset = "e5-base".parse().unwrap();
        assert_eq!(e5.models(), ["intfloat/e5-base-v2"]);
    }
}
