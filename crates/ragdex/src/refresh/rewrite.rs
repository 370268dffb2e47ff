//! Writing the live rows of parts anew, so that dead ones free their disk.
//!
//! A part is never changed. One that is mostly dead, or small beside small neighbours, is written again
//! without its dead rows: documents and passages keep their ids, vectors are copied.

use std::ops::Range;

use ragdex_core::Passage;
use ragdex_store::{PartRows, Snapshot, SplitWriter};

use super::deletions::{Deletions, PartDeletions};
use crate::{Context, Result};

/// When parts are written anew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Policy {
    /// The share of dead rows that a part may have.
    pub(super) most_dead: f64,
    /// How many parts more than needed there may be.
    pub(super) most_small: usize,
}

impl Policy {
    /// For every refresh. Half of the rows dead means that rewriting copies no more rows than were
    /// deleted since the part was written: the work stays in proportion to the changes, and a snapshot
    /// never has more than twice the rows that are alive. Joining a part for each of the last 16
    /// refreshes keeps their number small at the price of copying each row once every 16 refreshes,
    /// until its part is half full.
    pub(super) const REFRESH: Self = Self {
        most_dead: 0.5,
        most_small: 16,
    };

    /// For `compact`: a tenth of the rows is not worth copying the other nine.
    pub(super) const COMPACT: Self = Self {
        most_dead: 0.1,
        most_small: 0,
    };

    /// For another encoder: every part is written anew.
    pub(super) const ALL: Self = Self {
        most_dead: -1.0,
        most_small: 0,
    };

    fn is_too_dead(&self, part: &PartDeletions) -> bool {
        let rows = part.passages.len() + part.documents.len();
        let dead = part.passages.n_deleted() + part.documents.n_deleted();
        dead as f64 > self.most_dead * rows as f64
    }

    /// Chooses the parts to rewrite, one `bool` a part; wholly dead ones are dropped instead.
    pub(super) fn choose(&self, deletions: &Deletions, part_passages: u64) -> Vec<bool> {
        let parts = deletions.parts();
        let live = |part: &PartDeletions| !part.is_all();
        let mut chosen: Vec<bool> = parts
            .iter()
            .map(|part| live(part) && self.is_too_dead(part))
            .collect();
        let runs = runs_of_small(parts, part_passages);
        let saved = |run: &Range<usize>| {
            let passages: u64 = parts[run.clone()]
                .iter()
                .map(PartDeletions::n_live_passages)
                .sum();
            let before = parts[run.clone()].iter().filter(|part| live(part)).count();
            before.saturating_sub(passages.div_ceil(part_passages).max(1) as usize)
        };
        if runs.iter().map(saved).sum::<usize>() > self.most_small {
            for part in runs.into_iter().filter(|run| saved(run) > 0).flatten() {
                chosen[part] = live(&parts[part]);
            }
        }
        chosen
    }
}

/// Runs of neighbouring parts that are less than half full.
fn runs_of_small(parts: &[PartDeletions], part_passages: u64) -> Vec<Range<usize>> {
    let is_small = |part: &PartDeletions| {
        part.n_live_passages() * 2 < part_passages && (part.documents.len() as u64) < part_passages
    };
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (place, _) in parts.iter().enumerate().filter(|(_, part)| is_small(part)) {
        match runs.last_mut() {
            Some(run) if run.end == place => run.end += 1,
            _ => runs.push(place..place + 1),
        }
    }
    runs
}

/// Writes the live rows of the chosen parts behind whatever was written before, under their ids.
pub(super) fn rewrite(
    base: &Snapshot,
    deletions: &Deletions,
    chosen: &[bool],
    parts: &mut SplitWriter<'_>,
    context: &Context<'_>,
) -> Result<()> {
    for ((rows, deleted), chosen) in base.rows().zip(deletions.parts()).zip(chosen) {
        if *chosen {
            rewrite_part(&rows, deleted, parts, context)?;
        } else if !deleted.is_all() {
            // Its ids lie between those of its neighbours, which a part must not span.
            parts.cut()?;
        }
    }
    Ok(parts.cut()?)
}

fn rewrite_part(
    rows: &PartRows<'_>,
    deleted: &PartDeletions,
    parts: &mut SplitWriter<'_>,
    context: &Context<'_>,
) -> Result<()> {
    let mut passages = rows.passages()?;
    for (row, document) in rows.documents()?.enumerate() {
        context.cancel.check()?;
        let document = document?;
        let own = passages.by_ref().take(document.n_passages as usize);
        let own = own.map(|record| Ok(record?.passage));
        let own = own.collect::<Result<Vec<Passage>>>()?;
        if !deleted.documents.is_deleted(row) {
            parts.push_again(&document.meta, &own, document.first_passage)?;
        }
    }
    Ok(())
}
