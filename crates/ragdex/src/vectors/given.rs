//! Files of vectors that are named for a build.

use std::path::PathBuf;

use ragdex_exchange::{Error as RowError, VectorFiles};

use super::{TakenVectors, VectorsOf};
use crate::{Error, GivenEmbeddings, Result};

/// Files of vectors, looked at before anything else is done: hours of reading should not end with one that cannot
/// be read.
#[derive(Debug)]
pub(crate) struct GivenVectors {
    files: Vec<PathBuf>,
    dim: usize,
    len: u64,
}

/// Which records of a source gave passages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RecordRows {
    /// Those that gave none, by number from 0, ascending.
    pub(crate) left_out: Vec<u64>,
    /// How many records there are.
    pub(crate) records: u64,
    /// Whether no record gave more than one.
    pub(crate) one_each: bool,
    /// Whether the source was read to its end.
    pub(crate) is_whole: bool,
}

impl GivenVectors {
    /// Opens the files; the first with a row tells the width.
    ///
    /// # Errors
    /// [`Error::Vectors`] for files that cannot be read, hold no vectors, or such of different widths;
    /// [`Error::VectorCount`] without a row.
    pub(crate) fn open(given: &GivenEmbeddings) -> Result<Self> {
        let widths = given
            .files
            .iter()
            .map(|path| VectorFiles::width(path, &given.column));
        let mut dim = None;
        for width in widths {
            dim = dim.or(width.map_err(Error::Vectors)?);
        }
        let Some(dim) = dim.filter(|dim| *dim > 0) else {
            return Err(Error::VectorCount {
                files: given.files.clone(),
                records: 1,
                passages: 1,
                found: 0,
            });
        };
        let files = VectorFiles::open(&given.files, &given.column, dim).map_err(Error::Vectors)?;
        Ok(Self {
            files: given.files.clone(),
            dim,
            len: files.len(),
        })
    }

    /// The width of the vectors.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Checks that the vectors are as wide as those of an encoder.
    ///
    /// # Errors
    /// [`Error::Vectors`].
    pub(crate) fn check_width(&self, expected: usize) -> Result<()> {
        if self.dim == expected {
            return Ok(());
        }
        Err(Error::Vectors(RowError::Dimension {
            path: self.files.first().cloned().unwrap_or_default(),
            expected,
            found: self.dim,
        }))
    }

    /// Settles which row belongs to which passage: rows stand for the records of the source where there are as
    /// many of them and each gave one passage at most, else for the passages. Where reading stopped at a limit,
    /// further rows may follow.
    ///
    /// # Errors
    /// [`Error::VectorCount`] when there are neither as many rows as records nor as passages.
    pub(crate) fn taken(&self, rows: RecordRows, passages: u64) -> Result<TakenVectors> {
        let fits = |n: u64| self.len == n || !rows.is_whole && self.len > n;
        let left_out = if rows.one_each && fits(rows.records) {
            rows.left_out
        } else if fits(passages) {
            Vec::new()
        } else {
            return Err(Error::VectorCount {
                files: self.files.clone(),
                records: rows.records,
                passages,
                found: self.len,
            });
        };
        Ok(TakenVectors {
            of: VectorsOf::Files,
            files: self.files.clone(),
            left_out,
            is_whole: rows.is_whole,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(len: u64) -> GivenVectors {
        GivenVectors {
            files: vec!["v.npy".into()],
            dim: 2,
            len,
        }
    }

    fn rows(left_out: &[u64], records: u64, one_each: bool, is_whole: bool) -> RecordRows {
        RecordRows {
            left_out: left_out.to_vec(),
            records,
            one_each,
            is_whole,
        }
    }

    #[test]
    fn rows_stand_for_records_or_for_passages_by_their_number() {
        let by_record = given(6).taken(rows(&[1, 4], 6, true, true), 4).unwrap();
        assert_eq!(by_record.left_out, [1, 4]);
        let by_passage = given(4).taken(rows(&[1, 4], 6, true, true), 4).unwrap();
        assert!(by_passage.left_out.is_empty());
        // Two of three records gave two passages each.
        let cut = given(4).taken(rows(&[1], 3, false, true), 4).unwrap();
        assert!(cut.left_out.is_empty());
        for wrong in [3, 5, 7] {
            let error = given(wrong).taken(rows(&[1, 4], 6, true, true), 4);
            assert!(matches!(error, Err(Error::VectorCount { .. })), "{wrong}");
        }
        let error = given(3).taken(rows(&[1], 3, false, true), 4);
        assert!(matches!(error, Err(Error::VectorCount { .. })));
    }

    #[test]
    fn behind_a_limit_there_may_be_more_rows() {
        let by_record = given(90).taken(rows(&[1], 6, true, false), 5).unwrap();
        assert_eq!(by_record.left_out, [1]);
        assert!(!by_record.is_whole);
        assert!(given(4).taken(rows(&[1], 6, true, false), 5).is_err());
    }
}
