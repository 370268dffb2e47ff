//! `ragdex export`.

use ragdex::{ExportJob, ExportTarget, KnowledgeBase};

use crate::App;
use crate::cli::{self, Export};
use crate::commands::index;

/// Exports and prints what was written.
pub(crate) fn run(app: &App, args: &Export) -> anyhow::Result<()> {
    let kb = KnowledgeBase::open(&args.kb, args.snapshot)?;
    let job = ExportJob {
        folder: args.output.clone(),
        target: match args.to {
            cli::ExportTarget::HfDataset => ExportTarget::HfDataset,
            cli::ExportTarget::Parquet => ExportTarget::Parquet,
            cli::ExportTarget::Jsonl => ExportTarget::Jsonl,
            cli::ExportTarget::PsgsTsv => ExportTarget::PsgsTsv,
            cli::ExportTarget::FaissFlat => ExportTarget::FaissFlat,
            cli::ExportTarget::FaissHnsw => {
                ExportTarget::FaissHnsw(index::options(&[], args.hnsw).hnsw)
            }
        },
        force: args.force,
    };
    let report = ragdex::export(&kb, &job, &app.context())?;
    app.output.value(&report, |report| {
        let files = report.files.iter();
        let files = files.map(|file| format!("  {} ({} bytes)\n", file.path, file.bytes));
        format!(
            "{}: {} passages of snapshot {}, {} bytes, {:.1} s\n{}",
            report.folder,
            report.passages,
            report.snapshot,
            report.bytes,
            report.seconds,
            files.collect::<String>()
        )
    })?;
    Ok(())
}
