//! A dataset as the hub expects it: Parquet files and a card.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use ragdex_core::{Element, Vectors};

use super::batch::Columns;
use super::disk::write_file;
use super::shards::{ShardFile, ShardNames, ShardWriter};
use super::{DatasetCard, DatasetShape, Row};
use crate::{Error, Result};

/// Rows of a group: about 30 MB at 768 numbers, below the 100 MB that readers ask for.
const GROUP_ROWS: usize = 8192;

/// Writes passages and vectors as `data/train-00000-of-00003.parquet`, … and `README.md`, the card.
///
/// `id` is an `int64`, vectors are lists of f32 whatever they are stored in, for databases that read nothing
/// else; text is compressed (zstd), vectors are not: they do not shrink. Files are of about 500 MB.
#[derive(Debug)]
pub struct ParquetWriter {
    folder: PathBuf,
    shape: DatasetShape,
    shards: ShardWriter<ParquetFile>,
}

impl ParquetWriter {
    /// Begins in an existing, empty folder.
    pub fn new(folder: &Path, shape: DatasetShape) -> Self {
        let shape = DatasetShape {
            element: Element::F32,
            ..shape
        };
        let columns = Columns {
            dim: shape.dim,
            element: shape.element,
            text_ids: false,
        };
        let names = ShardNames {
            stem: "train",
            extension: "parquet",
        };
        Self {
            folder: folder.to_owned(),
            shape,
            shards: ShardWriter::new(folder.join("data"), names, columns, shape),
        }
    }

    /// Writes the next passages with their vectors.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn push(&mut self, rows: &[Row<'_>], vectors: Vectors<'_>) -> Result<()> {
        self.shards.push(rows, vectors)
    }

    /// Ends the dataset and writes its card.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self, card: &DatasetCard) -> Result<()> {
        self.shards.finish()?;
        let card = card.markdown(self.shape);
        write_file(&self.folder.join("README.md"), card.as_bytes())
    }
}

/// A Parquet file.
#[derive(Debug)]
struct ParquetFile(ArrowWriter<File>);

impl ShardFile for ParquetFile {
    /// Makes the folder too.
    fn create(path: &Path, schema: SchemaRef) -> Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::write(folder))?;
        }
        let file = File::create(path).map_err(Error::write(path))?;
        let file = ArrowWriter::try_new(file, schema, Some(properties()));
        Ok(Self(file.map_err(write_error(path))?))
    }

    fn write(&mut self, batch: &RecordBatch, path: &Path) -> Result<()> {
        self.0.write(batch).map_err(write_error(path))
    }

    fn close(self, path: &Path) -> Result<()> {
        let file = self.0.into_inner().map_err(write_error(path))?;
        file.sync_all().map_err(Error::write(path))
    }
}

fn properties() -> WriterProperties {
    let vectors = ColumnPath::from(["embeddings", "list", "item"].map(str::to_owned).to_vec());
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_column_compression(vectors.clone(), Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(vectors.clone(), false)
        .set_column_encoding(vectors, Encoding::PLAIN)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build()
}

fn write_error(path: &Path) -> impl Fn(ParquetError) -> Error + use<> {
    let path = path.to_owned();
    move |error| Error::Write {
        path: path.clone(),
        source: std::io::Error::other(error),
    }
}
