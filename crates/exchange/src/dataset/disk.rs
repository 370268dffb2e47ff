//! A dataset as `datasets.load_from_disk` takes it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use ragdex_core::{Element, Vectors};
use serde_json::json;

use super::batch::Columns;
use super::shards::{ShardFile, ShardNames, ShardWriter};
use super::{DatasetCard, DatasetShape, Row};
use crate::{Error, Result};

/// Writes passages and vectors into a folder that `datasets.load_from_disk` opens.
///
/// Files are Arrow IPC streams, uncompressed so that they can be mapped, of about 500 MB; `state.json` and
/// `dataset_info.json` are written at the end. Columns are those of `wiki_dpr` (`id` as text, `text`, `title`,
/// `embeddings`), then `document`, `section`, `url`. Row `i` is the `i`-th pushed: a FAISS index over the same
/// vectors in the same order is its index.
#[derive(Debug)]
pub struct DatasetWriter {
    folder: PathBuf,
    shape: DatasetShape,
    shards: ShardWriter<ArrowStream>,
}

impl DatasetWriter {
    /// Begins in an existing, empty folder.
    pub fn new(folder: &Path, shape: DatasetShape) -> Self {
        let columns = Columns {
            dim: shape.dim,
            element: shape.element,
            text_ids: true,
        };
        let names = ShardNames {
            stem: "data",
            extension: "arrow",
        };
        Self {
            folder: folder.to_owned(),
            shape,
            shards: ShardWriter::new(folder.to_owned(), names, columns, shape),
        }
    }

    /// Writes the next passages with their vectors; as many rows as are given at once make a batch, 1,000 to
    /// 10,000 suit those who read.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn push(&mut self, rows: &[Row<'_>], vectors: Vectors<'_>) -> Result<()> {
        self.shards.push(rows, vectors)
    }

    /// Ends the dataset.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self, card: &DatasetCard) -> Result<()> {
        self.shards.finish()?;
        let names = self.shards.names().map(|name| json!({"filename": name}));
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

    fn write_json(&self, name: &str, value: &serde_json::Value) -> Result<()> {
        let path = self.folder.join(name);
        write_file(&path, format!("{value:#}\n").as_bytes())
    }
}

/// An Arrow IPC stream.
struct ArrowStream(StreamWriter<BufWriter<File>>);

impl std::fmt::Debug for ArrowStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ArrowStream").finish_non_exhaustive()
    }
}

impl ShardFile for ArrowStream {
    fn create(path: &Path, schema: SchemaRef) -> Result<Self> {
        let file = File::create(path).map_err(Error::write(path))?;
        let stream = StreamWriter::try_new(BufWriter::new(file), &schema);
        Ok(Self(stream.map_err(Error::write_arrow(path))?))
    }

    fn write(&mut self, batch: &RecordBatch, path: &Path) -> Result<()> {
        self.0.write(batch).map_err(Error::write_arrow(path))
    }

    fn close(mut self, path: &Path) -> Result<()> {
        self.0.finish().map_err(Error::write_arrow(path))?;
        let file = self.0.into_inner().map_err(Error::write_arrow(path))?;
        let file = file.into_inner();
        let file = file.map_err(|error| Error::write(path)(error.into_error()))?;
        file.sync_all().map_err(Error::write(path))
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
