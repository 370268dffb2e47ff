//! The folder of one model in the cache: `blobs`, `refs`, `snapshots`, and the locks beside it.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ragdex_core::{Cancel, Reporter};

use crate::name::is_commit;
use crate::patience::sleep;
use crate::{Error, ModelName};

/// How often a lock that another program holds is tried.
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// Where the files of a model lie.
#[derive(Debug, Clone)]
pub(crate) struct ModelFolder {
    root: PathBuf,
    locks: PathBuf,
}

impl ModelFolder {
    pub(crate) fn new(cache: &Path, name: &ModelName) -> Self {
        let folder = name.folder();
        Self {
            locks: cache.join(".locks").join(&folder),
            root: cache.join(folder),
        }
    }

    /// The folder of a commit.
    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.root.join("snapshots").join(commit)
    }

    /// The content with a checksum.
    pub(crate) fn blob(&self, checksum: &str) -> PathBuf {
        self.root.join("blobs").join(checksum)
    }

    /// The same while it comes.
    pub(crate) fn incomplete(&self, checksum: &str) -> PathBuf {
        self.root
            .join("blobs")
            .join(format!("{checksum}.incomplete"))
    }

    /// The commit of a revision as it was last fetched; `None` when it never was.
    pub(crate) fn commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return Some(revision.to_ascii_lowercase());
        }
        let commit = fs::read_to_string(self.root.join("refs").join(revision)).ok()?;
        let commit = commit.trim();
        is_commit(commit).then(|| commit.to_owned())
    }

    /// The revisions that lead to each commit.
    pub(crate) fn revisions(&self) -> Vec<(String, String)> {
        let root = self.root.join("refs");
        let mut found = Vec::new();
        let mut pending = vec![root.clone()];
        while let Some(folder) = pending.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    pending.push(path);
                    continue;
                }
                let revision = path.strip_prefix(&root).ok().and_then(Path::to_str);
                let revision = revision.map(|text| text.replace('\\', "/"));
                let commit = revision.as_deref().and_then(|name| self.commit(name));
                found.extend(revision.zip(commit));
            }
        }
        found.sort();
        found
    }

    /// The commits that are there, whole or not, in the order of their names.
    pub(crate) fn commits(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.join("snapshots"));
        let names = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name());
        let names = names.filter_map(|name| name.into_string().ok());
        let mut commits: Vec<String> = names.filter(|name| is_commit(name)).collect();
        commits.sort();
        commits
    }

    /// Remembers the commit of a revision.
    pub(crate) fn set_commit(&self, revision: &str, commit: &str) -> Result<(), Error> {
        if is_commit(revision) || self.commit(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.root.join("refs").join(revision);
        replace(&path, commit.as_bytes())
    }

    /// Puts a content under its name into the folder of a commit: as a relative link, which stays right
    /// when the cache is moved, or as a copy where links are not to be had.
    pub(crate) fn link(&self, commit: &str, name: &str, checksum: &str) -> Result<(), Error> {
        let path = self.snapshot(commit).join(name);
        let blob = self.blob(checksum);
        if same_file(&path, &blob) {
            return Ok(());
        }
        create_parent(&path)?;
        let up = "../".repeat(name.split('/').count() + 1);
        let new = path.with_extension(format!("new-{}", std::process::id()));
        let _ = fs::remove_file(&new);
        let made = link_or_copy(Path::new(&format!("{up}blobs/{checksum}")), &blob, &new);
        made.map_err(Error::writing(&new))?;
        fs::rename(&new, &path).map_err(Error::writing(&path))
    }

    /// Waits until no other program fetches this content; the lock lasts as long as the file is held.
    /// Python's programs take the same one.
    pub(crate) fn lock(
        &self,
        checksum: &str,
        name: &str,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> Result<File, Error> {
        let path = self.locks.join(format!("{checksum}.lock"));
        create_parent(&path)?;
        let opened = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = opened.map_err(Error::writing(&path))?;
        let mut is_told = false;
        loop {
            match file.try_lock() {
                // Some network file systems have no locks: then names are all that protects.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
                Err(TryLockError::WouldBlock) if !is_told => {
                    is_told = true;
                    reporter.note(&format!(
                        "waiting for another program that downloads {name}"
                    ));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            sleep(LOCK_PAUSE, cancel)?;
        }
    }
}

/// Makes the folders above a file.
pub(crate) fn create_parent(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent).map_err(Error::writing(parent)),
        None => Ok(()),
    }
}

/// Writes a small file whole or not at all.
fn replace(path: &Path, content: &[u8]) -> Result<(), Error> {
    create_parent(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(Error::writing(path))
}

fn same_file(path: &Path, blob: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().ok();
    let blob = canonical(blob);
    blob.is_some() && canonical(path) == blob
}

#[cfg(unix)]
fn link_or_copy(relative: &Path, blob: &Path, new: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(relative, new).or_else(|_| fs::copy(blob, new).map(drop))
}

#[cfg(not(unix))]
fn link_or_copy(_: &Path, blob: &Path, new: &Path) -> std::io::Result<()> {
    fs::copy(blob, new).map(drop)
}
