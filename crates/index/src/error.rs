//! What can go wrong when an index is built, opened or searched.

use ragdex_core::{Cancelled, PassageId};

use crate::CodesError;

/// Why an index could not be built, opened or searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Vectors of another width than the index's.
    #[error("{expected}-dimensional vectors expected, found {found}")]
    Dimension {
        /// The width of the index.
        expected: usize,
        /// The width that was given.
        found: usize,
    },
    /// A question that has no inner product with anything.
    #[error("question {question} (counted from 0) holds NaN or an infinity")]
    NotFinite {
        /// The row of the question.
        question: usize,
    },
    /// Ids or a mask that do not go row for row with the vectors.
    #[error("ids and masks of {expected} rows expected, found {found}")]
    Rows {
        /// Rows of the vectors.
        expected: usize,
        /// Rows given.
        found: usize,
    },
    /// A scan copy that is not what was written.
    #[error("vectors from passage {passage} on: {source}")]
    Codes {
        /// The first passage of the segment.
        passage: PassageId,
        /// What is wrong with it.
        source: CodesError,
    },
    /// A vector of a passage that no graph can place.
    #[error("row {row}: finite numbers expected, found NaN or an infinity")]
    VectorNotFinite {
        /// The row, counted from 0 over all vectors given.
        row: usize,
    },
    /// More rows than a graph can number.
    #[error("at most 4294967294 rows expected for one graph, found {rows}")]
    TooManyRows {
        /// How many were given.
        rows: usize,
    },
    /// No row to build a graph of.
    #[error("rows for a graph expected, found none")]
    NoRows,
    /// A graph of another version.
    #[error("a graph of version {known} expected, found version {found}")]
    GraphVersion {
        /// The version that this ragdex reads.
        known: u32,
        /// The version of the file.
        found: u32,
    },
    /// A file that is no graph, not whole, or of other vectors.
    #[error("{expected} expected, found {found}")]
    GraphDamaged {
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The library that builds and searches graphs failed; memory is short.
    #[error("cannot {action}: {reason}")]
    Library {
        /// What was tried.
        action: &'static str,
        /// What the library says.
        reason: String,
    },
    /// The search was stopped.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Dimension { .. } => Some(
                "search with the question encoder that belongs to the encoder of the passages"
                    .into(),
            ),
            Self::NotFinite { .. } => Some("check the weights of the question encoder".into()),
            Self::Codes { source, .. } => Some(source.hint()),
            Self::VectorNotFinite { .. } => {
                Some("the encoder or the file of vectors is broken".into())
            }
            Self::TooManyRows { .. } => Some("divide the vectors over several graphs".into()),
            Self::GraphVersion { .. } | Self::GraphDamaged { .. } => {
                Some("build it anew: `ragdex index KB --index hnsw`".into())
            }
            Self::Library { .. } => Some("free some memory and try again".into()),
            Self::Rows { .. } | Self::NoRows | Self::Cancelled(_) => None,
        }
    }
}
