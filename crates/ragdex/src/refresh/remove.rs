//! Deleting documents by key or title.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Instant, SystemTime};

use ragdex_store::{Draft, Snapshot, Staging, Store};
use serde_json::{Value, json};

use super::deletions::Deletions;
use super::known::Place;
use super::rewrite::Policy;
use super::stored::Wanted;
use super::successor::{Settled, Successor};
use super::{current, unchanged};
use crate::recorded::Recorded;
use crate::results::{BuildTimes, DocumentCounts, UpdateReport};
use crate::{Context, Error, Result};

/// What is to be removed.
#[derive(Debug, Clone, Default)]
pub struct RemoveOptions {
    /// Keys of documents.
    pub keys: Vec<String>,
    /// Titles; every document with one of them goes.
    pub titles: Vec<String>,
    /// Counts only; writes nothing.
    pub dry_run: bool,
    /// Throws away what another interrupted command left behind.
    pub restart: bool,
}

/// Deletes documents with their passages and commits the next snapshot. Keys and titles that no document
/// has are told in the report. The same call again commits nothing and tells that none of them is there.
///
/// # Errors
/// [`Error::NoSuchDocument`] when none of them is there; what the store gives.
pub fn remove(path: &Path, options: &RemoveOptions, context: &Context<'_>) -> Result<UpdateReport> {
    remove_in(&Store::open(path)?, options, context)
}

pub(crate) fn remove_in(
    store: &Store,
    options: &RemoveOptions,
    context: &Context<'_>,
) -> Result<UpdateReport> {
    let started = Instant::now();
    if options.dry_run {
        let base = store.current()?;
        let mut found = Found::search(&base, options)?.or_none(store)?;
        let settled = found.settled(&base)?;
        return Ok(UpdateReport {
            snapshot: base.number(),
            dry_run: true,
            documents: settled.documents,
            passages: settled.passages,
            not_found: found.unknown,
            ..UpdateReport::default()
        });
    }
    let mut writer = store.writer("ragdex remove")?;
    let base = current(store, writer.base())?;
    let plan = plan(options);
    if writer.committed(&plan)?.is_some() {
        // Done by this very command, which may have been interrupted before it could say so.
        return Ok(UpdateReport {
            not_found: Found::search(&base, options)?.unknown,
            ..unchanged(&base)
        });
    }
    let found = Found::search(&base, options)?.or_none(store)?;
    if found.n_documents == 0 {
        // Nothing was named, as by an empty file of keys.
        return Ok(unchanged(&base));
    }
    if options.restart {
        writer.discard()?;
    }
    commit(writer.stage(&plan)?, &base, found, started, context)
}

fn plan(options: &RemoveOptions) -> Value {
    json!({"command": "remove", "keys": options.keys, "titles": options.titles})
}

fn commit(
    staging: Staging<'_>,
    base: &Snapshot,
    mut found: Found,
    started: Instant,
    context: &Context<'_>,
) -> Result<UpdateReport> {
    let mut times = BuildTimes::default();
    let successor = keeping(base, Policy::REFRESH, context);
    let settled = if let Some(settled) = successor.resumed(&staging)? {
        settled
    } else {
        let settled = found.settled(base)?;
        let parts = staging.split_writer(successor.part_passages)?;
        successor.settle(&staging, parts, &found.deletions, settled)?
    };
    let draft = Draft {
        created: SystemTime::now(),
        command: "remove".into(),
        ..Draft::repeating(base.manifest())
    };
    let (snapshot, _) = successor.commit(staging, &settled, draft, &mut times)?;
    times.total = started.elapsed().as_secs_f64();
    Ok(UpdateReport {
        snapshot: snapshot.number(),
        committed: true,
        documents: settled.documents,
        passages: settled.passages,
        rewritten_parts: settled.rewritten,
        not_found: found.unknown,
        seconds: times,
        ..UpdateReport::default()
    })
}

/// A successor that embeds nothing.
pub(super) fn keeping<'a>(
    base: &'a Snapshot,
    policy: Policy,
    context: &'a Context<'a>,
) -> Successor<'a> {
    let manifest = base.manifest();
    Successor {
        base,
        policy,
        part_passages: Recorded::in_manifest(manifest).part_passages,
        copies: true,
        encoder: None,
        // Without a shape there is no part, and nothing to write.
        shape: manifest.embedding.unwrap_or(ragdex_store::EmbeddingShape {
            dim: 1,
            element: ragdex_core::Element::default(),
        }),
        context,
    }
}

/// The documents that are to go.
struct Found {
    deletions: Deletions,
    n_documents: u64,
    /// Keys and titles that no document has.
    unknown: Vec<String>,
}

impl Found {
    /// Looks at keys and titles of all documents.
    fn search(base: &Snapshot, options: &RemoveOptions) -> Result<Self> {
        let mut keys: HashSet<&str> = options.keys.iter().map(String::as_str).collect();
        let titles: HashSet<&str> = options.titles.iter().map(String::as_str).collect();
        let mut titles_left = titles.clone();
        let mut deletions = Deletions::of(base);
        let mut n_documents = 0;
        for (part, rows) in (0..).zip(base.rows()) {
            let deleted = rows.deleted_documents();
            for (row, document) in (0..).zip(rows.documents()?) {
                let meta = document?.meta;
                if deleted.is_deleted(row as usize) {
                    continue;
                }
                let by_key = keys.remove(&*meta.key);
                titles_left.remove(&*meta.title);
                if by_key || titles.contains(&*meta.title) {
                    deletions.delete(Place { part, row });
                    n_documents += 1;
                }
            }
        }
        let asked = options.keys.iter().filter(|key| keys.contains(&***key));
        let titles = options
            .titles
            .iter()
            .filter(|title| titles_left.contains(&***title));
        Ok(Self {
            deletions,
            n_documents,
            unknown: asked.chain(titles).cloned().collect(),
        })
    }

    /// Refuses to remove nothing.
    fn or_none(self, store: &Store) -> Result<Self> {
        match self.unknown.first() {
            Some(first) if self.n_documents == 0 => Err(Error::NoSuchDocument {
                path: store.path(),
                name: first.clone(),
                more: self.unknown.len() - 1,
            }),
            _ => Ok(self),
        }
    }

    fn settled(&mut self, base: &Snapshot) -> Result<Settled> {
        self.deletions.settle(base)?;
        let mut settled = Settled {
            documents: DocumentCounts {
                removed: self.n_documents,
                unchanged: base.manifest().documents - self.n_documents,
                ..DocumentCounts::default()
            },
            ..Settled::default()
        };
        settled.count(base, &self.deletions, &Wanted::new())?;
        Ok(settled)
    }
}
