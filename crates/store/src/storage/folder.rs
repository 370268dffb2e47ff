//! A knowledge base in a folder of the local file system.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::{Lock, PendingFile, Storage, TEMPORARY_SUFFIX, map};
use crate::KbPath;

/// Files shorter than this are read, not mapped: mapping costs more than copying a few pages.
const MAP_FROM_BYTES: u64 = 64 * 1024;

/// The longest note that is read from the file of a lock, in bytes.
const MAX_HOLDER_BYTES: u64 = 4096;

/// [`Storage`] in a folder of the local file system.
///
/// Locks are the operating system's advisory locks; on network file systems they hold as far as
/// that system keeps its word.
#[derive(Debug, Clone)]
pub struct FolderStorage {
    /// As the caller wrote it: for messages.
    root: PathBuf,
    /// With every symbolic link resolved: what no file may lie outside of.
    real_root: PathBuf,
}

impl FolderStorage {
    /// Opens a folder that exists.
    ///
    /// # Errors
    /// `NotFound` when it does not exist, `NotADirectory` when it is a file.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        let real_root = fs::canonicalize(&root)?;
        if !real_root.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { root, real_root })
    }

    /// Opens a folder, making it and those above it when they do not exist.
    pub fn create(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        if !root.is_dir() {
            fs::create_dir_all(&root)?;
            if let Some(above) = fs::canonicalize(&root)?.parent() {
                sync_names(above)?;
            }
        }
        Self::open(root)
    }

    /// The path on disk, once it is sure that no symbolic link on the way leads outside.
    fn inside(&self, path: &KbPath) -> io::Result<PathBuf> {
        let mut place = self.real_root.clone();
        for name in path.as_str().split('/').filter(|name| !name.is_empty()) {
            place.push(name);
            match fs::symlink_metadata(&place) {
                Ok(metadata) if metadata.is_symlink() => self.check_link(&place)?,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(place)
    }

    fn check_link(&self, link: &Path) -> io::Result<()> {
        if fs::canonicalize(link)?.starts_with(&self.real_root) {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "symbolic link out of the knowledge base",
        ))
    }

    fn inside_made(&self, path: &KbPath) -> io::Result<PathBuf> {
        let place = self.inside(path)?;
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(place)
    }
}

impl Storage for FolderStorage {
    fn locate(&self, path: &KbPath) -> PathBuf {
        if *path == KbPath::ROOT {
            return self.root.clone();
        }
        self.root.join(path.as_str())
    }

    fn create(&self, path: &KbPath) -> io::Result<Box<dyn PendingFile>> {
        let place = self.inside_made(path)?;
        Ok(Box::new(TemporaryFile::create(place)?))
    }

    fn open(&self, path: &KbPath) -> io::Result<Bytes> {
        let mut file = File::open(self.inside(path)?)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        if metadata.len() >= MAP_FROM_BYTES {
            return map::map(&file);
        }
        let mut content = Vec::with_capacity(metadata.len() as usize);
        (&mut file).take(MAP_FROM_BYTES).read_to_end(&mut content)?;
        Ok(content.into())
    }

    fn length(&self, path: &KbPath) -> io::Result<u64> {
        Ok(fs::metadata(self.inside(path)?)?.len())
    }

    fn list(&self, folder: &KbPath) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.inside(folder)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.retain(|name| !name.ends_with(TEMPORARY_SUFFIX));
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &KbPath, to: &KbPath) -> io::Result<()> {
        fs::rename(self.inside(from)?, self.inside_made(to)?)
    }

    fn remove(&self, path: &KbPath) -> io::Result<()> {
        ignore_missing(fs::remove_file(self.inside(path)?))
    }

    fn remove_folder(&self, folder: &KbPath) -> io::Result<()> {
        ignore_missing(fs::remove_dir_all(self.inside(folder)?))
    }

    fn sync_folder(&self, folder: &KbPath) -> io::Result<()> {
        let place = self.inside(folder)?;
        for folder in place.ancestors() {
            if !folder.starts_with(&self.real_root) {
                break;
            }
            ignore_missing(sync_names(folder))?;
        }
        Ok(())
    }

    fn replace(&self, path: &KbPath, content: &[u8]) -> io::Result<()> {
        let mut file = self.create(path)?;
        file.write_all(content)?;
        file.finish()?;
        self.sync_folder(&path.folder())
    }

    fn lock(&self, path: &KbPath, holder: &[u8]) -> io::Result<Lock> {
        let place = self.inside_made(path)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(place)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                file.write_all(holder)?;
                Ok(Lock::Taken(Box::new(LockFile(file))))
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = Vec::new();
                file.rewind()?;
                file.take(MAX_HOLDER_BYTES).read_to_end(&mut holder)?;
                Ok(Lock::Held(holder))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Syncs the entries of a folder, where the system has such a call.
fn sync_names(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// A lock that forgets its holder when freed.
struct LockFile(File);

impl Drop for LockFile {
    fn drop(&mut self) {
        // A stale note would mislead nobody: it is read only while somebody holds the lock.
        let _ = self.0.set_len(0);
    }
}

/// A file under its temporary name.
struct TemporaryFile {
    file: File,
    temporary: PathBuf,
    place: PathBuf,
    finished: bool,
}

impl TemporaryFile {
    fn create(place: PathBuf) -> io::Result<Self> {
        let mut temporary = place.clone().into_os_string();
        temporary.push(TEMPORARY_SUFFIX);
        let temporary = PathBuf::from(temporary);
        // Removed first and made new: a leftover could be a symbolic link to somewhere else.
        ignore_missing(fs::remove_file(&temporary))?;
        let file = File::create_new(&temporary)?;
        Ok(Self {
            file,
            temporary,
            place,
            finished: false,
        })
    }
}

impl Write for TemporaryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl PendingFile for TemporaryFile {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.place)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.finished {
            // Best effort: what stays is overwritten by the next write of that name.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
