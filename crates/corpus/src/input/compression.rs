//! Decompression, chosen by the first bytes.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use ::bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;

use super::bzip2::ParallelReader;
use super::{Counted, Decoding, Position};
use crate::Error;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// bzip2, one stream or many.
    Bzip2,
    /// gzip, one member or many.
    Gzip,
    /// Zstandard, one frame or many.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "uncompressed",
            Self::Bzip2 => "bzip2",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// First bytes of archives and containers that hold files rather than being one.
const UNSUPPORTED: [(&[u8], &str, &str); 6] = [
    (b"PK\x03\x04", "a zip archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"\xfd7zXZ\0", "xz-compressed", UNPACK),
    (b"PARE", "an encrypted Parquet file", "decrypt it first"),
    (
        b"ARROW1",
        "an Arrow file",
        "write it as Parquet or JSON lines first",
    ),
    (b"%PDF-", "a PDF file", "write its text to a file first"),
];

const UNPACK: &str = "unpack it first";

/// Begins a Parquet file.
pub(super) const PARQUET: &[u8] = b"PAR1";

/// Puts the decoder that the first bytes call for before `raw`.
pub(super) fn decompress(
    path: &Path,
    mut raw: Counted,
    decoding: Decoding,
) -> Result<(Box<dyn Read + Send>, Compression), Error> {
    let head = raw
        .fill_buf()
        .map_err(|error| Error::from_io(error, path, 0))?;
    if let Some((_, found, remedy)) = UNSUPPORTED
        .iter()
        .find(|(magic, ..)| head.starts_with(magic))
    {
        return Err(Error::Unsupported {
            path: path.to_owned(),
            found,
            remedy,
        });
    }
    if head.starts_with(PARQUET) {
        return Err(Error::NeedsFile {
            path: path.to_owned(),
            purpose: "reading Parquet",
        });
    }
    let compression = Compression::of_head(head);
    let threads = decoding.threads;
    let guard = Guard {
        path: path.to_owned(),
        offset: raw.offset.clone(),
        compression,
    };
    let reader: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(raw),
        // Only this decoder can go on after damage.
        Compression::Bzip2 if threads > 1 || decoding.keep_going => {
            guard.over_resuming(ParallelReader::new(path, raw, threads))
        }
        Compression::Bzip2 => guard.over(MultiBzDecoder::new(raw)),
        Compression::Gzip => guard.over(MultiGzDecoder::new(raw)),
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(raw);
            guard.over(decoder.map_err(|source| Error::Read {
                path: path.to_owned(),
                offset: 0,
                source,
            })?)
        }
    };
    Ok((reader, compression))
}

impl Compression {
    fn of_head(head: &[u8]) -> Self {
        match head {
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// What is needed to say where a decoder failed.
struct Guard {
    path: PathBuf,
    offset: Position,
    compression: Compression,
}

impl Guard {
    fn over<R: Read + Send + 'static>(self, decoder: R) -> Box<dyn Read + Send> {
        Box::new(Guarded {
            decoder,
            guard: self,
            can_resume: false,
            failed: false,
        })
    }

    /// The same over a decoder that can be read on after an error.
    fn over_resuming<R: Read + Send + 'static>(self, decoder: R) -> Box<dyn Read + Send> {
        Box::new(Guarded {
            decoder,
            guard: self,
            can_resume: true,
            failed: false,
        })
    }

    fn explain(&self, error: io::Error) -> io::Error {
        if error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>())
            .is_some()
        {
            return error;
        }
        let (path, offset, compression) = (self.path.clone(), self.offset.get(), self.compression);
        io::Error::other(match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::Truncated {
                path,
                offset,
                compression,
            },
            _ => Error::Damaged {
                path,
                offset,
                compression,
                source: error,
            },
        })
    }
}

/// A decoder whose errors say the file, the offset in it, and whether it is cut or damaged.
struct Guarded<R> {
    decoder: R,
    guard: Guard,
    can_resume: bool,
    /// Nothing follows.
    failed: bool,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(0);
        }
        match self.decoder.read(buf) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.failed = !self.can_resume;
                Err(self.guard.explain(error))
            }
            result => result,
        }
    }
}
