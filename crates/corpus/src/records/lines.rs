//! Lines with their numbers and offsets, bounded in length.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use crate::{BadRecord, Error, Place};

/// The longest line that is read. Articles of search dumps go over 1 MB.
const MAX_LINE_BYTES: usize = 64 << 20;

/// Reads one line at a time into a buffer of its own.
pub(super) struct Lines<R> {
    path: PathBuf,
    reader: R,
    buffer: Vec<u8>,
    line: u64,
    byte: u64,
    next_byte: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(path: &Path, reader: R) -> Self {
        Self {
            path: path.to_owned(),
            reader,
            buffer: Vec::new(),
            line: 0,
            byte: 0,
            next_byte: 0,
        }
    }

    /// Reads the next line that is not blank, without its end; `None` at the end of the input. The
    /// inner error is a line that cannot be used.
    pub(super) fn next(&mut self) -> Result<Option<Result<&str, BadRecord>>, Error> {
        loop {
            self.buffer.clear();
            self.byte = self.next_byte;
            self.line += 1;
            let whole = self.fill()?;
            if self.next_byte == self.byte {
                return Ok(None);
            }
            if !whole {
                let problem = format!("a line of over {} MB", MAX_LINE_BYTES >> 20);
                return Ok(Some(Err(self.bad(problem))));
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        match str::from_utf8(&self.buffer) {
            Ok(line) => Ok(Some(Ok(line.trim_end_matches(['\n', '\r'])))),
            Err(error) => {
                let at = self.byte + error.valid_up_to() as u64;
                Ok(Some(Err(self.bad(format!("invalid UTF-8 at byte {at}")))))
            }
        }
    }

    /// Reads up to the end of the line; tells whether all of it was kept.
    fn fill(&mut self) -> Result<bool, Error> {
        let mut whole = true;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) => return Err(Error::from_io(error, &self.path, self.next_byte)),
            };
            let end = memchr(available);
            let n = end.map_or(available.len(), |end| end + 1);
            whole &= self.buffer.len() + n <= MAX_LINE_BYTES;
            if whole {
                self.buffer.extend_from_slice(&available[..n]);
            }
            self.reader.consume(n);
            self.next_byte += n as u64;
            if end.is_some() || n == 0 {
                return Ok(whole);
            }
        }
    }

    /// Names the line read last as unusable.
    pub(super) fn bad(&self, problem: String) -> BadRecord {
        BadRecord {
            path: self.path.clone(),
            place: Place::Line {
                line: self.line,
                byte: self.byte,
            },
            problem,
        }
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n')
}
