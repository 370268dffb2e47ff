//! The right to write, held by one process at a time.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::manifest::Manifest;
use crate::staging::{Plan, Staging};
use crate::storage::{Files, Lock};
use crate::store::read_manifest;
use crate::timestamp::rfc3339;
use crate::{Error, Result, Snapshot, Store, names};

/// The only writer of a knowledge base, as long as it lives.
///
/// Writing goes in two phases: [`stage`](Self::stage) gathers finished pieces in a folder that no
/// reader looks into, [`Prepared::commit`](crate::Prepared::commit) makes them the next snapshot.
/// Dropping the writer at any point leaves the current snapshot as it is, and the pieces for the same
/// command to go on with.
pub struct Writer {
    store: Store,
    base: Option<Manifest>,
    /// Frees the lock when dropped.
    _lock: Box<dyn Send + Sync>,
}

impl Writer {
    pub(crate) fn begin(store: Store, command: &str) -> Result<Self> {
        let files = store.files();
        let holder = Holder::this_process(command);
        let path = names::lock();
        let lock = match files.lock(&path, &holder.to_json())? {
            Lock::Taken(lock) => lock,
            Lock::Held(note) => {
                return Err(Error::Locked {
                    path: files.locate(&path),
                    holder: serde_json::from_slice(&note).unwrap_or_default(),
                });
            }
        };
        let base = match store.find_current()? {
            Some(number) => Some(read_manifest(files, number)?),
            None => None,
        };
        let writer = Self {
            store,
            base,
            _lock: lock,
        };
        writer.remove_committed_staging()?;
        Ok(writer)
    }

    /// The manifest of the current snapshot, which the next one is made from.
    pub fn base(&self) -> Option<&Manifest> {
        self.base.as_ref()
    }

    /// Opens the current snapshot if it was made by this very plan: the command was interrupted after
    /// its commit, and nothing is left to do.
    ///
    /// # Errors
    /// As [`Store::snapshot`].
    pub fn committed(&self, plan: &Value) -> Result<Option<Snapshot>> {
        match &self.base {
            Some(base) if base.plan == Plan::hash(plan) => {
                Snapshot::open(self.files().clone(), base.snapshot).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Begins the next snapshot, or goes on with it.
    ///
    /// `plan` says everything that decides the result: command, options, source with its size or
    /// checksum, models. Pieces that were finished under an equal plan are checked, kept and not
    /// made again; a piece that does not check is made anew.
    ///
    /// # Errors
    /// [`Error::OtherPlan`] when pieces of another plan are there: see [`Writer::discard`].
    pub fn stage(&mut self, plan: &Value) -> Result<Staging<'_>> {
        Staging::open(self, plan)
    }

    /// Deletes what an unfinished command left.
    pub fn discard(&mut self) -> Result<()> {
        remove_staging(self.files())
    }

    /// The knowledge base that is written.
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn files(&self) -> &Files {
        self.store.files()
    }

    /// What is not for the next snapshot: staging that was committed, or only half deleted.
    fn remove_committed_staging(&self) -> Result<()> {
        let base = self.base.as_ref().map(|base| base.snapshot);
        match Plan::read(self.files())? {
            Some(plan) if plan.base == base => Ok(()),
            None if self.files().list(&names::staging())?.is_empty() => Ok(()),
            _ => remove_staging(self.files()),
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// The plan goes first: without it, what is left of the folder is nobody's.
pub(crate) fn remove_staging(files: &Files) -> Result<()> {
    if files.is_there(&names::staged(names::PLAN))? {
        files.remove(&names::staged(names::PLAN))?;
        files.sync_folder(&names::staging())?;
    }
    files.remove_folder(&names::staging())
}

/// Who holds the lock of a knowledge base.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The number of the process.
    pub pid: u32,
    /// The command it runs.
    pub command: String,
    /// When it took the lock: RFC 3339, UTC.
    pub since: String,
}

impl Holder {
    pub(crate) fn this_process(command: &str) -> Self {
        Self {
            pid: std::process::id(),
            command: command.to_owned(),
            since: rfc3339(SystemTime::now()),
        }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers")
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == 0 {
            return f.write_str("another process");
        }
        let command = self.command.escape_debug();
        write!(
            f,
            "`{command}`, process {} since {}",
            self.pid,
            self.since.escape_debug()
        )
    }
}
