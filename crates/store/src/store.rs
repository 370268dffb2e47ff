//! A knowledge base as a place: which snapshots it holds, and the way to write another.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Action;
use crate::manifest::{FileEntry, Manifest};
use crate::storage::{Files, FolderStorage, Storage};
use crate::{Error, KbPath, Result, Snapshot, Writer, names};

/// How often a reader looks again when the snapshot that it was opening has been deleted meanwhile.
const OPEN_ATTEMPTS: usize = 10;

/// A knowledge base: a folder of immutable files, and the name of the current snapshot.
///
/// Reading takes no lock and works on read-only media. A [`Snapshot`] once opened stays as it is,
/// whatever writers do.
#[derive(Debug, Clone)]
pub struct Store {
    files: Files,
}

impl Store {
    /// Opens a knowledge base for reading.
    ///
    /// # Errors
    /// [`Error::NotAKnowledgeBase`], or [`Error::Unfinished`] when its first build was interrupted.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let storage = FolderStorage::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::NotAKnowledgeBase {
                path: path.to_owned(),
            },
            _ => Error::Io {
                action: Action::Read,
                path: path.to_owned(),
                source,
            },
        })?;
        let store = Self::with_storage(Arc::new(storage));
        store.current_number()?;
        Ok(store)
    }

    /// Opens a knowledge base, or begins one in a folder that is new or empty.
    ///
    /// # Errors
    /// [`Error::ForeignFolder`] when the folder holds something else.
    pub fn create_or_open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let storage = FolderStorage::create(path).map_err(|source| Error::Io {
            action: Action::Write,
            path: path.to_owned(),
            source,
        })?;
        let store = Self::with_storage(Arc::new(storage));
        store.refuse_foreign_files()?;
        Ok(store)
    }

    /// Uses another storage than a folder.
    pub fn with_storage(storage: Arc<dyn Storage>) -> Self {
        Self {
            files: Files::new(storage),
        }
    }

    /// The folder, for messages.
    pub fn path(&self) -> PathBuf {
        self.files.locate(&KbPath::ROOT)
    }

    /// Opens the current snapshot.
    ///
    /// # Errors
    /// [`Error::NotAKnowledgeBase`], [`Error::Unfinished`], and those of [`Store::snapshot`].
    pub fn current(&self) -> Result<Snapshot> {
        let mut number = self.current_number()?;
        for _ in 1..OPEN_ATTEMPTS {
            match Snapshot::open(self.files.clone(), number) {
                // Between reading its name and opening its files, a newer snapshot may have been
                // committed and this one collected.
                Err(Error::Missing { .. }) if self.current_number()? != number => {
                    number = self.current_number()?;
                }
                opened => return opened,
            }
        }
        Snapshot::open(self.files.clone(), number)
    }

    /// Opens a snapshot by its number.
    ///
    /// Every file is opened and its length checked, and every byte of the deletions. Tables of documents and
    /// passages of up to 64 MiB are held against their checksums when they are first used; the rest is left to
    /// [`Snapshot::check_embeddings`] and [`Snapshot::verify`].
    ///
    /// # Errors
    /// [`Error::NoSuchSnapshot`], [`Error::NewerFormat`], and what a damaged file gives:
    /// [`Error::Missing`], [`Error::Length`], [`Error::Checksum`], [`Error::Json`], [`Error::Malformed`].
    pub fn snapshot(&self, number: u64) -> Result<Snapshot> {
        if !self.snapshots()?.contains(&number) {
            return Err(Error::NoSuchSnapshot {
                path: self.path(),
                number,
                newest: self.current_number()?,
            });
        }
        Snapshot::open(self.files.clone(), number)
    }

    /// The number of the current snapshot.
    ///
    /// # Errors
    /// [`Error::NotAKnowledgeBase`] and [`Error::Unfinished`].
    pub fn current_number(&self) -> Result<u64> {
        match self.find_current()? {
            Some(number) => Ok(number),
            None if self.files.is_there(&names::staged(names::PLAN))? => {
                Err(Error::Unfinished { path: self.path() })
            }
            None => Err(Error::NotAKnowledgeBase { path: self.path() }),
        }
    }

    /// The numbers of the snapshots kept, ascending; the last is the current one.
    ///
    /// A manifest with a higher number than the current one was left by a commit that was interrupted;
    /// it is no snapshot.
    pub fn snapshots(&self) -> Result<Vec<u64>> {
        let current = self.current_number()?;
        let names = self.files.list(&KbPath::known(names::SNAPSHOTS))?;
        let numbers = names
            .iter()
            .filter_map(|name| names::parse_number(name.strip_suffix(".json")?));
        let mut numbers: Vec<u64> = numbers.filter(|number| *number <= current).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Reads the manifest of a snapshot without opening its files.
    ///
    /// # Errors
    /// As [`Store::snapshot`].
    pub fn manifest(&self, number: u64) -> Result<Manifest> {
        read_manifest(&self.files, number)
    }

    /// Finds the files of a snapshot that are missing or have another length: what keeps it from being opened.
    ///
    /// # Errors
    /// As [`Store::manifest`].
    pub fn missing_files(&self, number: u64) -> Result<Vec<Error>> {
        let manifest = read_manifest(&self.files, number)?;
        let problem = |file: &FileEntry| self.files.open_entry(file, &file.path).err();
        Ok(manifest.files().filter_map(problem).collect())
    }

    /// Becomes the only writer until the [`Writer`] is dropped. `command` is told to others who try.
    ///
    /// # Errors
    /// [`Error::Locked`] while another process, or another writer of this one, is at work.
    pub fn writer(&self, command: &str) -> Result<Writer> {
        Writer::begin(self.clone(), command)
    }

    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// The number of the current snapshot, if there is one.
    pub(crate) fn find_current(&self) -> Result<Option<u64>> {
        let path = names::current();
        let Some(content) = self.files.open_if_there(&path)? else {
            return Ok(None);
        };
        match names::parse_current(&content) {
            Some(number) => Ok(Some(number)),
            None => Err(Error::malformed(
                self.files.locate(&path),
                "number of a snapshot",
                "something else",
            )),
        }
    }

    fn refuse_foreign_files(&self) -> Result<()> {
        if self.find_current()?.is_some() {
            return Ok(());
        }
        let names = self.files.list(&KbPath::ROOT)?;
        let foreign = names
            .into_iter()
            .find(|name| !names::TOP_LEVEL.contains(&name.as_str()));
        match foreign {
            None => Ok(()),
            Some(found) => Err(Error::ForeignFolder {
                path: self.path(),
                expected: "knowledge base",
                found,
            }),
        }
    }
}

/// Reads and checks the manifest of a snapshot.
pub(crate) fn read_manifest(files: &Files, number: u64) -> Result<Manifest> {
    let path = names::snapshot(number);
    let Some(content) = files.open_if_there(&path)? else {
        return Err(Error::Missing {
            path: files.locate(&path),
        });
    };
    let manifest = Manifest::parse(&content, files.locate(&path))?;
    if manifest.snapshot != number {
        return Err(Error::malformed(
            files.locate(&path),
            format!("manifest of snapshot {number}"),
            format!("that of snapshot {}", manifest.snapshot),
        ));
    }
    Ok(manifest)
}
