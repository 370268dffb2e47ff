//! Weights mapped from disk: the one place of this crate with `unsafe`.
#![expect(
    unsafe_code,
    reason = "mapping a file cannot be proved sound by the compiler"
)]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

/// The bytes of a file, read on demand by the system.
#[derive(Debug)]
pub(super) struct Mapping(Mmap);

impl Mapping {
    /// Maps a whole file for reading.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the mapping is read-only and private to this crate. Files of a checkpoint are
        // replaced, not written in place, by every tool of the ecosystem; a user who truncates one
        // while it is read gets a bus error from the system, as with any reader that maps files.
        // Bytes that change meanwhile can change numbers, not types: every offset was checked
        // against the length of the mapping, which stays.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self(map))
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
