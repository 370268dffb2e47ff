//! Writing the vectors of a part, and index files.

use std::io::{self, Write};

use half::f16;
use ragdex_core::{Element, Rows, Vectors};

use super::Staging;
use super::receipt::{EmbedReceipt, IndexReceipt, SplitReceipt};
use crate::error::Action;
use crate::files::{EmbeddingShape, write_embeddings};
use crate::manifest::FileEntry;
use crate::storage::PieceWriter;
use crate::{Error, KbPath, Result, names};

/// Gathers the vectors of one part and writes them at the end, as one block.
///
/// Memory: all vectors of the part in f32. Dropping it unfinished leaves nothing.
pub struct EmbeddingsWriter<'s> {
    staging: &'s Staging<'s>,
    part: SplitReceipt,
    shape: EmbeddingShape,
    vectors: Vec<f32>,
}

impl<'s> EmbeddingsWriter<'s> {
    pub(super) fn new(staging: &'s Staging<'s>, part: SplitReceipt, shape: EmbeddingShape) -> Self {
        Self {
            staging,
            part,
            shape,
            vectors: Vec::new(),
        }
    }

    /// Adds the vectors of the next passages, in row order.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`]; [`Error::Rows`] when there are more than passages.
    pub fn push(&mut self, vectors: Vectors<'_>) -> Result<()> {
        if vectors.dim() != self.shape.dim {
            return Err(Error::Dimension {
                path: self.staging.files().locate(&self.place()),
                expected_dim: self.shape.dim,
                expected_element: self.shape.element,
                dim: vectors.dim(),
                element: match vectors.rows() {
                    Rows::F32(_) => Element::F32,
                    Rows::F16(_) => Element::F16,
                },
            });
        }
        let before = self.vectors.len();
        match vectors.rows() {
            Rows::F32(values) => self.vectors.extend_from_slice(values),
            Rows::F16(values) => self
                .vectors
                .extend(values.iter().map(|value| value.to_f32())),
        }
        self.check_finite(before)?;
        if self.n_rows() > self.part.n_passages {
            return Err(self.wrong_rows());
        }
        Ok(())
    }

    /// Writes the file and its receipt.
    ///
    /// # Errors
    /// [`Error::Rows`] when there are fewer vectors than passages.
    pub fn finish(mut self) -> Result<()> {
        if self.n_rows() != self.part.n_passages {
            return Err(self.wrong_rows());
        }
        let files = self.staging.files();
        let place = self.place();
        let vectors = std::mem::take(&mut self.vectors);
        let file = files.create(&place)?;
        let file = write_embeddings(file, &files.locate(&place), vectors, self.shape)?;
        let receipt = EmbedReceipt {
            file: files.finish(file, &place, names::embeddings(self.part.number))?,
            passages: self.part.passages,
            shape: self.shape,
        };
        self.staging
            .write_receipt(&EmbedReceipt::path(self.part.number), &receipt)
    }

    fn place(&self) -> KbPath {
        names::embeddings(self.part.number).below(&names::staging())
    }

    fn n_rows(&self) -> u64 {
        (self.vectors.len() / self.shape.dim) as u64
    }

    fn wrong_rows(&self) -> Error {
        Error::Rows {
            path: self.staging.files().locate(&self.place()),
            expected: self.part.n_passages,
            found: self.n_rows(),
        }
    }

    fn check_finite(&self, from: usize) -> Result<()> {
        let stored = |value: f32| match self.shape.element {
            Element::F32 => value,
            Element::F16 => f16::from_f32(value).to_f32(),
        };
        let bad = self.vectors[from..]
            .iter()
            .position(|value| !stored(*value).is_finite());
        match bad {
            None => Ok(()),
            Some(place) => Err(Error::NotFinite {
                path: self.staging.files().locate(&self.place()),
                row: ((from + place) / self.shape.dim) as u64,
                value: stored(self.vectors[from + place]),
            }),
        }
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
