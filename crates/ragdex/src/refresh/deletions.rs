//! Which rows of a snapshot are not in the next one.

use ragdex_store::{Part, RowMask, Snapshot, Staging};

use super::known::Place;
use crate::Result;

/// The deleted rows of every part, those of former snapshots among them.
#[derive(Debug)]
pub(super) struct Deletions {
    parts: Vec<PartDeletions>,
}

/// The deleted rows of one part.
#[derive(Debug)]
pub(super) struct PartDeletions {
    pub(super) documents: RowMask,
    pub(super) passages: RowMask,
    /// Whether there are more of them than in the snapshot before.
    pub(super) is_new: bool,
}

impl Deletions {
    /// What is deleted in a snapshot already.
    pub(super) fn of(base: &Snapshot) -> Self {
        let parts = base.rows().map(|rows| PartDeletions {
            documents: rows.deleted_documents(),
            passages: rows.deleted_passages(),
            is_new: false,
        });
        Self {
            parts: parts.collect(),
        }
    }

    /// Deletes a document.
    pub(super) fn delete(&mut self, place: Place) {
        let part = &mut self.parts[place.part as usize];
        part.documents.delete(place.row as usize);
        part.is_new = true;
    }

    /// Deletes every document that is not in `seen`, and tells how many there were.
    pub(super) fn delete_unseen(&mut self, seen: &[RowMask]) -> u64 {
        let mut removed = 0;
        for (part, seen) in self.parts.iter_mut().zip(seen) {
            let unseen = (0..seen.len()).filter(|row| !seen.is_deleted(*row));
            for row in unseen.collect::<Vec<_>>() {
                if !part.documents.is_deleted(row) {
                    part.documents.delete(row);
                    part.is_new = true;
                    removed += 1;
                }
            }
        }
        removed
    }

    /// Finds the passages of the deleted documents; to be called when no more are deleted.
    pub(super) fn settle(&mut self, base: &Snapshot) -> Result<()> {
        for (part, rows) in self.parts.iter_mut().zip(base.rows()) {
            if part.is_new {
                part.passages = rows.passages_of(&part.documents)?;
            }
        }
        Ok(())
    }

    /// The rows by part, in the order of the manifest.
    pub(super) fn parts(&self) -> &[PartDeletions] {
        &self.parts
    }
}

impl PartDeletions {
    /// Whether no document of the part is left.
    pub(super) fn is_all(&self) -> bool {
        self.documents.n_deleted() == self.documents.len()
    }

    /// Passages that are left.
    pub(super) fn n_live_passages(&self) -> u64 {
        (self.passages.len() - self.passages.n_deleted()) as u64
    }

    /// Names the part with its deletions, writing them if there are new ones.
    pub(super) fn stage(&self, part: &Part, staging: &Staging<'_>) -> Result<Part> {
        if self.is_new {
            return Ok(staging.delete(part, &self.documents, &self.passages)?);
        }
        Ok(part.clone())
    }
}
