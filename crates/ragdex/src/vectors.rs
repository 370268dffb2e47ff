//! Vectors that exist already: a column of Parquet sources, files of others, or the files of `embed`.
//!
//! * [`GivenVectors`] are files named for a build; which of their rows belongs to which passage is settled when
//!   the source is read ([`GivenVectors::taken`]).
//! * [`TakenVectors`] is what was settled, kept in the staging area; [`OpenVectors`] reads it.
//! * [`TakeOver`] writes the vectors of parts.

mod given;
mod split_rows;
mod take_over;

use std::path::PathBuf;

use half::f16;
use ragdex_core::Element;
use ragdex_exchange::{Error as RowError, VectorFiles, VectorRow, VectorRows};
use ragdex_store::{EmbeddingShape, PassageRecord};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

pub(crate) use given::{GivenVectors, RecordRows};
use split_rows::SplitRows;
pub(crate) use take_over::TakeOver;

/// Vectors that are taken over instead of embedding passages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakenVectors {
    /// What holds them.
    #[serde(default)]
    pub(crate) of: VectorsOf,
    /// The files, or the split folders, in order.
    pub(crate) files: Vec<PathBuf>,
    /// Rows that gave no passage, counted over all files from 0, ascending.
    pub(crate) left_out: Vec<u64>,
    /// Whether the source was read to its end, so that no row is behind the last passage.
    pub(crate) is_whole: bool,
}

/// What holds vectors that are taken over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum VectorsOf {
    /// A column of the Parquet files of the source.
    #[default]
    Column,
    /// Files beside the source.
    Files,
    /// The `embeddings` of split folders.
    Split,
}

impl TakenVectors {
    /// Opens what holds the vectors; `column` names the column of Parquet and Arrow files.
    ///
    /// # Errors
    /// [`Error::Vectors`] for files that cannot be read, hold no vectors, or such of another width.
    pub(crate) fn open(&self, column: &str, shape: EmbeddingShape) -> Result<OpenVectors<'_>> {
        let files = match self.of {
            VectorsOf::Split => None,
            VectorsOf::Column | VectorsOf::Files => {
                let files = VectorFiles::open(&self.files, column, shape.dim);
                Some(files.map_err(Error::Vectors)?)
            }
        };
        Ok(OpenVectors {
            taken: self,
            files,
            shape,
        })
    }
}

/// Vectors that are taken over, open for reading from any passage on.
pub(crate) struct OpenVectors<'a> {
    taken: &'a TakenVectors,
    /// `None` for split folders.
    files: Option<VectorFiles>,
    shape: EmbeddingShape,
}

impl OpenVectors<'_> {
    /// Begins at the vector of passage `n`, counted from 0.
    ///
    /// # Errors
    /// What reading gives.
    pub(crate) fn starting_at(&self, n: u64) -> Result<PassageVectors<'_>> {
        let left_out = &self.taken.left_out;
        let row = row_of(n, left_out);
        let before = left_out.partition_point(|left_out| *left_out < row);
        let rows = match &self.files {
            Some(files) => {
                let rows = files.starting_at(row).map_err(Error::Vectors)?;
                Rows::Files(Box::new(rows))
            }
            None => Rows::Split(SplitRows::open(&self.taken.files, self.shape.dim, row)?),
        };
        Ok(PassageVectors {
            rows,
            left_out: &left_out[before..],
            row,
            passage: n,
            element: self.shape.element,
        })
    }

    /// Whether rows have ids, which must be those of their passages.
    pub(crate) fn has_ids(&self) -> bool {
        self.files.as_ref().is_some_and(VectorFiles::has_ids)
    }
}

/// Streams the vectors of passages, passing over rows that gave none.
pub(crate) struct PassageVectors<'a> {
    rows: Rows<'a>,
    left_out: &'a [u64],
    /// The next row.
    row: u64,
    /// The next passage.
    passage: u64,
    element: Element,
}

/// Vectors by row.
enum Rows<'a> {
    Files(Box<VectorRows<'a>>),
    Split(SplitRows),
}

impl Rows<'_> {
    fn skip(&mut self) -> Result<bool> {
        match self {
            Self::Files(rows) => rows.skip().map_err(Error::Vectors),
            Self::Split(rows) => rows.next(|_| ()),
        }
    }
}

impl PassageVectors<'_> {
    /// The passage whose vector comes next.
    pub(crate) fn passage(&self) -> u64 {
        self.passage
    }

    /// Adds the vector of the next passage to `vector`; `false` behind the last row. With `named` the row's id,
    /// where it has one, must be that of this passage.
    ///
    /// # Errors
    /// [`Error::Vectors`] naming file and row: no vector, one of another width, a number that is not finite
    /// or will not be as it is stored, an id of another passage.
    pub(crate) fn next_into(
        &mut self,
        named: Option<&PassageRecord>,
        vector: &mut Vec<f32>,
    ) -> Result<bool> {
        while let Some((row, rest)) = self.left_out.split_first()
            && *row == self.row
        {
            self.left_out = rest;
            self.row += 1;
            self.rows.skip()?;
        }
        self.row += 1;
        self.passage += 1;
        let rows = match &mut self.rows {
            Rows::Split(rows) => return rows.next(|numbers| vector.extend(numbers)),
            Rows::Files(rows) => rows,
        };
        let Some(row) = rows.next().map_err(Error::Vectors)? else {
            return Ok(false);
        };
        if self.element == Element::F16 {
            check_half(&row)?;
        }
        if let Some(named) = named {
            check_id(&row, named)?;
        }
        vector.extend_from_slice(row.vector);
        Ok(true)
    }
}

/// Refuses numbers that half precision does not reach.
fn check_half(row: &VectorRow<'_>) -> Result<()> {
    let too_large = |number: &&f32| !f16::from_f32(**number).is_finite();
    match row.vector.iter().find(too_large) {
        None => Ok(()),
        Some(number) => Err(problem(
            row,
            format!(
                "numbers up to {} expected for `f16`, found {number}",
                f16::MAX
            ),
        )),
    }
}

/// Refuses a row whose id is neither the key of the passage's document, alone or behind a prefix as DPR's
/// `wiki:`, nor the number of the passage.
fn check_id(row: &VectorRow<'_>, passage: &PassageRecord) -> Result<()> {
    let Some(id) = &row.id else {
        return Ok(());
    };
    let key = &passage.document;
    let is_prefixed = || {
        let prefix = id.strip_suffix(key.as_str());
        prefix.is_some_and(|prefix| prefix.ends_with(':'))
    };
    if id == key || is_prefixed() || *id == passage.id.0.to_string() {
        return Ok(());
    }
    let found = id.escape_debug();
    let expected = format!("the id `{}` expected, found `{found}`", key.escape_debug());
    Err(problem(row, expected))
}

fn problem(row: &VectorRow<'_>, problem: String) -> Error {
    Error::Vectors(RowError::Row {
        path: row.path.to_owned(),
        row: row.row,
        problem,
    })
}

/// The row of the `n`-th passage, when the rows `left_out` (ascending) gave none.
fn row_of(n: u64, left_out: &[u64]) -> u64 {
    let mut row = n;
    for skipped in left_out {
        if *skipped > row {
            break;
        }
        row += 1;
    }
    row
}

#[cfg(test)]
mod tests;
