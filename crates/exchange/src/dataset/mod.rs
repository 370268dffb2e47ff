//! Passages with their vectors as datasets.

mod batch;
mod card;
mod disk;
mod hub;
mod shards;

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
