//! Memory-mapped files: the only unsafe code of the crate.

#![expect(unsafe_code, reason = "mapping a file is unsafe by nature")]

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::{Error, Result};

/// Maps a file for reading.
///
/// # Errors
/// [`Error::Read`].
pub(crate) fn map(path: &Path) -> Result<Mmap> {
    let file = File::open(path).map_err(Error::read(path))?;
    // SAFETY: the mapping must not change while borrowed. The file is the user's, who was asked for one that is
    // finished; this cannot be proved. A program that truncates it meanwhile ends this process by a signal;
    // one that writes into it changes vectors, each of which is checked when it is read.
    unsafe { Mmap::map(&file) }.map_err(Error::read(path))
}
