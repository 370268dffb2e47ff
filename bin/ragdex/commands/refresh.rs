//! `ragdex refresh`, `add`, `remove`, `compact`.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ragdex::results::UpdateReport;
use ragdex::{CompactOptions, ModelNames, RefreshOptions, RemoveOptions};

use crate::cli::{Add, Compact, Refresh, Remove, Update};
use crate::commands::build::encoders;
use crate::commands::reading;
use crate::hints::UserError;
use crate::{App, memory};

/// Brings a knowledge base up to date and prints what changed.
pub(crate) fn refresh(app: &App, args: &Refresh) -> anyhow::Result<()> {
    let options = RefreshOptions {
        models: models(args),
        allow_shrink: args.allow_shrink,
        ..options(&args.update, &args.sources)
    };
    let report = ragdex::refresh(&args.update.kb, &options, &app.context())?;
    print(app, &args.update.kb, report)
}

/// The encoders asked for; `None` keeps the recorded ones.
fn models(args: &Refresh) -> Option<ModelNames> {
    let (preset, context) = (args.preset.as_ref(), args.context_encoder.as_deref());
    if preset.is_none() && context.is_none() {
        return None;
    }
    Some(ModelNames {
        precision: args.precision,
        ..encoders(preset, context, args.question_encoder.as_deref())
    })
}

/// Adds or replaces documents and prints what changed.
pub(crate) fn add(app: &App, args: &Add) -> anyhow::Result<()> {
    let options = options(&args.update, &args.sources);
    let report = ragdex::add(&args.update.kb, &options, &app.context())?;
    print(app, &args.update.kb, report)
}

/// Removes documents and prints what changed.
pub(crate) fn remove(app: &App, args: &Remove) -> anyhow::Result<()> {
    let mut keys = args.keys.clone();
    if let Some(file) = &args.keys_file {
        keys.extend(lines(file)?);
    }
    let options = RemoveOptions {
        keys,
        titles: args.title.clone(),
        dry_run: args.dry_run,
        restart: args.restart,
    };
    let report = ragdex::remove(&args.kb, &options, &app.context())?;
    print(app, &args.kb, report)
}

/// Writes parts anew and prints how many.
pub(crate) fn compact(app: &App, args: &Compact) -> anyhow::Result<()> {
    let options = CompactOptions {
        restart: args.restart,
    };
    let report = ragdex::compact(&args.kb, options, &app.context())?;
    print(app, &args.kb, report)
}

fn options(args: &Update, sources: &[PathBuf]) -> RefreshOptions {
    reading::heed_waiting(sources);
    RefreshOptions {
        sources: sources.to_vec(),
        format: args.format,
        dry_run: args.dry_run,
        restart: args.restart,
        ..RefreshOptions::default()
    }
}

/// The lines of a file that are not blank.
fn lines(path: &Path) -> anyhow::Result<Vec<String>> {
    let read = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = format!("`{}`: no such file", path.display());
            return Err(UserError::new(message, "name a file of keys, one a line").into());
        }
        read => read.with_context(|| format!("`{}`: cannot read", path.display()))?,
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    Ok(lines.map(str::to_owned).collect())
}

fn print(app: &App, kb: &Path, report: UpdateReport) -> anyhow::Result<()> {
    let report = UpdateReport {
        peak_memory_bytes: memory::peak_bytes(),
        ..report
    };
    if !report.not_found.is_empty() {
        let shown: Vec<String> = report
            .not_found
            .iter()
            .take(5)
            .map(|key| format!("`{}`", key.escape_debug()))
            .collect();
        let n = report.not_found.len();
        app.reporter.warn(&format!(
            "no document for {n} of the keys and titles: {}",
            shown.join(", ")
        ));
    }
    app.output.value(&report, |report| text(kb, report))?;
    Ok(())
}

fn text(kb: &Path, report: &UpdateReport) -> String {
    let kb = kb.display();
    let UpdateReport {
        documents,
        passages,
        seconds,
        ..
    } = report;
    let head = match report {
        UpdateReport { dry_run: true, .. } => {
            format!("{kb}: snapshot {} would change", report.snapshot)
        }
        UpdateReport {
            committed: true, ..
        } => format!("{kb}: snapshot {}", report.snapshot),
        _ => format!("{kb}: snapshot {} is unchanged", report.snapshot),
    };
    let mut text = format!(
        "{head}\n  documents: {} added, {} changed, {} removed, {} unchanged\n  passages: {} added, {} removed, \
         {} kept, {} in all; {} embedded\n",
        documents.added,
        documents.changed,
        documents.removed,
        documents.unchanged,
        passages.added,
        passages.removed,
        passages.kept,
        passages.total,
        report.embedded,
    );
    for (reason, count) in report.skipped.iter().filter(|(_, count)| **count > 0) {
        let _ = writeln!(text, "  skipped: {count} {reason}");
    }
    if let Some(estimate) = report.estimated_embed_seconds {
        let _ = writeln!(text, "  embedding would take about {estimate:.1} s");
    } else {
        let _ = writeln!(
            text,
            "  read {:.1} s, split {:.1} s, embed {:.1} s, index {:.1} s, total {:.1} s",
            seconds.read, seconds.split, seconds.embed, seconds.index, seconds.total
        );
    }
    text
}
