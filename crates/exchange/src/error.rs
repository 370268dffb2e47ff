//! What can go wrong with files of others.

use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("`{}`: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("`{}`: cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is none of the kinds that hold vectors, or of a kind that does not hold them as they are.
    #[error("`{}`: {found} holds no vectors that can be taken over", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// A file contradicts itself or its format.
    #[error("`{}`: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, what was expected, what was found.
        what: String,
    },
    /// A pickle asks for code that is not needed for vectors. Nothing was executed.
    #[error(
        "`{}`: byte {position}: the pickle names `{global}`; only what rebuilds arrays of numbers is accepted",
        path.display()
    )]
    ForbiddenGlobal {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        position: usize,
        /// The class or function.
        global: String,
    },
    /// One row is not usable.
    #[error("`{}`: row {row}: {problem}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The row, from 0.
        row: u64,
        /// What was expected and what was found.
        problem: String,
    },
    /// Files of one set hold vectors of different widths.
    #[error("`{}`: vectors of {expected} numbers expected, found {found}", path.display())]
    Dimension {
        /// The file.
        path: PathBuf,
        /// The width asked for, or that of the files before.
        expected: usize,
        /// The width found.
        found: usize,
    },
}

impl Error {
    pub(crate) fn malformed(path: &Path, what: impl Into<String>) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            what: what.into(),
        }
    }

    pub(crate) fn read(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Read {
            path: path.clone(),
            source,
        }
    }

    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Write {
            path: path.clone(),
            source,
        }
    }

    /// As [`Error::write`], for what the writers of Arrow give.
    pub(crate) fn write_arrow(path: &Path) -> impl Fn(ArrowError) -> Self + use<> {
        let write = Self::write(path);
        move |error| {
            write(match error {
                ArrowError::IoError(_, source) => source,
                other => io::Error::other(other),
            })
        }
    }

    pub(crate) fn row(path: &Path, row: u64, problem: impl Into<String>) -> Self {
        Self::Row {
            path: path.to_owned(),
            row,
            problem: problem.into(),
        }
    }

    /// Whether the file is to blame, so that trying again cannot help.
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Read { .. } | Self::Write { .. })
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Kind { .. } => {
                "vectors are taken from NumPy (.npy), flat FAISS indexes, Parquet and Arrow \
                                  files with a column of lists, and pickled shards of DPR"
                    .into()
            }
            Self::ForbiddenGlobal { .. } => {
                "a file that was not made by DPR may be meant to harm; nothing in it was executed"
                    .into()
            }
            _ => return None,
        })
    }
}
