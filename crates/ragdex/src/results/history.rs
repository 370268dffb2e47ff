//! Snapshots and what differs between them.

use serde::Serialize;

use super::{DocumentCounts, PassageCounts};

/// One snapshot of a knowledge base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SnapshotInfo {
    /// Its number.
    pub snapshot: u64,
    /// Whether it is what searching uses.
    #[serde(rename = "current")]
    pub is_current: bool,
    /// The snapshot that it was made from.
    pub parent: Option<u64>,
    /// When it was committed, RFC 3339, UTC.
    pub created: String,
    /// The command that made it; empty where an older version did not note it.
    pub command: String,
    /// Documents in it.
    pub documents: u64,
    /// Passages in it.
    pub passages: u64,
    /// Parts that it is stored in.
    pub parts: u64,
    /// Bytes of all its files, those shared with other snapshots among them.
    pub bytes: u64,
}

/// What a rollback did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RollbackReport {
    /// The snapshot that is current now.
    pub snapshot: u64,
    /// The one that was.
    pub from: u64,
    /// The one whose state it has.
    pub to: u64,
}

/// What a collection of garbage deleted, or would delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// Whether this is only what would be done.
    pub dry_run: bool,
    /// The snapshots that are there.
    pub kept: Vec<u64>,
    /// The snapshots deleted.
    pub deleted: Vec<u64>,
    /// How many files went.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What differs between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffReport {
    /// The snapshot compared.
    pub from: u64,
    /// The one that it is compared with.
    pub to: u64,
    /// Documents by what became of them.
    pub documents: DocumentCounts,
    /// Passages by what became of their texts, wherever these stand.
    pub passages: PassageCounts,
    /// The documents that differ: added ones first, then changed, then removed; by key.
    pub changes: Vec<ChangedDocument>,
}

/// A document that differs between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ChangedDocument {
    /// What became of it.
    pub change: Change,
    /// Its key.
    pub document: String,
    /// Its title; of a changed one the newer.
    pub title: String,
}

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Its key is new.
    Added,
    /// Its content is another.
    Changed,
    /// Its key is gone.
    Removed,
}
