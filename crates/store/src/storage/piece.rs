//! Storage as the rest of the crate uses it: errors name the file, files are hashed as they are
//! written.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use ragdex_core::{Sha256, Sha256Hasher};

use super::{Lock, PendingFile, Storage};
use crate::error::Action;
use crate::manifest::FileEntry;
use crate::{Error, KbPath, Result};

/// How many bytes are gathered before they are written.
const WRITE_BUFFER_BYTES: usize = 256 * 1024;

/// A [`Storage`] whose errors name the file.
#[derive(Debug, Clone)]
pub(crate) struct Files(Arc<dyn Storage>);

impl Files {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Self {
        Self(storage)
    }

    pub(crate) fn locate(&self, path: &KbPath) -> PathBuf {
        self.0.locate(path)
    }

    pub(crate) fn create(&self, path: &KbPath) -> Result<PieceWriter> {
        let file = self
            .0
            .create(path)
            .map_err(|e| self.refused(Action::Write, path, e))?;
        Ok(PieceWriter {
            file: BufWriter::with_capacity(WRITE_BUFFER_BYTES, file),
            hasher: Sha256Hasher::default(),
            bytes: 0,
        })
    }

    /// Finishes a file begun by [`Files::create`] and makes its name safe. `named` is the name that the
    /// manifest will give it.
    pub(crate) fn finish(
        &self,
        writer: PieceWriter,
        path: &KbPath,
        named: KbPath,
    ) -> Result<FileEntry> {
        let (bytes, sha256) = writer
            .finish()
            .map_err(|e| self.refused(Action::Write, path, e))?;
        self.sync_folder(&path.folder())?;
        Ok(FileEntry {
            path: named,
            bytes,
            sha256,
        })
    }

    /// Opens a file that need not be there.
    pub(crate) fn open_if_there(&self, path: &KbPath) -> Result<Option<Bytes>> {
        match self.0.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened
                .map(Some)
                .map_err(|e| self.refused(Action::Read, path, e)),
        }
    }

    /// Opens a file and holds its length against what was noted when it was written.
    pub(crate) fn open_entry(&self, entry: &FileEntry, path: &KbPath) -> Result<Bytes> {
        let Some(content) = self.open_if_there(path)? else {
            return Err(Error::Missing {
                path: self.locate(path),
            });
        };
        if content.len() as u64 != entry.bytes {
            return Err(Error::Length {
                path: self.locate(path),
                expected: entry.bytes,
                found: content.len() as u64,
            });
        }
        Ok(content)
    }

    /// Holds every byte of an opened file against its checksum.
    pub(crate) fn check_sum(&self, entry: &FileEntry, path: &KbPath, content: &[u8]) -> Result<()> {
        let found = Sha256::of(content);
        if found == entry.sha256 {
            return Ok(());
        }
        Err(Error::Checksum {
            path: self.locate(path),
            expected: entry.sha256,
            found,
        })
    }

    pub(crate) fn is_there(&self, path: &KbPath) -> Result<bool> {
        match self.0.length(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.refused(Action::Read, path, error)),
        }
    }

    /// The length of a file; 0 when it is not there.
    pub(crate) fn length(&self, path: &KbPath) -> Result<u64> {
        match self.0.length(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            length => length.map_err(|e| self.refused(Action::Read, path, e)),
        }
    }

    pub(crate) fn list(&self, folder: &KbPath) -> Result<Vec<String>> {
        self.0
            .list(folder)
            .map_err(|e| self.refused(Action::List, folder, e))
    }

    pub(crate) fn rename(&self, from: &KbPath, to: &KbPath) -> Result<()> {
        self.0
            .rename(from, to)
            .map_err(|e| self.refused(Action::Rename, from, e))
    }

    pub(crate) fn remove(&self, path: &KbPath) -> Result<()> {
        self.0
            .remove(path)
            .map_err(|e| self.refused(Action::Remove, path, e))
    }

    pub(crate) fn remove_folder(&self, folder: &KbPath) -> Result<()> {
        self.0
            .remove_folder(folder)
            .map_err(|e| self.refused(Action::Remove, folder, e))
    }

    pub(crate) fn sync_folder(&self, folder: &KbPath) -> Result<()> {
        self.0
            .sync_folder(folder)
            .map_err(|e| self.refused(Action::Write, folder, e))
    }

    pub(crate) fn replace(&self, path: &KbPath, content: &[u8]) -> Result<()> {
        self.0
            .replace(path, content)
            .map_err(|e| self.refused(Action::Write, path, e))
    }

    pub(crate) fn lock(&self, path: &KbPath, holder: &[u8]) -> Result<Lock> {
        self.0
            .lock(path, holder)
            .map_err(|e| self.refused(Action::Lock, path, e))
    }

    pub(crate) fn refused(&self, action: Action, path: &KbPath, source: io::Error) -> Error {
        Error::Io {
            action,
            path: self.locate(path),
            source,
        }
    }
}

/// Writes one file, hashing it on the way.
pub(crate) struct PieceWriter {
    file: BufWriter<Box<dyn PendingFile>>,
    hasher: Sha256Hasher,
    bytes: u64,
}

impl PieceWriter {
    fn finish(self) -> io::Result<(u64, Sha256)> {
        let file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.finish()?;
        Ok((self.bytes, self.hasher.finish()))
    }
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
