//! Named sets of models.

use std::str::FromStr;

use serde::Serialize;

use crate::{Error, ModelNames, checkpoints};

/// The id under which the bundled models are recorded.
pub const MINI: &str = "ragdex/mini";

/// Models that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// The name on the command line.
    pub name: &'static str,
    /// The encoder of passages.
    pub context_encoder: &'static str,
    /// The encoder of questions.
    pub question_encoder: &'static str,
    /// The model that writes answers; the bundled one when none belongs to the set.
    pub generator: Option<&'static str>,
    /// The licence of the weights, as their publisher states it.
    pub licence: &'static str,
}

/// Every preset, the default first.
///
/// # Source
/// Ids and pairings are those of the DPR and RAG model cards; RAG's passages were embedded by the
/// single-NQ context encoder.
pub const PRESETS: [Preset; 5] = [
    Preset {
        name: "mini",
        context_encoder: MINI,
        question_encoder: MINI,
        generator: Some(MINI),
        licence: "Apache-2.0",
    },
    Preset {
        name: "dpr-single-nq",
        context_encoder: "facebook/dpr-ctx_encoder-single-nq-base",
        question_encoder: "facebook/dpr-question_encoder-single-nq-base",
        generator: None,
        licence: "CC BY-NC 4.0",
    },
    Preset {
        name: "dpr-multiset",
        context_encoder: "facebook/dpr-ctx_encoder-multiset-base",
        question_encoder: "facebook/dpr-question_encoder-multiset-base",
        generator: None,
        licence: "CC BY-NC 4.0",
    },
    Preset {
        name: "rag-token-nq",
        context_encoder: "facebook/dpr-ctx_encoder-single-nq-base",
        question_encoder: "facebook/rag-token-nq",
        generator: Some("facebook/rag-token-nq"),
        licence: "CC BY-NC 4.0 (DPR); RAG: see its model card",
    },
    Preset {
        name: "rag-sequence-nq",
        context_encoder: "facebook/dpr-ctx_encoder-single-nq-base",
        question_encoder: "facebook/rag-sequence-nq",
        generator: Some("facebook/rag-sequence-nq"),
        licence: "CC BY-NC 4.0 (DPR); RAG: see its model card",
    },
];

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
        let known = PRESETS.iter().find(|preset| {
            [
                Some(preset.context_encoder),
                Some(preset.question_encoder),
                preset.generator,
            ]
            .contains(&Some(id))
        });
        let licence = known.map(|preset| preset.licence.to_owned());
        let licence = licence.or_else(|| checkpoints::licence(id))?;
        Some(format!("{id}: {licence}"))
    };
    ids.into_iter().filter_map(licence).collect()
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = PRESETS.iter().find(|preset| preset.name == name);
        found.copied().ok_or_else(|| Error::UnknownPreset {
            name: name.to_owned(),
        })
    }
}

/// A preset and whether its models are at hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PresetStatus {
    /// The name on the command line.
    pub name: &'static str,
    /// The encoder of passages.
    pub context_encoder: &'static str,
    /// The encoder of questions.
    pub question_encoder: &'static str,
    /// The model that writes answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generator: Option<&'static str>,
    /// The licence of the weights.
    pub licence: &'static str,
    /// Whether the models are inside the program.
    pub bundled: bool,
    /// Whether all of them can be opened without a network.
    pub available: bool,
}

/// Looks for the models of every preset.
pub fn status() -> Vec<PresetStatus> {
    PRESETS.iter().map(PresetStatus::of).collect()
}

impl PresetStatus {
    fn of(preset: &Preset) -> Self {
        let bundled = preset.context_encoder == MINI;
        let mut ids = vec![preset.context_encoder, preset.question_encoder];
        ids.extend(preset.generator);
        Self {
            name: preset.name,
            context_encoder: preset.context_encoder,
            question_encoder: preset.question_encoder,
            generator: preset.generator,
            licence: preset.licence,
            bundled,
            available: bundled || ids.iter().all(|id| checkpoints::is_at_hand(id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_found_by_its_name() {
        for preset in PRESETS {
            assert_eq!(preset.name.parse::<Preset>().ok(), Some(preset));
        }
        assert!("minni".parse::<Preset>().is_err());
    }
}
