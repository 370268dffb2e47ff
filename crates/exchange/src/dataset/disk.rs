//! A dataset as `datasets.load_from_disk` takes it.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use ragdex_core::{Element, Rows, Vectors};
use serde_json::json;

use super::batch::Columns;
use super::{DatasetCard, DatasetShape, Files, Row};
use crate::{Error, Result};

/// What `datasets` aims at for a file.
const FILE_BYTES: u64 = 500_000_000;

/// Writes passages and vectors into a folder that `datasets.load_from_disk` opens.
///
/// Files are Arrow IPC streams, uncompressed so that they can be mapped, of about 500 MB; `state.json` and
/// `dataset_info.json` are written at the end. Columns are those of `wiki_dpr` (`id` as text, `text`, `title`,
/// `embeddings`), then `document`, `section`, `url`. Row `i` is the `i`-th pushed: a FAISS index over the same
/// vectors in the same order is its index.
pub struct DatasetWriter {
    folder: PathBuf,
    shape: DatasetShape,
    files: Files,
    open: Option<StreamWriter<BufWriter<File>>>,
}

impl std::fmt::Debug for DatasetWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatasetWriter")
            .field("folder", &self.folder)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl DatasetWriter {
    /// Begins in an existing, empty folder.
    pub fn new(folder: &Path, shape: DatasetShape) -> Self {
        Self {
            folder: folder.to_owned(),
            shape,
            files: Files::new(shape, FILE_BYTES),
            open: None,
        }
    }

    /// Writes the next passages with their vectors; as many rows as are given at once make a batch, 1,000 to
    /// 10,000 suit those who read.
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
        let failed = write_error(&path);
        let batch = self.columns().batch(rows, vectors).map_err(&failed)?;
        if let Some(file) = &mut self.open {
            file.write(&batch).map_err(&failed)?;
        }
        self.files.rows += rows.len() as u64;
        if self.files.rows.is_multiple_of(self.files.per_file) {
            self.close(&path)?;
        }
        Ok(())
    }

    /// Ends the dataset.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self, card: &DatasetCard) -> Result<()> {
        if self.open.is_none() && self.files.rows == 0 {
            // No row at all is a dataset too, and its columns want a file.
            self.open = Some(self.create()?);
        }
        self.close(&self.path(self.files.current()))?;
        let names = (0..self.files.total).map(|n| json!({"filename": self.name(n)}));
        let state = json!({
            "_data_files": names.collect::<Vec<_>>(),
            "_fingerprint": card.fingerprint,
            "_format_columns": null,
            "_format_kwargs": {},
            "_format_type": null,
            "_output_all_columns": false,
            "_split": null,
        });
        let info = json!({
            "description": card.description(),
            "license": card.licence(),
            "features": self.features(),
        });
        self.write_json("dataset_info.json", &info)?;
        self.write_json("state.json", &state)
    }

    /// In the spelling that every release of `datasets` reads; `List` is known since 4.0 only.
    fn features(&self) -> serde_json::Value {
        let text = json!({"dtype": "string", "_type": "Value"});
        let number = match self.shape.element {
            Element::F32 => "float32",
            Element::F16 => "float16",
        };
        json!({
            "id": text, "text": text, "title": text,
            "embeddings": {
                "feature": {"dtype": number, "_type": "Value"},
                "length": self.shape.dim,
                "_type": "Sequence",
            },
            "document": text, "section": text, "url": text,
        })
    }

    fn columns(&self) -> Columns {
        Columns {
            dim: self.shape.dim,
            element: self.shape.element,
            text_ids: true,
        }
    }

    fn name(&self, n: u64) -> String {
        self.files.name("data", n, "arrow")
    }

    fn path(&self, n: u64) -> PathBuf {
        self.folder.join(self.name(n))
    }

    fn create(&self) -> Result<StreamWriter<BufWriter<File>>> {
        let path = self.path(self.files.current());
        let file = File::create(&path).map_err(Error::write(&path))?;
        let schema = self.columns().schema();
        StreamWriter::try_new(BufWriter::new(file), &schema).map_err(write_error(&path))
    }

    fn close(&mut self, path: &Path) -> Result<()> {
        let Some(mut file) = self.open.take() else {
            return Ok(());
        };
        file.finish().map_err(write_error(path))?;
        let file = file.into_inner().map_err(write_error(path))?;
        let file = file
            .into_inner()
            .map_err(|e| Error::write(path)(e.into_error()))?;
        file.sync_all().map_err(Error::write(path))
    }

    fn write_json(&self, name: &str, value: &serde_json::Value) -> Result<()> {
        let path = self.folder.join(name);
        write_file(&path, format!("{value:#}\n").as_bytes())
    }
}

/// Writes and syncs a small file.
pub(super) fn write_file(path: &Path, content: &[u8]) -> Result<()> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(Error::write(path))
}

/// Makes a folder.
pub(super) fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::write(path))
}

pub(super) fn split_vectors(vectors: Vectors<'_>, n: usize) -> (Vectors<'_>, Vectors<'_>) {
    let dim = vectors.dim();
    let at = n * dim;
    let (these, those) = match vectors.rows() {
        Rows::F32(numbers) => {
            let (these, those) = numbers.split_at(at);
            (Rows::F32(these), Rows::F32(those))
        }
        Rows::F16(numbers) => {
            let (these, those) = numbers.split_at(at);
            (Rows::F16(these), Rows::F16(those))
        }
    };
    let whole = |rows| Vectors::new(rows, dim).expect("whole rows of the same width");
    (whole(these), whole(those))
}

fn write_error(path: &Path) -> impl Fn(ArrowError) -> Error + use<> {
    let path = path.to_owned();
    move |error| Error::Write {
        path: path.clone(),
        source: match error {
            ArrowError::IoError(_, source) => source,
            other => std::io::Error::other(other),
        },
    }
}
