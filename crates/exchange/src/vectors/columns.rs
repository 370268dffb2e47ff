//! Columns of lists of numbers in Parquet and Arrow files.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, FixedSizeListArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Float32Type, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use ragdex_core::caught;

use crate::{Error, Result};

/// Rows of Parquet decoded at once: 3 MB of 768 numbers.
const BATCH_ROWS: usize = 1024;

const PARQUET: &[u8] = b"PAR1";
const ARROW_FILE: &[u8] = b"ARROW1";
/// What precedes the first message of a stream: the schema.
const ARROW_STREAM: &[u8] = &[0xff; 4];

/// Whether a file is read by this module.
pub(super) fn is_columns(bytes: &[u8]) -> bool {
    let kinds = [PARQUET, ARROW_FILE, ARROW_STREAM];
    kinds.iter().any(|kind| bytes.starts_with(kind))
}

/// Counts the rows of a file: Parquet tells, the batches of Arrow files are read for it.
///
/// # Errors
/// [`Error::Malformed`], also when there is no such column.
pub(super) fn count_rows(path: &Path, column: &str) -> Result<u64> {
    let mut rows = ColumnRows::open(path, column, 0)?;
    if let Some(n) = rows.known_rows {
        return Ok(n);
    }
    let mut n = 0;
    while let Some(batch) = rows.read_batch()? {
        n += batch.num_rows() as u64;
    }
    Ok(n)
}

/// Reads the vectors of a column in turn.
pub(super) struct ColumnRows {
    path: PathBuf,
    batches: Batches,
    known_rows: Option<u64>,
    batch: Option<RecordBatch>,
    /// The next row of `batch`.
    at: usize,
}

impl std::fmt::Debug for ColumnRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ColumnRows")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Where batches of the one column come from.
enum Batches {
    Parquet(ParquetRecordBatchReader),
    File(FileReader<BufReader<File>>),
    Stream(StreamReader<BufReader<File>>),
}

impl ColumnRows {
    /// Begins at a row.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Malformed`].
    pub(super) fn open(path: &Path, column: &str, start: u64) -> Result<Self> {
        let damaged = || Error::malformed(path, "contradicts its own metadata");
        // The readers panic on some damaged files.
        let mut rows = caught(|| Self::opened(path, column, start)).ok_or_else(damaged)??;
        if matches!(rows.batches, Batches::Parquet(_)) {
            return Ok(rows);
        }
        for _ in 0..start {
            rows.skip()?;
        }
        Ok(rows)
    }

    fn opened(path: &Path, column: &str, start: u64) -> Result<Self> {
        let file = File::open(path).map_err(Error::read(path))?;
        let mut front = [0; 6];
        let n = std::io::Read::read(&mut &file, &mut front).map_err(Error::read(path))?;
        let file = File::open(path).map_err(Error::read(path))?;
        let arrow = |error: ArrowError| Error::malformed(path, error.to_string());
        let mut known_rows = None;
        let batches = if front[..n].starts_with(PARQUET) {
            let parquet =
                |error: parquet::errors::ParquetError| Error::malformed(path, error.to_string());
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet)?;
            known_rows = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
            let column = find(builder.schema(), column, path)?;
            let mask = ProjectionMask::roots(builder.parquet_schema(), [column]);
            let builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
            let builder = builder.with_offset(usize::try_from(start).unwrap_or(usize::MAX));
            Batches::Parquet(builder.build().map_err(parquet)?)
        } else if front[..n].starts_with(ARROW_FILE) {
            let whole = FileReader::try_new(BufReader::new(file), None).map_err(arrow)?;
            let column = find(&whole.schema(), column, path)?;
            let file = File::open(path).map_err(Error::read(path))?;
            let reader = FileReader::try_new(BufReader::new(file), Some(vec![column]));
            Batches::File(reader.map_err(arrow)?)
        } else {
            let whole = StreamReader::try_new(BufReader::new(file), None).map_err(arrow)?;
            let column = find(&whole.schema(), column, path)?;
            let file = File::open(path).map_err(Error::read(path))?;
            let reader = StreamReader::try_new(BufReader::new(file), Some(vec![column]));
            Batches::Stream(reader.map_err(arrow)?)
        };
        Ok(Self {
            path: path.to_owned(),
            batches,
            known_rows,
            batch: None,
            at: 0,
        })
    }

    /// Adds the next vector, which is that of `row`.
    ///
    /// # Errors
    /// [`Error::Row`] for a null or nulls among the numbers; [`Error::Malformed`].
    pub(super) fn next_into(&mut self, vector: &mut Vec<f32>, row: u64) -> Result<()> {
        self.fill()?;
        let list = self
            .batch
            .as_ref()
            .and_then(|batch| list_at(batch, self.at));
        let Some(list) = list else {
            return Err(Error::row(&self.path, row, "a vector expected, found none"));
        };
        let numbers = list.as_primitive::<Float32Type>();
        if numbers.null_count() > 0 {
            let problem = "numbers expected, found nulls among them";
            return Err(Error::row(&self.path, row, problem));
        }
        vector.extend_from_slice(numbers.values());
        self.at += 1;
        Ok(())
    }

    /// Passes over a row.
    pub(super) fn skip(&mut self) -> Result<()> {
        self.fill()?;
        self.at += 1;
        Ok(())
    }

    /// Makes sure that `batch` has the next row, unless there is none.
    fn fill(&mut self) -> Result<()> {
        let has_row = |batch: &RecordBatch| self.at < batch.num_rows();
        if self.batch.as_ref().is_some_and(has_row) {
            return Ok(());
        }
        loop {
            let batch = self.read_batch()?;
            let batch = batch.map(|batch| as_f32(&batch, &self.path)).transpose()?;
            self.at = 0;
            let is_empty = batch.as_ref().is_some_and(|batch| batch.num_rows() == 0);
            self.batch = batch;
            if !is_empty {
                return Ok(());
            }
        }
    }

    fn read_batch(&mut self) -> Result<Option<RecordBatch>> {
        let batches = &mut self.batches;
        let read = caught(|| match batches {
            Batches::Parquet(reader) => reader.next().transpose(),
            Batches::File(reader) => reader.next().transpose(),
            Batches::Stream(reader) => reader.next().transpose(),
        });
        match read {
            Some(Ok(batch)) => Ok(batch),
            Some(Err(error)) => Err(Error::malformed(&self.path, error.to_string())),
            None => Err(Error::malformed(&self.path, "contradicts its own metadata")),
        }
    }
}

fn find(schema: &SchemaRef, column: &str, path: &Path) -> Result<usize> {
    schema.index_of(column).map_err(|_| {
        let names: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| &**field.name())
            .collect();
        let what = format!("a column `{column}` expected, found {}", names.join(", "));
        Error::malformed(path, what)
    })
}

/// Makes the only column a list of f32, whatever numbers it has.
fn as_f32(batch: &RecordBatch, path: &Path) -> Result<RecordBatch> {
    let column = batch.column(0);
    let wanted = match column.data_type() {
        DataType::List(item) => DataType::List(float_item(item)),
        DataType::LargeList(item) => DataType::LargeList(float_item(item)),
        DataType::FixedSizeList(item, n) => DataType::FixedSizeList(float_item(item), *n),
        other => {
            let what = format!("lists of numbers expected, found {other}");
            return Err(Error::malformed(path, what));
        }
    };
    let made = cast(column, &wanted).and_then(|lists| {
        let name = batch.schema().field(0).name().clone();
        RecordBatch::try_from_iter([(name, lists)])
    });
    made.map_err(|error| Error::malformed(path, error.to_string()))
}

fn float_item(item: &FieldRef) -> FieldRef {
    std::sync::Arc::new(item.as_ref().clone().with_data_type(DataType::Float32))
}

/// The list in a row; `None` for null and behind the last row.
fn list_at(batch: &RecordBatch, row: usize) -> Option<arrow::array::ArrayRef> {
    let lists = batch.column(0);
    if row >= lists.len() || lists.is_null(row) {
        return None;
    }
    Some(match lists.data_type() {
        DataType::List(_) => lists.as_list::<i32>().value(row),
        DataType::LargeList(_) => lists.as_list::<i64>().value(row),
        _ => {
            let lists: &FixedSizeListArray = lists.as_fixed_size_list();
            lists.value(row)
        }
    })
}
