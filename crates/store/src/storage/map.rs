//! Memory-mapped files: the only unsafe code of the crate.

#![expect(unsafe_code, reason = "mapping a file is unsafe by nature")]

use std::fs::File;
use std::io;

use bytes::Bytes;
use memmap2::Mmap;

/// Maps a file that nobody changes.
pub(super) fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: the mapping must not change while borrowed. Files of a knowledge base are written
    // under a temporary name, renamed when whole, and from then on only removed, which leaves the
    // mapping as it is. This cannot be proved against programs that change files behind our back:
    // one that truncates a mapped file ends this process by a signal.
    let map = unsafe { Mmap::map(file) }?;
    Ok(Bytes::from_owner(map))
}
