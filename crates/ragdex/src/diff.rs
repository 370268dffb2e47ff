//! What differs between two snapshots.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use ragdex_core::ContentHash;
use ragdex_store::{Part, PartRows, Snapshot, Store};

use crate::results::{Change, ChangedDocument, DiffReport, DocumentCounts, PassageCounts};
use crate::{Context, Result};

/// Compares the documents of two snapshots by key, and their passages by text.
///
/// Parts that both have are not read. Memory: 50 to 100 bytes for each document, 24 to 48 for each passage
/// of the others, and the names of the documents that differ.
///
/// # Errors
/// As [`KnowledgeBase::open`](crate::KnowledgeBase::open).
pub fn diff(path: &Path, from: u64, to: u64, context: &Context<'_>) -> Result<DiffReport> {
    let store = Store::open(path)?;
    let [old, new] = [store.snapshot(from)?, store.snapshot(to)?];
    let shared = shared_parts(&old, &new);
    let mut documents = HashMap::new();
    let mut passages: HashMap<ContentHash, i64> = HashMap::new();
    let mut report = DiffReport {
        from,
        to,
        documents: DocumentCounts::default(),
        passages: PassageCounts::default(),
        changes: Vec::new(),
    };
    each_other_part(&old, &shared, context, |rows| {
        let deleted = rows.deleted_documents();
        for (row, document) in rows.documents()?.enumerate() {
            let meta = document?.meta;
            if !deleted.is_deleted(row) {
                documents.insert(meta.key, (meta.hash, meta.title));
            }
        }
        count_passages(rows, -1, &mut passages)
    })?;
    each_other_part(&new, &shared, context, |rows| {
        let deleted = rows.deleted_documents();
        for (row, document) in rows.documents()?.enumerate() {
            let meta = document?.meta;
            if deleted.is_deleted(row) {
                continue;
            }
            let change = match documents.remove(&meta.key) {
                None => Change::Added,
                Some((hash, _)) if hash != meta.hash => Change::Changed,
                Some(_) => continue,
            };
            report.note(change, meta.key, meta.title);
        }
        count_passages(rows, 1, &mut passages)
    })?;
    for (key, (_, title)) in documents {
        report.note(Change::Removed, key, title);
    }
    report.changes.sort();
    let (old, new) = (old.manifest(), new.manifest());
    report.documents.unchanged =
        old.documents - report.documents.changed - report.documents.removed;
    let sum = |of: fn(i64) -> i64| passages.values().map(|n| of(*n)).sum::<i64>() as u64;
    let added = sum(|n| n.max(0));
    report.passages = PassageCounts {
        total: new.passages,
        added,
        removed: sum(|n| (-n).max(0)),
        kept: new.passages - added,
    };
    Ok(report)
}

impl DiffReport {
    fn note(&mut self, change: Change, document: String, title: String) {
        let counts = &mut self.documents;
        *match change {
            Change::Added => &mut counts.added,
            Change::Changed => &mut counts.changed,
            Change::Removed => &mut counts.removed,
        } += 1;
        self.changes.push(ChangedDocument {
            change,
            document,
            title,
        });
    }
}

/// The numbers of the parts that both snapshots have with the same deletions.
fn shared_parts(old: &Snapshot, new: &Snapshot) -> HashSet<u32> {
    let parts: HashMap<u32, &Part> = old
        .rows()
        .map(|rows| (rows.part().number, rows.part()))
        .collect();
    let is_shared = |part: &&Part| {
        parts
            .get(&part.number)
            .is_some_and(|old| old.deleted == part.deleted)
    };
    let shared = new.manifest().parts.iter().filter(is_shared);
    shared.map(|part| part.number).collect()
}

fn each_other_part(
    snapshot: &Snapshot,
    shared: &HashSet<u32>,
    context: &Context<'_>,
    mut look: impl FnMut(&PartRows<'_>) -> Result<()>,
) -> Result<()> {
    for rows in snapshot.rows() {
        context.cancel.check()?;
        if !shared.contains(&rows.part().number) {
            look(&rows)?;
        }
    }
    Ok(())
}

/// Adds `step` for each live passage of a part to the count of its text.
fn count_passages(
    rows: &PartRows<'_>,
    step: i64,
    counts: &mut HashMap<ContentHash, i64>,
) -> Result<()> {
    let deleted = rows.deleted_passages();
    for (row, hash) in rows.hashes()?.enumerate() {
        let hash = hash?;
        if !deleted.is_deleted(row) {
            *counts.entry(hash).or_default() += step;
        }
    }
    Ok(())
}
