//! From a snapshot and what changed to the next one.

use std::collections::BTreeMap;
use std::time::Instant;

use ragdex_models::Encoder;
use ragdex_store::{
    Draft, EmbeddingShape, FileEntry, Part, Snapshot, SplitWriter, StagedPart, Staging,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::deletions::Deletions;
use super::embed::{self, Embedding};
use super::repeated::Repeated;
use super::rewrite::{Policy, rewrite};
use super::stored::{StoredVectors, Wanted, moved};
use crate::indexes::{Graphs, make_indexes, recorded_options};
use crate::results::{BuildTimes, DocumentCounts, PassageCounts};
use crate::{Context, Result};

/// What is known once every document is split, kept in the staging area for a run that goes on.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Settled {
    pub(super) documents: DocumentCounts,
    pub(super) passages: PassageCounts,
    /// Parts of the snapshot before that stay, with their deletions.
    pub(super) keep: Vec<Part>,
    /// Parts written anew or dropped.
    pub(super) rewritten: u64,
    pub(super) skipped: BTreeMap<String, u64>,
    pub(super) wiki: Option<String>,
}

impl Settled {
    /// Whether the documents are those of the snapshot before.
    pub(super) fn has_same_documents(&self) -> bool {
        let documents = &self.documents;
        documents.added + documents.changed + documents.removed == 0
    }

    /// Counts passages: how many there are, came, went and stayed, by their text.
    pub(super) fn count(
        &mut self,
        base: &Snapshot,
        deletions: &Deletions,
        wanted: &Wanted,
    ) -> Result<()> {
        let found = moved(base, deletions, wanted)?;
        let before = base.manifest().passages;
        let new: u64 = wanted.values().sum();
        self.passages = PassageCounts {
            total: before - found.deleted + new,
            added: new - found.moved,
            removed: found.deleted - found.moved,
            kept: before - found.deleted + found.moved,
        };
        Ok(())
    }
}

/// The making of the next snapshot.
pub(super) struct Successor<'a> {
    pub(super) base: &'a Snapshot,
    pub(super) policy: Policy,
    pub(super) part_passages: u64,
    /// Whether vectors of the snapshot before serve; not with another encoder.
    pub(super) copies: bool,
    /// Computes the vectors of passages that are new; none where none can be.
    pub(super) encoder: Option<&'a dyn Encoder>,
    pub(super) shape: EmbeddingShape,
    pub(super) context: &'a Context<'a>,
}

impl Successor<'_> {
    /// Goes on from an earlier run that had split everything, if its pieces are whole.
    pub(super) fn resumed(&self, staging: &Staging<'_>) -> Result<Option<Settled>> {
        let Some(summary) = staging.split_summary()? else {
            return Ok(None);
        };
        let Ok(settled) = serde_json::from_value::<Settled>(summary) else {
            return Ok(None);
        };
        let masks = settled.keep.iter().filter_map(|part| part.deleted.as_ref());
        for mask in masks {
            if !self.has(&mask.file) && !staging.holds(&mask.file)? {
                return Ok(None);
            }
        }
        Ok(Some(settled))
    }

    /// Whether a file belongs to the snapshot before.
    fn has(&self, file: &FileEntry) -> bool {
        self.base.manifest().files().any(|known| known == file)
    }

    /// Decides what becomes of every part, writes anew what is to be, and notes that all is split.
    pub(super) fn settle(
        &self,
        staging: &Staging<'_>,
        mut parts: SplitWriter<'_>,
        deletions: &Deletions,
        mut settled: Settled,
    ) -> Result<Settled> {
        let chosen = self.policy.choose(deletions, self.part_passages);
        parts.cut()?;
        rewrite(self.base, deletions, &chosen, &mut parts, self.context)?;
        settled.keep.clear();
        settled.rewritten = 0;
        for ((rows, deleted), chosen) in self.base.rows().zip(deletions.parts()).zip(chosen) {
            if chosen || deleted.is_all() {
                settled.rewritten += 1;
            } else {
                settled.keep.push(deleted.stage(rows.part(), staging)?);
            }
        }
        parts.finish(&json!(settled))?;
        Ok(settled)
    }

    /// Makes the vectors and indexes and commits. Gives the snapshot and the number of passages that went
    /// through the encoder.
    pub(super) fn commit(
        &self,
        staging: Staging<'_>,
        settled: &Settled,
        draft: Draft,
        times: &mut BuildTimes,
    ) -> Result<(Snapshot, u64)> {
        let started = Instant::now();
        let parts = staging.parts()?;
        let (stored, repeated) = self.stored(&staging, &parts)?;
        let n_embedded = Embedding {
            staging: &staging,
            stored: &stored,
            repeated,
            encoder: self.encoder,
            shape: self.shape,
            context: self.context,
        }
        .run(&parts)?;
        times.embed = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let kinds = recorded_options(self.base.manifest());
        let indexes = make_indexes(&staging, &settled.keep, &kinds, Graphs::Kept, self.context)?;
        let draft = Draft {
            keep: settled.keep.clone(),
            shape: Some(self.shape),
            indexes,
            ..draft
        };
        let snapshot = staging.prepare(draft)?.commit()?;
        times.index = started.elapsed().as_secs_f64();
        Ok((snapshot, n_embedded))
    }

    /// The vectors that need no encoder, and which of the others serve more than once.
    fn stored(
        &self,
        staging: &Staging<'_>,
        parts: &[StagedPart],
    ) -> Result<(StoredVectors, Repeated)> {
        if !self.copies {
            // To count the texts of a whole corpus would take memory by its size.
            return Ok((StoredVectors::none(), Repeated::default()));
        }
        let next_passage = self.base.manifest().next_passage;
        let wanted = embed::wanted(staging, parts, next_passage)?;
        let stored = StoredVectors::find(self.base, &wanted, self.context)?;
        let repeated = Repeated::of(wanted, &stored);
        Ok((stored, repeated))
    }
}

/// The sources that a manifest names.
pub(super) fn paths_of(source: &serde_json::Map<String, Value>) -> Vec<Value> {
    let paths = source.get("paths").and_then(Value::as_array);
    paths.cloned().unwrap_or_default()
}
