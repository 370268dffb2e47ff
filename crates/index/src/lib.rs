//! The k passages with the largest inner product.
//!
//! An index borrows blocks of vectors, wherever they are mapped, and answers batches of questions.
//! [`ExactIndex`] needs nothing built beforehand and reads every vector, or in its place a [scan copy](write_codes)
//! that is a fraction of its size; [`HnswIndex`] walks graphs that [`build_graph`] made and reads a few of them. Both
//! stand behind one trait, [`VectorIndex`].
//!
//! ```
//! use ragdex_core::{PassageId, Vectors};
//! use ragdex_index::{ExactIndex, SearchOptions, Segment, VectorIndex};
//!
//! let vectors = [1.0, 0.0, 0.0, 1.0, 0.6, 0.8];
//! let segment = Segment::new(Vectors::f32(&vectors, 2)?, PassageId(10));
//! let index = ExactIndex::new(2, vec![segment])?;
//!
//! let question = [0.0, 1.0];
//! let hits = index.search(Vectors::f32(&question, 2)?, &SearchOptions::top(2))?;
//! assert_eq!(hits[0][0].id, PassageId(11));
//! assert_eq!(hits[0][1].id, PassageId(12));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![allow(
    clippy::inline_always,
    reason = "an operation that is not inlined loses the instruction set of its kernel"
)]

mod codes;
mod error;
mod exact;
mod hit;
mod hnsw;
mod scan;
mod score;
mod simd;
mod top;

use ragdex_core::{Cancel, Vectors};

pub use codes::{Codes, CodesError, Region, WriteError, write_codes};
pub use error::Error;
pub use exact::{ExactIndex, Segment};
pub use hit::Hit;
pub use hnsw::{
    BuiltGraph, Covered, Graph, GraphIdentity, HnswIndex, HnswOptions, Recall, build_graph,
    held_out_questions, measure_recall,
};

/// What a search is asked for.
#[derive(Debug, Clone)]
pub struct SearchOptions {
    /// How many passages to return for each question, at most.
    pub k: usize,
    /// Stops a long search; checked once a block of vectors.
    pub cancel: Cancel,
}

impl SearchOptions {
    /// Asks for the best `k`.
    #[must_use]
    pub fn top(k: usize) -> Self {
        Self {
            k,
            cancel: Cancel::default(),
        }
    }
}

/// Finds vectors by inner product.
pub trait VectorIndex: Send + Sync {
    /// The width of the vectors.
    fn dim(&self) -> usize;

    /// The number of vectors that can be found.
    fn len(&self) -> usize;

    /// Whether nothing can be found.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds the `k` passages with the largest inner product for each question.
    ///
    /// `questions` has shape `(n_questions, dim)`, not normalised. Returns one list per question,
    /// best first; equal scores by ascending [`PassageId`](ragdex_core::PassageId); fewer than `k`
    /// when the index holds fewer. Scores are inner products with the stored vectors, also where an
    /// index looked at something smaller first.
    ///
    /// # Errors
    /// [`Error::Dimension`] when `questions` is not `dim` wide, [`Error::NotFinite`] when a question
    /// holds NaN or an infinity, [`Error::Cancelled`].
    ///
    /// # Source
    /// Maximum inner product search of DPR (Karpukhin et al. 2020, §3.1).
    fn search(
        &self,
        questions: Vectors<'_>,
        options: &SearchOptions,
    ) -> Result<Vec<Vec<Hit>>, Error>;
}
