//! Scan copies of the vectors of a knowledge base: which parts get one, making and opening them.
//!
//! A copy is a file `index/scan-<part>-<snapshot>.codes` of the index `exact`, whose parameters name
//! the parts in the order of the files. It belongs to one embeddings file and lasts as long as that.

use std::path::PathBuf;

use ragdex_core::{Stage, Unit, Vectors};
use ragdex_index::{Codes, ExactIndex, Segment, WriteError, write_codes};
use ragdex_store::{FileEntry, Index, Part, PartEmbeddings, Snapshot, Staging};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::make::PartVectors;
use super::{IndexKind, segments_with};
use crate::{Context, Error, Result};

/// The parameter that names the parts.
const PARTS: &str = "scan_copies";

/// Live passages from which copies are made. Below, a question is scanned in a few milliseconds, less
/// than its encoding takes.
pub(super) const LEAST_PASSAGES: u64 = 50_000;

/// Makes the exact index over the parts of the next snapshot: with scan copies, if there are enough
/// passages. Those of `old` whose parts stay are kept.
///
/// Interrupted, the same call under the same plan finds its finished copies again.
///
/// # Errors
/// What reading vectors and writing files give; [`Error::Cancelled`].
pub(super) fn make(
    staging: &Staging<'_>,
    parts: &[PartVectors],
    old: Option<&Index>,
    context: &Context<'_>,
) -> Result<Index> {
    let mut numbers = Vec::new();
    let mut files = Vec::new();
    if parts.iter().map(PartVectors::live).sum::<u64>() >= LEAST_PASSAGES {
        let reporter = context.reporter;
        let total = parts.iter().map(|part| part.rows).sum();
        reporter.start(Stage::Index, Unit::Vectors, Some(total));
        let mut done = 0;
        for part in parts {
            let kept = old.and_then(|old| kept(old, part.number));
            let file = match kept {
                Some(file) => Some(file),
                None => copy(staging, part, done, context)?,
            };
            if let Some(file) = file {
                numbers.push(part.number);
                files.push(file);
            }
            done += part.rows;
            reporter.advance(Stage::Index, done);
        }
        reporter.finish(Stage::Index);
    }
    Ok(Index {
        kind: IndexKind::Exact.name().into(),
        parameters: parameters(&numbers),
        files,
    })
}

/// The parts that have copies, and their files.
fn copied(index: &Index) -> impl Iterator<Item = (u64, &FileEntry)> {
    let numbers = index.parameters.get(PARTS).and_then(Value::as_array);
    let numbers = numbers.into_iter().flatten().filter_map(Value::as_u64);
    numbers.zip(&index.files)
}

/// The copy that a part has already.
fn kept(old: &Index, part: u32) -> Option<FileEntry> {
    let found = copied(old).find(|(number, _)| *number == u64::from(part));
    found.map(|(_, file)| file.clone())
}

/// What the manifest says of copies of these parts.
fn parameters(numbers: &[u32]) -> Map<String, Value> {
    let mut parameters = Map::new();
    if !numbers.is_empty() {
        parameters.insert(PARTS.into(), json!(numbers));
    }
    parameters
}

/// The copy of one part, unless an interrupted run made it; none where vectors lie in several blocks or
/// are too wide. `done` passages were copied before.
fn copy(
    staging: &Staging<'_>,
    part: &PartVectors,
    done: u64,
    context: &Context<'_>,
) -> Result<Option<FileEntry>> {
    let name = format!("scan-{:05}", part.number);
    if let Some(file) = staging.index_file(&name)? {
        return Ok(Some(file));
    }
    let Some(vectors) = only_block(&part.vectors) else {
        return Ok(None);
    };
    let mut writer = staging.index_writer(&name, "codes")?;
    let progress = |rows| context.reporter.advance(Stage::Index, done + rows);
    let cancel = context.cancel;
    match write_codes(vectors, &part.sha256, &mut writer, &progress, cancel) {
        Ok(()) => Ok(Some(writer.finish()?)),
        Err(WriteError::TooWide(_)) => Ok(None),
        Err(WriteError::Cancelled(cancelled)) => Err(cancelled.into()),
        Err(WriteError::Io(source)) => Err(writer.error(source).into()),
    }
}

/// The vectors of a part that lie in one block, as those that ragdex wrote.
fn only_block(embeddings: &PartEmbeddings) -> Option<Vectors<'_>> {
    let mut blocks = embeddings.blocks();
    let first = blocks.next()?;
    let is_coded = blocks.next().is_none() && first.dim() <= Codes::MAX_DIM;
    is_coded.then_some(first)
}

/// What an exact search keeps open, beside the vectors.
#[derive(Debug)]
pub(super) struct OpenExact {
    /// For each part of the snapshot its copy, and where that lies.
    copies: Vec<Option<(Codes, PathBuf)>>,
    /// For each part with deletions the rows that are left.
    live: Vec<Option<Vec<bool>>>,
    parts: Vec<Part>,
}

impl OpenExact {
    /// Opens what there is: header and checksums of each copy.
    ///
    /// # Errors
    /// [`Error::ScanCopy`] for a copy that is not that of its part.
    pub(super) fn open(snapshot: &Snapshot) -> Result<Self> {
        let parts = snapshot.manifest().parts.clone();
        let live = snapshot.embeddings()?;
        let mut opened = Self {
            copies: parts.iter().map(|_| None).collect(),
            live: live.iter().map(live_rows).collect(),
            parts,
        };
        let dim = snapshot.manifest().embedding.map_or(0, |shape| shape.dim);
        if let Some((index, contents)) = snapshot.index(IndexKind::Exact.name()) {
            for ((number, file), content) in copied(index).zip(contents) {
                let is_named = |part: &Part| u64::from(part.number) == number;
                // The copy of a part that is gone is left alone.
                let Some(place) = opened.parts.iter().position(is_named) else {
                    continue;
                };
                let part = &opened.parts[place];
                let path = snapshot.locate(&file.path);
                let source = &part.embeddings.sha256;
                match Codes::open(content.clone(), part.n_passages, dim, source) {
                    Ok(codes) => opened.copies[place] = Some((codes, path)),
                    Err(source) => return Err(Error::ScanCopy { path, source }),
                }
            }
        }
        Ok(opened)
    }

    /// The index over `embeddings`, those of the parts of the snapshot.
    pub(super) fn index<'a>(
        &'a self,
        dim: usize,
        embeddings: &'a [PartEmbeddings],
    ) -> Result<ExactIndex<'a>> {
        let parts = embeddings.iter().zip(&self.live).zip(&self.copies);
        let segments = parts.map(|((part, live), copy)| {
            let segments = segments_with(part, live.as_deref())?.into_iter();
            let coded = segments.map(|segment: Segment<'a>| match copy {
                Some((codes, _)) => segment.with_codes(codes),
                None => Ok(segment),
            });
            Ok(coded.collect::<Result<Vec<_>, _>>()?)
        });
        let segments = segments.collect::<Result<Vec<_>>>()?;
        let segments = segments.into_iter().flatten().collect();
        Ok(ExactIndex::new(dim, segments)?)
    }

    /// Tells an error of a search with the name of the copy that it is about.
    pub(super) fn named(&self, error: ragdex_index::Error) -> Error {
        let ragdex_index::Error::Codes { passage, source } = error else {
            return error.into();
        };
        let place = self
            .parts
            .partition_point(|part| part.end_passage <= passage.0);
        match self.copies.get(place) {
            Some(Some((_, path))) => Error::ScanCopy {
                path: path.clone(),
                source,
            },
            _ => error.into(),
        }
    }
}

/// Holds vectors that nothing else checks against their checksums, so that no search answers from damaged ones.
///
/// Exact searches compare each row that they score with its scan copy: only parts without one are read here, and
/// those are read whole by every search anyway. Graphs score rows that nothing vouches for: in a base that is small
/// enough to do without scan copies all parts are read here, in a larger one none, since that would take longer than
/// many searches.
///
/// # Errors
/// [`Error::Store`] with the first file that is damaged.
pub(super) fn check_vectors(snapshot: &Snapshot, kind: IndexKind) -> Result<()> {
    let is_large = snapshot.manifest().passages >= LEAST_PASSAGES;
    if kind == IndexKind::Hnsw && is_large {
        return Ok(());
    }
    let exact = snapshot.index(IndexKind::Exact.name());
    let is_exact = kind == IndexKind::Exact;
    let copied: Vec<u64> = exact
        .filter(|_| is_exact)
        .into_iter()
        .flat_map(|(index, _)| copied(index).map(|(number, _)| number))
        .collect();
    let parts = snapshot.manifest().parts.par_iter().enumerate();
    let unchecked = parts.filter(|(_, part)| !copied.contains(&u64::from(part.number)));
    unchecked.try_for_each(|(place, _)| Ok(snapshot.check_embeddings(place)?))
}

/// The rows of a part that are not deleted; nothing when none is.
pub(super) fn live_rows(embeddings: &PartEmbeddings) -> Option<Vec<bool>> {
    let mask = embeddings.deleted()?;
    Some((0..mask.len()).map(|row| !mask.is_deleted(row)).collect())
}
