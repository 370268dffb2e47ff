//! From staged pieces to the next snapshot.

use std::collections::HashSet;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::{StagedPart, Staging};
use crate::files::EmbeddingShape;
use crate::manifest::{EncoderPair, FORMAT, FileEntry, Index, Manifest, Part, Reader};
use crate::timestamp::rfc3339;
use crate::writer::remove_staging;
use crate::{Error, KbPath, Result, Snapshot, names};

/// What the caller says of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// When it was made; nothing else in a knowledge base depends on the clock.
    pub created: SystemTime,
    /// The command that made it, in a few words, for the history.
    pub command: String,
    /// Parts that stay, as they are or with [deletions](Staging::delete): of the current snapshot, or
    /// of another one that is kept.
    pub keep: Vec<Part>,
    /// The form of the vectors of the parts that stay; `None` for that of the current snapshot.
    pub shape: Option<EmbeddingShape>,
    /// The encoders of the vectors.
    pub encoder: Option<EncoderPair>,
    /// The splitting rule and its options.
    pub splitting: Map<String, Value>,
    /// The indexes; their files from [`IndexWriter::finish`](super::IndexWriter::finish) or of the
    /// current snapshot.
    pub indexes: Vec<Index>,
    /// Where the documents came from.
    pub source: Map<String, Value>,
    /// Licences of the source and of the models.
    pub licences: Vec<String>,
    /// Options for the commands that follow.
    pub build: Map<String, Value>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            created: SystemTime::UNIX_EPOCH,
            command: String::new(),
            keep: Vec::new(),
            shape: None,
            encoder: None,
            splitting: Map::new(),
            indexes: Vec::new(),
            source: Map::new(),
            licences: Vec::new(),
            build: Map::new(),
        }
    }
}

impl Draft {
    /// A draft that repeats a snapshot: its parts, indexes and everything that was told of it.
    pub fn repeating(snapshot: &Manifest) -> Self {
        let snapshot = snapshot.clone();
        Self {
            keep: snapshot.parts,
            shape: snapshot.embedding,
            encoder: snapshot.encoder,
            splitting: snapshot.splitting,
            indexes: snapshot.indexes,
            source: snapshot.source,
            licences: snapshot.licences,
            build: snapshot.build,
            ..Self::default()
        }
    }
}

/// A snapshot that is complete and not yet current.
#[derive(Debug)]
pub struct Prepared<'w> {
    staging: Staging<'w>,
    manifest: Manifest,
    /// The files that the commit moves into place.
    new_files: Vec<FileEntry>,
}

impl<'w> Prepared<'w> {
    pub(super) fn new(staging: Staging<'w>, draft: Draft) -> Result<Self> {
        let staged = staging.parts()?;
        let manifest = compose(&staging, draft, &staged)?;
        let json = manifest.to_json();
        // What readers would refuse must not become current.
        let path = staging.files().locate(&names::snapshot(manifest.snapshot));
        Manifest::parse(&json, path)?;
        let known: HashSet<&KbPath> = match staging.writer.base() {
            Some(base) => base.files().map(|file| &file.path).collect(),
            None => HashSet::new(),
        };
        let new_files = manifest
            .files()
            .filter(|file| !known.contains(&file.path))
            .cloned();
        Ok(Self {
            new_files: new_files.collect(),
            staging,
            manifest,
        })
    }

    /// The manifest to be written.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Makes the snapshot current.
    ///
    /// Every file is in place and synced before the manifest is written, and the manifest before
    /// `CURRENT` is replaced: readers see the former snapshot or this one, whole. Interrupted
    /// anywhere, the same steps can be taken again.
    ///
    /// # Errors
    /// [`Error::Io`]: the former snapshot is still current, except when the very last step could
    /// not be confirmed, after which either is. [`Error::Missing`] when a piece has vanished.
    pub fn commit(self) -> Result<Snapshot> {
        let files = self.staging.files();
        for file in &self.new_files {
            let staged = file.path.below(&names::staging());
            if files.is_there(&staged)? {
                files.rename(&staged, &file.path)?;
            } else if !files.is_there(&file.path)? {
                return Err(Error::Missing {
                    path: files.locate(&staged),
                });
            }
        }
        for folder in names::DATA_FOLDERS {
            let folder = KbPath::known(folder);
            if self
                .new_files
                .iter()
                .any(|file| file.path.folder() == folder)
            {
                files.sync_folder(&folder)?;
            }
        }
        let number = self.manifest.snapshot;
        files.replace(&names::snapshot(number), &self.manifest.to_json())?;
        files.replace(&names::current(), names::current_content(number).as_bytes())?;
        // The snapshot is committed, whatever becomes of the empty folder; the next writer removes it.
        let _ = remove_staging(files);
        Snapshot::open(files.clone(), number)
    }
}

fn compose(staging: &Staging<'_>, draft: Draft, staged: &[StagedPart]) -> Result<Manifest> {
    let base = staging.writer.base();
    let embedding = common_shape(staging, &draft, staged)?;
    let mut parts = draft.keep;
    for part in staged {
        parts.push(final_part(staging, part)?);
    }
    parts.sort_by_key(|part| (part.first_passage, part.end_passage, part.number));
    // Numbers and ids that were given out once are never given out again, whatever became of their rows.
    let next_part = staged.iter().map(|part| part.number() + 1).max();
    let next_passage = staged.iter().map(|part| part.split.end_passage).max();
    Ok(Manifest {
        format: FORMAT,
        reader: Reader::default(),
        snapshot: staging.snapshot_number(),
        parent: base.map(|base| base.snapshot),
        created: rfc3339(draft.created),
        command: draft.command,
        ragdex: env!("CARGO_PKG_VERSION").into(),
        plan: staging.plan,
        documents: parts.iter().map(Part::live_documents).sum(),
        passages: parts.iter().map(Part::live_passages).sum(),
        next_passage: next_passage
            .max(base.map(|base| base.next_passage))
            .unwrap_or(0),
        next_part: next_part.max(base.map(|base| base.next_part)).unwrap_or(0),
        embedding,
        parts,
        encoder: draft.encoder,
        splitting: draft.splitting,
        indexes: draft.indexes,
        source: draft.source,
        licences: draft.licences,
        build: draft.build,
    })
}

/// The form that all vectors have: that of the parts kept, else of the first new one, else of the vectors
/// that there were.
fn common_shape(
    staging: &Staging<'_>,
    draft: &Draft,
    staged: &[StagedPart],
) -> Result<Option<EmbeddingShape>> {
    let base = staging.writer.base().and_then(|base| base.embedding);
    let before = draft.shape.or(base);
    let mut common = before.filter(|_| !draft.keep.is_empty());
    for part in staged {
        let path = names::embeddings(part.number());
        let shape = part.embedded().ok_or_else(|| staging.incomplete(&path))?;
        let expected = *common.get_or_insert(shape);
        if shape != expected {
            return Err(Error::Dimension {
                path: staging.files().locate(&path.below(&names::staging())),
                expected_dim: expected.dim,
                expected_element: expected.element,
                dim: shape.dim,
                element: shape.element,
            });
        }
    }
    Ok(common.or(before))
}

fn final_part(staging: &Staging<'_>, part: &StagedPart) -> Result<Part> {
    let path = names::embeddings(part.number());
    let embedded = part
        .embedded
        .as_ref()
        .ok_or_else(|| staging.incomplete(&path))?;
    let split = &part.split;
    Ok(Part {
        number: split.number,
        n_documents: split.n_documents,
        n_passages: split.n_passages,
        first_passage: split.first_passage,
        end_passage: split.end_passage,
        documents: split.documents.clone(),
        passages: split.passages.clone(),
        embeddings: embedded.file.clone(),
        deleted: None,
    })
}
