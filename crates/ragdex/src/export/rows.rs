//! The live rows of a snapshot, a thousand at a time.

use half::f16;
use ragdex_core::{Element, PassageId, Rows, Vectors};
use ragdex_store::{DocumentRecord, PartEmbeddings, PassageRecord, RowIds, Snapshot};

use crate::{Error, Result};

/// What `datasets` writes in one batch, and suits those who read.
const BATCH_ROWS: usize = 1000;

/// Numbers in the form in which they are stored.
#[derive(Debug)]
enum Numbers {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

/// Some passages in the order of their ids, with their vectors.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) ids: Vec<PassageId>,
    /// Empty when no text is wanted.
    pub(super) passages: Vec<PassageRecord>,
    /// One for each passage.
    pub(super) documents: Vec<DocumentRecord>,
    numbers: Numbers,
    dim: usize,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn vectors(&self) -> Vectors<'_> {
        let rows = match &self.numbers {
            Numbers::F32(numbers) => Rows::F32(numbers),
            Numbers::F16(numbers) => Rows::F16(numbers),
        };
        Vectors::new(rows, self.dim).expect("whole rows")
    }
}

/// Draws batches.
pub(super) struct Batches<'s> {
    snapshot: &'s Snapshot,
    parts: Vec<PartEmbeddings>,
    element: Element,
    dim: usize,
    with_text: bool,
    part: usize,
    /// The next row of the part, deleted ones included.
    row: usize,
}

impl<'s> Batches<'s> {
    /// Begins at the first passage; `with_text` reads passages and documents too.
    pub(super) fn new(snapshot: &'s Snapshot, with_text: bool) -> Result<Self> {
        let shape = snapshot.manifest().embedding;
        let shape = shape.ok_or_else(|| Error::NoVectors {
            snapshot: snapshot.number(),
        })?;
        Ok(Self {
            snapshot,
            parts: snapshot.embeddings()?,
            element: shape.element,
            dim: shape.dim,
            with_text,
            part: 0,
            row: 0,
        })
    }

    /// The next batch; `None` behind the last passage. A batch never spans parts.
    pub(super) fn next(&mut self) -> Result<Option<Batch>> {
        let mut ids = Vec::with_capacity(BATCH_ROWS);
        let mut numbers = match self.element {
            Element::F32 => Numbers::F32(Vec::with_capacity(BATCH_ROWS * self.dim)),
            Element::F16 => Numbers::F16(Vec::with_capacity(BATCH_ROWS * self.dim)),
        };
        while ids.is_empty() {
            let Some(part) = self.parts.get(self.part) else {
                return Ok(None);
            };
            self.row = take_rows(part, self.row, &mut ids, &mut numbers);
            if self.row == part_len(part) {
                self.part += 1;
                self.row = 0;
            }
        }
        let (passages, documents) = if self.with_text {
            let documents = self.snapshot.documents_of(&ids)?;
            (self.snapshot.passages(&ids)?, documents)
        } else {
            (Vec::new(), Vec::new())
        };
        Ok(Some(Batch {
            ids,
            passages,
            documents,
            numbers,
            dim: self.dim,
        }))
    }
}

fn part_len(part: &PartEmbeddings) -> usize {
    part.blocks().map(|block| block.len()).sum()
}

/// Takes live rows from row `start` on until the batch is full or the part ends; gives the row after the last one
/// looked at.
fn take_rows(
    part: &PartEmbeddings,
    start: usize,
    ids: &mut Vec<PassageId>,
    numbers: &mut Numbers,
) -> usize {
    let mut first = 0;
    for block in part.blocks() {
        let end = first + block.len();
        for row in start.max(first)..end {
            if ids.len() == BATCH_ROWS {
                return row;
            }
            if part.deleted().is_some_and(|mask| mask.is_deleted(row)) {
                continue;
            }
            ids.push(match part.ids() {
                RowIds::Contiguous { first } => PassageId(first + row as u64),
                RowIds::Listed(ids) => PassageId(ids[row]),
            });
            push_row(block, row - first, numbers);
        }
        first = end;
    }
    first
}

fn push_row(block: Vectors<'_>, row: usize, numbers: &mut Numbers) {
    let range = row * block.dim()..(row + 1) * block.dim();
    match (block.rows(), numbers) {
        (Rows::F32(from), Numbers::F32(to)) => to.extend_from_slice(&from[range]),
        (Rows::F16(from), Numbers::F16(to)) => to.extend_from_slice(&from[range]),
        (Rows::F32(from), Numbers::F16(to)) => {
            to.extend(from[range].iter().map(|number| f16::from_f32(*number)));
        }
        (Rows::F16(from), Numbers::F32(to)) => {
            to.extend(from[range].iter().map(|number| number.to_f32()));
        }
    }
}
