//! Scan copies of the vectors of a knowledge base: which parts get one, making and opening them.
//!
//! A copy is a file `index/scan-<part>-<snapshot>.codes` of the index `exact`, whose parameters name
//! the parts in the order of the files. It belongs to one embeddings file and lasts as long as that.

use std::path::PathBuf;

use ragdex_core::{Stage, Unit};
use ragdex_index::{Codes, WriteError, write_codes};
use ragdex_store::{FileEntry, Index, PartEmbeddings, Snapshot, StagedPart, Staging};
use serde_json::{Map, Value, json};

use crate::{Context, Error, Result};

/// The kind of index that the copies belong to.
pub(crate) const EXACT: &str = "exact";

/// The parameter that names the parts.
const PARTS: &str = "scan_copies";

/// Passages from which copies are made. Below, a question is scanned in a few milliseconds, less than
/// its encoding takes.
const LEAST_PASSAGES: u64 = 50_000;

/// Makes the exact index over the staged parts, all of which must be embedded: with scan copies, if
/// there are enough passages.
///
/// Interrupted, the same call under the same plan finds its finished copies again.
///
/// # Errors
/// What reading vectors and writing files give; [`Error::Cancelled`].
pub(crate) fn make(
    staging: &Staging<'_>,
    parts: &[StagedPart],
    context: &Context<'_>,
) -> Result<Index> {
    let total = parts.iter().map(StagedPart::n_passages).sum();
    let mut numbers = Vec::new();
    let mut files = Vec::new();
    if total >= LEAST_PASSAGES {
        let reporter = context.reporter;
        reporter.start(Stage::Index, Unit::Vectors, Some(total));
        let mut done = 0;
        for part in parts {
            if let Some(file) = copy(staging, part, done, context)? {
                numbers.push(part.number());
                files.push(file);
            }
            done += part.n_passages();
            reporter.advance(Stage::Index, done);
        }
        reporter.finish(Stage::Index);
    }
    Ok(Index {
        kind: EXACT.into(),
        parameters: parameters(&numbers),
        files,
    })
}

/// What the manifest says of copies of these parts.
fn parameters(numbers: &[u32]) -> Map<String, Value> {
    let mut parameters = Map::new();
    if !numbers.is_empty() {
        parameters.insert(PARTS.into(), json!(numbers));
    }
    parameters
}

/// The copy of one part, unless an interrupted run made it; none where vectors lie in several blocks or are
/// too wide. `done` passages were copied before.
fn copy(
    staging: &Staging<'_>,
    part: &StagedPart,
    done: u64,
    context: &Context<'_>,
) -> Result<Option<FileEntry>> {
    let name = format!("scan-{:05}", part.number());
    if let Some(file) = staging.index_file(&name)? {
        return Ok(Some(file));
    }
    let embeddings = staging.embeddings(part)?;
    let Some((file, vectors)) = part.embeddings_file().zip(only_block(&embeddings)) else {
        return Ok(None);
    };
    let mut writer = staging.index_writer(&name, "codes")?;
    let progress = |rows| context.reporter.advance(Stage::Index, done + rows);
    match write_codes(
        vectors,
        &file.sha256,
        &mut writer,
        &progress,
        context.cancel,
    ) {
        Ok(()) => Ok(Some(writer.finish()?)),
        Err(WriteError::TooWide(_)) => Ok(None),
        Err(WriteError::Cancelled(cancelled)) => Err(cancelled.into()),
        Err(WriteError::Io(source)) => Err(writer.error(source).into()),
    }
}

/// The vectors of a part that lie in one block, as those that ragdex wrote.
pub(crate) fn only_block(embeddings: &PartEmbeddings) -> Option<ragdex_core::Vectors<'_>> {
    let mut blocks = embeddings.blocks();
    let first = blocks.next()?;
    let is_coded = blocks.next().is_none() && first.dim() <= Codes::MAX_DIM;
    is_coded.then_some(first)
}

/// The opened copies of a snapshot.
#[derive(Debug)]
pub(crate) struct ScanCopies {
    /// For each part of the snapshot, and where it lies.
    copies: Vec<Option<(Codes, PathBuf)>>,
}

impl ScanCopies {
    /// Opens what there is: header and checksums of each copy.
    ///
    /// # Errors
    /// [`Error::ScanCopy`] for a copy that is not that of its part.
    pub(crate) fn open(snapshot: &Snapshot) -> Result<Self> {
        let manifest = snapshot.manifest();
        let mut copies: Vec<_> = manifest.parts.iter().map(|_| None).collect();
        let dim = manifest.embedding.map_or(0, |shape| shape.dim);
        let Some((index, contents)) = snapshot.index(EXACT) else {
            return Ok(Self { copies });
        };
        let numbers = index.parameters.get(PARTS).and_then(Value::as_array);
        let numbers = numbers.into_iter().flatten().map(Value::as_u64);
        for ((number, file), content) in numbers.zip(&index.files).zip(contents) {
            let is_named = |part: &ragdex_store::Part| Some(u64::from(part.number)) == number;
            // Of a part that is gone.
            let Some(place) = manifest.parts.iter().position(is_named) else {
                continue;
            };
            let part = &manifest.parts[place];
            let path = snapshot.locate(&file.path);
            let source = &part.embeddings.sha256;
            match Codes::open(content.clone(), part.n_passages, dim, source) {
                Ok(codes) => copies[place] = Some((codes, path)),
                Err(source) => return Err(Error::ScanCopy { path, source }),
            }
        }
        Ok(Self { copies })
    }

    /// The copy of the part at that place of the snapshot.
    pub(crate) fn of(&self, place: usize) -> Option<&Codes> {
        self.copies[place].as_ref().map(|(codes, _)| codes)
    }

    /// Tells an error of a search with the name of the copy that it is about.
    pub(crate) fn named(&self, error: ragdex_index::Error, snapshot: &Snapshot) -> Error {
        let ragdex_index::Error::Codes { passage, source } = error else {
            return error.into();
        };
        let parts = &snapshot.manifest().parts;
        let place = parts.partition_point(|part| part.end_passage <= passage.0);
        match self.copies.get(place) {
            Some(Some((_, path))) => Error::ScanCopy {
                path: path.clone(),
                source,
            },
            _ => error.into(),
        }
    }
}
