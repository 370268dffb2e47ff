//! The embeddings file: Arrow IPC, one `fixed_size_list` a row, borrowed from the memory map.

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, PrimitiveArray, RecordBatch};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType, Field, Float16Type, Float32Type, Schema,
};
use arrow::error::ArrowError;
use arrow::ipc::writer::FileWriter;
use bytes::Bytes;
use half::f16;
use ragdex_core::{Element, Rows, Vectors};
use serde::{Deserialize, Serialize};

use super::ipc;
use crate::{Action, Error, Result};

/// The name of the only column.
const COLUMN: &str = "embedding";

/// What all vectors of a knowledge base have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingShape {
    /// The width of a vector.
    pub dim: usize,
    /// How a number is represented.
    #[serde(with = "element")]
    pub element: Element,
}

/// [`Element`] as it is written in a manifest.
mod element {
    use super::Element;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature that serde asks for"
    )]
    pub(super) fn serialize<S: Serializer>(element: &Element, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(element)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Element, D::Error> {
        match &*String::deserialize(from)? {
            "f32" => Ok(Element::F32),
            "f16" => Ok(Element::F16),
            other => Err(de::Error::unknown_variant(other, &["f32", "f16"])),
        }
    }
}

/// The column of an embeddings file.
///
/// # Panics
/// When `dim` is beyond `i32`.
pub fn embeddings_schema(dim: usize, element: Element) -> Schema {
    let item = Arc::new(Field::new(
        "item",
        match element {
            Element::F32 => DataType::Float32,
            Element::F16 => DataType::Float16,
        },
        false,
    ));
    let dim = i32::try_from(dim).expect("dimensions are checked when rows come in");
    let list = DataType::FixedSizeList(item, dim);
    Schema::new(vec![Field::new(COLUMN, list, false)])
}

/// Rows of a record batch: with 768 dimensions in f32, 25 MB are held until they are written. A file of
/// fewer rows is one block.
const ROWS_PER_BLOCK: usize = 8192;

/// Writes an embeddings file, block by block.
///
/// Memory: [`ROWS_PER_BLOCK`] vectors in f32, and once more while they are written. The bytes do not depend
/// on how many vectors come at a time.
pub(crate) struct EmbeddingsFileWriter<W: Write> {
    writer: FileWriter<W>,
    path: PathBuf,
    shape: EmbeddingShape,
    n_rows: u64,
    /// Rows not written yet.
    block: Vec<f32>,
    n_written: u64,
}

impl<W: Write> EmbeddingsFileWriter<W> {
    /// Begins a file of `n_rows` vectors; `path` is for messages.
    pub(crate) fn create(
        file: W,
        path: PathBuf,
        shape: EmbeddingShape,
        n_rows: u64,
    ) -> Result<Self> {
        let schema = embeddings_schema(shape.dim, shape.element);
        let writer = FileWriter::try_new(file, &schema).map_err(|e| arrow_error(e, &path))?;
        Ok(Self {
            writer,
            path,
            shape,
            n_rows,
            block: Vec::new(),
            n_written: 0,
        })
    }

    /// Adds the next vectors, in row order.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`]; [`Error::Rows`] when there are more than rows.
    pub(crate) fn push(&mut self, vectors: Vectors<'_>) -> Result<()> {
        self.check_width(vectors)?;
        if self.row() + vectors.len() as u64 > self.n_rows {
            return Err(self.wrong_rows(self.row() + vectors.len() as u64));
        }
        let dim = self.shape.dim;
        for row in 0..vectors.len() {
            let values = row * dim..(row + 1) * dim;
            match vectors.rows() {
                Rows::F32(all) => self.block.extend_from_slice(&all[values]),
                Rows::F16(all) => self
                    .block
                    .extend(all[values].iter().map(|value| value.to_f32())),
            }
            self.check_finite()?;
            if self.block.len() == ROWS_PER_BLOCK * dim {
                self.write_block()?;
            }
        }
        Ok(())
    }

    /// Writes what is left and gives the file back, to be finished.
    ///
    /// # Errors
    /// [`Error::Rows`] when there are fewer vectors than rows.
    pub(crate) fn into_file(mut self) -> Result<W> {
        if self.row() != self.n_rows {
            return Err(self.wrong_rows(self.row()));
        }
        // A file without rows is one block too.
        if !self.block.is_empty() || self.n_rows == 0 {
            self.write_block()?;
        }
        let finish = || {
            self.writer.finish()?;
            self.writer.into_inner()
        };
        finish().map_err(|e| arrow_error(e, &self.path))
    }

    /// The row that the next vector will have.
    fn row(&self) -> u64 {
        self.n_written + (self.block.len() / self.shape.dim) as u64
    }

    fn write_block(&mut self) -> Result<()> {
        let n_rows = self.block.len() / self.shape.dim;
        let block = std::mem::take(&mut self.block);
        let batch = record_batch(block, self.shape);
        batch
            .and_then(|batch| self.writer.write(&batch))
            .map_err(|e| arrow_error(e, &self.path))?;
        self.n_written += n_rows as u64;
        Ok(())
    }

    fn check_width(&self, vectors: Vectors<'_>) -> Result<()> {
        if vectors.dim() == self.shape.dim {
            return Ok(());
        }
        Err(Error::Dimension {
            path: self.path.clone(),
            expected_dim: self.shape.dim,
            expected_element: self.shape.element,
            dim: vectors.dim(),
            element: match vectors.rows() {
                Rows::F32(_) => Element::F32,
                Rows::F16(_) => Element::F16,
            },
        })
    }

    /// Refuses the last row when a number of it is not finite, or will not be as it is stored.
    fn check_finite(&self) -> Result<()> {
        let stored = |value: f32| match self.shape.element {
            Element::F32 => value,
            Element::F16 => f16::from_f32(value).to_f32(),
        };
        let last = &self.block[self.block.len() - self.shape.dim..];
        let bad = last.iter().find(|value| !stored(**value).is_finite());
        match bad {
            None => Ok(()),
            Some(value) => Err(Error::NotFinite {
                path: self.path.clone(),
                row: self.row() - 1,
                value: stored(*value),
            }),
        }
    }

    fn wrong_rows(&self, found: u64) -> Error {
        Error::Rows {
            path: self.path.clone(),
            expected: self.n_rows,
            found,
        }
    }
}

/// Makes a block of rows what Arrow writes.
fn record_batch(
    vectors: Vec<f32>,
    shape: EmbeddingShape,
) -> std::result::Result<RecordBatch, ArrowError> {
    let schema = embeddings_schema(shape.dim, shape.element);
    let values: ArrayRef = match shape.element {
        Element::F32 => numbers::<Float32Type>(vectors),
        Element::F16 => numbers::<Float16Type>(vectors.into_iter().map(f16::from_f32).collect()),
    };
    let DataType::FixedSizeList(item, dim) = schema.field(0).data_type() else {
        unreachable!("made above");
    };
    let list = FixedSizeListArray::try_new(Arc::clone(item), *dim, values, None)?;
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(list)])
}

fn arrow_error(error: ArrowError, path: &Path) -> Error {
    match error {
        // A full disk arrives wrapped; taken out, so that its hint is found.
        ArrowError::IoError(_, source) => Error::Io {
            action: Action::Write,
            path: path.to_owned(),
            source,
        },
        source => Error::Arrow {
            path: path.to_owned(),
            source,
        },
    }
}

fn numbers<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), None))
}

/// The vectors of one part, borrowed from its file.
#[derive(Debug, Clone)]
pub(crate) struct EmbeddingsFile {
    blocks: Vec<Block>,
    shape: EmbeddingShape,
}

#[derive(Debug, Clone)]
enum Block {
    F32(ScalarBuffer<f32>),
    F16(ScalarBuffer<f16>),
}

impl EmbeddingsFile {
    /// Checks the file and finds its numbers; touches the first and last pages only.
    pub(crate) fn open(
        content: Bytes,
        path: &Path,
        rows: u64,
        shape: EmbeddingShape,
    ) -> Result<Self> {
        let buffer = Buffer::from(content);
        let found = ipc::layout(&buffer).map_err(|found| {
            Error::malformed(path.to_owned(), "Arrow file of embeddings", found)
        })?;
        if found.shape != shape {
            return Err(Error::Dimension {
                path: path.to_owned(),
                expected_dim: shape.dim,
                expected_element: shape.element,
                dim: found.shape.dim,
                element: found.shape.element,
            });
        }
        let n_rows: usize = found
            .values
            .iter()
            .map(|range| range.len() / found.row_bytes())
            .sum();
        if n_rows as u64 != rows {
            return Err(Error::Rows {
                path: path.to_owned(),
                expected: rows,
                found: n_rows as u64,
            });
        }
        let blocks = found
            .values
            .into_iter()
            .map(|range| match shape.element {
                Element::F32 => Block::F32(borrow(&buffer, range)),
                Element::F16 => Block::F16(borrow(&buffer, range)),
            })
            .collect();
        Ok(Self { blocks, shape })
    }

    /// The vectors, in row order, in blocks of up to [`ROWS_PER_BLOCK`] as ragdex writes them.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Vectors<'_>> {
        self.blocks.iter().map(|block| {
            let rows = match block {
                Block::F32(values) => Rows::F32(values),
                Block::F16(values) => Rows::F16(values),
            };
            Vectors::new(rows, self.shape.dim).expect("lengths are checked when opened")
        })
    }
}

/// Borrows numbers, or copies them when they do not lie on a multiple of their size.
fn borrow<T: ArrowNativeType>(buffer: &Buffer, bytes: Range<usize>) -> ScalarBuffer<T> {
    let n_values = bytes.len() / size_of::<T>();
    let part = buffer.slice_with_length(bytes.start, bytes.len());
    if part.as_ptr().align_offset(align_of::<T>()) == 0 {
        return ScalarBuffer::new(part, 0, n_values);
    }
    ScalarBuffer::new(Buffer::from_slice_ref(part.as_slice()), 0, n_values)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "kb/embeddings/part-00000.arrow";

    fn written(n_rows: usize, shape: EmbeddingShape) -> (Vec<f32>, Bytes) {
        let vectors: Vec<f32> = (0..n_rows * shape.dim).map(|i| i as f32 * 0.5).collect();
        (vectors.clone(), write(&vectors, n_rows, shape).into())
    }

    /// Writes vectors, `at_once` at a time.
    fn write(vectors: &[f32], at_once: usize, shape: EmbeddingShape) -> Vec<u8> {
        let n_rows = (vectors.len() / shape.dim) as u64;
        let mut writer =
            EmbeddingsFileWriter::create(Vec::new(), PATH.into(), shape, n_rows).unwrap();
        for rows in vectors.chunks(at_once.max(1) * shape.dim) {
            writer.push(Vectors::f32(rows, shape.dim).unwrap()).unwrap();
        }
        writer.into_file().unwrap()
    }

    fn open(content: Bytes, rows: u64, shape: EmbeddingShape) -> Result<EmbeddingsFile> {
        EmbeddingsFile::open(content, Path::new(PATH), rows, shape)
    }

    fn values(file: &EmbeddingsFile) -> Vec<f32> {
        let numbers = |block: Vectors<'_>| match block.rows() {
            Rows::F32(values) => values.to_vec(),
            Rows::F16(values) => values.iter().map(|value| value.to_f32()).collect(),
        };
        file.blocks().flat_map(numbers).collect()
    }

    #[test]
    fn vectors_read_back_as_written() {
        for element in [Element::F32, Element::F16] {
            for n_rows in [0, 1, 5] {
                let shape = EmbeddingShape { dim: 3, element };
                let (vectors, content) = written(n_rows, shape);
                let file = open(content, n_rows as u64, shape).unwrap();
                assert_eq!(values(&file), vectors);
            }
        }
    }

    #[test]
    fn files_of_several_blocks_read_back_whatever_came_at_a_time() {
        for element in [Element::F32, Element::F16] {
            let shape = EmbeddingShape { dim: 2, element };
            let n_rows = 2 * ROWS_PER_BLOCK + 3;
            let vectors: Vec<f32> = (0..2 * n_rows).map(|i| (i % 2000) as f32).collect();
            let content = write(&vectors, n_rows, shape);
            for at_once in [1, 1000, ROWS_PER_BLOCK] {
                assert_eq!(write(&vectors, at_once, shape), content);
            }
            let file = open(content.into(), n_rows as u64, shape).unwrap();
            assert_eq!(file.blocks().count(), 3);
            assert_eq!(values(&file), vectors);
        }
    }

    #[test]
    fn too_many_rows_and_numbers_that_overflow_are_refused_with_their_row() {
        let shape = EmbeddingShape {
            dim: 1,
            element: Element::F16,
        };
        let mut writer = EmbeddingsFileWriter::create(Vec::new(), PATH.into(), shape, 3).unwrap();
        let mut push = |rows: &[f32]| writer.push(Vectors::f32(rows, 1).unwrap());
        push(&[1.0]).unwrap();
        assert!(matches!(
            push(&[0.0, 1e6]),
            Err(Error::NotFinite { row: 2, .. })
        ));
        let mut writer = EmbeddingsFileWriter::create(Vec::new(), PATH.into(), shape, 3).unwrap();
        let error = writer.push(Vectors::f32(&[0.0; 4], 1).unwrap());
        assert!(matches!(
            error,
            Err(Error::Rows {
                expected: 3,
                found: 4,
                ..
            })
        ));
        assert!(matches!(
            writer.into_file(),
            Err(Error::Rows { found: 0, .. })
        ));
    }

    #[test]
    fn misaligned_content_is_copied() {
        let shape = EmbeddingShape {
            dim: 2,
            element: Element::F32,
        };
        let (vectors, content) = written(4, shape);
        let shifted: Vec<u8> = [0].into_iter().chain(content).collect();
        let file = open(Bytes::from(shifted).slice(1..), 4, shape).unwrap();
        assert_eq!(values(&file), vectors);
    }

    #[test]
    fn another_shape_or_length_is_an_error() {
        let shape = EmbeddingShape {
            dim: 2,
            element: Element::F32,
        };
        let (_, content) = written(4, shape);
        let wider = EmbeddingShape { dim: 4, ..shape };
        assert_eq!(
            open(content.clone(), 4, wider).unwrap_err().to_string(),
            "`kb/embeddings/part-00000.arrow`: 4-dimensional f32 vectors expected, found \
             2-dimensional f32"
        );
        assert!(matches!(
            open(content, 5, shape),
            Err(Error::Rows {
                expected: 5,
                found: 4,
                ..
            })
        ));
    }

    #[test]
    fn no_damage_of_one_byte_or_of_length_panics() {
        let shape = EmbeddingShape {
            dim: 2,
            element: Element::F32,
        };
        let (_, content) = written(4, shape);
        for cut in 0..content.len() {
            assert!(open(content.slice(..cut), 4, shape).is_err(), "{cut}");
        }
        for place in 0..content.len() {
            for bit in 0..8 {
                let mut damaged = content.to_vec();
                damaged[place] ^= 1 << bit;
                if let Ok(file) = open(damaged.into(), 4, shape) {
                    assert_eq!(values(&file).len(), 8);
                }
            }
        }
    }
}
