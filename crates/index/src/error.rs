//! What can go wrong in a search.

use ragdex_core::{Cancelled, PassageId};

use crate::CodesError;

/// Why an index could not be opened or searched.
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
            Self::Rows { .. } | Self::Cancelled(_) => None,
        }
    }
}
