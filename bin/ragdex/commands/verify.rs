//! `ragdex verify`.

use ragdex::{Error, KnowledgeBase};

use crate::App;
use crate::cli::Kb;

/// Checks every file of the current snapshot.
pub(crate) fn run(app: &App, args: &Kb) -> anyhow::Result<()> {
    let checked = KnowledgeBase::verify_at(&args.kb, &app.context());
    if let Err(Error::Damaged { more, .. }) = &checked {
        for problem in more {
            app.reporter.warn(&problem.to_string());
        }
    }
    let report = checked?;
    app.output.value(&report, |report| {
        format!(
            "snapshot {}: {} files, {} bytes: every checksum and reference holds\n",
            report.snapshot, report.files, report.bytes
        )
    })?;
    Ok(())
}
