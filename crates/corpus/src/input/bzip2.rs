//! bzip2 on several threads, whether the file is one stream or many.
//!
//! The blocks of a bzip2 stream can be decoded apart from each other; each begins, at any bit, with
//! a magic number of 48 bits. One thread looks for these numbers and cuts the file there
//! ([`scan`]); workers wrap each piece as a stream of its own and decode it ([`block`]); here the
//! pieces come together in order, and the checksum of each stream is compared. Where data within a
//! block looks like the magic number, the decoder of the piece fails, and the piece is tried again
//! together with the next.
//!
//! After an error reading can go on: with the next block that is good, or, where blocks cannot be
//! found, with the next stream.

mod block;
mod scan;

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use block::Piece;
use scan::{Part, Scanner};

use super::Compression;
use crate::{Error, ordered};

/// A part after its block was decoded, if it is one.
struct Decoded {
    part: Part,
    /// The data of a block; `None` when its decoder failed.
    data: Option<Vec<u8>>,
}

impl Decoded {
    fn of(part: Part) -> Self {
        let data = match &part {
            Part::Block(piece) => piece.decode(),
            _ => None,
        };
        Self { part, data }
    }
}

/// Reads the data of a bzip2 file in order.
pub(super) struct ParallelReader {
    path: PathBuf,
    parts: Box<dyn Iterator<Item = Decoded> + Send>,
    data: Vec<u8>,
    given: usize,
    /// The checksum of the blocks of the stream so far; `None` when one of them was damaged.
    crc: Option<u32>,
    /// A part that was drawn and not used.
    pending: Option<Decoded>,
}

impl ParallelReader {
    pub(super) fn new(path: &Path, reader: impl BufRead + Send + 'static, threads: usize) -> Self {
        Self {
            path: path.to_owned(),
            parts: ordered::map(threads, Scanner::new(reader), Decoded::of),
            data: Vec::new(),
            given: 0,
            crc: Some(0),
            pending: None,
        }
    }

    fn next_part(&mut self) -> Option<Decoded> {
        self.pending.take().or_else(|| self.parts.next())
    }

    /// Takes the next part; `false` at the end.
    fn advance(&mut self) -> io::Result<bool> {
        let Some(decoded) = self.next_part() else {
            return Ok(false);
        };
        match decoded.part {
            Part::Block(piece) => self.take_block(piece, decoded.data)?,
            Part::StreamEnd { crc, offset } => {
                let found = self.crc.replace(0);
                if found.is_some_and(|found| found != crc) {
                    return Err(self.damaged(offset, "the checksum of the stream does not match"));
                }
            }
            Part::Damaged { offset, problem } => {
                // A stream begins after this.
                self.crc = Some(0);
                return Err(self.damaged(offset, problem));
            }
            Part::Cut { offset } => return Err(self.truncated(offset)),
            Part::Failed(error) => return Err(error),
        }
        Ok(true)
    }

    /// Takes the data of a block. One that was not decoded grows by the pieces after it, as long as
    /// these fail as well: only half a block does.
    fn take_block(&mut self, mut piece: Piece, mut data: Option<Vec<u8>>) -> io::Result<()> {
        while data.is_none() {
            match self.next_part() {
                Some(Decoded {
                    part: Part::Block(rest),
                    data: None,
                }) if piece.can_grow() => {
                    piece.append(&rest);
                    data = piece.decode();
                }
                Some(Decoded {
                    part: Part::Cut { offset },
                    ..
                }) => return Err(self.truncated(offset)),
                other => {
                    self.pending = other;
                    self.crc = None;
                    return Err(self.damaged(piece.offset, "a block cannot be decoded"));
                }
            }
        }
        self.crc = self.crc.map(|crc| crc.rotate_left(1) ^ piece.crc());
        self.data = data.unwrap_or_default();
        self.given = 0;
        Ok(())
    }

    fn damaged(&self, offset: u64, problem: &'static str) -> io::Error {
        io::Error::other(Error::Damaged {
            path: self.path.clone(),
            offset,
            compression: Compression::Bzip2,
            source: io::Error::new(io::ErrorKind::InvalidData, problem),
        })
    }

    fn truncated(&self, offset: u64) -> io::Error {
        io::Error::other(Error::Truncated {
            path: self.path.clone(),
            offset,
            compression: Compression::Bzip2,
        })
    }
}

impl Read for ParallelReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.given == self.data.len() {
            if !self.advance()? {
                return Ok(0);
            }
        }
        let n = buf.len().min(self.data.len() - self.given);
        buf[..n].copy_from_slice(&self.data[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compress(data: &[u8], level: u32) -> Vec<u8> {
        let level = ::bzip2::Compression::new(level);
        let mut encoder = ::bzip2::read::BzEncoder::new(data, level);
        let mut packed = Vec::new();
        encoder.read_to_end(&mut packed).unwrap();
        packed
    }

    fn unpack(packed: &[u8], threads: usize) -> io::Result<Vec<u8>> {
        let packed = io::Cursor::new(packed.to_vec());
        let mut reader = ParallelReader::new(Path::new("x"), packed, threads);
        let mut data = Vec::new();
        reader.read_to_end(&mut data).map(|_| data)
    }

    /// Numbers that compress a little.
    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 27) as u8
        };
        (0..bytes).map(|_| next()).collect()
    }

    #[test]
    fn streams_of_any_number_of_blocks_are_decoded() {
        for (bytes, level) in [(0, 9), (1, 9), (350_000, 1), (2_500_000, 9)] {
            let data = noise(bytes);
            let packed = compress(&data, level);
            for threads in [1, 2, 4] {
                assert_eq!(unpack(&packed, threads).unwrap(), data, "{bytes} bytes");
            }
        }
    }

    #[test]
    fn streams_follow_each_other() {
        let (a, b) = (noise(250_000), noise(3));
        let packed = [compress(&a, 1), compress(b"", 9), compress(&b, 9)].concat();
        assert_eq!(unpack(&packed, 3).unwrap(), [a, b].concat());
    }

    #[test]
    fn runs_that_expand_far_are_decoded() {
        let data = vec![b'x'; 30 << 20];
        assert!(unpack(&compress(&data, 9), 2).unwrap() == data);
    }

    #[test]
    fn a_block_that_is_cut_in_two_by_chance_is_put_together() {
        let packed = compress(&noise(90_000), 1);
        let Some(Part::Block(whole)) = Scanner::new(&*packed).next() else {
            panic!("no block");
        };
        for cut in [100, 1001, 20_000] {
            let (mut first, rest) = whole.halves(cut);
            assert!(first.decode().is_none() && rest.decode().is_none());
            first.append(&rest);
            assert_eq!(first.decode(), whole.decode());
        }
    }

    #[test]
    fn a_wrong_checksum_of_a_stream_is_damage() {
        let mut packed = compress(&noise(250_000), 1);
        let last = packed.len() - 3;
        packed[last] ^= 1;
        let error = unpack(&packed, 2).unwrap_err();
        let error = Error::from_io(error, Path::new("x"), 0);
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}
