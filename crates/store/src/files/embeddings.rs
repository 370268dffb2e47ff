//! The embeddings file: Arrow IPC, one `fixed_size_list` a row, borrowed from the memory map.

use std::io::Write;
use std::ops::Range;
use std::path::Path;
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

/// Writes a whole embeddings file as one record batch.
pub(crate) fn write_embeddings<W: Write>(
    file: W,
    path: &Path,
    vectors: Vec<f32>,
    shape: EmbeddingShape,
) -> Result<W> {
    let schema = Arc::new(embeddings_schema(shape.dim, shape.element));
    let values: ArrayRef = match shape.element {
        Element::F32 => numbers::<Float32Type>(vectors),
        Element::F16 => numbers::<Float16Type>(vectors.into_iter().map(f16::from_f32).collect()),
    };
    let write = || {
        let DataType::FixedSizeList(item, dim) = schema.field(0).data_type() else {
            unreachable!("made above");
        };
        let list = FixedSizeListArray::try_new(Arc::clone(item), *dim, values, None)?;
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(list)])?;
        let mut writer = FileWriter::try_new(file, &schema)?;
        writer.write(&batch)?;
        writer.finish()?;
        writer.into_inner()
    };
    write().map_err(|error| match error {
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
    })
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

    /// The vectors, in row order; ragdex writes one block a file.
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
        let file = write_embeddings(Vec::new(), Path::new(PATH), vectors.clone(), shape);
        (vectors, file.expect("memory does not fill").into())
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
