//! Where the files of a knowledge base lie: the one interface for all reading and writing.

mod folder;
mod map;
mod piece;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use bytes::Bytes;

use crate::KbPath;

pub use folder::FolderStorage;
pub(crate) use piece::{Files, PieceWriter};

/// What a name of a file that is still being written ends with.
pub const TEMPORARY_SUFFIX: &str = ".tmp";

/// Write-once files in folders, with what a crash leaves of them.
///
/// The promises, for every implementation:
///
/// * **Whole or not there.** A name given to [`create`](Self::create) or
///   [`replace`](Self::replace) shows either nothing (or the former content), or the whole new
///   content. A process killed between leaves at most a temporary file, which
///   [`list`](Self::list) does not show and the next write of that name overwrites.
/// * **Content before name.** When a name is seen, its content is safe against power loss.
/// * **Names are safe after [`sync_folder`](Self::sync_folder).** Until then power loss may undo the
///   creation, renaming or removal of names in that folder, each on its own.
///   [`replace`](Self::replace) syncs the folder itself.
/// * **Open files stay.** What [`open`](Self::open) returned stays readable after the name was removed
///   or replaced.
/// * **Nothing outside.** No path reaches outside the folder, through symbolic links either.
///
/// Every method may be called from several threads; two writers of one name at a time are excluded
/// by the lock that [`Store::writer`](crate::Store::writer) takes.
///
/// # Errors
/// Those of the operating system, with the kind telling: `NotFound` for a name that is not there,
/// `StorageFull`, `PermissionDenied`.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Says where a file lies, for messages and for libraries that open files by themselves.
    fn locate(&self, path: &KbPath) -> PathBuf;

    /// Begins a file, making its folders. The name appears when the file is
    /// [finished](PendingFile::finish).
    fn create(&self, path: &KbPath) -> io::Result<Box<dyn PendingFile>>;

    /// Gives the content of a file; large files are mapped, not read.
    fn open(&self, path: &KbPath) -> io::Result<Bytes>;

    /// Gives the length of a file in bytes.
    fn length(&self, path: &KbPath) -> io::Result<u64>;

    /// Lists the names of files and folders in a folder, sorted, without temporary files. A folder
    /// that is not there is empty.
    fn list(&self, folder: &KbPath) -> io::Result<Vec<String>>;

    /// Gives a file another name, making its folders and replacing a file of that name.
    fn rename(&self, from: &KbPath, to: &KbPath) -> io::Result<()>;

    /// Removes a file. A file that is not there is no error.
    fn remove(&self, path: &KbPath) -> io::Result<()>;

    /// Removes a folder with everything in it, temporary files included. A folder that is not there
    /// is no error.
    fn remove_folder(&self, folder: &KbPath) -> io::Result<()>;

    /// Makes the names in a folder, and the folder's own, safe against power loss.
    fn sync_folder(&self, folder: &KbPath) -> io::Result<()>;

    /// Writes a small file at once, replacing one of that name; on return it is safe against power
    /// loss. After an error either the former or the new content is there.
    fn replace(&self, path: &KbPath, content: &[u8]) -> io::Result<()>;

    /// Takes the lock of that name without waiting and notes `holder` beside it. The lock is freed when
    /// the process ends, however it ends.
    fn lock(&self, path: &KbPath, holder: &[u8]) -> io::Result<Lock>;
}

/// A file being written. Dropping it unfinished leaves nothing under its name.
pub trait PendingFile: Write + Send {
    /// Makes the content safe against power loss and gives the file its name.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// The outcome of [`Storage::lock`].
pub enum Lock {
    /// Ours until the guard is dropped.
    Taken(Box<dyn Send + Sync>),
    /// Held by another, who noted this.
    Held(Vec<u8>),
}
