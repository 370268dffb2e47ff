//! `ragdex verify`.

use ragdex::KnowledgeBase;

use crate::App;
use crate::cli::Kb;

/// Checks every file of the current snapshot.
pub(crate) fn run(app: &App, args: &Kb) -> anyhow::Result<()> {
    let kb = KnowledgeBase::open(&args.kb, None)?;
    let report = kb.verify(&app.context())?;
    app.output.value(&report, |report| {
        format!(
            "snapshot {}: {} files, {} bytes: every checksum and reference holds\n",
            report.snapshot, report.files, report.bytes
        )
    })?;
    Ok(())
}
