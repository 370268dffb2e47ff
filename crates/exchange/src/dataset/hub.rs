//! A dataset as the hub expects it: Parquet files and a card.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use ragdex_core::{Element, Vectors};

use super::batch::Columns;
use super::disk::{create_folder, split_vectors, write_file};
use super::{DatasetCard, DatasetShape, Files, Row};
use crate::{Error, Result};

/// What the hub advises for a file.
const FILE_BYTES: u64 = 500_000_000;

/// Rows of a group: about 30 MB at 768 numbers, below the 100 MB that readers ask for.
const GROUP_ROWS: usize = 8192;

/// Writes passages and vectors as `data/train-00000-of-00003.parquet`, … and `README.md`, the card.
///
/// `id` is an `int64`, vectors are lists of f32 whatever they are stored in, for databases that read nothing
/// else; text is compressed (zstd), vectors are not: they do not shrink.
#[derive(Debug)]
pub struct ParquetWriter {
    folder: PathBuf,
    shape: DatasetShape,
    files: Files,
    open: Option<ArrowWriter<File>>,
}

impl ParquetWriter {
    /// Begins in an existing, empty folder.
    pub fn new(folder: &Path, shape: DatasetShape) -> Self {
        let shape = DatasetShape {
            element: Element::F32,
            ..shape
        };
        Self {
            folder: folder.to_owned(),
            shape,
            files: Files::new(shape, FILE_BYTES),
            open: None,
        }
    }

    /// Writes the next passages with their vectors.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn push(&mut self, mut rows: &[Row<'_>], mut vectors: Vectors<'_>) -> Result<()> {
        while !rows.is_empty() {
            let n = self.files.room(rows.len());
            let (now, later) = rows.split_at(n);
            let (these, those) = split_vectors(vectors, n);
            self.push_batch(now, these)?;
            (rows, vectors) = (later, those);
        }
        Ok(())
    }

    fn push_batch(&mut self, rows: &[Row<'_>], vectors: Vectors<'_>) -> Result<()> {
        if self.open.is_none() {
            self.open = Some(self.create()?);
        }
        let path = self.path(self.files.current());
        let batch = self.columns().batch(rows, vectors);
        let batch = batch.map_err(|error| write_error(&path)(error.into()))?;
        if let Some(file) = &mut self.open {
            file.write(&batch).map_err(write_error(&path))?;
        }
        self.files.rows += rows.len() as u64;
        if self.files.rows.is_multiple_of(self.files.per_file) {
            self.close(&path)?;
        }
        Ok(())
    }

    /// Ends the dataset and writes its card.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self, card: &DatasetCard) -> Result<()> {
        if self.open.is_none() && self.files.rows == 0 {
            self.open = Some(self.create()?);
        }
        self.close(&self.path(self.files.current()))?;
        let card = card.markdown(self.shape);
        write_file(&self.folder.join("README.md"), card.as_bytes())
    }

    fn columns(&self) -> Columns {
        Columns {
            dim: self.shape.dim,
            element: self.shape.element,
            text_ids: false,
        }
    }

    fn path(&self, n: u64) -> PathBuf {
        let name = self.files.name("train", n, "parquet");
        self.folder.join("data").join(name)
    }

    fn create(&self) -> Result<ArrowWriter<File>> {
        let path = self.path(self.files.current());
        create_folder(&self.folder.join("data"))?;
        let file = File::create(&path).map_err(Error::write(&path))?;
        let vectors = ColumnPath::from(["embeddings", "list", "item"].map(str::to_owned).to_vec());
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_column_compression(vectors.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(vectors.clone(), false)
            .set_column_encoding(vectors, Encoding::PLAIN)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let schema = self.columns().schema();
        ArrowWriter::try_new(file, schema, Some(properties)).map_err(write_error(&path))
    }

    fn close(&mut self, path: &Path) -> Result<()> {
        let Some(file) = self.open.take() else {
            return Ok(());
        };
        let file = file.into_inner().map_err(write_error(path))?;
        file.sync_all().map_err(Error::write(path))
    }
}

fn write_error(path: &Path) -> impl Fn(ParquetError) -> Error + use<> {
    let path = path.to_owned();
    move |error| Error::Write {
        path: path.clone(),
        source: std::io::Error::other(error),
    }
}
