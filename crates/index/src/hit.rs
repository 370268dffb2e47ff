//! A found passage and the order of hits.

use std::cmp::Ordering;

use ragdex_core::PassageId;

/// A passage found for a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The passage.
    pub id: PassageId,
    /// The inner product of its vector with the question: grows with relevance.
    pub score: f32,
}

impl Hit {
    /// Orders hits best first: by falling score, then by rising id. Total: no two passages of one
    /// index are equal in it, so a result does not depend on the order in which rows were read.
    #[must_use]
    pub fn best_first(&self, other: &Self) -> Ordering {
        other
            .score
            .total_cmp(&self.score)
            .then(self.id.cmp(&other.id))
    }
}
