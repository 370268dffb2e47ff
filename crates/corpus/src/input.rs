//! From paths to decoded bytes: what there is to read, opened one file at a time.

mod archive;
mod bzip2;
mod compression;
mod encoding;
mod files;
mod repaired;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use archive::Archive;
pub use compression::Compression;
pub(crate) use encoding::{Encoding, decode_text};
pub(crate) use files::{InputFile, Listing, is_companion, is_dump_index, list};
pub(crate) use repaired::Repaired;

use crate::Error;

/// How much of the beginning a format is told from. Lines of JSON can be long.
const HEAD_BYTES: u64 = 256 * 1024;

/// The size of each read from a decoder.
const BUFFER_BYTES: usize = 128 * 1024;

/// One input, decompressed, as UTF-8 unless its bytes say otherwise.
pub(crate) struct Opened {
    pub(crate) compression: Compression,
    /// The first bytes, which `reader` gives again.
    pub(crate) head: Vec<u8>,
    pub(crate) reader: Box<dyn BufRead + Send>,
}

/// The bytes of input taken so far, compressed, over all files. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Position(Arc<AtomicU64>);

impl Position {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Opens a file, or standard input for `-`.
pub(crate) fn open(path: &Path, threads: usize, position: &Position) -> Result<Opened, Error> {
    if path == Path::new("-") {
        return open_reader(path, Box::new(io::stdin()), threads, position);
    }
    let file = File::open(path).map_err(|source| Error::Open {
        path: path.to_owned(),
        source,
    })?;
    open_reader(path, Box::new(file), threads, position)
}

/// Whether a file begins as Parquet files do. Only files that can be read at any place are looked
/// at; a pipe would lose the bytes.
pub(crate) fn is_parquet(file: &InputFile) -> Result<bool, Error> {
    if file.bytes.is_none() {
        return Ok(false);
    }
    let opened = File::open(&file.path).map_err(|source| Error::Open {
        path: file.path.clone(),
        source,
    })?;
    let mut magic = Vec::new();
    let read = opened
        .take(compression::PARQUET.len() as u64)
        .read_to_end(&mut magic);
    read.map_err(|source| Error::Read {
        path: file.path.clone(),
        offset: 0,
        source,
    })?;
    Ok(magic == compression::PARQUET)
}

/// Takes a reader for a part of a file that is counted as a whole.
fn open_part(path: &Path, reader: Box<dyn Read + Send>) -> Result<Opened, Error> {
    open_reader(path, reader, 1, &Position::default())
}

/// Takes a reader for the contents of `path`.
pub(crate) fn open_reader(
    path: &Path,
    reader: Box<dyn Read + Send>,
    threads: usize,
    position: &Position,
) -> Result<Opened, Error> {
    let raw = Counted::new(path, reader, position.clone());
    let (mut reader, compression) = compression::decompress(path, raw, threads)?;
    let mut head = Vec::new();
    let read = reader.by_ref().take(HEAD_BYTES).read_to_end(&mut head);
    read.map_err(|error| Error::from_io(error, path, head.len() as u64))?;
    let (encoding, mark) = Encoding::of_head(&head);
    let rest = Cursor::new(head.split_off(mark)).chain(reader);
    let mut reader = encoding::utf8_reader(rest, encoding);
    let mut head = Vec::new();
    let read = reader.by_ref().take(HEAD_BYTES / 2).read_to_end(&mut head);
    read.map_err(|error| Error::from_io(error, path, head.len() as u64))?;
    let reader = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head.clone()).chain(reader));
    Ok(Opened {
        compression,
        head,
        reader: Box::new(reader),
    })
}

/// Counts bytes as they are used, and says where the operating system failed.
pub(crate) struct Counted {
    path: PathBuf,
    reader: BufReader<Box<dyn Read + Send>>,
    /// Bytes taken from this file.
    offset: Position,
    /// Bytes taken from all files.
    total: Position,
}

impl Counted {
    fn new(path: &Path, reader: Box<dyn Read + Send>, total: Position) -> Self {
        Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(BUFFER_BYTES, reader),
            offset: Position::default(),
            total,
        }
    }
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(buf.len());
        buf[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let (path, offset) = (&self.path, &self.offset);
        loop {
            // Asked twice because the borrow of a buffer that is returned ends with the function.
            match self.reader.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(io::Error::other(Error::Read {
                        path: path.clone(),
                        offset: offset.get(),
                        source,
                    }));
                }
            }
        }
        self.reader.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.reader.consume(n);
        self.offset.add(n);
        self.total.add(n);
    }
}
