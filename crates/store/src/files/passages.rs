//! The passages file: one row a passage.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeBinaryArray, FixedSizeBinaryBuilder, RecordBatch, StringArray,
    StringBuilder, UInt32Array, UInt32Builder, UInt64Array, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use ragdex_core::{ContentHash, Passage, PassageId};

use super::table::create_table;
use super::{ROWS_PER_BATCH, Record, column, parquet_error};
use crate::Result;
use crate::storage::PieceWriter;

/// A passage as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassageRecord {
    /// Names the passage within the knowledge base.
    pub id: PassageId,
    /// The key of its document.
    pub document: String,
    /// The passage itself.
    pub passage: Passage,
    /// [`Passage::content_hash`] when it was written.
    pub hash: ContentHash,
}

/// The columns of a passages file.
pub fn passages_schema() -> Schema {
    Schema::new(vec![
        Field::new("id", DataType::UInt64, false),
        Field::new("document", DataType::Utf8, false),
        Field::new("ordinal", DataType::UInt32, false),
        Field::new("title", DataType::Utf8, false),
        Field::new("section", DataType::Utf8, false),
        Field::new("text", DataType::Utf8, false),
        Field::new("hash", DataType::FixedSizeBinary(16), false),
    ])
}

impl Record for PassageRecord {
    fn schema() -> Schema {
        passages_schema()
    }

    fn read(batch: &RecordBatch) -> Vec<Self> {
        let ids: &UInt64Array = column(batch, "id");
        let documents: &StringArray = column(batch, "document");
        let ordinals: &UInt32Array = column(batch, "ordinal");
        let titles: &StringArray = column(batch, "title");
        let sections: &StringArray = column(batch, "section");
        let texts: &StringArray = column(batch, "text");
        let hashes: &FixedSizeBinaryArray = column(batch, "hash");
        (0..batch.num_rows())
            .map(|row| Self {
                id: PassageId(ids.value(row)),
                document: documents.value(row).to_owned(),
                passage: Passage {
                    ordinal: ordinals.value(row),
                    title: titles.value(row).to_owned(),
                    section: sections.value(row).to_owned(),
                    text: texts.value(row).to_owned(),
                },
                hash: read_hash(hashes, row),
            })
            .collect()
    }
}

pub(crate) fn read_hash(hashes: &FixedSizeBinaryArray, row: usize) -> ContentHash {
    let hash = hashes.value(row).try_into();
    ContentHash(hash.expect("the column is 16 bytes wide"))
}

/// Writes a passages file; keeps about [`ROWS_PER_BATCH`] passages in memory, and the compressed
/// pages.
pub(crate) struct PassagesWriter {
    writer: ArrowWriter<PieceWriter>,
    path: PathBuf,
    rows: usize,
    ids: UInt64Builder,
    documents: StringBuilder,
    ordinals: UInt32Builder,
    titles: StringBuilder,
    sections: StringBuilder,
    texts: StringBuilder,
    hashes: FixedSizeBinaryBuilder,
}

impl PassagesWriter {
    pub(crate) fn create(file: PieceWriter, path: PathBuf) -> Result<Self> {
        let writer = create_table(file, passages_schema(), &["id", "ordinal"])
            .map_err(parquet_error(&path))?;
        Ok(Self {
            writer,
            path,
            rows: 0,
            ids: UInt64Builder::new(),
            documents: StringBuilder::new(),
            ordinals: UInt32Builder::new(),
            titles: StringBuilder::new(),
            sections: StringBuilder::new(),
            texts: StringBuilder::new(),
            hashes: FixedSizeBinaryBuilder::new(16),
        })
    }

    pub(crate) fn push(
        &mut self,
        id: PassageId,
        document: &str,
        passage: &Passage,
        hash: ContentHash,
    ) -> Result<()> {
        self.ids.append_value(id.0);
        self.documents.append_value(document);
        self.ordinals.append_value(passage.ordinal);
        self.titles.append_value(&passage.title);
        self.sections.append_value(&passage.section);
        self.texts.append_value(&passage.text);
        self.hashes
            .append_value(hash.0)
            .expect("the column is 16 bytes wide");
        self.rows += 1;
        if self.rows == ROWS_PER_BATCH {
            self.write_batch()?;
        }
        Ok(())
    }

    /// Writes what is left and gives the file back, to be finished.
    pub(crate) fn into_file(mut self) -> Result<PieceWriter> {
        self.write_batch()?;
        self.writer.into_inner().map_err(parquet_error(&self.path))
    }

    fn write_batch(&mut self) -> Result<()> {
        self.rows = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.ids.finish()),
            Arc::new(self.documents.finish()),
            Arc::new(self.ordinals.finish()),
            Arc::new(self.titles.finish()),
            Arc::new(self.sections.finish()),
            Arc::new(self.texts.finish()),
            Arc::new(self.hashes.finish()),
        ];
        let batch = RecordBatch::try_new(Arc::new(passages_schema()), columns)
            .expect("every column gets one value a push");
        self.writer.write(&batch).map_err(parquet_error(&self.path))
    }
}
