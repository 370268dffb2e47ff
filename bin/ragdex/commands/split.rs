//! `ragdex split`.

use ragdex::results::SplitReport;
use ragdex::{SplitJob, SplitTarget};

use crate::App;
use crate::cli::{self, Split};
use crate::commands::reading;
use crate::memory;

/// Splits and prints what was done.
pub(crate) fn run(app: &App, args: &Split) -> anyhow::Result<()> {
    reading::warn_without_effect(app, &args.splitting);
    reading::heed_waiting(&args.sources);
    let report = ragdex::split(&args.output, &job(args), &app.context())?;
    let mut report = SplitReport {
        peak_memory_bytes: memory::peak_bytes(),
        ..report
    };
    // All that is remembered is in the manifest.
    report
        .summary
        .unknown_templates
        .truncate(args.report.unwrap_or(0));
    let folder = args.output.to_string_lossy();
    app.output.split(&folder, &report, args.report.is_some())?;
    Ok(())
}

fn job(args: &Split) -> SplitJob {
    let mut reading = reading::reading(&args.reading);
    // Rows that have a vector are passages.
    reading.columns.embeddings = Some(args.embeddings_column.clone());
    SplitJob {
        sources: args.sources.clone(),
        reading,
        splitting: reading::splitting(&args.splitting),
        target: match args.to {
            cli::SplitTarget::Parquet => SplitTarget::Parquet,
            cli::SplitTarget::PsgsTsv => SplitTarget::PsgsTsv,
            cli::SplitTarget::Jsonl => SplitTarget::Jsonl,
            cli::SplitTarget::Documents => SplitTarget::Documents,
        },
        shard: args.shard,
        dedup: args.dedup,
        restart: args.restart,
        part_passages: args.part_passages,
    }
}
