//! Rows of a table that stays in its file.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ragdex_kernels::EmbeddingRows;

use super::element::{BLOCK, Element, dequantise_into};
use super::weights::Weights;

/// The rows of an 8-bit table, each multiplied by its scales when it is asked for.
///
/// Encoder and generator of the bundled models read one table so: it lies in memory once, as stored.
pub(crate) struct StoredRows {
    weights: Arc<Weights>,
    file: usize,
    integers: Range<usize>,
    scales: Range<usize>,
}

impl StoredRows {
    /// The table of this name, where it is one of 8 bits with scales that are all finite; others have to be
    /// read and checked whole.
    pub(super) fn open(weights: &Arc<Weights>, name: &str) -> Option<Self> {
        let tensor = weights.tensor(name)?;
        let scales = tensor.scales.clone()?;
        let is_table = tensor.element == Element::I8 && tensor.shape.len() == 2;
        let is_finite = |bytes: &[u8; 2]| half::f16::from_le_bytes(*bytes).is_finite();
        let bytes = &weights.file(tensor.file)[scales.clone()];
        if !is_table || !bytes.as_chunks().0.iter().all(is_finite) {
            return None;
        }
        Some(Self {
            weights: Arc::clone(weights),
            file: tensor.file,
            integers: tensor.bytes.clone(),
            scales,
        })
    }
}

impl EmbeddingRows for StoredRows {
    fn n_numbers(&self) -> usize {
        self.integers.len()
    }

    fn read(&self, row: usize, into: &mut [f32]) {
        let file = self.weights.file(self.file);
        let (width, blocks) = (into.len(), into.len() / BLOCK);
        let integers = &file[self.integers.clone()][row * width..][..width];
        let scales = &file[self.scales.clone()].as_chunks().0[row * blocks..][..blocks];
        dequantise_into(integers, scales, into);
    }
}

impl fmt::Debug for StoredRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredRows")
            .field("path", &self.weights.path)
            .field("integers", &self.integers)
            .finish_non_exhaustive()
    }
}
