//! `ragdex embed`.

use ragdex::EmbedJob;
use ragdex::presets::MINI;
use ragdex::results::EmbedReport;

use crate::App;
use crate::cli::Embed;
use crate::commands::build::{element, encoders};
use crate::memory;

/// Embeds, or tells what it would take, and prints that.
pub(crate) fn run(app: &App, args: &Embed) -> anyhow::Result<()> {
    let job = job(args);
    if args.encoder.preset.is_none() && job.encoder == MINI {
        app.reporter.warn(
            "the small bundled model serves as encoder; better ones: `--preset minilm` and others of `ragdex \
             models list`, or a sentence-transformers folder as `--context-encoder`",
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
    let options = &args.encoder;
    let names = encoders(
        options.preset.as_ref(),
        options.context_encoder.as_deref(),
        None,
    );
    EmbedJob {
        encoder: names.context_encoder,
        precision: options.precision,
        settings: names.settings,
        element: element(args.vectors),
        shard: args.shard,
        restart: args.restart,
        batch_tokens: args.batch_tokens,
    }
}
