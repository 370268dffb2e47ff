//! Vectors that a snapshot holds already, for passages that come again.

use std::collections::HashMap;

use ragdex_core::{ContentHash, PassageId, Vectors};
use ragdex_store::{PartEmbeddings, PassageRecord, RowMask, Snapshot};

use super::deletions::Deletions;
use crate::{Context, Result};

/// Passages to be looked for, by content: how often each is wanted. 32 bytes for each, up to twice that.
pub(super) type Wanted = HashMap<ContentHash, u64>;

/// Where vectors of a snapshot lie. Deleted rows serve too: text that comes back is not embedded again.
pub(super) struct StoredVectors {
    parts: Vec<PartEmbeddings>,
    /// One more than the last id of each part.
    ends: Vec<u64>,
    /// The first id that the snapshot has not given out.
    next_passage: u64,
    /// Part and row, by content.
    by_hash: HashMap<ContentHash, (u32, u32)>,
}

impl StoredVectors {
    /// None: every passage is to be embedded.
    pub(super) fn none() -> Self {
        Self {
            parts: Vec::new(),
            ends: Vec::new(),
            next_passage: 0,
            by_hash: HashMap::new(),
        }
    }

    /// Looks for wanted passages among all rows of a snapshot; reads 16 bytes of each row.
    pub(super) fn find(base: &Snapshot, wanted: &Wanted, context: &Context<'_>) -> Result<Self> {
        let mut by_hash = HashMap::new();
        let mut parts = Vec::new();
        for (part, rows) in (0..).zip(base.rows()) {
            context.cancel.check()?;
            if !wanted.is_empty() {
                for (row, hash) in (0..).zip(rows.hashes()?) {
                    let hash = hash?;
                    if wanted.contains_key(&hash) {
                        by_hash.entry(hash).or_insert((part, row));
                    }
                }
            }
            parts.push(rows.embeddings()?);
        }
        Ok(Self {
            parts,
            ends: base.rows().map(|rows| rows.part().end_passage).collect(),
            next_passage: base.manifest().next_passage,
            by_hash,
        })
    }

    /// The vector of a passage, if it is there: by its id where that is an old one, else by its content.
    pub(super) fn of(&self, record: &PassageRecord) -> Option<Vectors<'_>> {
        if record.id.0 < self.next_passage {
            return self.by_id(record.id);
        }
        let (part, row) = self.by_hash.get(&record.hash)?;
        Some(self.parts[*part as usize].vector(*row as usize))
    }

    /// Whether there is a vector for this content.
    pub(super) fn has(&self, hash: &ContentHash) -> bool {
        self.by_hash.contains_key(hash)
    }

    fn by_id(&self, id: PassageId) -> Option<Vectors<'_>> {
        let part = self.ends.partition_point(|end| *end <= id.0);
        let part = self.parts.get(part)?;
        Some(part.vector(part.row_of(id)?))
    }
}

/// Counts the passages deleted since `base`, and how many of them come again in other documents or other
/// places: each as often as it is both deleted and wanted.
pub(super) fn moved(base: &Snapshot, deletions: &Deletions, wanted: &Wanted) -> Result<Moved> {
    let mut left = wanted.clone();
    let mut found = Moved::default();
    for (rows, deleted) in base.rows().zip(deletions.parts()) {
        if !deleted.is_new {
            continue;
        }
        let before: RowMask = rows.deleted_passages();
        for (row, hash) in rows.hashes()?.enumerate() {
            let hash = hash?;
            if !deleted.passages.is_deleted(row) || before.is_deleted(row) {
                continue;
            }
            found.deleted += 1;
            if let Some(n) = left.get_mut(&hash).filter(|n| **n > 0) {
                *n -= 1;
                found.moved += 1;
            }
        }
    }
    Ok(found)
}

/// What became of passages whose rows were deleted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moved {
    /// Rows deleted.
    pub(super) deleted: u64,
    /// Those whose text is in the next snapshot all the same.
    pub(super) moved: u64,
}
