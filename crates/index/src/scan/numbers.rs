//! Tiles of single-precision products: four stored vectors by some questions at a time.

use std::array::from_fn;

use super::question::{Question, SMALLEST, groups};
use crate::score::Number;
use crate::simd::{Isa, Kernel, Simd};

/// Rows of a tile.
pub(super) const TILE_ROWS: usize = 4;

/// The widest vector of any instruction set: questions are filled up to a multiple of it.
const MAX_LANES: usize = 16;

/// The widths of groups, largest first.
const WIDTHS: [usize; 3] = [4, 2, 1];

/// Twice the unit in the last place of 1 in single precision, over two: the error of one rounding.
const ROUNDING: f64 = f32::EPSILON as f64 / 2.0;

/// All questions, in groups that one tile each takes.
#[derive(Debug)]
pub(super) struct NumberGroups(Vec<NumberGroup>);

/// Some questions in single precision.
#[derive(Debug)]
pub(super) struct NumberGroup {
    /// The first question.
    pub(super) first: usize,
    /// The numbers of each, filled up with zeros.
    questions: Vec<Vec<f32>>,
    /// For each what the length of a row is multiplied with to bound the error of an estimate.
    factors: Vec<f32>,
}

/// The relative error of a sum over `dim` products, see [`super`].
fn relative_error(dim: usize) -> f64 {
    1.05 * (2 * dim.div_ceil(8) + 24) as f64 * ROUNDING
}

impl NumberGroups {
    pub(super) fn new(questions: &[Question], isa: Isa) -> Self {
        struct Widest;
        impl Kernel for Widest {
            type Output = usize;
            #[inline(always)]
            fn run<S: Simd>(self, _: S) -> usize {
                S::NUMBER_QUESTIONS
            }
        }
        let groups = groups(questions.len(), &WIDTHS, isa.run(Widest)).into_iter();
        Self(
            groups
                .map(|group| NumberGroup::new(group.start, &questions[group]))
                .collect(),
        )
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &NumberGroup> {
        self.0.iter()
    }
}

impl NumberGroup {
    fn new(first: usize, questions: &[Question]) -> Self {
        let padded = |question: &Question| {
            let numbers = question.exact().iter().map(|&value| value as f32);
            let len = question.exact().len().next_multiple_of(MAX_LANES);
            numbers.chain(std::iter::repeat(0.0)).take(len).collect()
        };
        let factor = |question: &Question| {
            let factor = question.norm() * relative_error(question.exact().len());
            (factor as f32).next_up()
        };
        Self {
            first,
            questions: questions.iter().map(padded).collect(),
            factors: questions.iter().map(factor).collect(),
        }
    }

    /// How many questions there are.
    pub(super) fn len(&self) -> usize {
        self.questions.len()
    }
}

/// A number for each row of a block that the row is surely no longer than.
pub(super) struct Lengths<'a, T> {
    pub(super) values: &'a [T],
    pub(super) dim: usize,
    pub(super) output: &'a mut Vec<f32>,
}

impl<T: Number> Kernel for Lengths<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let error = 1.0 + 2.0 * relative_error(self.dim);
        self.output.clear();
        for row in self.values.chunks_exact(self.dim) {
            let (whole, tail) = split_tail::<S, T>(row);
            // Four sums, or each would wait for the one before.
            let mut sums = [simd.splat(0.0); 4];
            for (place, numbers) in whole.chunks_exact(S::LANES).enumerate() {
                let numbers = T::load(simd, numbers);
                sums[place % 4] = simd.mul_add(numbers, numbers, sums[place % 4]);
            }
            let tail = T::load(simd, &tail);
            sums[0] = simd.mul_add(tail, tail, sums[0]);
            let square: f32 = sums.into_iter().map(|sum| simd.sum(sum)).sum();
            let square = f64::from(square);
            let length = (square * error + SQUARE_SMALLEST).sqrt();
            self.output.push((length as f32).next_up());
        }
    }
}

/// More than what underflow takes from a sum of squares.
const SQUARE_SMALLEST: f64 = SMALLEST * 32.0;

/// The whole vectors of a row, and what is left filled up with zeros.
#[inline(always)]
fn split_tail<S: Simd, T: Number>(row: &[T]) -> (&[T], [T; MAX_LANES]) {
    let (whole, rest) = row.split_at(row.len() - row.len() % S::LANES);
    let mut tail = [T::default(); MAX_LANES];
    tail[..rest.len()].copy_from_slice(rest);
    (whole, tail)
}

/// A row that reaches the limit of a question.
#[derive(Debug)]
pub(super) struct FoundNumbers {
    /// The question, counted in its group.
    pub(super) question: usize,
    /// The row, counted in its block.
    pub(super) row: usize,
    pub(super) estimate: f32,
    /// How far the score can be from it, up to what underflow does.
    pub(super) width: f32,
}

/// Goes over the rows of a block with a group of questions. `found` is called for each row and
/// question whose bound is not below the question's limit, and gives the limit from then on.
pub(super) struct NumberScan<'a, T, F> {
    pub(super) values: &'a [T],
    pub(super) dim: usize,
    pub(super) lengths: &'a [f32],
    pub(super) group: &'a NumberGroup,
    pub(super) limits: &'a mut [f32],
    pub(super) found: F,
}

impl<T: Number, F: FnMut(FoundNumbers) -> f32> Kernel for NumberScan<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.group.len() {
            4 if S::NUMBER_QUESTIONS >= 4 => self.run_width::<S, 4>(simd),
            2 if S::NUMBER_QUESTIONS >= 2 => self.run_width::<S, 2>(simd),
            _ => self.run_width::<S, 1>(simd),
        }
    }
}

impl<T: Number, F: FnMut(FoundNumbers) -> f32> NumberScan<'_, T, F> {
    #[inline(always)]
    fn run_width<S: Simd, const QUESTIONS: usize>(mut self, simd: S) {
        let tiles = self.values.chunks_exact(TILE_ROWS * self.dim);
        let rest = tiles.remainder();
        let mut first = 0;
        for tile in tiles {
            self.tile::<S, TILE_ROWS, QUESTIONS>(simd, tile, first);
            first += TILE_ROWS;
        }
        for row in rest.chunks_exact(self.dim) {
            self.tile::<S, 1, QUESTIONS>(simd, row, first);
            first += 1;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const QUESTIONS: usize>(
        &mut self,
        simd: S,
        rows: &[T],
        first: usize,
    ) {
        let sums = number_sums::<S, T, ROWS, QUESTIONS>(simd, rows, self.dim, self.group);
        for (row, sums) in (first..).zip(sums) {
            for (question, sum) in sums.into_iter().enumerate() {
                let estimate = simd.sum(sum);
                let width = self.lengths[row] * self.group.factors[question];
                // NaN is kept.
                if estimate + width < self.limits[question] {
                    continue;
                }
                self.limits[question] = (self.found)(FoundNumbers {
                    question,
                    row,
                    estimate,
                    width,
                });
            }
        }
    }
}

/// The inner products of some rows with some questions, still in lanes.
#[inline(always)]
fn number_sums<S: Simd, T: Number, const ROWS: usize, const QUESTIONS: usize>(
    simd: S,
    rows: &[T],
    dim: usize,
    group: &NumberGroup,
) -> [[S::F32; QUESTIONS]; ROWS] {
    let mut sums = [[simd.splat(0.0); QUESTIONS]; ROWS];
    let rows: [&[T]; ROWS] = from_fn(|row| &rows[row * dim..(row + 1) * dim]);
    let questions: [&[f32]; QUESTIONS] = from_fn(|question| &*group.questions[question]);
    let whole = dim - dim % S::LANES;
    for place in (0..whole).step_by(S::LANES) {
        let mut numbers = [simd.splat(0.0); ROWS];
        for (numbers, row) in numbers.iter_mut().zip(rows) {
            *numbers = T::load(simd, &row[place..]);
        }
        add_products(simd, numbers, &questions, place, &mut sums);
    }
    if whole < dim {
        let mut numbers = [simd.splat(0.0); ROWS];
        for (numbers, row) in numbers.iter_mut().zip(rows) {
            *numbers = T::load(simd, &split_tail::<S, T>(row).1);
        }
        add_products(simd, numbers, &questions, whole, &mut sums);
    }
    sums
}

/// Adds the products of a vector of each row with that of each question at `place`.
#[inline(always)]
fn add_products<S: Simd, const ROWS: usize, const QUESTIONS: usize>(
    simd: S,
    rows: [S::F32; ROWS],
    questions: &[&[f32]; QUESTIONS],
    place: usize,
    sums: &mut [[S::F32; QUESTIONS]; ROWS],
) {
    for (number, question) in questions.iter().enumerate() {
        let question = simd.load(&question[place..]);
        for row in 0..ROWS {
            sums[row][number] = simd.mul_add(rows[row], question, sums[row][number]);
        }
    }
}
