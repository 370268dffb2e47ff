//! The slow way to find the nearest vectors, to hold the fast ways against.

use ragdex_core::{Rows, Vectors};

/// A row found by [`top_k`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The row of the vector.
    pub row: usize,
    /// The inner product with the question.
    pub score: f64,
}

/// Finds the `k` rows with the largest inner product with `question`: every product in f64, all of
/// them sorted, equal scores by ascending row. Gives fewer when there are fewer.
///
/// # Panics
/// When `question` is not as wide as the vectors.
pub fn top_k(vectors: Vectors<'_>, question: &[f32], k: usize) -> Vec<Hit> {
    assert_eq!(question.len(), vectors.dim(), "the width of the question");
    let score = |row: &[f64]| {
        row.iter()
            .zip(question)
            .map(|(x, y)| x * f64::from(*y))
            .sum()
    };
    let values: Vec<f64> = match vectors.rows() {
        Rows::F32(values) => values.iter().copied().map(f64::from).collect(),
        Rows::F16(values) => values.iter().map(|value| value.to_f64()).collect(),
    };
    let rows = values.chunks_exact(vectors.dim()).map(score);
    let mut hits: Vec<Hit> = rows
        .enumerate()
        .map(|(row, score)| Hit { row, score })
        .collect();
    // Stable: rows of equal score stay in order.
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits.truncate(k);
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_order_by_row() {
        let values = [1.0, 0.0, 3.0, 0.0, 1.0, 9.0, 2.0, 0.0];
        let vectors = Vectors::f32(&values, 2).unwrap();
        let rows: Vec<usize> = top_k(vectors, &[1.0, 0.0], 3)
            .iter()
            .map(|hit| hit.row)
            .collect();
        assert_eq!(rows, [1, 3, 0]);
        assert_eq!(top_k(vectors, &[1.0, 0.0], 9).len(), 4);
    }
}
