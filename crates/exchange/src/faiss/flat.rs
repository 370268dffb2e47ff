//! Flat indexes: the vectors as they are.

use std::io::{self, Write};
use std::path::Path;

use ragdex_core::{Rows, Vectors};

use super::header::{Header, INNER_PRODUCT};
use crate::{Error, Result};

/// `IndexFlatIP`.
pub(super) const FLAT_IP: [u8; 4] = *b"IxFI";

/// Flat indexes by metric: inner product, L2, others.
const FLAT: [[u8; 4]; 3] = [FLAT_IP, *b"IxF2", *b"IxFl"];

/// `IndexIDMap` and `IndexIDMap2`: another index, then the id of each row.
const ID_MAPS: [[u8; 4]; 2] = [*b"IxMp", *b"IxM2"];

/// Whether a file looks like an index of FAISS of whatever kind.
pub(crate) fn is_index(bytes: &[u8]) -> bool {
    let kinds: [&[u8; 2]; 5] = [b"Ix", b"IH", b"Iw", b"IB", b"IL"];
    kinds.iter().any(|kind| bytes.starts_with(*kind))
}

/// Where the vectors of a flat index lie in its file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FlatFile {
    pub(crate) dim: usize,
    pub(crate) len: u64,
    /// The byte at which the vectors begin, f32, row-major.
    pub(crate) start: usize,
    /// The byte at which the id of each row begins, i64.
    pub(crate) ids: Option<usize>,
}

impl FlatFile {
    /// Understands the file.
    ///
    /// # Errors
    /// [`Error::Kind`] for another kind of index, [`Error::Malformed`] for a damaged one.
    pub(crate) fn read(bytes: &[u8], path: &Path) -> Result<Self> {
        let (outer, inner) = header(bytes, path)?;
        if !ID_MAPS.contains(&outer.tag) {
            return Self::of(outer, bytes.len() - inner.len(), bytes, path);
        }
        let (header, rest) = header(inner, path)?;
        let flat = Self::of(header, bytes.len() - rest.len(), bytes, path)?;
        let end = flat.start + flat.vector_bytes();
        let ids = count(bytes, end).filter(|n| *n == flat.len);
        let start = end + size_of::<u64>();
        let whole = (bytes.len() - start.min(bytes.len())) as u64 / 8 >= flat.len;
        match ids {
            Some(_) if whole => Ok(Self {
                ids: Some(start),
                ..flat
            }),
            _ => Err(Error::malformed(
                path,
                format!(
                    "byte {end}: the ids of {} rows expected, found others or fewer",
                    flat.len
                ),
            )),
        }
    }

    fn of(header: Header, at: usize, bytes: &[u8], path: &Path) -> Result<Self> {
        if !FLAT.contains(&header.tag) {
            return Err(Error::Kind {
                path: path.to_owned(),
                found: format!(
                    "an index of FAISS of the kind `{}`",
                    header.tag.escape_ascii()
                ),
            });
        }
        let numbers = (header.dim as u64).checked_mul(header.len);
        let found = count(bytes, at);
        let start = at + size_of::<u64>();
        let there = bytes.len().saturating_sub(start) as u64 / 4;
        match (numbers, found) {
            (Some(numbers), Some(found))
                if numbers == found && found <= there && header.dim > 0 =>
            {
                Ok(Self {
                    dim: header.dim,
                    len: header.len,
                    start,
                    ids: None,
                })
            }
            _ => Err(Error::malformed(
                path,
                format!(
                    "byte {at}: {} vectors of {} numbers expected, the file has {there} numbers",
                    header.len, header.dim
                ),
            )),
        }
    }

    /// The length of all vectors; they were found in the file, so that it is a `usize`.
    fn vector_bytes(&self) -> usize {
        self.dim * self.len as usize * size_of::<f32>()
    }
}

fn header<'b>(bytes: &'b [u8], path: &Path) -> Result<(Header, &'b [u8])> {
    Header::read(bytes).ok_or_else(|| Error::malformed(path, "no whole header of a FAISS index"))
}

/// The number of items of a FAISS vector that begins at a byte.
fn count(bytes: &[u8], at: usize) -> Option<u64> {
    let (count, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u64::from_le_bytes(*count))
}

/// Writes an `IndexFlatIP`, vector by vector.
///
/// The number of vectors is told beforehand because it stands in front; row `i` of the index is the `i`-th
/// vector pushed.
#[derive(Debug)]
pub struct FlatWriter<W> {
    out: W,
    dim: usize,
    left: u64,
}

impl<W: Write> FlatWriter<W> {
    /// Writes the front of an index of `len` vectors.
    ///
    /// # Errors
    /// What `out` gives, and `InvalidInput` for a width or number that no index has.
    pub fn new(mut out: W, dim: usize, len: u64) -> io::Result<Self> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        let numbers = len.checked_mul(dim as u64).ok_or_else(invalid)?;
        let header = Header {
            tag: FLAT_IP,
            dim,
            len,
            metric: INNER_PRODUCT,
        };
        header.write(&mut out)?;
        out.write_all(&numbers.to_le_bytes())?;
        Ok(Self {
            out,
            dim,
            left: len,
        })
    }

    /// The length of the whole file in bytes.
    pub fn file_bytes(dim: usize, len: u64) -> u64 {
        Header::BYTES + 8 + 4 * dim as u64 * len
    }

    /// Writes the next vectors; half precision is widened.
    ///
    /// # Errors
    /// What `out` gives; `InvalidInput` for vectors of another width, or more than were told.
    pub fn push(&mut self, vectors: Vectors<'_>) -> io::Result<()> {
        let left = self.left.checked_sub(vectors.len() as u64);
        let left = left.filter(|_| vectors.dim() == self.dim);
        self.left = left.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        match vectors.rows() {
            Rows::F32(numbers) => write_numbers(&mut self.out, numbers.iter().copied()),
            Rows::F16(numbers) => write_numbers(&mut self.out, numbers.iter().map(|n| n.to_f32())),
        }
    }

    /// Ends the index and gives the writer back, not flushed.
    ///
    /// # Errors
    /// `InvalidInput` when fewer vectors were pushed than were told.
    pub fn finish(self) -> io::Result<W> {
        if self.left > 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(self.out)
    }
}

/// Numbers written in one call, so that a writer without buffer is not asked for each.
const CHUNK: usize = 1024;

fn write_numbers(out: &mut impl Write, numbers: impl Iterator<Item = f32>) -> io::Result<()> {
    let mut numbers = numbers.peekable();
    let mut chunk = Vec::with_capacity(CHUNK * size_of::<f32>());
    while numbers.peek().is_some() {
        chunk.clear();
        chunk.extend(numbers.by_ref().take(CHUNK).flat_map(f32::to_le_bytes));
        out.write_all(&chunk)?;
    }
    Ok(())
}
