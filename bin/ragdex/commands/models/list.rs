//! `ragdex models`.

use std::fmt::Write;

use ragdex::presets::{self, PresetStatus};

use crate::App;
use crate::cli::Models;

/// Lists the presets.
pub(crate) fn run(app: &App, args: &Models) -> anyhow::Result<()> {
    let Models::List = args;
    for preset in presets::status() {
        app.output.value(&preset, text)?;
    }
    Ok(())
}

fn text(preset: &PresetStatus) -> String {
    let place = match (preset.bundled, preset.available) {
        (true, _) => "bundled",
        (false, true) => "on this machine",
        (false, false) => "not on this machine",
    };
    let mut text = format!("{} ({place})\n", preset.name);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<17} {value}");
    };
    line("context encoder", preset.context_encoder);
    line("question encoder", preset.question_encoder);
    line("generator", preset.generator.unwrap_or("mini (bundled)"));
    line("licence", preset.licence);
    text
}
