//! The exact index: a scan of every vector.

use half::f16;
use ragdex_core::{Cancelled, PassageId, Rows, Vectors};
use rayon::prelude::*;

use crate::score::{Number, inner_product};
use crate::top::Top;
use crate::{Error, Hit, SearchOptions, VectorIndex};

/// Vectors read by a thread between two looks at the clock of others: at 768 dimensions 786 kB, so
/// that a block scored against many questions stays in the second-level cache.
const BLOCK_ROWS: usize = 256;

/// A block of stored vectors and the passages they belong to.
#[derive(Debug, Clone)]
pub struct Segment<'a> {
    vectors: Vectors<'a>,
    ids: Ids<'a>,
    live: Option<Vec<bool>>,
}

/// The passage of each row.
#[derive(Debug, Clone, Copy)]
enum Ids<'a> {
    From(PassageId),
    Listed(&'a [u64]),
}

impl<'a> Segment<'a> {
    /// Names row `r` of `vectors` as passage `first_id + r`.
    pub fn new(vectors: Vectors<'a>, first_id: PassageId) -> Self {
        Self {
            vectors,
            ids: Ids::From(first_id),
            live: None,
        }
    }

    /// Names row `r` of `vectors` as passage `ids[r]`.
    ///
    /// # Errors
    /// [`Error::Rows`] when there are not as many ids as vectors.
    pub fn listed(vectors: Vectors<'a>, ids: &'a [u64]) -> Result<Self, Error> {
        check_rows(vectors.len(), ids.len())?;
        Ok(Self {
            vectors,
            ids: Ids::Listed(ids),
            live: None,
        })
    }

    /// Restricts the segment to the rows that are `true` in `live`.
    ///
    /// # Errors
    /// [`Error::Rows`] when `live` has another length than the vectors.
    pub fn with_live(mut self, live: Vec<bool>) -> Result<Self, Error> {
        check_rows(self.vectors.len(), live.len())?;
        self.live = Some(live);
        Ok(self)
    }

    pub(crate) fn vectors(&self) -> Vectors<'a> {
        self.vectors
    }

    /// The score of a row for a question that [`widen_questions`] widened.
    pub(crate) fn score(&self, row: usize, question: &[f64]) -> f32 {
        let dim = self.vectors.dim();
        let place = row * dim..(row + 1) * dim;
        match self.vectors.rows() {
            Rows::F32(values) => inner_product(question, &values[place]),
            Rows::F16(values) => inner_product(question, &values[place]),
        }
    }

    pub(crate) fn n_live(&self) -> usize {
        match &self.live {
            Some(live) => live.iter().filter(|&&live| live).count(),
            None => self.vectors.len(),
        }
    }

    pub(crate) fn is_live(&self, row: usize) -> bool {
        self.live.as_ref().is_none_or(|live| live[row])
    }

    pub(crate) fn id(&self, row: usize) -> PassageId {
        match self.ids {
            Ids::From(first) => PassageId(first.0 + row as u64),
            Ids::Listed(ids) => PassageId(ids[row]),
        }
    }
}

fn check_rows(expected: usize, found: usize) -> Result<(), Error> {
    if expected == found {
        Ok(())
    } else {
        Err(Error::Rows { expected, found })
    }
}

/// Scores every vector. Needs no building and no memory beyond the mapped vectors;
/// `O(n_questions · n_passages · dim)`, each vector read once a batch.
#[derive(Debug)]
pub struct ExactIndex<'a> {
    dim: usize,
    segments: Vec<Segment<'a>>,
}

impl<'a> ExactIndex<'a> {
    /// Takes the segments as one index.
    ///
    /// # Errors
    /// [`Error::Dimension`] when a segment's vectors are not `dim` wide.
    pub fn new(dim: usize, segments: Vec<Segment<'a>>) -> Result<Self, Error> {
        let other = segments.iter().find(|segment| segment.vectors.dim() != dim);
        if let Some(segment) = other {
            return Err(Error::Dimension {
                expected: dim,
                found: segment.vectors.dim(),
            });
        }
        Ok(Self { dim, segments })
    }

    pub(crate) fn segments(&self) -> &[Segment<'a>] {
        &self.segments
    }

    /// Cuts all segments into blocks of rows: the units that threads share.
    fn blocks(&self) -> Vec<Block<'_, 'a>> {
        let mut blocks = Vec::new();
        for segment in &self.segments {
            for start in (0..segment.vectors.len()).step_by(BLOCK_ROWS) {
                let end = segment.vectors.len().min(start + BLOCK_ROWS);
                blocks.push(Block {
                    segment,
                    start,
                    end,
                });
            }
        }
        blocks
    }
}

impl VectorIndex for ExactIndex<'_> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn len(&self) -> usize {
        self.segments.iter().map(Segment::n_live).sum()
    }

    fn search(
        &self,
        questions: Vectors<'_>,
        options: &SearchOptions,
    ) -> Result<Vec<Vec<Hit>>, Error> {
        let questions = widen_questions(questions, self.dim)?;
        let k = options.k.min(self.len());
        let empty = || vec![Top::new(k); questions.len()];
        let tops = self
            .blocks()
            .par_iter()
            .try_fold(empty, |mut tops, block| {
                options.cancel.check()?;
                block.score(&questions, &mut tops);
                Ok::<_, Cancelled>(tops)
            })
            .try_reduce(empty, |left, right| {
                Ok(left
                    .into_iter()
                    .zip(right)
                    .map(|(l, r)| l.merge(r))
                    .collect())
            })?;
        Ok(tops.into_iter().map(Top::into_sorted).collect())
    }
}

/// A run of rows of one segment.
struct Block<'i, 'a> {
    segment: &'i Segment<'a>,
    start: usize,
    end: usize,
}

impl Block<'_, '_> {
    fn score(&self, questions: &[Vec<f64>], tops: &mut [Top]) {
        match self.segment.vectors.rows() {
            Rows::F32(values) => self.score_rows::<f32>(values, questions, tops),
            Rows::F16(values) => self.score_rows::<f16>(values, questions, tops),
        }
    }

    fn score_rows<T: Number>(&self, values: &[T], questions: &[Vec<f64>], tops: &mut [Top]) {
        let dim = self.segment.vectors.dim();
        for row in (self.start..self.end).filter(|&row| self.segment.is_live(row)) {
            let vector = &values[row * dim..(row + 1) * dim];
            let id = self.segment.id(row);
            for (question, top) in questions.iter().zip(tops.iter_mut()) {
                let score = inner_product(question, vector);
                top.offer(Hit { id, score });
            }
        }
    }
}

/// Checks the questions and widens them once, not once a row.
pub(crate) fn widen_questions(questions: Vectors<'_>, dim: usize) -> Result<Vec<Vec<f64>>, Error> {
    if questions.dim() != dim {
        return Err(Error::Dimension {
            expected: dim,
            found: questions.dim(),
        });
    }
    let values: Vec<f64> = match questions.rows() {
        Rows::F32(values) => values.iter().map(|v| v.widen()).collect(),
        Rows::F16(values) => values.iter().map(|v| v.widen()).collect(),
    };
    let rows: Vec<Vec<f64>> = values.chunks_exact(dim).map(<[f64]>::to_vec).collect();
    match rows
        .iter()
        .position(|row| row.iter().any(|v| !v.is_finite()))
    {
        Some(question) => Err(Error::NotFinite { question }),
        None => Ok(rows),
    }
}

#[cfg(test)]
mod tests;
