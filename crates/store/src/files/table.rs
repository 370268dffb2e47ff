//! Parquet as ragdex writes and reads it: small pages, so that single rows are cheap.

use std::io::Write;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::places::impossible_place;
use super::{ROWS_PER_BATCH, Record, parquet_error};
use crate::{Error, Result};

/// Rows in a page. Reading one passage decompresses one page of each column: with passages of 100
/// words, 64 rows are about 40 kB, and larger pages compress hardly better.
const ROWS_PER_PAGE: usize = 64;

/// Rows in a row group, whose compressed pages are kept in memory until it is full: 5 MB of passages. A part
/// of the usual size is one row group.
const ROWS_PER_GROUP: usize = 16_384;

/// The level at which zstd is as small as it gets without slowing the build.
const ZSTD_LEVEL: i32 = 3;

/// What the files say of their maker: no version, so that equal rows give equal bytes.
const CREATED_BY: &str = "ragdex";

/// Begins a table. `numbers` are columns of small or ascending integers.
pub(super) fn create_table<W: Write + Send>(
    file: W,
    schema: Schema,
    numbers: &[&str],
) -> parquet::errors::Result<ArrowWriter<W>> {
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.into())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_data_page_row_count_limit(ROWS_PER_PAGE)
        .set_write_batch_size(ROWS_PER_PAGE)
        .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
        .set_max_row_group_bytes(None);
    for name in numbers {
        let column = ColumnPath::from(*name);
        properties = properties
            .set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED)
            .set_column_statistics_enabled(column, EnabledStatistics::Page);
    }
    ArrowWriter::try_new(file, Arc::new(schema), Some(properties.build()))
}

/// An opened Parquet file whose rows are `R`s.
#[derive(Debug)]
pub(crate) struct TableFile<R> {
    content: Bytes,
    metadata: ArrowReaderMetadata,
    path: PathBuf,
    record: PhantomData<fn() -> R>,
}

impl<R: Record> TableFile<R> {
    /// Reads the footer and checks columns and number of rows.
    pub(crate) fn open(content: Bytes, path: PathBuf, rows: u64) -> Result<Self> {
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let metadata =
            ArrowReaderMetadata::load(&content, options).map_err(parquet_error(&path))?;
        let expected = R::schema();
        if metadata.schema().fields() != expected.fields() {
            let names = |schema: &Schema| {
                let fields: Vec<String> = schema
                    .fields()
                    .iter()
                    .map(|field| format!("{}: {}", field.name(), field.data_type()))
                    .collect();
                format!("columns `{}`", fields.join(", "))
            };
            return Err(Error::malformed(
                path,
                names(&expected),
                names(metadata.schema()),
            ));
        }
        if let Some(found) = impossible_place(metadata.metadata(), content.len()) {
            return Err(Error::malformed(
                path,
                "Parquet footer that fits its file",
                found,
            ));
        }
        let found = metadata.metadata().file_metadata().num_rows();
        if u64::try_from(found) != Ok(rows) {
            return Err(Error::malformed(path, format!("{rows} rows"), found));
        }
        Ok(Self {
            content,
            metadata,
            path,
            record: PhantomData,
        })
    }

    /// Reads chosen rows, given ascending without repetition, in that order.
    pub(crate) fn rows(&self, rows: &[usize]) -> Result<Vec<R>> {
        let selection = RowSelection::from_consecutive_ranges(
            runs(rows).into_iter(),
            self.metadata.metadata().file_metadata().num_rows() as usize,
        );
        let reader = self
            .builder()
            .with_row_selection(selection)
            .build()
            .map_err(parquet_error(&self.path))?;
        let mut records = Vec::with_capacity(rows.len());
        for batch in reader {
            records.extend(R::read(&whole(batch, &self.path)?));
        }
        if records.len() != rows.len() {
            return Err(Error::malformed(
                self.path.clone(),
                format!("{} rows", rows.len()),
                records.len(),
            ));
        }
        Ok(records)
    }

    /// Streams every row.
    pub(crate) fn stream(&self) -> Result<impl Iterator<Item = Result<R>> + use<R>> {
        let reader = self.builder().build().map_err(parquet_error(&self.path))?;
        let path = self.path.clone();
        Ok(reader.flat_map(move |batch| {
            let (records, error) = match whole(batch, &path) {
                Ok(batch) => (R::read(&batch), None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            records.into_iter().map(Ok).chain(error)
        }))
    }

    /// Reads one column of every row, batch by batch.
    pub(crate) fn column(&self, name: &str) -> Result<ColumnBatches> {
        let parquet_schema = self.metadata.metadata().file_metadata().schema_descr();
        let mask = ProjectionMask::columns(parquet_schema, [name]);
        let reader = self
            .builder()
            .with_projection(mask)
            .build()
            .map_err(parquet_error(&self.path))?;
        Ok(ColumnBatches {
            reader,
            path: self.path.clone(),
        })
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    fn builder(&self) -> ParquetRecordBatchReaderBuilder<Bytes> {
        ParquetRecordBatchReaderBuilder::new_with_metadata(
            self.content.clone(),
            self.metadata.clone(),
        )
        .with_batch_size(ROWS_PER_BATCH)
    }
}

/// The batches of one column.
pub(crate) struct ColumnBatches {
    reader: ParquetRecordBatchReader,
    path: PathBuf,
}

impl Iterator for ColumnBatches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(whole(self.reader.next()?, &self.path))
    }
}

/// A batch without missing values where the schema allows none.
fn whole(batch: arrow::error::Result<RecordBatch>, path: &Path) -> Result<RecordBatch> {
    let batch = batch.map_err(|source| Error::Parquet {
        path: path.to_owned(),
        source: source.into(),
    })?;
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(Error::malformed(
                path.to_owned(),
                format!("a value in every row of `{}`", field.name()),
                "none in some",
            ));
        }
    }
    Ok(batch)
}

/// Joins neighbouring rows into ranges.
fn runs(rows: &[usize]) -> Vec<std::ops::Range<usize>> {
    rows.chunk_by(|a, b| a + 1 == *b)
        .map(|run| run[0]..run[0] + run.len())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_rows_are_read_in_one_run() {
        assert!(runs(&[]).is_empty());
        assert_eq!(runs(&[3]), vec![3..4]);
        assert_eq!(runs(&[0, 1, 4, 5, 6, 9]), vec![0..2, 4..7, 9..10]);
    }
}
