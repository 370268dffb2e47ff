//! Passages with their vectors as datasets.

mod batch;
mod card;
mod disk;
mod hub;

pub use card::DatasetCard;
pub use disk::DatasetWriter;
pub use hub::ParquetWriter;

use ragdex_core::Element;

/// A passage as others get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// The id.
    pub id: u64,
    /// The title of its document.
    pub title: &'a str,
    /// The words.
    pub text: &'a str,
    /// The key of its document.
    pub document: &'a str,
    /// The section that it is from.
    pub section: Option<&'a str>,
    /// The address of its document.
    pub url: Option<&'a str>,
}

/// How much will be written, which decides the number of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatasetShape {
    /// Passages.
    pub rows: u64,
    /// The width of the vectors.
    pub dim: usize,
    /// How their numbers are stored.
    pub element: Element,
}

/// What a passage has beside its vector, about: the words of 100, title, key and address.
const TEXT_BYTES: u64 = 800;

impl DatasetShape {
    /// The number of files of about `file_bytes` each, at least 1.
    fn n_files(self, file_bytes: u64) -> u64 {
        let number = match self.element {
            Element::F32 => 4,
            Element::F16 => 2,
        };
        let row = self.dim as u64 * number + TEXT_BYTES;
        (row.saturating_mul(self.rows) / file_bytes) + 1
    }

    /// The rows of each file but the last.
    fn rows_per_file(self, n_files: u64) -> u64 {
        self.rows.div_ceil(n_files).max(1)
    }
}

/// Cuts what is pushed at the borders of files.
#[derive(Debug)]
struct Files {
    /// Rows of each file but the last.
    per_file: u64,
    total: u64,
    /// Rows written so far.
    rows: u64,
}

impl Files {
    fn new(shape: DatasetShape, file_bytes: u64) -> Self {
        let wanted = shape.n_files(file_bytes);
        let per_file = shape.rows_per_file(wanted);
        Self {
            per_file,
            total: shape.rows.div_ceil(per_file).max(1),
            rows: 0,
        }
    }

    /// The number of the file that the next row goes into.
    fn current(&self) -> u64 {
        self.rows / self.per_file
    }

    /// How many of `n` more rows go into the current file.
    fn room(&self, n: usize) -> usize {
        let left = self.per_file - self.rows % self.per_file;
        n.min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// `train-00003-of-00017.parquet`.
    fn name(&self, stem: &str, n: u64, extension: &str) -> String {
        format!("{stem}-{n:05}-of-{:05}.{extension}", self.total)
    }
}
