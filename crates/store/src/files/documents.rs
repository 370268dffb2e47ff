//! The documents file: one row a document, beside the passages cut from it.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeBinaryArray, FixedSizeBinaryBuilder, RecordBatch, StringArray,
    StringBuilder, UInt32Array, UInt32Builder, UInt64Array, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use ragdex_core::{ContentHash, Document, PassageId};

use super::passages::read_hash;
use super::table::create_table;
use super::{ROWS_PER_BATCH, Record, column, parquet_error};
use crate::Result;
use crate::storage::PieceWriter;

/// What is kept of a document beside its passages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentMeta {
    /// As [`Document::key`].
    pub key: String,
    /// As [`Document::title`].
    pub title: String,
    /// As [`Document::url`].
    pub url: Option<String>,
    /// As [`Document::revision`].
    pub revision: Option<String>,
    /// As [`Document::timestamp`].
    pub timestamp: Option<String>,
    /// As [`Document::sha1`].
    pub sha1: Option<String>,
    /// As [`Document::content_hash`].
    pub hash: ContentHash,
}

impl From<&Document> for DocumentMeta {
    fn from(document: &Document) -> Self {
        Self {
            key: document.key.clone(),
            title: document.title.clone(),
            url: document.url.clone(),
            revision: document.revision.clone(),
            timestamp: document.timestamp.clone(),
            sha1: document.sha1.clone(),
            hash: document.content_hash(),
        }
    }
}

/// A document as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRecord {
    /// The document.
    pub meta: DocumentMeta,
    /// The id of its first passage; with no passages, the id that the next passage got.
    pub first_passage: PassageId,
    /// How many passages it has; their ids follow one another.
    pub n_passages: u32,
}

/// The columns of a documents file.
pub fn documents_schema() -> Schema {
    Schema::new(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("title", DataType::Utf8, false),
        Field::new("url", DataType::Utf8, true),
        Field::new("revision", DataType::Utf8, true),
        Field::new("timestamp", DataType::Utf8, true),
        Field::new("sha1", DataType::Utf8, true),
        Field::new("hash", DataType::FixedSizeBinary(16), false),
        Field::new("first_passage", DataType::UInt64, false),
        Field::new("passages", DataType::UInt32, false),
    ])
}

impl Record for DocumentRecord {
    fn schema() -> Schema {
        documents_schema()
    }

    fn read(batch: &RecordBatch) -> Vec<Self> {
        let keys: &StringArray = column(batch, "key");
        let titles: &StringArray = column(batch, "title");
        let urls: &StringArray = column(batch, "url");
        let revisions: &StringArray = column(batch, "revision");
        let timestamps: &StringArray = column(batch, "timestamp");
        let sha1s: &StringArray = column(batch, "sha1");
        let hashes: &FixedSizeBinaryArray = column(batch, "hash");
        let firsts: &UInt64Array = column(batch, "first_passage");
        let counts: &UInt32Array = column(batch, "passages");
        (0..batch.num_rows())
            .map(|row| Self {
                meta: DocumentMeta {
                    key: keys.value(row).to_owned(),
                    title: titles.value(row).to_owned(),
                    url: read_optional(urls, row),
                    revision: read_optional(revisions, row),
                    timestamp: read_optional(timestamps, row),
                    sha1: read_optional(sha1s, row),
                    hash: read_hash(hashes, row),
                },
                first_passage: PassageId(firsts.value(row)),
                n_passages: counts.value(row),
            })
            .collect()
    }
}

fn read_optional(column: &StringArray, row: usize) -> Option<String> {
    column.is_valid(row).then(|| column.value(row).to_owned())
}

/// Writes a documents file; keeps about [`ROWS_PER_BATCH`] documents in memory, and the compressed
/// pages.
pub(crate) struct DocumentsWriter {
    writer: ArrowWriter<PieceWriter>,
    path: PathBuf,
    rows: usize,
    keys: StringBuilder,
    titles: StringBuilder,
    urls: StringBuilder,
    revisions: StringBuilder,
    timestamps: StringBuilder,
    sha1s: StringBuilder,
    hashes: FixedSizeBinaryBuilder,
    firsts: UInt64Builder,
    counts: UInt32Builder,
}

impl DocumentsWriter {
    pub(crate) fn create(file: PieceWriter, path: PathBuf) -> Result<Self> {
        let writer = create_table(file, documents_schema(), &["first_passage", "passages"])
            .map_err(parquet_error(&path))?;
        Ok(Self {
            writer,
            path,
            rows: 0,
            keys: StringBuilder::new(),
            titles: StringBuilder::new(),
            urls: StringBuilder::new(),
            revisions: StringBuilder::new(),
            timestamps: StringBuilder::new(),
            sha1s: StringBuilder::new(),
            hashes: FixedSizeBinaryBuilder::new(16),
            firsts: UInt64Builder::new(),
            counts: UInt32Builder::new(),
        })
    }

    pub(crate) fn push(
        &mut self,
        meta: &DocumentMeta,
        first_passage: PassageId,
        n_passages: u32,
    ) -> Result<()> {
        self.keys.append_value(&meta.key);
        self.titles.append_value(&meta.title);
        self.urls.append_option(meta.url.as_ref());
        self.revisions.append_option(meta.revision.as_ref());
        self.timestamps.append_option(meta.timestamp.as_ref());
        self.sha1s.append_option(meta.sha1.as_ref());
        self.hashes
            .append_value(meta.hash.0)
            .expect("the column is 16 bytes wide");
        self.firsts.append_value(first_passage.0);
        self.counts.append_value(n_passages);
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
            Arc::new(self.keys.finish()),
            Arc::new(self.titles.finish()),
            Arc::new(self.urls.finish()),
            Arc::new(self.revisions.finish()),
            Arc::new(self.timestamps.finish()),
            Arc::new(self.sha1s.finish()),
            Arc::new(self.hashes.finish()),
            Arc::new(self.firsts.finish()),
            Arc::new(self.counts.finish()),
        ];
        let batch = RecordBatch::try_new(Arc::new(documents_schema()), columns)
            .expect("every column gets one value a push");
        self.writer.write(&batch).map_err(parquet_error(&self.path))
    }
}
