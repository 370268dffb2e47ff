//! Where the blocks and streams of a bzip2 file begin.

use std::io::{self, BufRead};

use super::block::Piece;

/// Begins a block.
const BLOCK: u64 = 0x3141_5926_5359;
/// Ends a stream.
pub(super) const END: u64 = 0x1772_4538_5090;
/// The length of both.
pub(super) const MAGIC_BITS: u64 = 48;
const MAGIC_MASK: u64 = (1 << MAGIC_BITS) - 1;
/// A magic number and the checksum after it.
const HEAD_BITS: u64 = MAGIC_BITS + 32;

/// Compressed bytes that cannot be one block: 900 kB in the longest codes and their tables are less.
const MAX_BLOCK_BYTES: usize = 4 << 20;

/// What a file is made of.
#[derive(Debug)]
pub(super) enum Part {
    /// From one magic number to the next.
    Block(Piece),
    /// The checksum at the end of a stream.
    StreamEnd { crc: u32, offset: u64 },
    /// What is there is no bzip2. What follows is another stream.
    Damaged { offset: u64, problem: &'static str },
    /// The file ends inside a stream.
    Cut { offset: u64 },
    /// The file cannot be read.
    Failed(io::Error),
}

/// Cuts a file into its parts.
pub(super) struct Scanner<R> {
    reader: R,
    /// Bytes from the part on that is next.
    data: Vec<u8>,
    /// Bytes of the file before `data`.
    offset: u64,
    ended: bool,
    /// What the blocks of the stream so far say their checksums are, joined as its end joins them.
    crc: u32,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// A header, or the end of the file.
    Header,
    /// The first block or the end of a stream, from the first bit of `data` on.
    First {
        level: u8,
    },
    /// A block that begins at bit `start`; no magic number begins before byte `scanned`.
    Block {
        level: u8,
        start: u64,
        scanned: usize,
    },
    /// The end of a stream at bit `at`.
    End {
        at: u64,
    },
    /// After damage: anything up to the beginning of a stream.
    Lost,
    Done,
}

impl<R: BufRead> Iterator for Scanner<R> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        loop {
            let step = match self.state {
                State::Header => self.header(),
                State::First { level } => self.first(level),
                State::Block {
                    level,
                    start,
                    scanned,
                } => self.block(level, start, scanned),
                State::End { at } => Ok(Some(self.stream_end(at))),
                State::Lost => self.find_stream(),
                State::Done => return None,
            };
            match step {
                Ok(None) => {}
                Ok(Some(part)) => return Some(part),
                Err(error) => {
                    self.state = State::Done;
                    return Some(Part::Failed(error));
                }
            }
        }
    }
}

impl<R: BufRead> Scanner<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            data: Vec::new(),
            offset: 0,
            ended: false,
            crc: 0,
            state: State::Header,
        }
    }

    /// Reads until `bytes` are there or the file ends; tells which.
    fn fill(&mut self, bytes: usize) -> io::Result<bool> {
        while self.data.len() < bytes && !self.ended {
            let available = self.reader.fill_buf()?;
            let n = available.len();
            self.data.extend_from_slice(available);
            self.reader.consume(n);
            self.ended = n == 0;
        }
        Ok(self.data.len() >= bytes)
    }

    fn header(&mut self) -> io::Result<Option<Part>> {
        let whole = self.fill(4)?;
        if self.data.is_empty() {
            self.state = State::Done;
            return Ok(None);
        }
        if let Some(level) = stream_level(&self.data) {
            self.drop_bytes(4);
            self.crc = 0;
            self.state = State::First { level };
            return Ok(None);
        }
        Ok(Some(if whole {
            self.damaged("the header of a stream expected")
        } else {
            self.cut()
        }))
    }

    fn first(&mut self, level: u8) -> io::Result<Option<Part>> {
        if !self.fill(HEAD_BITS as usize / 8)? {
            return Ok(Some(self.cut()));
        }
        match bits(&self.data, 0, MAGIC_BITS) {
            BLOCK => {
                self.state = State::Block {
                    level,
                    start: 0,
                    scanned: 0,
                };
                Ok(None)
            }
            END => {
                self.state = State::End { at: 0 };
                Ok(None)
            }
            _ => Ok(Some(self.damaged("a block expected"))),
        }
    }

    /// Looks for the end of the block that begins at bit `start`.
    fn block(&mut self, level: u8, start: u64, scanned: usize) -> io::Result<Option<Part>> {
        let from = scanned.max(((start + HEAD_BITS) / 8) as usize);
        if let Some((at, magic)) = find(&self.data, from) {
            if magic == END && !self.ends_stream(start, at)? {
                let scanned = (at / 8) as usize + 1;
                self.state = State::Block {
                    level,
                    start,
                    scanned,
                };
                return Ok(None);
            }
            return Ok(Some(self.take_block(level, start, at, magic)));
        }
        let length = self.data.len();
        if length > MAX_BLOCK_BYTES {
            return Ok(Some(self.damaged("a block without end")));
        }
        let scanned = length.saturating_sub(WINDOW - 1).max(from);
        self.state = State::Block {
            level,
            start,
            scanned,
        };
        if !self.fill(length + 1)? {
            return Ok(Some(self.cut()));
        }
        Ok(None)
    }

    /// Whether the magic number at bit `at` is followed by what follows a stream whose last block
    /// begins at bit `start`: its checksum, or any and the end of the file or the header of another
    /// stream. Either may be damaged.
    fn ends_stream(&mut self, start: u64, at: u64) -> io::Result<bool> {
        let end = (at + HEAD_BITS).div_ceil(8) as usize;
        self.fill(end + 4)?;
        if bits(&self.data, at + MAGIC_BITS, 32) as u32 == self.joined_crc(start) {
            return Ok(true);
        }
        let rest = self.data.get(end..);
        Ok(rest.is_some_and(|rest| rest.is_empty() || stream_level(rest).is_some()))
    }

    /// The checksum of the stream up to the block that begins at bit `start`, and with it.
    fn joined_crc(&self, start: u64) -> u32 {
        self.crc.rotate_left(1) ^ bits(&self.data, start + MAGIC_BITS, 32) as u32
    }

    fn take_block(&mut self, level: u8, start: u64, end: u64, magic: u64) -> Part {
        let offset = self.offset + start / 8;
        let piece = Piece::cut(&self.data, start, end, level, offset);
        self.crc = self.joined_crc(start);
        self.drop_bytes((end / 8) as usize);
        let start = end % 8;
        self.state = if magic == END {
            State::End { at: start }
        } else {
            State::Block {
                level,
                start,
                scanned: 0,
            }
        };
        Part::Block(piece)
    }

    fn stream_end(&mut self, at: u64) -> Part {
        let crc = bits(&self.data, at + MAGIC_BITS, 32) as u32;
        let offset = self.offset + at / 8;
        self.drop_bytes((at + HEAD_BITS).div_ceil(8) as usize);
        self.state = State::Header;
        Part::StreamEnd { crc, offset }
    }

    /// Drops what comes before a header and the block or the end of a stream after it.
    fn find_stream(&mut self) -> io::Result<Option<Part>> {
        let mut windows = self.data.windows(START_BYTES);
        if let Some(at) = windows.position(begins_stream) {
            self.drop_bytes(at);
            self.state = State::Header;
            return Ok(None);
        }
        let length = self.data.len().min(START_BYTES - 1);
        self.drop_bytes(self.data.len() - length);
        if !self.fill(length + 1)? {
            self.state = State::Done;
        }
        Ok(None)
    }

    fn drop_bytes(&mut self, n: usize) {
        self.data.drain(..n);
        self.offset += n as u64;
    }

    fn damaged(&mut self, problem: &'static str) -> Part {
        self.state = State::Lost;
        Part::Damaged {
            offset: self.offset,
            problem,
        }
    }

    fn cut(&mut self) -> Part {
        self.state = State::Done;
        Part::Cut {
            offset: self.offset + self.data.len() as u64,
        }
    }
}

/// A header and a magic number.
const START_BYTES: usize = 10;

fn begins_stream(start: &[u8]) -> bool {
    let magic = bits(start, 8 * 4, MAGIC_BITS);
    stream_level(start).is_some() && (magic == BLOCK || magic == END)
}

/// The digit of a stream header.
fn stream_level(data: &[u8]) -> Option<u8> {
    match data {
        [b'B', b'Z', b'h', level @ b'1'..=b'9', ..] => Some(*level),
        _ => None,
    }
}

/// Bytes that hold a magic number wherever in the first of them it begins.
const WINDOW: usize = 7;

/// For each value of the byte in the middle of the window: at which of its 8 first bits a magic
/// number may begin, bit `o` for place `o`. Most values rule out all.
const CANDIDATES: [u8; 256] = {
    let mut table = [0; 256];
    let mut place = 0;
    while place < 8 {
        table[(BLOCK >> (16 + place) & 0xff) as usize] |= 1 << place;
        table[(END >> (16 + place) & 0xff) as usize] |= 1 << place;
        place += 1;
    }
    table
};

/// Finds the first magic number that begins in byte `from` or later, and its first bit.
fn find(data: &[u8], from: usize) -> Option<(u64, u64)> {
    let last = data.len().checked_sub(WINDOW)?;
    for first in from..=last {
        let mut places = CANDIDATES[usize::from(data[first + 3])];
        while places != 0 {
            let at = 8 * first as u64 + u64::from(places.trailing_zeros());
            let value = bits(data, at, MAGIC_BITS);
            if value == BLOCK || value == END {
                return Some((at, value));
            }
            places &= places - 1;
        }
    }
    None
}

/// Reads `n` bits, at most 56, from bit `at` on.
fn bits(data: &[u8], at: u64, n: u64) -> u64 {
    let first = (at / 8) as usize;
    let mut window = [0; 8];
    let available = &data[first..data.len().min(first + 8)];
    window[..available.len()].copy_from_slice(available);
    u64::from_be_bytes(window) << (at % 8) >> (64 - n) & MAGIC_MASK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_numbers_are_found_at_every_bit() {
        for magic in [BLOCK, END] {
            for place in 0..40u64 {
                let mut data = [0x5a; 20];
                let wide = u128::from(magic) << (128 - MAGIC_BITS - place);
                data[..16].copy_from_slice(&wide.to_be_bytes());
                assert_eq!(find(&data, 0), Some((place, magic)));
            }
        }
        assert_eq!(find(&[0x31, 0x41], 0), None);
    }
}
