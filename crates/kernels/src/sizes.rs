//! The sizes that all parts of a packed encoder share.

use crate::matrix::padded_stride;
use crate::simd::Isa;
use crate::weights::BertShape;

/// Widths, and strides between the rows of buffers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) isa: Isa,
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    /// Columns of a head.
    pub(crate) head: usize,
    pub(crate) hidden_stride: usize,
    /// For rows of query, key and value side by side.
    pub(crate) qkv_stride: usize,
    /// For rows inside the feed-forward block.
    pub(crate) inner_stride: usize,
    pub(crate) epsilon: f32,
    /// Whether the products of attention are rounded to bfloat16.
    pub(crate) attends_in_pairs: bool,
}

impl Sizes {
    pub(crate) fn new(isa: Isa, shape: &BertShape, attends_in_pairs: bool) -> Self {
        let stride = |width| padded_stride(width, isa.panel_width());
        Self {
            isa,
            hidden: shape.hidden_size,
            heads: shape.num_attention_heads,
            head: shape.hidden_size / shape.num_attention_heads,
            hidden_stride: stride(shape.hidden_size),
            qkv_stride: stride(3 * shape.hidden_size),
            inner_stride: stride(shape.intermediate_size),
            epsilon: shape.layer_norm_eps as f32,
            attends_in_pairs,
        }
    }

    /// What the inner product of a query and a key is multiplied by.
    pub(crate) fn score_scale(&self) -> f32 {
        1.0 / (self.head as f32).sqrt()
    }

    /// The first column of each head.
    pub(crate) fn head_columns(&self) -> impl Iterator<Item = usize> {
        (0..self.hidden).step_by(self.head)
    }
}
