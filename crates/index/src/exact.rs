//! The exact index: a scan of every vector.

use std::borrow::Cow;

use half::f16;
use ragdex_core::{PassageId, Rows, Vectors};

use crate::scan::scan;
use crate::score::{Number, inner_product_by};
use crate::simd::Isa;
use crate::{Codes, Error, Hit, SearchOptions, VectorIndex};

/// A block of stored vectors and the passages they belong to.
#[derive(Debug, Clone)]
pub struct Segment<'a> {
    vectors: Vectors<'a>,
    ids: Ids<'a>,
    live: Option<Cow<'a, [bool]>>,
    n_live: usize,
    codes: Option<&'a Codes>,
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
            n_live: vectors.len(),
            codes: None,
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
            n_live: vectors.len(),
            codes: None,
        })
    }

    /// Restricts the segment to the rows that are `true` in `live`.
    ///
    /// # Errors
    /// [`Error::Rows`] when `live` has another length than the vectors.
    pub fn with_live(mut self, live: impl Into<Cow<'a, [bool]>>) -> Result<Self, Error> {
        let live = live.into();
        check_rows(self.vectors.len(), live.len())?;
        self.n_live = live.iter().filter(|&&live| live).count();
        self.live = Some(live);
        Ok(self)
    }

    /// Scans the codes, which are smaller, and looks at those vectors only that they do not rule out.
    /// The result is the same.
    ///
    /// # Errors
    /// [`Error::Rows`] and [`Error::Dimension`] when `codes` are of other vectors than these.
    pub fn with_codes(mut self, codes: &'a Codes) -> Result<Self, Error> {
        check_rows(self.vectors.len(), codes.len())?;
        check_dim(self.vectors.dim(), codes.dim())?;
        self.codes = Some(codes);
        Ok(self)
    }

    pub(crate) fn vectors(&self) -> Vectors<'a> {
        self.vectors
    }

    pub(crate) fn codes(&self) -> Option<&'a Codes> {
        self.codes
    }

    /// The number of vectors, those that are not to be found included.
    pub fn n_rows(&self) -> usize {
        self.vectors.len()
    }

    pub(crate) fn row_bytes(&self) -> usize {
        let number = match self.vectors.rows() {
            Rows::F32(_) => size_of::<f32>(),
            Rows::F16(_) => size_of::<f16>(),
        };
        self.vectors.dim() * number
    }

    /// The score of a row for a question that [`widen_questions`] widened.
    pub(crate) fn score(&self, row: usize, question: &[f64]) -> f32 {
        self.hit(row, question, Isa::best()).score
    }

    pub(crate) fn n_live(&self) -> usize {
        self.n_live
    }

    pub(crate) fn is_live(&self, row: usize) -> bool {
        self.live.as_ref().is_none_or(|live| live[row])
    }

    /// The hit that a row is for a question.
    pub(crate) fn hit(&self, row: usize, question: &[f64], isa: Isa) -> Hit {
        let score = match self.vectors.rows() {
            Rows::F32(values) => score_row(values, row, question, isa),
            Rows::F16(values) => score_row(values, row, question, isa),
        };
        let id = self.id(row);
        Hit { id, score }
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

fn check_dim(expected: usize, found: usize) -> Result<(), Error> {
    if expected == found {
        Ok(())
    } else {
        Err(Error::Dimension { expected, found })
    }
}

fn score_row<T: Number>(values: &[T], row: usize, question: &[f64], isa: Isa) -> f32 {
    let dim = question.len();
    inner_product_by(isa, question, &values[row * dim..(row + 1) * dim])
}

/// Gives what scoring every vector gives. Needs no building; where a [scan copy](crate::write_codes) was made,
/// it is read instead of the vectors.
///
/// Each copy, or vector, is read once for up to 1024 questions: `O(n_questions · n_passages · dim)`. Memory
/// beyond the mapped files: for each question and thread `O(k)` and some ten kilobytes.
#[derive(Debug)]
pub struct ExactIndex<'a> {
    dim: usize,
    segments: Vec<Segment<'a>>,
    isa: Isa,
}

impl<'a> ExactIndex<'a> {
    /// Takes the segments as one index.
    ///
    /// # Errors
    /// [`Error::Dimension`] when a segment's vectors are not `dim` wide.
    pub fn new(dim: usize, segments: Vec<Segment<'a>>) -> Result<Self, Error> {
        for segment in &segments {
            check_dim(dim, segment.vectors.dim())?;
        }
        Ok(Self {
            dim,
            segments,
            isa: Isa::best(),
        })
    }

    /// Scans with another instruction set than the best.
    #[cfg(test)]
    pub(crate) fn by(mut self, isa: Isa) -> Self {
        self.isa = isa;
        self
    }

    pub(crate) fn segments(&self) -> &[Segment<'a>] {
        &self.segments
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
        check_dim(self.dim, questions.dim())?;
        let k = options.k.min(self.len());
        scan(&self.segments, questions, k, self.isa, &options.cancel)
    }
}

/// Checks the questions and widens them once, not once a row.
pub(crate) fn widen_questions(questions: Vectors<'_>, dim: usize) -> Result<Vec<Vec<f64>>, Error> {
    check_dim(dim, questions.dim())?;
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
