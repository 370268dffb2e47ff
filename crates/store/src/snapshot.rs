//! Reading one snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use ragdex_core::{PassageId, Vectors};

use crate::files::{DocumentRecord, EmbeddingsFile, PassageRecord, RowIds, RowMask};
use crate::manifest::{FileEntry, Index, Manifest};
use crate::part::OpenPart;
use crate::storage::Files;
use crate::store::read_manifest;
use crate::{Error, KbPath, Result};

/// One immutable, complete state of a knowledge base, with its files open.
///
/// Cheap to clone; may be used from several threads. What it gives never changes, and stays readable
/// when the snapshot is deleted meanwhile.
#[derive(Debug, Clone)]
pub struct Snapshot {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    manifest: Manifest,
    files: Files,
    parts: Vec<OpenPart>,
    indexes: Vec<Vec<Bytes>>,
}

impl Snapshot {
    pub(crate) fn open(files: Files, number: u64) -> Result<Self> {
        let manifest = read_manifest(&files, number)?;
        let parts = manifest
            .parts
            .iter()
            .map(|part| OpenPart::open(&files, part));
        let parts = parts.collect::<Result<_>>()?;
        let open = |file: &FileEntry| files.open_entry(file, &file.path);
        let indexes = manifest
            .indexes
            .iter()
            .map(|index| index.files.iter().map(open).collect())
            .collect::<Result<_>>()?;
        Ok(Self {
            inner: Arc::new(Inner {
                manifest,
                files,
                parts,
                indexes,
            }),
        })
    }

    /// The number of the snapshot, from 1.
    pub fn number(&self) -> u64 {
        self.inner.manifest.snapshot
    }

    /// What the snapshot consists of and was made from.
    pub fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    /// Where a file of the snapshot lies, for libraries that open files by themselves.
    pub fn locate(&self, path: &KbPath) -> std::path::PathBuf {
        self.inner.files.locate(path)
    }

    /// Gives the first index of a kind with the content of its files.
    pub fn index(&self, kind: &str) -> Option<(&Index, &[Bytes])> {
        let indexes = &self.inner.manifest.indexes;
        let place = indexes.iter().position(|index| index.kind == kind)?;
        Some((&indexes[place], &self.inner.indexes[place]))
    }

    /// Reads passages by id, in the order asked for; the same id may come twice.
    ///
    /// Reads about one page of each column a passage, whatever the size of the knowledge base. Title and text
    /// are held against the passage's hash.
    ///
    /// # Errors
    /// [`Error::NoSuchPassage`] for an id that this snapshot does not have, or not any more;
    /// [`Error::Malformed`] for a damaged text.
    pub fn passages(&self, ids: &[PassageId]) -> Result<Vec<PassageRecord>> {
        let mut found = BTreeMap::new();
        for (part, ids) in self.by_part(ids)? {
            let rows: Vec<usize> = ids.keys().copied().collect();
            let table = part.passage_table()?;
            for (record, id) in table.rows(&rows)?.into_iter().zip(ids.into_values()) {
                if record.id != id {
                    let expected = format!("passage {id}");
                    let found = format!("passage {}", record.id);
                    return Err(Error::malformed(table.path().clone(), expected, found));
                }
                check_text(&record, table.path())?;
                found.insert(id, record);
            }
        }
        Ok(ids.iter().map(|id| found[id].clone()).collect())
    }

    /// Reads the documents that passages belong to, one for each id, in that order.
    ///
    /// # Errors
    /// As [`Snapshot::passages`].
    pub fn documents_of(&self, ids: &[PassageId]) -> Result<Vec<DocumentRecord>> {
        let mut found = BTreeMap::new();
        for (part, ids) in self.by_part(ids)? {
            let table = part.document_table()?;
            let mut by_row: BTreeMap<usize, Vec<PassageId>> = BTreeMap::new();
            for id in ids.into_values() {
                let row = part.document_row_of(id)?;
                let row = row.ok_or_else(|| {
                    Error::malformed(
                        table.path().clone(),
                        format!("document of passage {id}"),
                        "none",
                    )
                })?;
                by_row.entry(row).or_default().push(id);
            }
            let rows: Vec<usize> = by_row.keys().copied().collect();
            for (record, ids) in table.rows(&rows)?.into_iter().zip(by_row.into_values()) {
                found.extend(ids.into_iter().map(|id| (id, record.clone())));
            }
        }
        Ok(ids.iter().map(|id| found[id].clone()).collect())
    }

    /// Finds a document by its key; reads the keys of all documents.
    pub fn document(&self, key: &str) -> Result<Option<DocumentRecord>> {
        for part in &self.inner.parts {
            let table = part.document_table()?;
            let mut row = 0;
            for batch in table.column("key")? {
                let batch = batch?;
                let keys: &arrow::array::StringArray = crate::files::column(&batch, "key");
                for found in keys.iter().flatten() {
                    let deleted = part
                        .deleted_documents()
                        .is_some_and(|mask| mask.is_deleted(row));
                    if found == key && !deleted {
                        return Ok(table.rows(&[row])?.pop());
                    }
                    row += 1;
                }
            }
        }
        Ok(None)
    }

    /// Streams every passage by ascending id.
    pub fn all_passages(&self) -> impl Iterator<Item = Result<PassageRecord>> + use<> {
        let parts = 0..self.inner.parts.len();
        let inner = Arc::clone(&self.inner);
        parts.flat_map(move |part| {
            let part = &inner.parts[part];
            let mask = part.deleted_passages().cloned();
            live(
                part.passage_table()
                    .and_then(super::files::TableFile::stream),
                mask,
            )
        })
    }

    /// Streams every document, in the order of the parts.
    pub fn all_documents(&self) -> impl Iterator<Item = Result<DocumentRecord>> + use<> {
        let parts = 0..self.inner.parts.len();
        let inner = Arc::clone(&self.inner);
        parts.flat_map(move |part| {
            let part = &inner.parts[part];
            let mask = part.deleted_documents().cloned();
            live(
                part.document_table()
                    .and_then(super::files::TableFile::stream),
                mask,
            )
        })
    }

    /// Borrows the vectors of every part from the memory map, by ascending passage id.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Dimension`] or [`Error::Rows`] for a file that is not what the
    /// manifest says.
    pub fn embeddings(&self) -> Result<Vec<PartEmbeddings>> {
        let Some(shape) = self.inner.manifest.embedding else {
            return Ok(Vec::new());
        };
        let parts = self.inner.parts.iter();
        parts.map(|part| part.vectors(shape)).collect()
    }

    /// Holds the vectors of a part, counted from 0, against their checksum; reads all of them. A part that is not
    /// there has none.
    ///
    /// # Errors
    /// [`Error::Checksum`].
    pub fn check_embeddings(&self, part: usize) -> Result<()> {
        match self.inner.parts.get(part) {
            Some(part) => part.check_embeddings(),
            None => Ok(()),
        }
    }

    pub(crate) fn parts(&self) -> &[OpenPart] {
        &self.inner.parts
    }

    pub(crate) fn index_contents(&self) -> impl Iterator<Item = (&FileEntry, &Bytes)> {
        let entries = self
            .inner
            .manifest
            .indexes
            .iter()
            .flat_map(|index| &index.files);
        entries.zip(self.inner.indexes.iter().flatten())
    }

    pub(crate) fn files(&self) -> &Files {
        &self.inner.files
    }

    /// Sorts ids by part and row.
    fn by_part(&self, ids: &[PassageId]) -> Result<Vec<(&OpenPart, BTreeMap<usize, PassageId>)>> {
        let parts = &self.inner.parts;
        let mut found: BTreeMap<usize, BTreeMap<usize, PassageId>> = BTreeMap::new();
        for &id in ids {
            let place = parts.partition_point(|part| part.entry().end_passage <= id.0);
            let row = match parts.get(place) {
                Some(part) => part.row_of(id)?,
                None => None,
            };
            let row = row.ok_or_else(|| Error::NoSuchPassage {
                path: self.inner.files.locate(&KbPath::ROOT),
                id,
                snapshot: self.number(),
            })?;
            found.entry(place).or_default().insert(row, id);
        }
        Ok(found
            .into_iter()
            .map(|(place, rows)| (&parts[place], rows))
            .collect())
    }
}

/// Holds title and text of a passage against its hash: what a program shows is what was written.
fn check_text(record: &PassageRecord, path: &std::path::Path) -> Result<()> {
    let hash = record.passage.content_hash();
    if hash == record.hash {
        return Ok(());
    }
    let expected = format!("passage {} with the hash {}", record.id, record.hash);
    Err(Error::malformed(path.to_owned(), expected, hash))
}

/// The rows of a stream that are not deleted; or the error that there is no stream.
fn live<R>(
    rows: Result<impl Iterator<Item = Result<R>>>,
    deleted: Option<RowMask>,
) -> impl Iterator<Item = Result<R>> {
    let (rows, error) = match rows {
        Ok(rows) => (Some(rows), None),
        Err(error) => (None, Some(Err(error))),
    };
    let rows = rows.into_iter().flatten().enumerate();
    rows.filter(move |(row, _)| !deleted.as_ref().is_some_and(|mask| mask.is_deleted(*row)))
        .map(|(_, record)| record)
        .chain(error)
}

/// The vectors of one part, row for row with its passages.
#[derive(Debug, Clone)]
pub struct PartEmbeddings {
    file: EmbeddingsFile,
    ids: RowIds,
    deleted: Option<RowMask>,
}

impl PartEmbeddings {
    pub(crate) fn new(file: EmbeddingsFile, ids: RowIds, deleted: Option<RowMask>) -> Self {
        Self { file, ids, deleted }
    }

    /// The vectors in row order; ragdex writes them as one block.
    pub fn blocks(&self) -> impl Iterator<Item = Vectors<'_>> {
        self.file.blocks()
    }

    /// The vector of a row, as a block of one.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn vector(&self, row: usize) -> Vectors<'_> {
        let mut row = row;
        for block in self.blocks() {
            if row < block.len() {
                return block.row(row);
            }
            row -= block.len();
        }
        panic!("no row {row} behind the last one");
    }

    /// The row of a passage, whether deleted or not; the file must have so many rows.
    pub fn row_of(&self, id: PassageId) -> Option<usize> {
        let n_rows = self.blocks().map(|block| block.len()).sum();
        self.ids.row_of(id, n_rows)
    }

    /// The passage of each row.
    pub fn ids(&self) -> &RowIds {
        &self.ids
    }

    /// The rows that are deleted and must not be found.
    pub fn deleted(&self) -> Option<&RowMask> {
        self.deleted.as_ref()
    }
}
