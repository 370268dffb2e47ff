//! The rows of a part, deleted ones among them: what the next snapshot is made from.

use arrow::array::{AsArray, FixedSizeBinaryArray};
use arrow::datatypes::UInt32Type;
use ragdex_core::ContentHash;

use crate::files::{DocumentRecord, PassageRecord, RowMask, TableFile, column, read_hash};
use crate::manifest::Part;
use crate::part::OpenPart;
use crate::snapshot::PartEmbeddings;
use crate::{Error, Result, Snapshot};

/// One part of a snapshot by rows. Rows are counted from 0, deleted ones too.
#[derive(Debug, Clone, Copy)]
pub struct PartRows<'s> {
    snapshot: &'s Snapshot,
    part: &'s OpenPart,
}

impl Snapshot {
    /// The parts by rows, as the manifest orders them.
    pub fn rows(&self) -> impl Iterator<Item = PartRows<'_>> {
        let snapshot = self;
        self.parts()
            .iter()
            .map(move |part| PartRows { snapshot, part })
    }
}

impl<'s> PartRows<'s> {
    /// The part as the manifest names it.
    pub fn part(&self) -> &'s Part {
        self.part.entry()
    }

    /// Streams every document, deleted ones too.
    pub fn documents(&self) -> Result<impl Iterator<Item = Result<DocumentRecord>> + use<>> {
        self.part.document_table().and_then(TableFile::stream)
    }

    /// Streams every passage, deleted ones too.
    pub fn passages(&self) -> Result<impl Iterator<Item = Result<PassageRecord>> + use<>> {
        self.part.passage_table().and_then(TableFile::stream)
    }

    /// Streams the content hash of every passage, deleted ones too: 16 bytes a row are read.
    pub fn hashes(&self) -> Result<impl Iterator<Item = Result<ContentHash>> + use<>> {
        let batches = self.part.passage_table()?.column("hash")?;
        Ok(batches.flat_map(|batch| match batch {
            Ok(batch) => {
                let hashes: &FixedSizeBinaryArray = column(&batch, "hash");
                let rows = 0..batch.num_rows();
                rows.map(|row| Ok(read_hash(hashes, row))).collect()
            }
            Err(error) => vec![Err(error)],
        }))
    }

    /// The vectors, row for row beside the passages.
    ///
    /// # Errors
    /// As [`Snapshot::embeddings`]; [`Error::Missing`] in a snapshot without vectors.
    pub fn embeddings(&self) -> Result<PartEmbeddings> {
        let shape = self.snapshot.manifest().embedding;
        let shape = shape.ok_or_else(|| Error::Missing {
            path: self.snapshot.locate(&self.part().embeddings.path),
        })?;
        let ids = self.part.ids()?.clone();
        Ok(PartEmbeddings::new(self.part.embeddings(shape)?, ids, None))
    }

    /// The documents that are deleted.
    pub fn deleted_documents(&self) -> RowMask {
        let none = || RowMask::new(self.part().n_documents as usize);
        self.part.deleted_documents().cloned().unwrap_or_else(none)
    }

    /// The passages that are deleted.
    pub fn deleted_passages(&self) -> RowMask {
        let none = || RowMask::new(self.part().n_passages as usize);
        self.part.deleted_passages().cloned().unwrap_or_else(none)
    }

    /// The passages of the documents in a mask.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the documents do not count as many passages as there are.
    pub fn passages_of(&self, documents: &RowMask) -> Result<RowMask> {
        let n_passages = self.part().n_passages as usize;
        let table = self.part.document_table()?;
        let mut passages = RowMask::new(n_passages);
        let (mut document, mut passage) = (0, 0);
        for batch in table.column("passages")? {
            for count in batch?.column(0).as_primitive::<UInt32Type>().values() {
                let end = passage + *count as usize;
                if end > n_passages {
                    break;
                }
                if documents.is_deleted(document) {
                    (passage..end).for_each(|row| passages.delete(row));
                }
                document += 1;
                passage = end;
            }
        }
        if (document as u64, passage) == (self.part().n_documents, n_passages) {
            return Ok(passages);
        }
        Err(Error::malformed(
            table.path().clone(),
            format!("documents of {n_passages} passages"),
            "of another number",
        ))
    }
}
