//! Tiles of integer products: 32 rows of codes by some questions at a time.

use super::question::{Question, groups};
use crate::codes::{PANEL_ROWS, Panel};
use crate::simd::{Isa, Kernel, Simd};

/// What stands in a file for a code of 0.
const CODE_OFFSET: i32 = 128;

/// Dimensions of a step.
const STEP: usize = 4;

/// Bytes of the codes of a panel at a step.
const STEP_BYTES: usize = PANEL_ROWS * STEP;

/// Steps between codes being asked for and being used; what is ahead of a panel is the next one.
const PREFETCH_STEPS: usize = 16;

/// Vectors of rows of a tile.
const ROW_VECTORS: usize = 2;

/// The widths of groups, largest first.
const WIDTHS: [usize; 5] = [12, 8, 4, 2, 1];

/// All questions, in groups that one tile each takes.
#[derive(Debug)]
pub(super) struct CodeGroups(Vec<CodeGroup>);

/// Some questions, their codes beside each other.
#[derive(Debug)]
pub(super) struct CodeGroup {
    /// The first question.
    pub(super) first: usize,
    /// A word of four codes for each step and question.
    words: Vec<i32>,
    factors: Vec<Factors>,
}

/// What the sums of a question are multiplied with.
#[derive(Debug, Clone, Copy)]
struct Factors {
    scale: f32,
    error: f32,
    weight: f32,
    /// What the offset of the rows' codes adds to every sum, taken away beforehand.
    start: i32,
}

impl CodeGroups {
    pub(super) fn new(questions: &[Question], isa: Isa) -> Self {
        struct Widest;
        impl Kernel for Widest {
            type Output = usize;
            #[inline(always)]
            fn run<S: Simd>(self, _: S) -> usize {
                S::CODE_QUESTIONS
            }
        }
        let groups = groups(questions.len(), &WIDTHS, isa.run(Widest)).into_iter();
        Self(
            groups
                .map(|group| CodeGroup::new(group.start, &questions[group]))
                .collect(),
        )
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &CodeGroup> {
        self.0.iter()
    }
}

impl CodeGroup {
    fn new(first: usize, questions: &[Question]) -> Self {
        let steps = questions[0].codes.len().div_ceil(STEP);
        let words = (0..steps).flat_map(|step| questions.iter().map(move |q| word(q, step)));
        let factors = questions.iter().map(|question| Factors {
            scale: question.scale,
            error: question.error_factor,
            weight: question.weight_factor,
            start: question
                .codes
                .iter()
                .map(|&code| -CODE_OFFSET * i32::from(code))
                .sum(),
        });
        Self {
            first,
            words: words.collect(),
            factors: factors.collect(),
        }
    }

    /// How many questions there are.
    pub(super) fn len(&self) -> usize {
        self.factors.len()
    }
}

/// Four codes, the first in the lowest byte; zeros behind the last.
fn word(question: &Question, step: usize) -> i32 {
    let codes = question.codes[step * STEP..].iter().map(|&code| code as u8);
    let mut bytes = [0; STEP];
    bytes
        .iter_mut()
        .zip(codes)
        .for_each(|(byte, code)| *byte = code);
    i32::from_le_bytes(bytes)
}

/// Rows of a panel that reach the limit of a question.
#[derive(Debug)]
pub(super) struct FoundCodes<'a> {
    /// The question, counted in its group.
    pub(super) question: usize,
    /// The panel, counted in its block.
    pub(super) panel_number: usize,
    pub(super) panel: Panel<'a>,
    /// A bit for each row, lowest first.
    pub(super) rows: u32,
    /// The inner products of the codes of all rows with those of the question.
    pub(super) sums: &'a [i32; PANEL_ROWS],
}

/// Goes over the panels of a block with a group of questions. `found` is called for each panel and
/// question that has rows not below the question's limit, and gives the limit from then on.
pub(super) struct CodeScan<'a, P, F> {
    pub(super) panels: P,
    pub(super) group: &'a CodeGroup,
    pub(super) limits: &'a mut [f32],
    pub(super) found: F,
}

impl<'a, P, F> Kernel for CodeScan<'_, P, F>
where
    P: Iterator<Item = Panel<'a>>,
    F: FnMut(FoundCodes<'_>) -> f32,
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // Wider tiles than the registers hold are not compiled.
        match self.group.len() {
            12 if S::CODE_QUESTIONS >= 12 => self.run_width::<S, 12>(simd),
            8 if S::CODE_QUESTIONS >= 8 => self.run_width::<S, 8>(simd),
            4 if S::CODE_QUESTIONS >= 4 => self.run_width::<S, 4>(simd),
            2 => self.run_width::<S, 2>(simd),
            _ => self.run_width::<S, 1>(simd),
        }
    }
}

impl<'a, P, F> CodeScan<'_, P, F>
where
    P: Iterator<Item = Panel<'a>>,
    F: FnMut(FoundCodes<'_>) -> f32,
{
    #[inline(always)]
    fn run_width<S: Simd, const QUESTIONS: usize>(mut self, simd: S) {
        let factors: &[Factors; QUESTIONS] = self
            .group
            .factors
            .first_chunk()
            .expect("as many as the width");
        let limits: &mut [f32; QUESTIONS] =
            self.limits.first_chunk_mut().expect("as many as the width");
        let mut sums = [[0; PANEL_ROWS]; QUESTIONS];
        for (panel_number, panel) in self.panels.enumerate() {
            let masks = panel_masks(simd, &panel, &self.group.words, factors, limits, &mut sums);
            for question in 0..QUESTIONS {
                if masks[question] != 0 {
                    limits[question] = (self.found)(FoundCodes {
                        question,
                        panel_number,
                        panel,
                        rows: masks[question],
                        sums: &sums[question],
                    });
                }
            }
        }
    }
}

/// Which rows of a panel are not below the limits; `sums` is written for questions that have some.
#[inline(always)]
fn panel_masks<S: Simd, const QUESTIONS: usize>(
    simd: S,
    panel: &Panel<'_>,
    words: &[i32],
    factors: &[Factors; QUESTIONS],
    limits: &[f32; QUESTIONS],
    sums: &mut [[i32; PANEL_ROWS]; QUESTIONS],
) -> [u32; QUESTIONS] {
    let mut masks = [0; QUESTIONS];
    for first in (0..PANEL_ROWS).step_by(ROW_VECTORS * S::LANES) {
        let totals =
            integer_sums::<S, QUESTIONS>(simd, &panel.codes[first * STEP..], words, factors);
        for (half, first) in (first..).step_by(S::LANES).take(ROW_VECTORS).enumerate() {
            let place = first * size_of::<f32>();
            let [scales, errors, weights] = panel.numbers;
            let scales = simd.load_bytes(&scales[place..]);
            let errors = simd.load_bytes(&errors[place..]);
            let weights = simd.load_bytes(&weights[place..]);
            for question in 0..QUESTIONS {
                let factor = factors[question];
                let product = simd.mul(simd.convert(totals[question][half]), scales);
                let bound = simd.mul(weights, simd.splat(factor.weight));
                let bound = simd.mul_add(errors, simd.splat(factor.error), bound);
                let bound = simd.mul_add(product, simd.splat(factor.scale), bound);
                let reached = simd.not_below(bound, simd.splat(limits[question]));
                masks[question] |= reached << first;
            }
        }
        store_sums::<S, QUESTIONS>(simd, first, &totals, &masks, sums);
    }
    masks
}

/// Keeps the sums of questions that have found something up to here; rarely any.
#[inline(always)]
fn store_sums<S: Simd, const QUESTIONS: usize>(
    simd: S,
    first: usize,
    totals: &[[S::I32; ROW_VECTORS]; QUESTIONS],
    masks: &[u32; QUESTIONS],
    sums: &mut [[i32; PANEL_ROWS]; QUESTIONS],
) {
    for question in 0..QUESTIONS {
        if masks[question] >> first != 0 {
            for (half, total) in totals[question].into_iter().enumerate() {
                simd.store_i32(total, &mut sums[question][first + half * S::LANES..]);
            }
        }
    }
}

/// The inner products of codes of two vectors of rows with those of each question.
#[inline(always)]
fn integer_sums<S: Simd, const QUESTIONS: usize>(
    simd: S,
    codes: &[u8],
    words: &[i32],
    factors: &[Factors; QUESTIONS],
) -> [[S::I32; ROW_VECTORS]; QUESTIONS] {
    let mut sums = [[simd.splat_i32(0); ROW_VECTORS]; QUESTIONS];
    for (sums, factors) in sums.iter_mut().zip(factors) {
        *sums = [simd.splat_i32(factors.start); ROW_VECTORS];
    }
    let (words, _) = words.as_chunks::<QUESTIONS>();
    // The last step of the second pass over a panel is shorter than a step.
    for (codes, words) in codes.chunks(STEP_BYTES).zip(words) {
        simd.prefetch(codes, PREFETCH_STEPS * STEP_BYTES);
        simd.prefetch(codes, PREFETCH_STEPS * STEP_BYTES + STEP_BYTES / 2);
        let rows = [
            simd.load_codes(codes),
            simd.load_codes(&codes[S::LANES * STEP..]),
        ];
        for (sums, &word) in sums.iter_mut().zip(words) {
            let word = simd.splat_i32(word);
            sums[0] = simd.dot4(sums[0], rows[0], word);
            sums[1] = simd.dot4(sums[1], rows[1], word);
        }
    }
    sums
}
