//! From paths to decoded bytes: what there is to read, opened one file at a time.

mod archive;
mod bzip2;
mod compression;
mod encoding;
mod files;
mod made;
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

/// The size of each read from a file.
const BUFFER_BYTES: usize = 256 * 1024;

/// The size of each read from a decoder: a few blocks of bzip2, which are decoded 10 % faster in a row than
/// with other work between, because their tables stay in the cache.
const DECODED_BYTES: usize = 4 * 1024 * 1024;

/// How bytes are made of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoding {
    pub(crate) threads: usize,
    /// Gives what can be read after damage, behind the error.
    pub(crate) keep_going: bool,
}

impl Decoding {
    /// For a look at the beginning of a file, or a part of one.
    pub(crate) const PLAIN: Self = Self {
        threads: 1,
        keep_going: false,
    };
}

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
pub(crate) fn open(path: &Path, decoding: Decoding, position: &Position) -> Result<Opened, Error> {
    if path == Path::new("-") {
        return open_reader(path, Box::new(io::stdin()), decoding, position);
    }
    let file = File::open(path).map_err(|source| Error::Open {
        path: path.to_owned(),
        source,
    })?;
    open_reader(path, Box::new(file), decoding, position)
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
    open_reader(path, reader, Decoding::PLAIN, &Position::default())
}

/// Takes a reader for the contents of `path`.
pub(crate) fn open_reader(
    path: &Path,
    reader: Box<dyn Read + Send>,
    decoding: Decoding,
    position: &Position,
) -> Result<Opened, Error> {
    let raw = Counted::new(path, reader, position.clone());
    let (reader, compression) = compression::decompress(path, raw, decoding)?;
    let keep_going = decoding.keep_going;
    let mut begun = Begun::read(path, reader, HEAD_BYTES, keep_going)?;
    let (encoding, mark) = Encoding::of_head(&begun.head);
    begun.head.drain(..mark);
    let reader = encoding::utf8_reader(begun.whole(), encoding);
    let begun = Begun::read(path, reader, HEAD_BYTES / 2, keep_going)?;
    let head = begun.head.clone();
    let buffer = match compression {
        Compression::None => BUFFER_BYTES,
        _ => DECODED_BYTES,
    };
    let reader = BufReader::with_capacity(buffer, begun.whole());
    Ok(Opened {
        compression,
        head,
        reader: Box::new(reader),
    })
}

/// A reader of which the first bytes were taken.
struct Begun {
    /// Damage before the first byte that could be read.
    before: Failure,
    head: Vec<u8>,
    /// Damage after the head.
    after: Failure,
    rest: Box<dyn Read + Send>,
}

impl Begun {
    /// Takes up to `bytes`, fewer if there is damage and the reading is to go on after it.
    fn read(
        path: &Path,
        mut rest: Box<dyn Read + Send>,
        bytes: u64,
        keep_going: bool,
    ) -> Result<Self, Error> {
        let (mut head, mut before, mut after) = (Vec::new(), None, None);
        loop {
            match rest.by_ref().take(bytes).read_to_end(&mut head) {
                Ok(_) => break,
                Err(error) if keep_going && is_damage(&error) => {
                    if head.is_empty() {
                        before = Some(error);
                    } else {
                        after = Some(error);
                        break;
                    }
                }
                Err(error) => return Err(Error::from_io(error, path, head.len() as u64)),
            }
        }
        Ok(Self {
            before: Failure(before),
            head,
            after: Failure(after),
            rest,
        })
    }

    /// The reader as if nothing had been taken.
    fn whole(self) -> Box<dyn Read + Send> {
        let head = self.before.chain(Cursor::new(self.head));
        Box::new(head.chain(self.after).chain(self.rest))
    }
}

/// Whether an error says that data is bad, not that it cannot be had.
fn is_damage(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    inner.is_some_and(Error::is_bad_input)
}

/// Fails once, as a reader did before.
struct Failure(Option<io::Error>);

impl Read for Failure {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// The longest mark that tells a kind of file, in bytes, and more.
const MARK_BYTES: usize = 16;

/// Gives at least [`MARK_BYTES`] at the first reading, however little a pipe gives at a time, unless there
/// are fewer.
struct FullStart {
    reader: Box<dyn Read + Send>,
    started: bool,
}

impl Read for FullStart {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut n = self.reader.read(buf)?;
        while !self.started && 0 < n && n < MARK_BYTES.min(buf.len()) {
            match self.reader.read(&mut buf[n..]) {
                Ok(0) => break,
                Ok(more) => n += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.started = true;
        Ok(n)
    }
}

/// Counts bytes as they are used, and says where the operating system failed.
pub(crate) struct Counted {
    path: PathBuf,
    reader: BufReader<FullStart>,
    /// Bytes taken from this file.
    offset: Position,
    /// Bytes taken from all files.
    total: Position,
}

impl Counted {
    fn new(path: &Path, reader: Box<dyn Read + Send>, total: Position) -> Self {
        Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(
                BUFFER_BYTES,
                FullStart {
                    reader,
                    started: false,
                },
            ),
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
                    // A member of an archive fails as the archive does.
                    let error = Error::from_io(source, path, offset.get());
                    return Err(io::Error::other(error));
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
