//! `ragdex models list`.

use ragdex::checkpoints::{self, CachedReport};
use ragdex::presets::{self, EncoderSettings, PresetStatus};
use serde::Serialize;

use super::{Lines, megabytes};
use crate::App;

/// A line of the list.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Entry {
    Preset(PresetStatus),
    Cached(CachedReport),
}

/// Lists the presets, then what is in the cache.
pub(crate) fn run(app: &App) -> anyhow::Result<()> {
    let presets = presets::status().into_iter().map(Entry::Preset);
    let cached = checkpoints::list_cached()?.into_iter().map(Entry::Cached);
    for entry in presets.chain(cached) {
        app.output.value(&entry, text)?;
    }
    Ok(())
}

fn text(entry: &Entry) -> String {
    match entry {
        Entry::Preset(preset) => preset_text(preset),
        Entry::Cached(model) => cached_text(model),
    }
}

fn preset_text(status: &PresetStatus) -> String {
    let place = match (status.bundled, status.available) {
        (true, _) => "bundled",
        (false, true) => "on this machine",
        (false, false) => "not on this machine",
    };
    let preset = &status.preset;
    let mut lines = Lines::new(&format!("--preset {} ({place})", preset.name));
    lines.add("what", &preset.summary);
    lines.add("context encoder", &preset.context_encoder);
    lines.add("question encoder", &preset.question_encoder);
    let generator = preset.generator.as_deref();
    lines.add("generator", generator.unwrap_or("mini (bundled)"));
    if let Some(settings) = &preset.settings {
        add_settings(&mut lines, settings);
    }
    let commerce = if preset.commercial_use {
        "commercial use allowed"
    } else {
        "not for commercial use"
    };
    lines.add("licence", format!("{}: {commerce}", preset.licence));
    lines.0
}

/// Adds how an encoder reads texts.
fn add_settings(lines: &mut Lines, settings: &EncoderSettings) {
    let length = match settings.normalize {
        Some(true) => ", vectors of length 1",
        _ => "",
    };
    if let Some(pooling) = settings.pooling {
        let pooling = format!("{pooling:?}").to_lowercase();
        lines.add("pooling", format!("{pooling}{length}"));
    }
    let prompts = [
        ("before passages", &settings.passage_prompt),
        ("before questions", &settings.question_prompt),
    ];
    for (name, prompt) in prompts {
        let prompt = prompt.as_ref().filter(|prompt| !prompt.is_empty());
        lines.add_some(name, prompt.map(|prompt| format!("`{prompt}`")));
    }
    let tokens = settings.max_tokens;
    lines.add_some("longest input", tokens.map(|n| format!("{n} tokens")));
}

fn cached_text(model: &CachedReport) -> String {
    let state = if model.available {
        "in the cache"
    } else {
        "in the cache, not whole"
    };
    let mut lines = Lines::new(&format!("{} ({state})", model.name));
    let names = model.revisions.join(", ");
    let revision = if names.is_empty() {
        String::new()
    } else {
        format!(" ({names})")
    };
    lines.add("revision", format!("{}{revision}", model.revision));
    lines.add("size", megabytes(model.bytes));
    lines.add("licence", model.licence.as_deref().unwrap_or("none named"));
    lines.add("folder", &model.folder);
    lines.0
}
