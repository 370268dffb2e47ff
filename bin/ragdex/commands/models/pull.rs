//! `ragdex models pull`.

use ragdex::checkpoints::{self, PullReport};
use ragdex::presets::Preset;

use super::{Lines, megabytes};
use crate::App;
use crate::cli::Pull;
use crate::hints::UserError;

/// Fetches models, one after the other.
pub(crate) fn run(app: &App, args: &Pull) -> anyhow::Result<()> {
    let of_preset = args.preset.iter().flat_map(Preset::models);
    for name in args.models.iter().map(String::as_str).chain(of_preset) {
        if super::id(name) == ragdex::presets::MINI {
            let hint = "it is inside the program: leave it out";
            return Err(UserError::new(format!("`{name}` is not fetched"), hint).into());
        }
        let report = checkpoints::pull(name, args.revision.as_deref(), &app.context())?;
        app.output.value(&report, text)?;
    }
    Ok(())
}

fn text(report: &PullReport) -> String {
    let mut lines = Lines::new(&report.name);
    lines.add("revision", &report.revision);
    lines.add("licence", report.licence.as_deref().unwrap_or("none named"));
    let fetched = megabytes(report.fetched);
    lines.add(
        "size",
        format!(
            "{} in {} files, {fetched} fetched",
            megabytes(report.bytes),
            report.files
        ),
    );
    lines.add("folder", &report.folder);
    lines.0
}
