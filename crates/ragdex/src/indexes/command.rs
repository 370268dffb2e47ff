//! Kinds of index for a knowledge base that is there.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use ragdex_core::Sha256;
use ragdex_index::HnswOptions;
use ragdex_store::{Draft, Index, Manifest, Staging, Store};
use serde_json::{Value, json};

use super::{Graphs, IndexKind, IndexOptions, info, make_indexes, note_plan, recorded_options};
use crate::results::IndexReport;
use crate::{Context, Error, Result};

/// What [`index()`] is asked for.
#[derive(Debug, Clone, Default)]
pub struct IndexJob {
    /// Kinds to add, or to build anew where they are there; without any and without one to drop, all
    /// that are there are built anew.
    pub build: Vec<IndexKind>,
    /// Kinds to drop.
    pub drop: Vec<IndexKind>,
    /// [`HnswOptions::connectivity`], in place of the recorded one.
    pub connectivity: Option<usize>,
    /// [`HnswOptions::expansion_add`], likewise.
    pub expansion_add: Option<usize>,
    /// Throws away what an interrupted command left behind, and builds again what the last one built.
    pub restart: bool,
}

/// Adds, rebuilds and drops indexes of a knowledge base from its stored vectors, and commits the next
/// snapshot with the same passages.
///
/// Interrupted, the same call goes on with the graphs that are finished. Where it would change nothing,
/// no snapshot is committed: nothing to build and nothing to drop, or every file built is the one that is
/// there.
///
/// # Errors
/// [`Error::NoIndexLeft`]; what the store gives, and building.
pub fn index(path: &Path, job: &IndexJob, context: &Context<'_>) -> Result<IndexReport> {
    let started = Instant::now();
    let mut writer = Store::open(path)?.writer("ragdex index")?;
    let Some(base) = writer.base().cloned() else {
        return Err(Error::Store(ragdex_store::Error::NotAKnowledgeBase {
            path: path.to_owned(),
        }));
    };
    let wanted = Wanted::new(job, &base, path)?;
    let plan = wanted.plan();
    if job.restart {
        writer.discard()?;
    }
    let is_done = !job.restart && writer.committed(&plan)?.is_some();
    if is_done || wanted.is_nothing(&base) {
        return Ok(report(&base, started, true));
    }
    let staging = writer.stage(&plan)?;
    let indexes = wanted.make(&staging, &base, context)?;
    if !job.restart && are_there(&indexes, &base, &staging)? {
        writer.discard()?;
        return Ok(report(&base, started, true));
    }
    let snapshot = staging.prepare(draft(&base, indexes))?.commit()?;
    Ok(report(snapshot.manifest(), started, false))
}

/// Whether indexes that were made are those that are there, byte for byte, and none of them is damaged.
fn are_there(made: &[Index], base: &Manifest, staging: &Staging<'_>) -> Result<bool> {
    let is_same = |(made, old): (&Index, &Index)| {
        let contents = |index: &Index| -> Vec<_> {
            let files = index.files.iter();
            files.map(|file| (file.bytes, file.sha256)).collect()
        };
        made.kind == old.kind
            && made.parameters == old.parameters
            && contents(made) == contents(old)
    };
    if made.len() != base.indexes.len() || !made.iter().zip(&base.indexes).all(is_same) {
        return Ok(false);
    }
    let mut files = base.indexes.iter().flat_map(|index| &index.files);
    files.try_fold(true, |is_whole, file| match staging.open_index_file(file) {
        Ok(content) => Ok(is_whole && Sha256::of(&content) == file.sha256),
        Err(ragdex_store::Error::Missing { .. } | ragdex_store::Error::Length { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    })
}

/// Which kinds there are to be, and which of them are built.
struct Wanted {
    /// All, the first to be searched by default.
    kinds: Vec<IndexKind>,
    built: Vec<IndexKind>,
    hnsw: HnswOptions,
}

impl Wanted {
    fn new(job: &IndexJob, base: &Manifest, path: &Path) -> Result<Self> {
        let recorded = recorded_options(base);
        let mut kinds = recorded.kinds.clone();
        kinds.extend(&job.build);
        kinds.retain(|kind| !job.drop.contains(kind));
        let mut seen = Vec::new();
        kinds.retain(|kind| {
            let is_new = !seen.contains(kind);
            seen.push(*kind);
            is_new
        });
        if kinds.is_empty() {
            return Err(Error::NoIndexLeft {
                path: PathBuf::from(path),
            });
        }
        let all = job.build.is_empty() && job.drop.is_empty();
        let built = if all { &kinds } else { &job.build };
        let mut built = built.clone();
        built.retain(|kind| kinds.contains(kind));
        let hnsw = HnswOptions {
            connectivity: job.connectivity.unwrap_or(recorded.hnsw.connectivity),
            expansion_add: job.expansion_add.unwrap_or(recorded.hnsw.expansion_add),
        };
        Ok(Self { kinds, built, hnsw })
    }

    /// Whether nothing is to be built and nothing to be dropped.
    fn is_nothing(&self, base: &Manifest) -> bool {
        self.built.is_empty() && self.kinds == recorded_options(base).kinds
    }

    fn plan(&self) -> Value {
        json!({
            "command": "index",
            "kinds": self.kinds,
            "built": self.built,
            "connectivity": self.hnsw.connectivity,
            "expansion_add": self.hnsw.expansion_add,
        })
    }

    /// Makes the kinds to be built and takes the others over.
    fn make(
        &self,
        staging: &Staging<'_>,
        base: &Manifest,
        context: &Context<'_>,
    ) -> Result<Vec<Index>> {
        // Nothing is read and nothing is new: the parts are those that stay.
        staging.split_writer(u64::MAX)?.finish(&Value::Null)?;
        let options = IndexOptions {
            kinds: self.built.clone(),
            hnsw: self.hnsw,
        };
        if let Some(shape) = base.embedding {
            let passages = Some(base.passages);
            note_plan(
                shape.dim,
                shape.element,
                passages,
                &options,
                context.reporter,
            );
        }
        let made = make_indexes(staging, &base.parts, &options, Graphs::Anew, context)?;
        let of_kind = |indexes: &[Index], kind: IndexKind| {
            let index = indexes.iter().find(|index| index.kind == kind.name());
            index.cloned()
        };
        let chosen = self
            .kinds
            .iter()
            .filter_map(|&kind| of_kind(&made, kind).or_else(|| of_kind(&base.indexes, kind)));
        Ok(chosen.collect())
    }
}

/// The next snapshot: everything as it is but the indexes.
fn draft(base: &Manifest, indexes: Vec<Index>) -> Draft {
    Draft {
        created: SystemTime::now(),
        command: "index".into(),
        keep: base.parts.clone(),
        shape: None,
        encoder: base.encoder.clone(),
        splitting: base.splitting.clone(),
        indexes,
        source: base.source.clone(),
        licences: base.licences.clone(),
        build: base.build.clone(),
    }
}

fn report(manifest: &Manifest, started: Instant, unchanged: bool) -> IndexReport {
    IndexReport {
        snapshot: manifest.snapshot,
        passages: manifest.passages,
        indexes: manifest
            .indexes
            .iter()
            .map(|index| info(index, manifest))
            .collect(),
        unchanged,
        seconds: started.elapsed().as_secs_f64(),
        peak_memory_bytes: None,
    }
}
