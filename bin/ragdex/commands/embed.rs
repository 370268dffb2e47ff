//! `ragdex embed`.

use ragdex::presets::MINI;
use ragdex::results::EmbedReport;
use ragdex::{EmbedJob, ModelNames};

use crate::App;
use crate::cli::Embed;
use crate::commands::build::{element, preset};
use crate::memory;

/// Embeds, or tells what it would take, and prints that.
pub(crate) fn run(app: &App, args: &Embed) -> anyhow::Result<()> {
    let job = job(args);
    if args.encoder.preset.is_none() && job.encoder == MINI {
        app.reporter.warn(
            "the small bundled model serves as encoder; better ones: `ragdex models list`, or a \
             sentence-transformers folder as `--context-encoder`",
        );
    }
    let folder = args.dir.to_string_lossy();
    if args.dry_run {
        let estimate = ragdex::estimate_embed(&args.dir, &job, &app.context())?;
        app.output.embed_estimate(&folder, &estimate)?;
        return Ok(());
    }
    let report = ragdex::embed(&args.dir, &job, &app.context())?;
    let report = EmbedReport {
        peak_memory_bytes: memory::peak_bytes(),
        ..report
    };
    app.output.embed(&folder, &report)?;
    Ok(())
}

fn job(args: &Embed) -> EmbedJob {
    let named = args.encoder.preset.map(preset);
    let named = named.map_or_else(ModelNames::default, ModelNames::from);
    let own = args.encoder.context_encoder.clone();
    EmbedJob {
        encoder: own.unwrap_or(named.context_encoder),
        precision: args.encoder.precision,
        element: element(args.vectors),
        shard: args.shard,
        restart: args.restart,
        batch_tokens: args.batch_tokens,
    }
}
