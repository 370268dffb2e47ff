//! What one thread does with the blocks that it takes.

use half::f16;
use ragdex_core::Rows;

use super::candidates::{Bounds, Candidates};
use super::codes::{CodeGroup, CodeScan, FoundCodes};
use super::numbers::{FoundNumbers, Lengths, NumberGroup, NumberScan};
use super::{Block, Pass};
use crate::codes::{CodesError, PANEL_ROWS};
use crate::score::Number;
use crate::{Codes, Error};

/// One thread's share of a pass.
pub(super) struct Worker<'p, 's, 'a> {
    pass: &'p Pass<'s, 'a>,
    /// A question each.
    candidates: Vec<Candidates>,
    limits: Vec<f32>,
    /// Of the rows of a block.
    lengths: Vec<f32>,
}

impl<'p, 's, 'a> Worker<'p, 's, 'a> {
    pub(super) fn new(pass: &'p Pass<'s, 'a>) -> Self {
        let questions = pass.questions.len();
        Self {
            pass,
            candidates: (0..questions).map(|_| Candidates::new(pass.k)).collect(),
            limits: vec![f32::NEG_INFINITY; questions],
            lengths: Vec::new(),
        }
    }

    pub(super) fn into_candidates(self) -> Vec<Candidates> {
        self.candidates
    }

    /// Holds a block against all questions.
    ///
    /// # Errors
    /// [`Error::Codes`] when its codes are damaged.
    pub(super) fn block(&mut self, block: Block) -> Result<(), Error> {
        let pass = self.pass;
        let segment = &pass.segments[block.segment];
        self.begin(block);
        if let Some(codes) = segment.codes() {
            for group in pass.code_groups.iter() {
                let scanned = self.coded(block, codes, group);
                scanned.map_err(|source| Error::Codes {
                    passage: segment.id(0),
                    source,
                })?;
            }
        } else {
            let dim = segment.vectors().dim();
            let place = block.start * dim..block.end * dim;
            match segment.vectors().rows() {
                Rows::F32(values) => self.plain::<f32>(block, &values[place]),
                Rows::F16(values) => self.plain::<f16>(block, &values[place]),
            }
        }
        self.end();
        Ok(())
    }

    /// Learns what other threads know, and what rows of this block must reach.
    fn begin(&mut self, block: Block) {
        let offsets = &self.pass.offsets[block.segment];
        for (question, candidates) in self.candidates.iter_mut().enumerate() {
            candidates.raise(self.pass.thresholds.get(question));
            self.limits[question] = offsets[question].limit(candidates.threshold());
        }
    }

    fn end(&self) {
        for (question, candidates) in self.candidates.iter().enumerate() {
            self.pass.thresholds.raise(question, candidates.threshold());
        }
    }

    fn coded(&mut self, block: Block, codes: &Codes, group: &CodeGroup) -> Result<(), CodesError> {
        let Self {
            pass,
            candidates,
            limits,
            ..
        } = self;
        let questions = group.first..group.first + group.len();
        let rows = block.end - block.start;
        let scan = CodeScan {
            panels: codes.block(block.start / Codes::BLOCK_ROWS)?,
            group,
            limits: &mut limits[questions.clone()],
            found: |found: FoundCodes<'_>| {
                let question = group.first + found.question;
                keep_coded(
                    pass,
                    block,
                    rows,
                    question,
                    &found,
                    &mut candidates[question],
                )
            },
        };
        pass.isa.run(scan);
        Ok(())
    }

    fn plain<T: Number>(&mut self, block: Block, values: &[T]) {
        let dim = self.pass.segments[block.segment].vectors().dim();
        let output = &mut self.lengths;
        self.pass.isa.run(Lengths {
            values,
            dim,
            output,
        });
        for group in self.pass.number_groups.iter() {
            self.plain_group(block, values, group);
        }
    }

    fn plain_group<T: Number>(&mut self, block: Block, values: &[T], group: &NumberGroup) {
        let Self {
            pass,
            candidates,
            limits,
            lengths,
        } = self;
        let questions = group.first..group.first + group.len();
        let scan = NumberScan {
            values,
            dim: pass.segments[block.segment].vectors().dim(),
            lengths,
            group,
            limits: &mut limits[questions],
            found: |found: FoundNumbers| {
                let question = group.first + found.question;
                keep_plain(pass, block, question, &found, &mut candidates[question])
            },
        };
        pass.isa.run(scan);
    }
}

/// Offers the rows of a panel that reached the limit; gives the new limit.
#[cold]
fn keep_coded(
    pass: &Pass<'_, '_>,
    block: Block,
    rows: usize,
    question: usize,
    found: &FoundCodes<'_>,
    candidates: &mut Candidates,
) -> f32 {
    let offset = pass.offsets[block.segment][question];
    let asked = &pass.questions[question];
    let mut left = found.rows;
    while left != 0 {
        let row = left.trailing_zeros() as usize;
        left &= left - 1;
        let in_block = found.panel_number * PANEL_ROWS + row;
        if in_block >= rows {
            break;
        }
        let bounds = asked.bounds(offset, found.panel.row(row), found.sums[row]);
        keep(
            pass,
            block,
            block.start + in_block,
            question,
            bounds,
            candidates,
        );
    }
    offset.limit(candidates.threshold())
}

/// Offers a row that reached the limit; gives the new limit.
#[cold]
fn keep_plain(
    pass: &Pass<'_, '_>,
    block: Block,
    question: usize,
    found: &FoundNumbers,
    candidates: &mut Candidates,
) -> f32 {
    let offset = pass.offsets[block.segment][question];
    let width = f64::from(found.width) + offset.margin;
    let bounds = Bounds::around(found.estimate.into(), width);
    keep(
        pass,
        block,
        block.start + found.row,
        question,
        bounds,
        candidates,
    );
    offset.limit(candidates.threshold())
}

fn keep(
    pass: &Pass<'_, '_>,
    block: Block,
    row: usize,
    question: usize,
    bounds: Bounds,
    candidates: &mut Candidates,
) {
    if pass.segments[block.segment].is_live(row) {
        let row = pass.first_rows[block.segment] + row;
        candidates.offer(row, bounds, |row| pass.score(question, row));
    }
}
