//! Rows as Arrow columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float16Array, Float32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use ragdex_core::{Element, Rows, Vectors};

use super::Row;

/// How the columns look to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) dim: usize,
    pub(super) element: Element,
    /// Ids as text, as `wiki_dpr` has them, or as `int64`.
    pub(super) text_ids: bool,
}

impl Columns {
    /// `id`, `text`, `title`, `embeddings` as in `wiki_dpr`, then what more there is to say of a passage.
    pub(super) fn schema(self) -> SchemaRef {
        let id = if self.text_ids {
            DataType::Utf8
        } else {
            DataType::Int64
        };
        Arc::new(Schema::new(vec![
            Field::new("id", id, false),
            Field::new("text", DataType::Utf8, false),
            Field::new("title", DataType::Utf8, false),
            Field::new("embeddings", self.vector(), false),
            Field::new("document", DataType::Utf8, false),
            Field::new("section", DataType::Utf8, true),
            Field::new("url", DataType::Utf8, true),
        ]))
    }

    fn vector(self) -> DataType {
        DataType::FixedSizeList(self.item(), self.dim as i32)
    }

    fn item(self) -> Arc<Field> {
        let number = match self.element {
            Element::F32 => DataType::Float32,
            Element::F16 => DataType::Float16,
        };
        Arc::new(Field::new("item", number, false))
    }

    /// Makes a batch of passages and their vectors.
    pub(super) fn batch(
        self,
        rows: &[Row<'_>],
        vectors: Vectors<'_>,
    ) -> Result<RecordBatch, ArrowError> {
        let ids: ArrayRef = if self.text_ids {
            let ids = rows.iter().map(|row| row.id.to_string());
            Arc::new(StringArray::from_iter_values(ids))
        } else {
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| row.id as i64),
            ))
        };
        let numbers: ArrayRef = match (vectors.rows(), self.element) {
            (Rows::F32(numbers), Element::F32) => {
                Arc::new(Float32Array::from_iter_values(numbers.iter().copied()))
            }
            (Rows::F16(numbers), Element::F32) => Arc::new(Float32Array::from_iter_values(
                numbers.iter().map(|number| number.to_f32()),
            )),
            (Rows::F16(numbers), Element::F16) => {
                Arc::new(Float16Array::from_iter_values(numbers.iter().copied()))
            }
            (Rows::F32(numbers), Element::F16) => Arc::new(Float16Array::from_iter_values(
                numbers.iter().map(|number| half::f16::from_f32(*number)),
            )),
        };
        let vectors = FixedSizeListArray::try_new(self.item(), self.dim as i32, numbers, None)?;
        let text = |of: fn(&Row<'_>) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
        };
        let optional = |of: for<'r> fn(&Row<'r>) -> Option<&'r str>| -> ArrayRef {
            Arc::new(rows.iter().map(of).collect::<StringArray>())
        };
        RecordBatch::try_new(
            self.schema(),
            vec![
                ids,
                text(|row| row.text.to_owned()),
                text(|row| row.title.to_owned()),
                Arc::new(vectors),
                text(|row| row.document.to_owned()),
                optional(|row| row.section),
                optional(|row| row.url),
            ],
        )
    }
}
