//! A folder made beside the one whose place it takes.
//!
//! ```text
//! .ragdex-new-x7Qz/    beside the target
//!   lock               locked as long as the process lives; names the target
//!   new/               what is being made
//!   old/               what is being replaced, between two renames
//! ```
//!
//! A process that is killed leaves such a folder behind; the next one that makes a folder in the same place
//! removes it, and moves `old` back if the target had not got its new content.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// What the names of such folders begin with.
const PREFIX: &str = ".ragdex-new-";
const LOCK: &str = "lock";
const NEW: &str = "new";
const OLD: &str = "old";

/// What went wrong, and with which file or folder.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

type Result<T, E = Failure> = std::result::Result<T, E>;

/// A folder under way. Dropped unfinished, it is removed and the target is as it was.
#[derive(Debug)]
pub(crate) struct Replacement {
    /// Dropped before the lock, so that nobody else removes it meanwhile.
    folder: TempDir,
    target: PathBuf,
    _lock: File,
}

impl Replacement {
    /// Begins an empty folder beside `target`, whose parent is made, and removes what killed processes
    /// left there.
    pub(crate) fn begin(target: &Path) -> Result<Self> {
        let parent = match target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(at(parent))?;
        sweep(parent);
        let (folder, lock) = locked_folder(parent, target).map_err(at(parent))?;
        let new = folder.path().join(NEW);
        fs::create_dir(&new).map_err(at(&new))?;
        Ok(Self {
            folder,
            target: target.to_owned(),
            _lock: lock,
        })
    }

    /// Where to make what is to be there.
    pub(crate) fn new_folder(&self) -> PathBuf {
        self.folder.path().join(NEW)
    }

    /// Gives the folder its name, in place of what has it. What was there is never lost: it is removed once
    /// the new folder has its name, and where neither can get the name, the error tells where it is.
    pub(crate) fn finish(self) -> Result<()> {
        self.finish_by(|from, to| fs::rename(from, to))
    }

    fn finish_by(self, rename: impl Fn(&Path, &Path) -> io::Result<()>) -> Result<()> {
        let (new, old) = (self.new_folder(), self.folder.path().join(OLD));
        let has_old = match rename(&self.target, &old) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(at(&self.target)(error)),
        };
        let Err(error) = rename(&new, &self.target) else {
            return Ok(());
        };
        if has_old && rename(&old, &self.target).is_err() {
            let kept = self.folder.keep();
            return Err(at(&kept.join(OLD))(error));
        }
        Err(at(&self.target)(error))
    }
}

/// Names what an error is about.
fn at(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure { path, source }
}

/// Makes a folder with a lock that is held. One that another process took for a leftover, in the moment
/// before it was locked, is made again.
fn locked_folder(parent: &Path, target: &Path) -> io::Result<(TempDir, File)> {
    loop {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let path = folder.path().join(LOCK);
        let mut lock = File::create(&path)?;
        lock.lock()?;
        let name = target.file_name().unwrap_or_default();
        lock.write_all(name.as_encoded_bytes())?;
        if path.exists() {
            return Ok((folder, lock));
        }
    }
}

/// Removes what killed processes left in a folder. What cannot be looked at or removed stays: it is in
/// nobody's way.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            let _ = clear(&entry.path(), parent);
        }
    }
}

/// Removes one such folder if its process is gone; moves back what was being replaced.
fn clear(folder: &Path, parent: &Path) -> io::Result<()> {
    let path = folder.join(LOCK);
    let lock = File::open(&path)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let old = folder.join(OLD);
    if old.exists() {
        let name = fs::read_to_string(&path)?;
        // A name alone: whatever the file says, nothing outside the parent is touched.
        let target = Path::new(&name).file_name().map(|name| parent.join(name));
        match target {
            Some(target) if !target.exists() => fs::rename(&old, target)?,
            Some(_) => {}
            None => return Ok(()),
        }
    }
    fs::remove_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn write(folder: &Path, content: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("file"), content).unwrap();
    }

    fn content(folder: &Path) -> String {
        fs::read_to_string(folder.join("file")).unwrap()
    }

    #[test]
    fn the_new_folder_takes_the_place_of_the_old_one_and_nothing_is_left_beside_it() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("target");
        for edition in ["first", "second"] {
            let replacement = Replacement::begin(&target).unwrap();
            write(&replacement.new_folder(), edition);
            replacement.finish().unwrap();
            assert_eq!(content(&target), edition);
        }
        drop(Replacement::begin(&target).unwrap());
        assert_eq!(names(place.path()), ["target"]);
        assert_eq!(content(&target), "second");
    }

    /// What a killed process leaves: nobody holds the lock.
    fn leftover(place: &Path) -> PathBuf {
        let folder = place.join(format!("{PREFIX}dead"));
        write(&folder.join(NEW), "half");
        fs::write(folder.join(LOCK), "target").unwrap();
        folder
    }

    #[test]
    fn what_killed_processes_left_is_removed_and_what_others_are_making_stays() {
        let place = tempfile::tempdir().unwrap();
        let other = Replacement::begin(&place.path().join("other")).unwrap();
        let dead = leftover(place.path());
        drop(Replacement::begin(&place.path().join("target")).unwrap());
        assert!(!dead.exists());
        assert!(other.new_folder().exists());
    }

    #[test]
    fn a_folder_that_was_being_replaced_comes_back() {
        let place = tempfile::tempdir().unwrap();
        let dead = leftover(place.path());
        write(&dead.join(OLD), "first");
        let target = place.path().join("target");
        drop(Replacement::begin(&place.path().join("another")).unwrap());
        assert_eq!(content(&target), "first");
        // Killed after the new one had its name: the old one goes.
        write(&leftover(place.path()).join(OLD), "before");
        drop(Replacement::begin(&target).unwrap());
        assert_eq!(content(&target), "first");
        assert_eq!(names(place.path()), ["target"]);
    }

    /// Renames but for the calls of these numbers, from 1.
    fn failing(at: &'static [u32]) -> impl Fn(&Path, &Path) -> io::Result<()> {
        let calls = std::cell::Cell::new(0);
        move |from, to| {
            calls.set(calls.get() + 1);
            if at.contains(&calls.get()) {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            fs::rename(from, to)
        }
    }

    #[test]
    fn whichever_renames_fail_the_old_folder_is_there_or_the_error_says_where() {
        for failures in [&[1][..], &[2], &[2, 3]] {
            let place = tempfile::tempdir().unwrap();
            let target = place.path().join("target");
            write(&target, "first");
            let replacement = Replacement::begin(&target).unwrap();
            let failure = replacement.finish_by(failing(failures)).unwrap_err();
            assert_eq!(content(&failure.path), "first", "{failures:?}");
            // The next process that makes something there brings it back.
            drop(Replacement::begin(&target).unwrap());
            assert_eq!(content(&target), "first", "{failures:?}");
            assert_eq!(names(place.path()), ["target"]);
        }
    }
}
