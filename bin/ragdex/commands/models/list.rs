//! `ragdex models list`.

use ragdex::checkpoints::{self, CachedReport};
use ragdex::presets::{self, PresetStatus};
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

fn preset_text(preset: &PresetStatus) -> String {
    let place = match (preset.bundled, preset.available) {
        (true, _) => "bundled",
        (false, true) => "on this machine",
        (false, false) => "not on this machine",
    };
    let mut lines = Lines::new(&format!("--preset {} ({place})", preset.name));
    lines.add("context encoder", preset.context_encoder);
    lines.add("question encoder", preset.question_encoder);
    lines.add("generator", preset.generator.unwrap_or("mini (bundled)"));
    lines.add("licence", preset.licence);
    lines.0
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
