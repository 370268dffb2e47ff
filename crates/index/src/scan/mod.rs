//! The scan behind the exact index: bounds first, scores of what is left.
//!
//! A row's *score* S is [`inner_product`](crate::score::inner_product_by): a sum of exact products in double
//! precision, in a fixed order, rounded once. The scan finds for each question the `k` best rows by S
//! without computing S for most of them. It estimates the inner product, by integers over
//! [codes](crate::codes) or in single precision over the vectors themselves, and knows how far S can be from the
//! estimate: S lies in an interval [lower, upper]. With T the k-th largest of any `k` lower bounds or scores
//! of different rows, a row with upper < T is not among the best `k`, and everything else is kept as
//! a [candidate](candidates) and scored. Equal scores cannot be separated by a bound that holds for
//! both, so ties go by id as if every row had been scored. The result is that of scoring every row,
//! whatever the instruction set, the number of threads and the order of their work.
//!
//! # The bound over codes
//!
//! Let v be a stored vector, m the mean, c and s its codes and their scale, r = v − m − s·c, e ≥ |r| and w ≥ |s·c|;
//! q the question, p its codes and t their scale, d = q − t·p and δ ≥ |d|; I = p·c, an integer that
//! is summed up without rounding. Then
//!
//! ```text
//! q·v = q·m + q·(s·c) + q·r = q·m + t·s·I + d·(s·c) + q·r
//! |q·v − (q·m + t·s·I)| ≤ δ·w + |q|·e                      (Cauchy–Schwarz)
//! ```
//!
//! The rest is rounding. Let M = |q|·|m| and X = (|q| + 2δ)·w + |q|·e; u = 2⁻²⁴.
//!
//! * S differs from q·v by no more than 2u·(M + X) + 2⁻¹⁵⁰: one rounding to single precision, and a sum
//!   in double precision that is far below it, since Σ|qᵢ·vᵢ| ≤ |q|·|v| ≤ M + X.
//! * The left side `t·(s·I) + e·Q + w·D` is computed in single precision in at most eight roundings of
//!   values within X(1 + 2⁻¹⁹), |t·s·I| ≤ |t·p|·|s·c| ≤ (|q| + δ)·w among them: an error below 9u·X. Numbers below
//!   the normal range add at most 2⁻¹⁴⁸; `s·I` adds nothing there, being a multiple of 2⁻¹⁴⁹.
//! * Therefore Q = |q|·(1 + 2⁻²⁰) and D = δ + 2⁻²⁰·(|q| + 2δ), both rounded up, which adds 16u·X; and the row
//!   is dropped when the left side is below T − q·m − 2⁻²⁰·M − 2⁻¹²⁵, rounded down, which leaves 14u·M for
//!   the roundings of q·m and S.
//!
//! If S ≥ T, then the left side is at least T − q·m − (2 + 2)u·M − 2⁻¹⁴⁷ + (16 − 9 − 2)u·X, which is not below the
//! limit: no row that belongs to the result is dropped.
//!
//! Rows longer than 2⁶⁰, or with NaN, are stored with e = ∞; for questions longer than that Q = ∞. The
//! left side is then ∞ or NaN and nothing is dropped; shorter ones cannot overflow. The comparison is
//! "not below", which NaN passes.
//!
//! # The bound over vectors
//!
//! A sum of n products in single precision, on at least eight lanes, is a tree of at most n/8 + 4 levels, each of one
//! or two roundings: its error is at most γ·Σ|qᵢ·vᵢ| ≤ γ·|q|·|v| with γ = (2·⌈n/8⌉ + 8)·u/(1 − …), plus n·2⁻¹⁴⁸ below
//! the normal range. G = 1.05·(2·⌈n/8⌉ + 24)·u covers it with the roundings of S and of the comparison.
//! |v| comes from a sum of squares made the same way and enlarged by twice G and by 2⁻¹²⁰. Where a sum
//! overflows, |v|·|q| does: the bound is ∞ and the row is kept.

mod candidates;
mod codes;
mod numbers;
mod question;
mod worker;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};

use ragdex_core::{Cancel, Vectors};
use rayon::prelude::*;

use self::candidates::{Candidates, Contradiction, Thresholds};
use self::codes::CodeGroups;
use self::numbers::NumberGroups;
use self::question::{Offset, Question};
use self::worker::Worker;
use crate::exact::Segment;
use crate::simd::Isa;
use crate::{Codes, CodesError, Error, Hit};

/// Questions of one pass over the vectors, at most, so that what is kept for each stays in bounds.
const MAX_QUESTIONS: usize = 1024;

/// Bytes of a block of vectors without codes: stays in the second-level cache while all questions
/// go over it.
const BLOCK_BYTES: usize = 256 * 1024;

/// Finds the best `k` rows of all segments for each question.
pub(crate) fn scan(
    segments: &[Segment<'_>],
    questions: Vectors<'_>,
    k: usize,
    isa: Isa,
    cancel: &Cancel,
) -> Result<Vec<Vec<Hit>>, Error> {
    let questions = Question::read(questions)?;
    let mut hits = Vec::with_capacity(questions.len());
    for questions in questions.chunks(MAX_QUESTIONS) {
        let pass = Pass::new(segments, questions, k, isa);
        hits.extend(pass.run(cancel)?);
    }
    Ok(hits)
}

/// One pass over all vectors for some questions.
struct Pass<'s, 'a> {
    segments: &'s [Segment<'a>],
    /// The number of the first row of each segment, counted over all.
    first_rows: Vec<usize>,
    blocks: Vec<Block>,
    questions: &'s [Question],
    code_groups: CodeGroups,
    number_groups: NumberGroups,
    /// For each segment and question.
    offsets: Vec<Vec<Offset>>,
    thresholds: Thresholds,
    k: usize,
    isa: Isa,
}

/// A run of rows of one segment: the unit that threads share.
#[derive(Debug, Clone, Copy)]
struct Block {
    segment: usize,
    start: usize,
    end: usize,
}

impl<'s, 'a> Pass<'s, 'a> {
    fn new(segments: &'s [Segment<'a>], questions: &'s [Question], k: usize, isa: Isa) -> Self {
        let mut next_row = 0;
        let first_rows = segments.iter().map(|segment| {
            let first = next_row;
            next_row += segment.n_rows();
            first
        });
        let coded = segments.iter().any(|segment| segment.codes().is_some());
        let plain = segments.iter().any(|segment| segment.codes().is_none());
        Self {
            segments,
            first_rows: first_rows.collect(),
            blocks: blocks(segments),
            questions,
            code_groups: CodeGroups::new(if coded { questions } else { &[] }, isa),
            number_groups: NumberGroups::new(if plain { questions } else { &[] }, isa),
            offsets: segments
                .par_iter()
                .map(|s| offsets(s, questions, isa))
                .collect(),
            thresholds: Thresholds::new(questions.len()),
            k,
            isa,
        }
    }

    /// Goes over all blocks on all threads, then scores what each question has left.
    fn run(&self, cancel: &Cancel) -> Result<Vec<Vec<Hit>>, Error> {
        let next = AtomicUsize::new(0);
        let workers = rayon::current_num_threads().min(self.blocks.len()).max(1);
        let workers = (0..workers).into_par_iter().map(|_| {
            let mut worker = Worker::new(self);
            while let Some(&block) = self.blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
                cancel.check()?;
                worker.block(block)?;
            }
            Ok::<_, Error>(worker.into_candidates())
        });
        let found: Vec<Vec<Candidates>> = workers.collect::<Result<_, Error>>()?;
        let questions = (0..self.questions.len()).into_par_iter();
        questions
            .map(|question| {
                let found = found.iter().map(|worker| &worker[question]);
                let best = Candidates::merge(self.k, found);
                let hits = best.into_hits(|row| self.score(question, row));
                hits.map_err(|contradiction| self.damaged(contradiction))
            })
            .collect()
    }

    fn damaged(&self, Contradiction { row }: Contradiction) -> Error {
        let (segment, row) = self.place(row);
        Error::Codes {
            passage: segment.id(0),
            source: CodesError::Contradiction { row },
        }
    }

    /// Scores a row, numbered over all segments.
    fn score(&self, question: usize, row: usize) -> Hit {
        let (segment, row) = self.place(row);
        segment.hit(row, self.questions[question].exact(), self.isa)
    }

    /// The segment of a row that is numbered over all segments, and the row in it.
    fn place(&self, row: usize) -> (&Segment<'a>, usize) {
        let segment = self.first_rows.partition_point(|&first| first <= row) - 1;
        (&self.segments[segment], row - self.first_rows[segment])
    }
}

fn blocks(segments: &[Segment<'_>]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (number, segment) in segments.iter().enumerate() {
        let step = match segment.codes() {
            Some(_) => Codes::BLOCK_ROWS,
            None => (BLOCK_BYTES / segment.row_bytes())
                .max(1)
                .next_multiple_of(numbers::TILE_ROWS),
        };
        let rows = segment.n_rows();
        blocks.extend((0..rows).step_by(step).map(|start| Block {
            segment: number,
            start,
            end: rows.min(start + step),
        }));
    }
    blocks
}

fn offsets(segment: &Segment<'_>, questions: &[Question], isa: Isa) -> Vec<Offset> {
    let codes = segment.codes();
    questions.iter().map(|q| q.offset(codes, isa)).collect()
}
