//! The order in which rows enter a graph.
//!
//! A new node is compared with thousands of others, and nearly all of building was waiting for their
//! codes to come from memory. So rows that are near each other are added one after another: what one
//! was compared with is still in the cache for the next. They lie together in the file too, which makes
//! searches faster. Of 50,000 vectors, all in random order, building took 1.6 times as long.

use ragdex_core::Cancel;

use super::coding::{Coding, widen_row};
use crate::simd::{Isa, Kernel, Simd};
use crate::{Error, Segment};

/// One row in so many comes before all others, so that these find a graph that leads everywhere.
const SPREAD: u32 = 16;

/// Parts that rows are split into at a time, each around a row of them.
const BRANCHES: usize = 32;

/// Rows that are not split any more: their codes and links fill the cache of a core.
const LEAF_ROWS: usize = 512;

/// Rows placed between two looks at whether to stop.
const STEP_ROWS: usize = 1024;

/// Products of codes that 32 bits hold the sum of.
const SUMMED: usize = 1 << 16;

/// Splits on top of each other at most; vectors that are all alike would be split for ever.
const MOST_SPLITS: usize = 4;

/// The live rows of some segments, counted through from 0, as codes.
pub(super) struct CodedRows<'a> {
    segments: &'a [Segment<'a>],
    /// The number of each segment's first row.
    firsts: Vec<usize>,
    coding: &'a Coding,
    vector: Vec<f32>,
}

impl<'a> CodedRows<'a> {
    pub(super) fn new(segments: &'a [Segment<'a>], dim: usize, coding: &'a Coding) -> Self {
        let firsts = segments.iter().scan(0, |first, segment| {
            let rows = segment.vectors().len();
            Some(std::mem::replace(first, *first + rows))
        });
        Self {
            segments,
            firsts: firsts.collect(),
            coding,
            vector: vec![0.0; dim],
        }
    }

    /// The numbers of the live rows, near ones together; the same for the same rows. Reads each row up to
    /// four times, and not at all where there are few; 4 bytes of memory a row, while sorting up to 48 more.
    ///
    /// # Errors
    /// [`Error::VectorNotFinite`] naming such a row, [`Error::Cancelled`].
    pub(super) fn near_together(&mut self, cancel: &Cancel) -> Result<Vec<u32>, Error> {
        let mut rows = Vec::new();
        for (segment, first) in self.segments.iter().zip(&self.firsts) {
            let live = (0..segment.vectors().len()).filter(|&row| segment.is_live(row));
            rows.extend(live.map(|row| (first + row) as u32));
        }
        let (mut order, mut others): (Vec<u32>, Vec<u32>) =
            rows.iter().partition(|row| *row % SPREAD == 0);
        self.split(&mut order, 0, cancel)?;
        self.split(&mut others, 0, cancel)?;
        order.append(&mut others);
        Ok(order)
    }

    /// Sorts rows by which of some of them they are nearest to, then each part likewise.
    fn split(&mut self, rows: &mut [u32], splits: usize, cancel: &Cancel) -> Result<(), Error> {
        if rows.len() <= LEAF_ROWS || splits == MOST_SPLITS {
            return Ok(());
        }
        let centres = self.centres(rows)?;
        let mut codes = Vec::new();
        let mut placed = Vec::with_capacity(rows.len());
        for step in rows.chunks(STEP_ROWS) {
            cancel.check()?;
            for &row in step {
                self.code(row, &mut codes)?;
                placed.push((centres.nearest(&codes), row));
            }
        }
        placed.sort_by_key(|(centre, _)| *centre);
        for (place, (_, row)) in rows.iter_mut().zip(&placed) {
            *place = *row;
        }
        let mut rest = rows;
        for part in placed.chunk_by(|a, b| a.0 == b.0) {
            let (rows, others) = rest.split_at_mut(part.len());
            self.split(rows, splits + 1, cancel)?;
            rest = others;
        }
        Ok(())
    }

    fn centres(&mut self, rows: &[u32]) -> Result<Centres, Error> {
        let mut centres = Centres::default();
        let mut codes = Vec::new();
        for place in 0..BRANCHES {
            self.code(rows[place * rows.len() / BRANCHES], &mut codes)?;
            centres.push(&codes);
        }
        Ok(centres)
    }

    /// Writes the codes of a row into `codes`.
    ///
    /// # Errors
    /// [`Error::VectorNotFinite`].
    pub(super) fn code(&mut self, row: u32, codes: &mut Vec<i8>) -> Result<(), Error> {
        let row = row as usize;
        let segment = self.firsts.partition_point(|first| *first <= row) - 1;
        let vectors = self.segments[segment].vectors();
        widen_row(vectors, row - self.firsts[segment], &mut self.vector);
        if self.vector.iter().any(|value| !value.is_finite()) {
            return Err(Error::VectorNotFinite { row });
        }
        self.coding.code(&self.vector, codes);
        Ok(())
    }
}

/// Codes that others are near to.
#[derive(Default)]
struct Centres {
    codes: Vec<i8>,
    /// Of each, the sum of squares.
    squares: Vec<i64>,
}

impl Centres {
    fn push(&mut self, codes: &[i8]) {
        self.codes.extend_from_slice(codes);
        self.squares.push(product(codes, codes));
    }

    /// The place of the nearest one, the first of equals.
    fn nearest(&self, codes: &[i8]) -> usize {
        Isa::best().run(Nearest {
            codes,
            centres: self,
        })
    }
}

/// [`Centres::nearest`] with the instructions that there are.
struct Nearest<'a> {
    codes: &'a [i8],
    centres: &'a Centres,
}

impl Kernel for Nearest<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        let centres = self.centres.codes.chunks_exact(self.codes.len());
        // The squared distance without the square of `codes`, which is the same for all.
        let distance = |(centre, square)| square - 2 * product(self.codes, centre);
        let distances = centres.zip(&self.centres.squares).map(distance);
        let nearest = distances.enumerate().min_by_key(|(_, distance)| *distance);
        nearest.map_or(0, |(place, _)| place)
    }
}

/// The inner product.
#[inline(always)]
fn product(a: &[i8], b: &[i8]) -> i64 {
    let product = |(a, b): (&i8, &i8)| i32::from(*a) * i32::from(*b);
    let sum = |(a, b): (&[i8], &[i8])| i64::from(a.iter().zip(b).map(product).sum::<i32>());
    let parts = a.chunks(SUMMED).zip(b.chunks(SUMMED));
    parts.map(sum).sum()
}

#[cfg(test)]
mod tests {
    use ragdex_core::{PassageId, Vectors};
    use ragdex_testing::Random;

    use super::*;

    /// Orders rows of 2 numbers, split into two segments.
    fn ordered(rows: &[[f32; 2]], live: Vec<bool>) -> Result<Vec<u32>, Error> {
        let (front, back) = rows.as_flattened().split_at(rows.len() / 2 * 2);
        let [front, back] = [front, back].map(|rows| Vectors::f32(rows, 2).unwrap());
        let front = Segment::new(front, PassageId(0));
        let back = Segment::new(back, PassageId(90)).with_live(live).unwrap();
        let segments = [front, back];
        let coding = Coding::fit(&segments, 2)?;
        CodedRows::new(&segments, 2, &coding).near_together(&Cancel::default())
    }

    fn scattered(n: usize) -> Vec<[f32; 2]> {
        let mut random = Random::new(3);
        (0..n).map(|_| [random.number(), random.number()]).collect()
    }

    /// The sum of the distances from each row to the next.
    fn way(rows: &[[f32; 2]], order: &[u32]) -> f32 {
        let at = |row: u32| rows[row as usize];
        let step = |pair: &[u32]| {
            let ([a, b], [c, d]) = (at(pair[0]), at(pair[1]));
            (a - c).hypot(b - d)
        };
        order.windows(2).map(step).sum()
    }

    #[test]
    fn every_live_row_comes_once_and_near_ones_come_together() {
        let rows = scattered(20_000);
        let live: Vec<bool> = (0..10_000).map(|row| row % 3 != 1).collect();
        let order = ordered(&rows, live.clone()).unwrap();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        let is_live = |row: &u32| *row < 10_000 || live[*row as usize - 10_000];
        let expected: Vec<u32> = (0..20_000).filter(is_live).collect();
        assert_eq!(sorted, expected);
        assert!(way(&rows, &order) < 0.25 * way(&rows, &expected));
    }

    #[test]
    fn few_rows_and_rows_that_are_all_alike_keep_their_order() {
        for rows in [scattered(LEAF_ROWS), vec![[3.0, 4.0]; 5000]] {
            let order = ordered(&rows, vec![true; rows.len() - rows.len() / 2]).unwrap();
            let (spread, others) = order.split_at(rows.len().div_ceil(SPREAD as usize));
            assert!(spread.is_sorted() && others.is_sorted());
            assert!(spread.iter().all(|row| row % SPREAD == 0));
            assert_eq!(order.len(), rows.len());
        }
    }

    #[test]
    fn a_number_that_is_none_is_refused_by_row() {
        let mut rows = scattered(9000);
        // Not among those that the mean is taken from.
        rows[7777] = [0.5, f32::NAN];
        let error = ordered(&rows, vec![true; 4500]).unwrap_err();
        assert!(matches!(error, Error::VectorNotFinite { row: 7777 }));
    }

    #[test]
    fn products_of_wide_rows_do_not_overflow() {
        let codes = vec![-127; 300_000];
        assert_eq!(product(&codes, &codes), 300_000 * 127 * 127);
    }
}
