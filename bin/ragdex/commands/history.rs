//! `ragdex history`, `diff`, `rollback`, `gc`.

use std::fmt::Write as _;

use ragdex::results::{Change, DiffReport, GcReport, SnapshotInfo};

use crate::App;
use crate::cli::{Diff, Gc, Kb, Rollback};

/// Prints a line for each snapshot.
pub(crate) fn history(app: &App, args: &Kb) -> anyhow::Result<()> {
    for snapshot in ragdex::history(&args.kb)? {
        app.output.value(&snapshot, line)?;
    }
    Ok(())
}

fn line(info: &SnapshotInfo) -> String {
    let mark = if info.is_current { "*" } else { " " };
    format!(
        "{mark}{:>4}  {}  {:<18}  {} documents, {} passages in {} parts, {:.1} MB\n",
        info.snapshot,
        info.created,
        info.command,
        info.documents,
        info.passages,
        info.parts,
        info.bytes as f64 / 1e6
    )
}

/// Prints what differs between two snapshots.
pub(crate) fn diff(app: &App, args: &Diff) -> anyhow::Result<()> {
    let mut report = ragdex::diff(&args.kb, args.from, args.to, &app.context())?;
    if !args.documents {
        report.changes.clear();
    }
    app.output.value(&report, differences)?;
    Ok(())
}

fn differences(report: &DiffReport) -> String {
    let DiffReport {
        from,
        to,
        documents,
        passages,
        changes,
    } = report;
    let mut text = String::new();
    for change in changes {
        let mark = match change.change {
            Change::Added => '+',
            Change::Changed => '~',
            Change::Removed => '-',
        };
        // Escaped, since titles may hold control sequences.
        let (key, title) = (change.document.escape_debug(), change.title.escape_debug());
        let _ = writeln!(text, "{mark} {key}  {title}");
    }
    let _ = writeln!(
        text,
        "snapshot {from} to {to}\n  documents: {} added, {} changed, {} removed, {} unchanged\n  passages: {} \
         added, {} removed, {} kept",
        documents.added,
        documents.changed,
        documents.removed,
        documents.unchanged,
        passages.added,
        passages.removed,
        passages.kept
    );
    text
}

/// Returns to an older snapshot.
pub(crate) fn rollback(app: &App, args: &Rollback) -> anyhow::Result<()> {
    let report = ragdex::rollback(&args.kb, args.to, args.restart)?;
    app.output.value(&report, |report| {
        format!(
            "snapshot {}: the state of snapshot {}\n",
            report.snapshot, report.to
        )
    })?;
    Ok(())
}

/// Deletes old snapshots.
pub(crate) fn gc(app: &App, args: &Gc) -> anyhow::Result<()> {
    let report = ragdex::gc(&args.kb, args.keep.get(), args.dry_run)?;
    app.output.value(&report, collected)?;
    Ok(())
}

fn collected(report: &GcReport) -> String {
    let verb = if report.dry_run {
        "would be deleted"
    } else {
        "deleted"
    };
    format!(
        "{} snapshots and {} files, {:.1} MB, {verb}\n",
        report.deleted.len(),
        report.files,
        report.bytes as f64 / 1e6
    )
}
