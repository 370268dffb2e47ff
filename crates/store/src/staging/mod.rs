//! Unfinished work: pieces of the next snapshot, each finished before it is noted.
//!
//! ```text
//! staging/
//!   plan.json                            which command the pieces are for
//!   documents/ passages/ embeddings/     the pieces, under the names that they will have
//!   receipts/part-00000.split.json       length and checksum of documents and passages
//!   receipts/part-00000.embedded.json    length and checksum of the vectors
//!   receipts/index-hnsw.json             length and checksum of an index
//!   split.json                           every part, once all documents are split
//! ```
//!
//! A piece is synced before its receipt is written, so a receipt that is there vouches for its piece.
//! A commit moves the pieces out; until it is done, a piece is looked for in both places.

mod commit;
mod embed;
mod receipt;
mod split;

use std::path::PathBuf;

use bytes::Bytes;
use ragdex_core::{PassageId, Sha256};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files::{EmbeddingShape, EmbeddingsFile, PassageRecord, RowIds, RowMask, TableFile};
use crate::manifest::{Deleted, FileEntry, Manifest, Part, pretty_json};
use crate::part::OpenPart;
use crate::snapshot::PartEmbeddings;
use crate::storage::Files;
use crate::writer::remove_staging;
use crate::{Error, KbPath, Result, Writer, names};

pub use commit::{Draft, Prepared};
pub use embed::{EmbeddingsWriter, IndexWriter};
pub use split::{DEFAULT_PART_PASSAGES, SplitWriter};

use receipt::{EmbedReceipt, IndexReceipt, SplitMarker, SplitReceipt};

/// The pieces of the next snapshot, finished or to be made.
///
/// Methods take `&self`, so that parts can be embedded from several threads.
#[derive(Debug)]
pub struct Staging<'w> {
    writer: &'w Writer,
    plan: Sha256,
    resumed: bool,
}

/// Which command the pieces are for.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The snapshot that was current when it began.
    pub(crate) base: Option<u64>,
    /// Another version may split or embed differently.
    ragdex: String,
    /// As the caller wrote it.
    #[serde(rename = "plan")]
    command: Value,
}

impl Plan {
    pub(crate) fn hash(plan: &Value) -> Sha256 {
        Sha256::of(&serde_json::to_vec(plan).expect("a JSON value"))
    }

    /// Reads the plan of the work that is there; one that cannot be read is nobody's.
    pub(crate) fn read(files: &Files) -> Result<Option<Self>> {
        let content = files.open_if_there(&names::staged(names::PLAN))?;
        Ok(content.and_then(|content| serde_json::from_slice(&content).ok()))
    }
}

impl<'w> Staging<'w> {
    pub(crate) fn open(writer: &'w Writer, plan: &Value) -> Result<Self> {
        let wanted = Plan {
            base: writer.base().map(|base| base.snapshot),
            ragdex: env!("CARGO_PKG_VERSION").into(),
            command: plan.clone(),
        };
        let files = writer.files();
        let found = Plan::read(files)?;
        let staging = Self {
            writer,
            plan: Plan::hash(plan),
            resumed: found.is_some(),
        };
        match found {
            None => {
                remove_staging(files)?;
                files.replace(&names::staged(names::PLAN), &pretty_json(&wanted))?;
            }
            Some(found) if found == wanted => staging.drop_bad_receipts()?,
            Some(_) => {
                return Err(Error::OtherPlan {
                    path: files.locate(&names::staging()),
                });
            }
        }
        Ok(staging)
    }

    /// Whether an earlier run of the same command left something to go on with.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// The number that the snapshot will have.
    pub fn snapshot_number(&self) -> u64 {
        self.writer.base().map_or(0, |base| base.snapshot) + 1
    }

    /// Once all documents are split: the summary given to [`SplitWriter::finish`]. The source need not
    /// be read again.
    pub fn split_summary(&self) -> Result<Option<Value>> {
        Ok(self.split_marker()?.map(|marker| marker.summary))
    }

    /// Begins to split, or goes on: the caller gives the same documents again from the first, and
    /// finished parts are compared instead of written.
    ///
    /// A part is full with `part_passages` passages, or as many documents; it never ends within a
    /// document. The number belongs into the plan.
    pub fn split_writer(&self, part_passages: u64) -> Result<SplitWriter<'_>> {
        SplitWriter::new(self, part_passages)
    }

    /// The parts, once all documents are split.
    ///
    /// # Errors
    /// [`Error::Incomplete`] before.
    pub fn parts(&self) -> Result<Vec<StagedPart>> {
        let Some(marker) = self.split_marker()? else {
            return Err(Error::Incomplete {
                path: self.files().locate(&names::staged(names::SPLIT)),
            });
        };
        let parts = marker.parts.into_iter().map(|split| {
            let embedded: Option<EmbedReceipt> =
                self.read_receipt(&EmbedReceipt::path(split.number))?;
            // Vectors of other passages are none of this part's.
            let embedded = embedded.filter(|receipt| receipt.passages == split.passages);
            Ok(StagedPart { split, embedded })
        });
        parts.collect()
    }

    /// Streams the passages of a part, in row order.
    pub fn passages(
        &self,
        part: &StagedPart,
    ) -> Result<impl Iterator<Item = Result<PassageRecord>> + use<>> {
        let entry = &part.split.passages;
        let place = self.place(&entry.path)?;
        let content = self.files().open_entry(entry, &place)?;
        TableFile::open(content, self.files().locate(&place), part.n_passages())?.stream()
    }

    /// Begins the vectors of a part: one for each passage, in row order.
    pub fn embeddings_writer(
        &self,
        part: &StagedPart,
        shape: EmbeddingShape,
    ) -> EmbeddingsWriter<'_> {
        EmbeddingsWriter::new(self, part.split.clone(), shape)
    }

    /// Borrows the vectors of a part from the memory map, to build an index before the commit.
    ///
    /// # Errors
    /// [`Error::Incomplete`] when they are not made yet.
    pub fn embeddings(&self, part: &StagedPart) -> Result<PartEmbeddings> {
        let Some(embedded) = &part.embedded else {
            return Err(self.incomplete(&names::embeddings(part.number())));
        };
        let place = self.place(&embedded.file.path)?;
        let content = self.files().open_entry(&embedded.file, &place)?;
        let path = self.files().locate(&place);
        let file = EmbeddingsFile::open(content, &path, part.n_passages(), embedded.shape)?;
        Ok(PartEmbeddings::new(file, self.ids(part)?, None))
    }

    /// The manifest of the snapshot that this work began from.
    pub fn base(&self) -> Option<&'w Manifest> {
        self.writer.base()
    }

    /// Borrows the vectors of a part that stays, with the deletions that it will have: `part` as
    /// [`Draft::keep`] will name it.
    ///
    /// # Errors
    /// As [`Snapshot::embeddings`](crate::Snapshot::embeddings); [`Error::Incomplete`] when the
    /// current snapshot has no vectors.
    pub fn kept_embeddings(&self, part: &Part) -> Result<PartEmbeddings> {
        let Some(shape) = self.base().and_then(|base| base.embedding) else {
            return Err(self.incomplete(&part.embeddings.path));
        };
        let mut placed = part.clone();
        if let Some(deleted) = &mut placed.deleted {
            deleted.file.path = self.place(&deleted.file.path)?;
        }
        OpenPart::open(self.files(), &placed)?.vectors(shape)
    }

    /// Opens a file of an index: one of the current snapshot, or one finished for the next.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Length`].
    pub fn open_index_file(&self, file: &FileEntry) -> Result<Bytes> {
        self.files().open_entry(file, &self.place(&file.path)?)
    }

    /// Where a file of an index will lie, for messages.
    pub fn locate(&self, file: &FileEntry) -> PathBuf {
        self.files().locate(&file.path)
    }

    /// Gives an index file that is finished already, over the vectors as they are now.
    pub fn index_file(&self, name: &str) -> Result<Option<FileEntry>> {
        let receipt: Option<IndexReceipt> = self.read_receipt(&IndexReceipt::path(name))?;
        let Some(receipt) = receipt else {
            return Ok(None);
        };
        let is_same = receipt.embeddings == self.embedding_files()?;
        Ok(is_same.then_some(receipt.file))
    }

    /// Begins an index file, `index/<name>-<snapshot>.<extension>`; see
    /// [`IndexWriter::finish`].
    ///
    /// # Panics
    /// When name or extension has other characters than ASCII letters, digits, `-` and `_`.
    pub fn index_writer(&self, name: &str, extension: &str) -> Result<IndexWriter<'_>> {
        IndexWriter::create(self, name, extension)
    }

    /// Deletes documents and passages of a part that stays: gives the part as the next snapshot
    /// names it. The masks say everything that is deleted, earlier deletions included.
    ///
    /// # Panics
    /// When a mask is not as long as the part.
    pub fn delete(&self, part: &Part, documents: &RowMask, passages: &RowMask) -> Result<Part> {
        assert_eq!(
            documents.len() as u64,
            part.n_documents,
            "documents of the part"
        );
        assert_eq!(
            passages.len() as u64,
            part.n_passages,
            "passages of the part"
        );
        let named = names::deleted(part.number, self.snapshot_number());
        let place = named.below(&names::staging());
        let content = [documents.bits(), passages.bits()].concat();
        self.files().replace(&place, &content)?;
        Ok(Part {
            deleted: Some(Deleted {
                file: FileEntry {
                    path: named,
                    bytes: content.len() as u64,
                    sha256: Sha256::of(&content),
                },
                n_documents: documents.n_deleted() as u64,
                n_passages: passages.n_deleted() as u64,
            }),
            ..part.clone()
        })
    }

    /// Whether a file that [`Staging::delete`] made is still there byte for byte.
    pub fn holds(&self, file: &FileEntry) -> Result<bool> {
        self.is_whole(file)
    }

    /// Checks that every piece is there and composes the manifest. Nothing can be added afterwards;
    /// dropping the result leaves the staging as it is.
    ///
    /// # Errors
    /// [`Error::Incomplete`], or [`Error::Dimension`] when vectors differ in form.
    pub fn prepare(self, draft: Draft) -> Result<Prepared<'w>> {
        Prepared::new(self, draft)
    }

    /// The ids of the rows of a part: from the receipt where they have no gaps, else from the file.
    fn ids(&self, part: &StagedPart) -> Result<RowIds> {
        let split = &part.split;
        let first = split.first_passage;
        if split.end_passage - first == split.n_passages {
            return Ok(RowIds::Contiguous { first });
        }
        let ids = self.passages(part)?.map(|record| Ok(record?.id.0));
        Ok(RowIds::Listed(ids.collect::<Result<_>>()?))
    }

    fn files(&self) -> &'w Files {
        self.writer.files()
    }

    /// Where a piece lies: in the staging folder until a commit has moved it.
    fn place(&self, named: &KbPath) -> Result<KbPath> {
        let staged = named.below(&names::staging());
        let is_staged = self.files().is_there(&staged)?;
        Ok(if is_staged { staged } else { named.clone() })
    }

    fn incomplete(&self, named: &KbPath) -> Error {
        Error::Incomplete {
            path: self.files().locate(&named.below(&names::staging())),
        }
    }

    /// The vectors made so far.
    fn embedding_files(&self) -> Result<Vec<FileEntry>> {
        let embedded = self.parts()?.into_iter().filter_map(|part| part.embedded);
        Ok(embedded.map(|receipt| receipt.file).collect())
    }

    fn split_marker(&self) -> Result<Option<SplitMarker>> {
        self.read_receipt(&names::staged(names::SPLIT))
    }
}

/// A part whose documents and passages are written.
#[derive(Debug, Clone)]
pub struct StagedPart {
    split: SplitReceipt,
    embedded: Option<EmbedReceipt>,
}

impl StagedPart {
    /// The number of the part.
    pub fn number(&self) -> u32 {
        self.split.number
    }

    /// How many documents it has.
    pub fn n_documents(&self) -> u64 {
        self.split.n_documents
    }

    /// How many passages it has.
    pub fn n_passages(&self) -> u64 {
        self.split.n_passages
    }

    /// The id of its first passage.
    pub fn first_passage(&self) -> PassageId {
        PassageId(self.split.first_passage)
    }

    /// The file of its vectors, once they are made.
    pub fn embeddings_file(&self) -> Option<&FileEntry> {
        self.embedded.as_ref().map(|receipt| &receipt.file)
    }

    /// The form of its vectors, once they are made.
    pub fn embedded(&self) -> Option<EmbeddingShape> {
        self.embedded.as_ref().map(|receipt| receipt.shape)
    }
}
