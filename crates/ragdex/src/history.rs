//! The snapshots of a knowledge base: which there are, what differs, going back, forgetting.

use std::path::Path;
use std::time::SystemTime;

use ragdex_store::{Draft, Garbage, Manifest, Store};
use serde_json::json;

use crate::results::{GcReport, RollbackReport, SnapshotInfo};
use crate::{Error, Result};

/// Lists the snapshots that are kept, the oldest first. Reads their manifests only.
///
/// # Errors
/// What the store gives for a folder that is no knowledge base and for damaged manifests.
pub fn history(path: &Path) -> Result<Vec<SnapshotInfo>> {
    let store = Store::open(path)?;
    let current = store.current_number()?;
    let numbers = store.snapshots()?.into_iter();
    let infos = numbers.map(|number| Ok(info(&store.manifest(number)?, current)));
    infos.collect()
}

fn info(manifest: &Manifest, current: u64) -> SnapshotInfo {
    SnapshotInfo {
        snapshot: manifest.snapshot,
        is_current: manifest.snapshot == current,
        parent: manifest.parent,
        created: manifest.created.clone(),
        command: manifest.command.clone(),
        documents: manifest.documents,
        passages: manifest.passages,
        parts: manifest.parts.len() as u64,
        bytes: manifest.bytes(),
    }
}

/// Makes an older snapshot's state current again, as a new snapshot of the same files. Nothing is read or
/// written but manifests; the snapshots between stay until [`gc`] deletes them.
///
/// # Errors
/// [`Error::IsCurrent`]; [`ragdex_store::Error::NoSuchSnapshot`]; files of the old snapshot that are missing.
pub fn rollback(path: &Path, to: u64, restart: bool) -> Result<RollbackReport> {
    rollback_in(&Store::open(path)?, to, restart)
}

pub(crate) fn rollback_in(store: &Store, to: u64, restart: bool) -> Result<RollbackReport> {
    let mut writer = store.writer(&format!("ragdex rollback --to {to}"))?;
    let from = store.current_number()?;
    let plan = json!({"command": "rollback", "to": to});
    let report = |snapshot| RollbackReport { snapshot, from, to };
    if writer.committed(&plan)?.is_some() {
        return Ok(report(from));
    }
    if to == from {
        return Err(Error::IsCurrent {
            path: store.path(),
            snapshot: to,
        });
    }
    // Opened, so that every file is there before the snapshot is current again.
    let old = store.snapshot(to)?;
    if restart {
        writer.discard()?;
    }
    let staging = writer.stage(&plan)?;
    staging.split_writer(1)?.finish(&json!({}))?;
    let draft = Draft {
        created: SystemTime::now(),
        command: format!("rollback --to {to}"),
        ..Draft::repeating(old.manifest())
    };
    let snapshot = staging.prepare(draft)?.commit()?;
    Ok(report(snapshot.number()))
}

/// Deletes every snapshot but the newest `keep`, and every file that none of these names. At least the
/// current one is kept. With `dry_run` only tells what would go.
///
/// Who reads a deleted snapshot goes on reading it.
///
/// # Errors
/// What the store gives.
pub fn gc(path: &Path, keep: usize, dry_run: bool) -> Result<GcReport> {
    gc_in(&Store::open(path)?, keep, dry_run)
}

pub(crate) fn gc_in(store: &Store, keep: usize, dry_run: bool) -> Result<GcReport> {
    let mut writer = store.writer("ragdex gc")?;
    let garbage = writer.garbage(keep)?;
    if !dry_run {
        writer.collect(&garbage)?;
    }
    let Garbage {
        snapshots,
        files,
        bytes,
    } = garbage;
    Ok(GcReport {
        dry_run,
        kept: writer.store().snapshots()?,
        deleted: snapshots,
        files: files.len() as u64,
        bytes,
    })
}
