//! What can go wrong with a knowledge base.

use std::fmt;
use std::io;
use std::path::PathBuf;

use ragdex_core::{Cancelled, Element, PassageId, Sha256};

use crate::writer::Holder;

/// The result of reading or writing a knowledge base.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a knowledge base could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("`{}`: cannot {action}", path.display())]
    Io {
        /// What was tried.
        action: Action,
        /// The file or folder.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// The folder does not exist, or holds no knowledge base.
    #[error("`{}`: not a knowledge base: no file `CURRENT` in it", path.display())]
    NotAKnowledgeBase {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds the first build of a knowledge base, not finished.
    #[error("`{}`: the first build of this knowledge base is not finished", path.display())]
    Unfinished {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is full of something else, so that no knowledge base is begun in it.
    #[error("`{}`: empty folder or {expected} expected, found `{found}`", path.display())]
    ForeignFolder {
        /// The folder.
        path: PathBuf,
        /// What may be there.
        expected: &'static str,
        /// A name in it that is not ours.
        found: String,
    },
    /// Another process writes.
    #[error("`{}`: locked by {holder}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as far as the lock file tells.
        holder: Holder,
    },
    /// The snapshot was written by a later ragdex in a way that this one cannot read.
    #[error("`{}`: format {found} of knowledge bases; this ragdex reads up to {known}", path.display())]
    NewerFormat {
        /// The manifest.
        path: PathBuf,
        /// The format that a reader must know.
        found: u32,
        /// The newest format that this version knows.
        known: u32,
        /// The first ragdex that can read it, as the manifest names it.
        needs: String,
    },
    /// There is no snapshot of that number.
    #[error("`{}`: no snapshot {number}; the newest is {newest}", path.display())]
    NoSuchSnapshot {
        /// The knowledge base.
        path: PathBuf,
        /// The number asked for.
        number: u64,
        /// The current snapshot.
        newest: u64,
    },
    /// A file that the manifest names is not there.
    #[error("`{}`: file named by the manifest is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file is shorter or longer than the manifest says.
    #[error("`{}`: {expected} bytes expected, found {found}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// The length in the manifest.
        expected: u64,
        /// The length on disk.
        found: u64,
    },
    /// The bytes of a file are not those that were written.
    #[error("`{}`: sha256 {expected} expected, found {found}", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The sum in the manifest.
        expected: Sha256,
        /// The sum of the bytes on disk.
        found: Sha256,
    },
    /// A file is no valid file of its kind.
    #[error("`{}`: {expected} expected, found {found}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A JSON file could not be understood.
    #[error("`{}`: not a valid {kind}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the file should be, such as `manifest`.
        kind: &'static str,
        /// Line, column and reason.
        source: serde_json::Error,
    },
    /// A Parquet file could not be read or written.
    #[error("`{}`: not a valid Parquet file", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: parquet::errors::ParquetError,
    },
    /// An Arrow file could not be written.
    #[error("`{}`: cannot write Arrow", path.display())]
    Arrow {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: arrow::error::ArrowError,
    },
    /// The staging folder belongs to another command.
    #[error("`{}`: holds the unfinished work of another command", path.display())]
    OtherPlan {
        /// The staging folder.
        path: PathBuf,
    },
    /// A split folder holds something else than what is to be written.
    #[error("`{}`: holds a split of other sources or with other options (`{found}`)", path.display())]
    OtherSplit {
        /// The folder.
        path: PathBuf,
        /// The manifest that tells of it.
        found: String,
    },
    /// The folder does not exist, or no split made it.
    #[error("`{}`: not a folder of `ragdex split`: no file `split.json` in it", path.display())]
    NotASplit {
        /// The folder.
        path: PathBuf,
    },
    /// A split is under way or was interrupted.
    #[error("`{}`: the split is not finished", path.display())]
    UnfinishedSplit {
        /// The manifest that says so.
        path: PathBuf,
    },
    /// A folder holds vectors that others made otherwise.
    #[error("`{}`: {what} {wanted} expected, found {found}", path.display())]
    OtherEmbeddings {
        /// The manifest of the vectors.
        path: PathBuf,
        /// The setting.
        what: String,
        /// Its value asked for.
        wanted: String,
        /// Its value of the vectors that are there.
        found: String,
    },
    /// A manifest of a split folder cannot be understood.
    #[error("`{}`: not a valid manifest of {kind}", path.display())]
    DamagedSplit {
        /// The manifest.
        path: PathBuf,
        /// What it tells of: `split`, `embeddings`.
        kind: &'static str,
        /// Line, column and reason.
        source: serde_json::Error,
    },
    /// The documents differ from those that the same command read before it was interrupted.
    #[error("`{}`: the source has changed since this part was written (digest {expected} expected, found {found})", path.display())]
    SourceChanged {
        /// The passages file already made.
        path: PathBuf,
        /// The digest of the documents that it was made from.
        expected: Sha256,
        /// The digest of the documents given now.
        found: Sha256,
    },
    /// Vectors of another width or representation than the rest of the knowledge base.
    #[error("`{}`: {expected_dim}-dimensional {expected_element} vectors expected, found {dim}-dimensional {element}", path.display())]
    Dimension {
        /// The embeddings file.
        path: PathBuf,
        /// The width of the other vectors.
        expected_dim: usize,
        /// The representation of the other vectors.
        expected_element: Element,
        /// The width found.
        dim: usize,
        /// The representation found.
        element: Element,
    },
    /// More or fewer vectors than passages.
    #[error("`{}`: {expected} vectors expected, found {found}", path.display())]
    Rows {
        /// The embeddings file.
        path: PathBuf,
        /// The number of passages.
        expected: u64,
        /// The number of vectors.
        found: u64,
    },
    /// A vector holds a number that is infinite or not a number, or does not fit half precision.
    #[error("`{}`: row {row}: finite numbers expected, found {value}", path.display())]
    NotFinite {
        /// The embeddings file.
        path: PathBuf,
        /// The row, from 0.
        row: u64,
        /// The first such number, as it would be stored.
        value: f32,
    },
    /// A part has no embeddings yet, or splitting is not complete.
    #[error("`{}`: not finished, so that nothing can be committed", path.display())]
    Incomplete {
        /// The file that is still to be made.
        path: PathBuf,
    },
    /// No live passage of the snapshot has that id.
    #[error("`{}`: no passage {id} in snapshot {snapshot}", path.display())]
    NoSuchPassage {
        /// The knowledge base.
        path: PathBuf,
        /// The id asked for.
        id: PassageId,
        /// The snapshot asked.
        snapshot: u64,
    },
    /// The caller asked for the work to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Error {
    /// Says what a person can do about it, where there is anything to do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotAKnowledgeBase { .. } => {
                "name the folder given to `ragdex build`, or build one there".into()
            }
            Self::Unfinished { .. } => {
                "run the same `ragdex build` command again; it goes on where it stopped".into()
            }
            Self::ForeignFolder { .. } => {
                "name a new folder, or an empty one".into()
            }
            Self::Locked { .. } => "wait until it is done".into(),
            Self::NewerFormat { needs, .. } => format!("use ragdex {needs} or later"),
            Self::NoSuchSnapshot { .. } => "`ragdex history` lists those that are kept; `ragdex gc` deletes old ones".into(),
            Self::Missing { .. } | Self::Length { .. } | Self::Checksum { .. }
            | Self::Malformed { .. } | Self::Json { .. } | Self::Parquet { .. }
            | Self::Rows { .. } => {
                "the knowledge base is damaged: `ragdex verify` lists every file concerned; copy them \
                 back from a backup, or build anew"
                    .into()
            }
            Self::OtherPlan { .. } => {
                "run that command again to finish it, or discard its work".into()
            }
            Self::OtherSplit { .. } => {
                "name another folder, or replace what is there with `--restart`".into()
            }
            Self::NotASplit { .. } => {
                "name the folder given to `ragdex split` as `-o`, written `--to parquet`".into()
            }
            Self::UnfinishedSplit { .. } => {
                "run the same `ragdex split` again, or wait until it is done".into()
            }
            Self::OtherEmbeddings { .. } => {
                "name the encoder and options that made them, or begin anew with `--restart`".into()
            }
            Self::DamagedSplit { .. } => "replace what is there with `--restart`".into(),
            Self::SourceChanged { .. } => {
                "discard the unfinished work and begin anew with the source as it is now".into()
            }
            Self::Dimension { .. } => {
                "use the encoder pair that the knowledge base was built with, or build a new one".into()
            }
            Self::NotFinite { .. } => {
                "the encoder or the file of vectors is broken; with `--vectors f16`, try `f32`".into()
            }
            Self::Io { source, .. } => return io_hint(source),
            Self::NoSuchPassage { .. } => {
                "name the snapshot that named the passage; `ragdex history` lists those that are kept".into()
            }
            Self::Arrow { .. } | Self::Incomplete { .. } | Self::Cancelled(_) => return None,
        })
    }

    /// Whether the same call may succeed later without a change of input: a full disk, a lock, a stop.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Io { .. } | Self::Locked { .. } | Self::Unfinished { .. } | Self::Cancelled(_)
        )
    }

    pub(crate) fn malformed(
        path: PathBuf,
        expected: impl Into<String>,
        found: impl fmt::Display,
    ) -> Self {
        Self::Malformed {
            path,
            expected: expected.into(),
            found: found.to_string(),
        }
    }
}

fn io_hint(source: &io::Error) -> Option<String> {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free some space and run the same command again; finished pieces are kept".into())
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("check the permissions of the folder".into())
        }
        _ => None,
    }
}

/// What was tried when the operating system refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Opening or reading.
    Read,
    /// Creating, writing or syncing.
    Write,
    /// Giving a file its final name.
    Rename,
    /// Deleting.
    Remove,
    /// Listing a folder.
    List,
    /// Taking the lock.
    Lock,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::List => "list",
            Self::Lock => "lock",
        })
    }
}
