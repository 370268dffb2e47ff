//! Writing the vectors of a part, and index files.

use std::io::{self, Write};

use ragdex_core::Vectors;

use super::Staging;
use super::receipt::{EmbedReceipt, IndexReceipt, SplitReceipt};
use crate::error::Action;
use crate::files::{EmbeddingShape, EmbeddingsFileWriter};
use crate::manifest::FileEntry;
use crate::storage::PieceWriter;
use crate::{Error, KbPath, Result, names};

/// Writes the vectors of one part as they come.
///
/// Memory: 8,192 vectors in f32, and once more while they are written. Dropping it unfinished leaves
/// nothing.
pub struct EmbeddingsWriter<'s> {
    staging: &'s Staging<'s>,
    part: SplitReceipt,
    shape: EmbeddingShape,
    /// Begun with the first vector.
    file: Option<EmbeddingsFileWriter<PieceWriter>>,
}

impl<'s> EmbeddingsWriter<'s> {
    pub(super) fn new(staging: &'s Staging<'s>, part: SplitReceipt, shape: EmbeddingShape) -> Self {
        Self {
            staging,
            part,
            shape,
            file: None,
        }
    }

    /// Adds the vectors of the next passages, in row order.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`]; [`Error::Rows`] when there are more than passages.
    pub fn push(&mut self, vectors: Vectors<'_>) -> Result<()> {
        let mut file = self.take_file()?;
        file.push(vectors)?;
        self.file = Some(file);
        Ok(())
    }

    /// Finishes the file and writes its receipt.
    ///
    /// # Errors
    /// [`Error::Rows`] when there are fewer vectors than passages.
    pub fn finish(mut self) -> Result<()> {
        let file = self.take_file()?.into_file()?;
        let files = self.staging.files();
        let named = names::embeddings(self.part.number);
        let receipt = EmbedReceipt {
            file: files.finish(file, &self.place(), named)?,
            passages: self.part.passages,
            shape: self.shape,
        };
        self.staging
            .write_receipt(&EmbedReceipt::path(self.part.number), &receipt)
    }

    /// The file that is being written, begun if need be.
    fn take_file(&mut self) -> Result<EmbeddingsFileWriter<PieceWriter>> {
        if let Some(file) = self.file.take() {
            return Ok(file);
        }
        let files = self.staging.files();
        let place = self.place();
        let (file, path) = (files.create(&place)?, files.locate(&place));
        EmbeddingsFileWriter::create(file, path, self.shape, self.part.n_passages)
    }

    fn place(&self) -> KbPath {
        names::embeddings(self.part.number).below(&names::staging())
    }
}

/// Writes one file of an index. Dropping it unfinished leaves nothing.
pub struct IndexWriter<'s> {
    staging: &'s Staging<'s>,
    name: String,
    path: KbPath,
    file: PieceWriter,
}

impl<'s> IndexWriter<'s> {
    pub(super) fn create(staging: &'s Staging<'s>, name: &str, extension: &str) -> Result<Self> {
        let snapshot = staging.snapshot_number();
        let path = KbPath::known(format!("{}/{name}-{snapshot:08}.{extension}", names::INDEX));
        let file = staging.files().create(&path.below(&names::staging()))?;
        Ok(Self {
            staging,
            name: name.to_owned(),
            path,
            file,
        })
    }

    /// Finishes the file and writes its receipt; the entry goes into
    /// [`Draft::indexes`](super::Draft::indexes).
    pub fn finish(self) -> Result<FileEntry> {
        let place = self.path.below(&names::staging());
        let file = self.staging.files().finish(self.file, &place, self.path)?;
        let receipt = IndexReceipt {
            embeddings: self.staging.embedding_files()?,
            file: file.clone(),
        };
        self.staging
            .write_receipt(&IndexReceipt::path(&self.name), &receipt)?;
        Ok(file)
    }

    /// Tells an error of [`Write`] with the name of the file.
    pub fn error(&self, source: io::Error) -> Error {
        self.staging
            .files()
            .refused(Action::Write, &self.path, source)
    }
}

impl Write for IndexWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
