//! The opened files of one part.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use bytes::Bytes;
use ragdex_core::PassageId;

use crate::files::{
    DocumentRecord, EmbeddingShape, EmbeddingsFile, PassageRecord, RowIds, RowMask, TableFile,
};
use crate::manifest::{FileEntry, Part};
use crate::snapshot::PartEmbeddings;
use crate::storage::Files;
use crate::{Error, Result};

/// Up to this length a table is held against its checksum when it is first used: 64 MiB take some hundredths of a
/// second. Of longer ones only what is not understood, and a text that does not fit its hash, is noticed before
/// [`Snapshot::verify`](crate::Snapshot::verify).
const CHECKED_TABLE_BYTES: u64 = 64 << 20;

/// A part whose files are open; each is understood when first used.
#[derive(Debug)]
pub(crate) struct OpenPart {
    entry: Part,
    files: Files,
    documents: Bytes,
    passages: Bytes,
    embeddings: Bytes,
    deleted: Option<Masks>,
    document_table: OnceLock<TableFile<DocumentRecord>>,
    passage_table: OnceLock<TableFile<PassageRecord>>,
    ids: OnceLock<RowIds>,
    first_passages: OnceLock<Arc<[u64]>>,
}

#[derive(Debug)]
struct Masks {
    documents: RowMask,
    passages: RowMask,
}

impl OpenPart {
    /// Opens the files and checks their lengths, and every byte of the deletions.
    pub(crate) fn open(files: &Files, entry: &Part) -> Result<Self> {
        let open = |file: &FileEntry| files.open_entry(file, &file.path);
        Ok(Self {
            documents: open(&entry.documents)?,
            passages: open(&entry.passages)?,
            embeddings: open(&entry.embeddings)?,
            deleted: open_masks(files, entry)?,
            entry: entry.clone(),
            files: files.clone(),
            document_table: OnceLock::new(),
            passage_table: OnceLock::new(),
            ids: OnceLock::new(),
            first_passages: OnceLock::new(),
        })
    }

    pub(crate) fn entry(&self) -> &Part {
        &self.entry
    }

    /// Every file with its content, for checking sums.
    pub(crate) fn contents(&self) -> [(&FileEntry, &Bytes); 3] {
        [
            (&self.entry.documents, &self.documents),
            (&self.entry.passages, &self.passages),
            (&self.entry.embeddings, &self.embeddings),
        ]
    }

    pub(crate) fn document_table(&self) -> Result<&TableFile<DocumentRecord>> {
        get_or_try(&self.document_table, || {
            let path = self.check_table(&self.entry.documents, &self.documents)?;
            TableFile::open(self.documents.clone(), path, self.entry.n_documents)
        })
    }

    pub(crate) fn passage_table(&self) -> Result<&TableFile<PassageRecord>> {
        get_or_try(&self.passage_table, || {
            let path = self.check_table(&self.entry.passages, &self.passages)?;
            TableFile::open(self.passages.clone(), path, self.entry.n_passages)
        })
    }

    /// Holds a table against its checksum unless it is long, and says where it lies.
    fn check_table(&self, entry: &FileEntry, content: &[u8]) -> Result<PathBuf> {
        if entry.bytes <= CHECKED_TABLE_BYTES {
            self.files.check_sum(entry, &entry.path, content)?;
        }
        Ok(self.files.locate(&entry.path))
    }

    /// Holds the file of vectors against its checksum.
    pub(crate) fn check_embeddings(&self) -> Result<()> {
        let entry = &self.entry.embeddings;
        self.files.check_sum(entry, &entry.path, &self.embeddings)
    }

    pub(crate) fn embeddings(&self, shape: EmbeddingShape) -> Result<EmbeddingsFile> {
        let path = self.files.locate(&self.entry.embeddings.path);
        EmbeddingsFile::open(self.embeddings.clone(), &path, self.entry.n_passages, shape)
    }

    /// The vectors with ids and deletions.
    pub(crate) fn vectors(&self, shape: EmbeddingShape) -> Result<PartEmbeddings> {
        let file = self.embeddings(shape)?;
        let deleted = self.deleted_passages().cloned();
        Ok(PartEmbeddings::new(file, self.ids()?.clone(), deleted))
    }

    /// The deleted passages, by row.
    pub(crate) fn deleted_passages(&self) -> Option<&RowMask> {
        self.deleted.as_ref().map(|masks| &masks.passages)
    }

    /// The deleted documents, by row.
    pub(crate) fn deleted_documents(&self) -> Option<&RowMask> {
        self.deleted.as_ref().map(|masks| &masks.documents)
    }

    /// The ids of the rows: from the manifest where they have no gaps, else from the file.
    pub(crate) fn ids(&self) -> Result<&RowIds> {
        get_or_try(&self.ids, || {
            if self.entry.is_contiguous() {
                let first = self.entry.first_passage;
                return Ok(RowIds::Contiguous { first });
            }
            let ids = read_numbers(self.passage_table()?, "id")?;
            if !ids.is_sorted_by(|a, b| a < b) {
                return Err(Error::malformed(
                    self.files.locate(&self.entry.passages.path),
                    "ascending passage ids",
                    "others",
                ));
            }
            Ok(RowIds::Listed(ids))
        })
    }

    /// The row of a passage that is not deleted.
    pub(crate) fn row_of(&self, id: PassageId) -> Result<Option<usize>> {
        let row = self.ids()?.row_of(id, self.entry.n_passages as usize);
        let mask = self.deleted_passages();
        Ok(row.filter(|row| !mask.is_some_and(|mask| mask.is_deleted(*row))))
    }

    /// The row of the document that a passage of this part belongs to.
    pub(crate) fn document_row_of(&self, id: PassageId) -> Result<Option<usize>> {
        let firsts = get_or_try(&self.first_passages, || {
            read_numbers(self.document_table()?, "first_passage")
        })?;
        // Documents without passages share the first id of the next one and stand before it.
        Ok(firsts
            .partition_point(|first| *first <= id.0)
            .checked_sub(1))
    }
}

fn open_masks(files: &Files, entry: &Part) -> Result<Option<Masks>> {
    let Some(deleted) = &entry.deleted else {
        return Ok(None);
    };
    let content = files.open_entry(&deleted.file, &deleted.file.path)?;
    files.check_sum(&deleted.file, &deleted.file.path, &content)?;
    let masks = split_masks(&content, entry).filter(|masks| {
        masks.documents.n_deleted() as u64 == deleted.n_documents
            && masks.passages.n_deleted() as u64 == deleted.n_passages
    });
    match masks {
        Some(masks) => Ok(Some(masks)),
        None => Err(Error::malformed(
            files.locate(&deleted.file.path),
            format!(
                "bits of {} deleted documents and {} deleted passages",
                deleted.n_documents, deleted.n_passages
            ),
            "others",
        )),
    }
}

fn split_masks(content: &[u8], entry: &Part) -> Option<Masks> {
    let n_documents = usize::try_from(entry.n_documents).ok()?;
    let n_passages = usize::try_from(entry.n_passages).ok()?;
    let (documents, passages) = content.split_at_checked(n_documents.div_ceil(8))?;
    Some(Masks {
        documents: RowMask::from_bits(documents, n_documents)?,
        passages: RowMask::from_bits(passages, n_passages)?,
    })
}

fn read_numbers<R: crate::files::Record>(table: &TableFile<R>, name: &str) -> Result<Arc<[u64]>> {
    let mut numbers = Vec::new();
    for batch in table.column(name)? {
        let batch = batch?;
        let column = batch.column(0).as_primitive::<UInt64Type>();
        numbers.extend_from_slice(column.values());
    }
    Ok(numbers.into())
}

/// `OnceLock::get_or_try_init`, which is not stable: two threads may both make the value.
fn get_or_try<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}
