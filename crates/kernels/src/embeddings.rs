//! The states before the first layer.

use crate::batch::Batch;
use crate::matrix::RowsMut;
use crate::rows::LayerNorm;
use crate::sizes::Sizes;
use crate::table::EmbeddingTable;
use crate::token_block::normalize;

/// The tables of words, positions and token types.
#[derive(Debug)]
pub(crate) struct Embeddings {
    pub(crate) words: EmbeddingTable,
    pub(crate) positions: Vec<f32>,
    pub(crate) types: Vec<f32>,
    pub(crate) norm: LayerNorm,
}

impl Embeddings {
    /// Writes the normalised sum of the three embeddings of each token.
    pub(crate) fn forward(&self, sizes: &Sizes, batch: Batch<'_>, states: &mut [f32]) {
        let base = batch.offsets[0];
        let mut rows = RowsMut::new(&mut *states, sizes.hidden_stride);
        for bounds in batch.offsets.windows(2) {
            for (position, token) in (bounds[0]..bounds[1]).enumerate() {
                // Whole rows, so that the padding of a row is 0 throughout.
                let row = rows.row(token - base, sizes.hidden_stride);
                let (row, padding) = row.split_at_mut(sizes.hidden);
                padding.fill(0.0);
                let id = batch.tokens[token] as usize;
                let kind = batch.types.map_or(0, |types| types[token] as usize);
                self.sum(row, [id, position, kind]);
            }
        }
        let n_tokens = batch.offsets[batch.offsets.len() - 1] - base;
        normalize(sizes, &self.norm, n_tokens, states);
    }

    fn sum(&self, row: &mut [f32], [id, position, kind]: [usize; 3]) {
        let width = row.len();
        self.words.read(id, row);
        let position = &self.positions[position * width..][..width];
        let kind = &self.types[kind * width..][..width];
        for (column, sum) in row.iter_mut().enumerate() {
            *sum = *sum + kind[column] + position[column];
        }
    }
}
