//! Tables of embeddings: numbers, or rows that are made when they are asked for.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A table of embeddings, a row for each token.
#[derive(Debug, Clone)]
pub enum EmbeddingTable {
    /// All rows, row-major.
    Numbers(Vec<f32>),
    /// Rows that lie elsewhere in another form, such as 8-bit integers in a file: a text needs few of them.
    Rows(Arc<dyn EmbeddingRows>),
}

/// Rows of embeddings that are made one at a time.
pub trait EmbeddingRows: fmt::Debug + Send + Sync {
    /// The numbers of all rows together.
    fn n_numbers(&self) -> usize;

    /// Writes a row, which is as wide as `into`; always the same numbers.
    ///
    /// # Panics
    /// When there is no such row.
    fn read(&self, row: usize, into: &mut [f32]);
}

impl EmbeddingTable {
    /// The numbers of all rows together.
    pub fn n_numbers(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Rows(rows) => rows.n_numbers(),
        }
    }

    /// Writes a row, which is as wide as `into`.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn read(&self, row: usize, into: &mut [f32]) {
        match self {
            Self::Numbers(numbers) => {
                into.copy_from_slice(&numbers[row * into.len()..][..into.len()]);
            }
            Self::Rows(rows) => rows.read(row, into),
        }
    }

    /// All rows, `width` numbers each, row-major.
    pub fn numbers(&self, width: usize) -> Cow<'_, [f32]> {
        match self {
            Self::Numbers(numbers) => Cow::Borrowed(numbers),
            Self::Rows(rows) => {
                let mut numbers = vec![0.0; rows.n_numbers()];
                for (row, into) in numbers.chunks_exact_mut(width).enumerate() {
                    rows.read(row, into);
                }
                Cow::Owned(numbers)
            }
        }
    }
}

impl From<Vec<f32>> for EmbeddingTable {
    fn from(numbers: Vec<f32>) -> Self {
        Self::Numbers(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three rows of two: number `i` is `i`.
    #[derive(Debug)]
    struct Counted;

    impl EmbeddingRows for Counted {
        fn n_numbers(&self) -> usize {
            6
        }

        fn read(&self, row: usize, into: &mut [f32]) {
            for (column, number) in into.iter_mut().enumerate() {
                *number = (row * 2 + column) as f32;
            }
        }
    }

    #[test]
    fn rows_that_are_made_are_those_that_lie_there() {
        let made = EmbeddingTable::Rows(Arc::new(Counted));
        let there = EmbeddingTable::from(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(made.n_numbers(), there.n_numbers());
        assert_eq!(made.numbers(2), there.numbers(2));
        for row in 0..3 {
            let (mut a, mut b) = ([9.0; 2], [9.0; 2]);
            made.read(row, &mut a);
            there.read(row, &mut b);
            assert_eq!(a, b);
        }
    }
}
