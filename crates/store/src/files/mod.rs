//! The three files of a part: documents, passages, embeddings.
//!
//! Documents and passages are Parquet, embeddings are Arrow IPC; the schemas are written down in
//! `schemas/*.arrow.json`. Equal rows give equal bytes: no clock, no version, no map order goes in.

mod documents;
mod embeddings;
mod ipc;
mod mask;
mod part;
mod passages;
mod places;
mod table;

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use crate::Error;

pub use documents::{DocumentMeta, DocumentRecord, documents_schema};
pub use embeddings::{EmbeddingShape, embeddings_schema};
pub use mask::RowMask;
pub use passages::{PassageRecord, passages_schema};

use documents::DocumentsWriter;
use passages::PassagesWriter;

pub(crate) use embeddings::{EmbeddingsFile, EmbeddingsFileWriter};
pub(crate) use part::PartWriter;
pub(crate) use passages::read_hash;
pub(crate) use table::TableFile;

/// How many rows are gathered before they are encoded, and decoded at a time when streaming.
pub(crate) const ROWS_PER_BATCH: usize = 1024;

/// Rows of a Parquet table.
pub(crate) trait Record: Sized {
    /// The columns of the table.
    fn schema() -> Schema;

    /// Reads the rows of a batch that has the columns of [`Record::schema`], none missing.
    fn read(batch: &RecordBatch) -> Vec<Self>;
}

/// Gives a column in the type that the schema promises.
pub(crate) fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> &'a T {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_any().downcast_ref())
        .expect("the schema was compared when the file was opened")
}

fn parquet_error(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Error {
    let path = path.to_owned();
    |source| match source {
        // A full disk arrives wrapped; taken out, so that its hint is found.
        parquet::errors::ParquetError::External(inner) => {
            match inner.downcast::<std::io::Error>() {
                Ok(source) => Error::Io {
                    action: crate::Action::Write,
                    path,
                    source: *source,
                },
                Err(inner) => Error::Parquet {
                    path,
                    source: parquet::errors::ParquetError::External(inner),
                },
            }
        }
        source => Error::Parquet { path, source },
    }
}

/// The ids of the rows of a part, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowIds {
    /// Row `r` has the id `first + r`.
    Contiguous {
        /// The id of row 0.
        first: u64,
    },
    /// The id of each row.
    Listed(std::sync::Arc<[u64]>),
}

impl RowIds {
    /// The id of a row.
    ///
    /// # Panics
    /// When the part has no such row.
    pub fn of(&self, row: usize) -> ragdex_core::PassageId {
        ragdex_core::PassageId(match self {
            Self::Contiguous { first } => first + row as u64,
            Self::Listed(ids) => ids[row],
        })
    }

    /// The row of a passage, of `n_rows` rows.
    pub fn row_of(&self, id: ragdex_core::PassageId, n_rows: usize) -> Option<usize> {
        match self {
            Self::Contiguous { first } => {
                let row = usize::try_from(id.0.checked_sub(*first)?).ok()?;
                (row < n_rows).then_some(row)
            }
            Self::Listed(ids) => ids.binary_search(&id.0).ok(),
        }
    }
}
