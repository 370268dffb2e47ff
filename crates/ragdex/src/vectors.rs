//! Vectors that exist already: a column of Parquet files, or the files of `embed`, row for row beside the
//! passages.

mod split_rows;

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait, RecordBatch,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use ragdex_core::caught;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

use split_rows::SplitRows;

/// Rows decoded at once: 3 MB of 768 numbers.
const BATCH_ROWS: usize = 1024;

/// Vectors of a source that are taken over instead of embedding its passages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakenVectors {
    /// What holds them.
    #[serde(default)]
    pub(crate) of: VectorsOf,
    /// The Parquet files, or the split folders, in the order of the source.
    pub(crate) files: Vec<PathBuf>,
    /// Rows that gave no passage, counted over all files from 0, ascending.
    pub(crate) left_out: Vec<u64>,
    /// Whether the source was read to its end, so that no row is behind the last passage.
    pub(crate) is_whole: bool,
}

/// What holds vectors that are taken over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum VectorsOf {
    /// A column of Parquet files.
    #[default]
    Column,
    /// The `embeddings` of split folders.
    Split,
}

impl TakenVectors {
    /// Begins at the vector of passage `n`, counted from 0.
    ///
    /// # Errors
    /// As [`VectorRows::open`].
    pub(crate) fn starting_at(
        &self,
        n: u64,
        column: &str,
        dim: usize,
    ) -> Result<PassageVectors<'_>> {
        let row = row_of(n, &self.left_out);
        let before = self.left_out.partition_point(|left_out| *left_out < row);
        Ok(PassageVectors {
            rows: match self.of {
                VectorsOf::Column => {
                    Rows::Column(Box::new(VectorRows::open(&self.files, column, dim, row)?))
                }
                VectorsOf::Split => Rows::Split(SplitRows::open(&self.files, dim, row)?),
            },
            left_out: &self.left_out[before..],
            row,
        })
    }
}

/// Streams the vectors of passages, passing over rows that gave none.
pub(crate) struct PassageVectors<'a> {
    rows: Rows,
    left_out: &'a [u64],
    row: u64,
}

/// Vectors by row.
enum Rows {
    Column(Box<VectorRows>),
    Split(SplitRows),
}

impl Rows {
    fn skip(&mut self) -> Result<bool> {
        match self {
            Self::Column(rows) => rows.skip(),
            Self::Split(rows) => rows.next(|_| ()),
        }
    }

    fn next_into(&mut self, vectors: &mut Vec<f32>) -> Result<bool> {
        match self {
            Self::Column(rows) => rows.next_into(vectors),
            Self::Split(rows) => rows.next(|vector| vectors.extend(vector)),
        }
    }
}

impl PassageVectors<'_> {
    /// Adds the vector of the next passage to `vectors`; `false` behind the last row.
    ///
    /// # Errors
    /// As [`VectorRows::next_into`].
    pub(crate) fn next_into(&mut self, vectors: &mut Vec<f32>) -> Result<bool> {
        while let Some((row, rest)) = self.left_out.split_first()
            && *row == self.row
        {
            self.left_out = rest;
            self.row += 1;
            self.rows.skip()?;
        }
        self.row += 1;
        self.rows.next_into(vectors)
    }
}

/// Streams the vectors of a column, through all files in order.
struct VectorRows {
    files: VecDeque<PathBuf>,
    column: String,
    dim: usize,
    current: Option<OpenFile>,
    batch: Option<RecordBatch>,
    /// The next row of `batch`.
    at: usize,
}

struct OpenFile {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    /// Rows of the file given out or passed over, for messages.
    rows: u64,
}

impl VectorRows {
    /// Begins at row `start`, counted over all files from 0. Cheap: pages before it are passed over.
    ///
    /// # Errors
    /// [`Error::Vectors`] for a file that cannot be read or has no such column.
    fn open(files: &[PathBuf], column: &str, dim: usize, start: u64) -> Result<Self> {
        let mut rows = Self {
            files: files.iter().cloned().collect(),
            column: column.to_owned(),
            dim,
            current: None,
            batch: None,
            at: 0,
        };
        let mut left = start;
        while let Some(path) = rows.files.pop_front() {
            let builder = rows.builder(&path)?;
            let in_file = builder.metadata().file_metadata().num_rows();
            let in_file = u64::try_from(in_file).unwrap_or(0);
            if left >= in_file {
                left -= in_file;
                continue;
            }
            let builder = builder.with_offset(usize::try_from(left).unwrap_or(usize::MAX));
            rows.current = Some(OpenFile {
                reader: builder.build().map_err(|e| parquet_error(&path, &e))?,
                path,
                rows: left,
            });
            break;
        }
        Ok(rows)
    }

    /// Adds the next vector to `vectors`; `false` behind the last row.
    ///
    /// # Errors
    /// [`Error::Vectors`] for a row without a vector, or with one of another width.
    fn next_into(&mut self, vectors: &mut Vec<f32>) -> Result<bool> {
        if !self.has_row()? {
            return Ok(false);
        }
        let (Some(batch), Some(file)) = (&self.batch, &mut self.current) else {
            return Ok(false);
        };
        let vector = vector_at(batch.column(0), self.at);
        let row = file.rows;
        let problem = |expected: String, found: String| Error::Vectors {
            path: file.path.clone(),
            problem: format!("row {row}: {expected} expected, found {found}"),
        };
        let Some(vector) = vector else {
            return Err(problem("a vector".into(), "none".into()));
        };
        let numbers = vector.as_primitive::<Float32Type>();
        if numbers.len() != self.dim {
            let expected = format!("a vector of {} numbers", self.dim);
            return Err(problem(expected, format!("{}", numbers.len())));
        }
        if numbers.null_count() > 0 {
            return Err(problem("numbers".into(), "nulls among them".into()));
        }
        if let Some(number) = numbers.values().iter().find(|number| !number.is_finite()) {
            return Err(problem("finite numbers".into(), number.to_string()));
        }
        vectors.extend_from_slice(numbers.values());
        self.step();
        Ok(true)
    }

    /// Passes over a row; `false` behind the last.
    fn skip(&mut self) -> Result<bool> {
        let has_row = self.has_row()?;
        if has_row {
            self.step();
        }
        Ok(has_row)
    }

    fn step(&mut self) {
        self.at += 1;
        if let Some(file) = &mut self.current {
            file.rows += 1;
        }
    }

    /// Makes sure that `batch` has the next row.
    fn has_row(&mut self) -> Result<bool> {
        while self
            .batch
            .as_ref()
            .is_none_or(|batch| self.at >= batch.num_rows())
        {
            let Some(file) = &mut self.current else {
                let Some(path) = self.files.pop_front() else {
                    return Ok(false);
                };
                let reader = self.builder(&path)?.build();
                self.current = Some(OpenFile {
                    reader: reader.map_err(|error| parquet_error(&path, &error))?,
                    path,
                    rows: 0,
                });
                continue;
            };
            let path = &file.path;
            // The reader panics on some files whose pages contradict their metadata.
            let read = caught(|| file.reader.next().transpose());
            let problem = match read {
                Some(Ok(Some(batch))) => {
                    self.batch = Some(as_f32(&batch, path)?);
                    self.at = 0;
                    continue;
                }
                Some(Ok(None)) => {
                    self.current = None;
                    continue;
                }
                Some(Err(error)) => error.to_string(),
                None => "the pages contradict the metadata".to_owned(),
            };
            return Err(Error::Vectors {
                path: path.clone(),
                problem,
            });
        }
        Ok(true)
    }

    fn builder(&self, path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
        let file = File::open(path).map_err(|source| {
            Error::Corpus(ragdex_corpus::Error::Open {
                path: path.to_owned(),
                source,
            })
        })?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file);
        let builder = builder.map_err(|error| parquet_error(path, &error))?;
        let column = builder.schema().index_of(&self.column);
        let Ok(column) = column else {
            return Err(Error::Vectors {
                path: path.to_owned(),
                problem: format!("no column `{}`", self.column),
            });
        };
        let mask = ProjectionMask::roots(builder.parquet_schema(), [column]);
        Ok(builder.with_projection(mask).with_batch_size(BATCH_ROWS))
    }
}

/// Makes the only column a list of f32, whatever numbers it has.
fn as_f32(batch: &RecordBatch, path: &Path) -> Result<RecordBatch> {
    let column = batch.column(0);
    let wanted = match column.data_type() {
        DataType::List(item) => DataType::List(float_item(item)),
        DataType::LargeList(item) => DataType::LargeList(float_item(item)),
        DataType::FixedSizeList(item, n) => DataType::FixedSizeList(float_item(item), *n),
        other => {
            return Err(Error::Vectors {
                path: path.to_owned(),
                problem: format!("lists of numbers expected, found {other}"),
            });
        }
    };
    let made = cast(column, &wanted).and_then(|lists| {
        let name = batch.schema().field(0).name().clone();
        RecordBatch::try_from_iter([(name, lists)])
    });
    made.map_err(|error| Error::Vectors {
        path: path.to_owned(),
        problem: error.to_string(),
    })
}

fn float_item(item: &arrow::datatypes::FieldRef) -> arrow::datatypes::FieldRef {
    std::sync::Arc::new(item.as_ref().clone().with_data_type(DataType::Float32))
}

/// The list in a row; `None` for null.
fn vector_at(lists: &ArrayRef, row: usize) -> Option<ArrayRef> {
    fn of<O: OffsetSizeTrait>(lists: &GenericListArray<O>, row: usize) -> ArrayRef {
        lists.value(row)
    }
    if lists.is_null(row) {
        return None;
    }
    Some(match lists.data_type() {
        DataType::List(_) => of(lists.as_list::<i32>(), row),
        DataType::LargeList(_) => of(lists.as_list::<i64>(), row),
        _ => {
            let lists: &FixedSizeListArray = lists.as_fixed_size_list();
            lists.value(row)
        }
    })
}

fn parquet_error(path: &Path, error: &parquet::errors::ParquetError) -> Error {
    Error::Vectors {
        path: path.to_owned(),
        problem: error.to_string(),
    }
}

/// The row of the `n`-th passage, when the rows `left_out` (ascending) gave none.
fn row_of(n: u64, left_out: &[u64]) -> u64 {
    let mut row = n;
    for skipped in left_out {
        if *skipped > row {
            break;
        }
        row += 1;
    }
    row
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float32Array, ListArray, StringArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::Field;
    use parquet::arrow::ArrowWriter;

    use super::*;

    /// The vector of a row; half precision holds it exactly.
    fn vector(row: u64) -> [f32; 2] {
        let number = (row % 512) as f32;
        [number, number + 0.5]
    }

    /// A file of rows `first..first + n`.
    fn write(path: &Path, first: u64, n: u64, item: DataType) {
        let numbers = (first..first + n).flat_map(vector);
        let numbers: ArrayRef = Arc::new(Float32Array::from_iter_values(numbers));
        let numbers = cast(&numbers, &item).unwrap();
        let field = Arc::new(Field::new("element", item, true));
        let offsets = OffsetBuffer::from_lengths((0..n).map(|_| 2));
        let lists: ArrayRef = Arc::new(ListArray::new(field, offsets, numbers, None));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..n).map(|_| "x")));
        let batch = RecordBatch::try_from_iter([("text", texts), ("embeddings", lists)]).unwrap();
        let mut writer =
            ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    #[test]
    fn rows_go_on_over_files_from_any_start_and_in_any_width() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a", "b", "c"].map(|name| folder.path().join(name));
        write(&files[0], 0, 1500, DataType::Float32);
        write(&files[1], 1500, 1, DataType::Float64);
        write(&files[2], 1501, 499, DataType::Float16);
        for start in [0, 1, 1023, 1024, 1499, 1500, 1501, 1999, 2000, 5000] {
            let mut rows = VectorRows::open(&files, "embeddings", 2, start).unwrap();
            let mut vectors = Vec::new();
            while rows.next_into(&mut vectors).unwrap() {}
            let expected: Vec<f32> = (start..2000).flat_map(vector).collect();
            assert_eq!(vectors, expected, "from {start}");
        }
    }

    #[test]
    fn a_wrong_width_and_a_missing_column_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        write(&file, 0, 3, DataType::Float32);
        let mut rows = VectorRows::open(std::slice::from_ref(&file), "embeddings", 3, 1).unwrap();
        let error = rows.next_into(&mut Vec::new()).unwrap_err().to_string();
        assert!(
            error.contains("row 1: a vector of 3 numbers expected, found 2"),
            "{error}"
        );
        assert!(VectorRows::open(std::slice::from_ref(&file), "vectors", 2, 0).is_err());
        let mut rows = VectorRows::open(&[file], "text", 2, 0).unwrap();
        assert!(rows.next_into(&mut Vec::new()).is_err());
    }

    #[test]
    fn rows_without_a_passage_are_passed_over() {
        let left_out = [0, 3, 4, 9];
        let taken: Vec<u64> = (0..12).filter(|row| !left_out.contains(row)).collect();
        for (n, row) in taken.into_iter().enumerate() {
            assert_eq!(row_of(n as u64, &left_out), row);
        }
    }

    #[test]
    fn passages_get_the_vectors_of_their_own_rows() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a", "b"].map(|name| folder.path().join(name));
        write(&files[0], 0, 7, DataType::Float32);
        write(&files[1], 7, 6, DataType::Float32);
        let left_out = vec![0, 3, 4, 7, 9, 12];
        let taken: Vec<u64> = (0..13).filter(|row| !left_out.contains(row)).collect();
        let vectors = TakenVectors {
            of: VectorsOf::Column,
            files: files.to_vec(),
            left_out,
            is_whole: true,
        };
        for start in 0..taken.len() {
            let mut rows = vectors.starting_at(start as u64, "embeddings", 2).unwrap();
            for row in &taken[start..] {
                let mut vector = Vec::new();
                assert!(rows.next_into(&mut vector).unwrap());
                assert_eq!(vector[0], *row as f32, "from passage {start}");
            }
            assert!(!rows.next_into(&mut Vec::new()).unwrap());
        }
    }
}
