//! Writing parts anew that hold many dead rows, or are small.

use std::path::Path;
use std::time::{Instant, SystemTime};

use ragdex_store::{Draft, Store};
use serde_json::json;

use super::deletions::Deletions;
use super::remove::keeping;
use super::rewrite::Policy;
use super::stored::Wanted;
use super::successor::Settled;
use super::{current, unchanged};
use crate::results::{BuildTimes, DocumentCounts, UpdateReport};
use crate::{Context, Result};

/// How a knowledge base is compacted.
#[derive(Debug, Clone, Copy, Default)]
pub struct CompactOptions {
    /// Throws away what another interrupted command left behind.
    pub restart: bool,
}

/// Writes parts anew of which more than a tenth is dead, and joins small neighbours; commits the next
/// snapshot, or none when there is nothing to do. Passages and ids stay.
///
/// Afterwards a part has at most a tenth of dead rows. Files of the former snapshots stay until
/// [`gc`](crate::gc) deletes them.
///
/// # Errors
/// What the store gives.
pub fn compact(
    path: &Path,
    options: CompactOptions,
    context: &Context<'_>,
) -> Result<UpdateReport> {
    compact_in(&Store::open(path)?, options, context)
}

pub(crate) fn compact_in(
    store: &Store,
    options: CompactOptions,
    context: &Context<'_>,
) -> Result<UpdateReport> {
    let started = Instant::now();
    let mut writer = store.writer("ragdex compact")?;
    let base = current(store, writer.base())?;
    if options.restart {
        writer.discard()?;
    }
    let staging = writer.stage(&json!({"command": "compact"}))?;
    let successor = keeping(&base, Policy::COMPACT, context);
    let settled = if let Some(settled) = successor.resumed(&staging)? {
        settled
    } else {
        let deletions = Deletions::of(&base);
        let mut settled = Settled {
            documents: DocumentCounts {
                unchanged: base.manifest().documents,
                ..DocumentCounts::default()
            },
            ..Settled::default()
        };
        settled.count(&base, &deletions, &Wanted::new())?;
        let parts = staging.split_writer(successor.part_passages)?;
        successor.settle(&staging, parts, &deletions, settled)?
    };
    if settled.rewritten == 0 {
        writer.discard()?;
        return Ok(unchanged(&base));
    }
    let draft = Draft {
        created: SystemTime::now(),
        command: "compact".into(),
        ..Draft::repeating(base.manifest())
    };
    let mut times = BuildTimes::default();
    let (snapshot, _) = successor.commit(staging, &settled, draft, &mut times)?;
    times.total = started.elapsed().as_secs_f64();
    Ok(UpdateReport {
        snapshot: snapshot.number(),
        committed: true,
        rewritten_parts: settled.rewritten,
        seconds: times,
        ..unchanged(&snapshot)
    })
}
