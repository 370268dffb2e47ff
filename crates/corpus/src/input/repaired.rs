//! UTF-8 for a parser that goes no further after bytes that are none.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

/// The size of a read.
const CHUNK_BYTES: usize = 128 * 1024;

/// Offsets that are kept. More than this in one chunk belong to one record anyway.
const MAX_NOTED: usize = CHUNK_BYTES;

/// Puts `?` for each byte that is no UTF-8, so that offsets stay, and notes where.
pub(crate) struct Repaired<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were taken.
    taken: usize,
    /// Bytes of the buffer that are UTF-8; a character cut off by the chunk may follow.
    valid: usize,
    /// Bytes before the buffer.
    offset: u64,
    invalid: VecDeque<u64>,
}

impl<R: Read> Repaired<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            taken: 0,
            valid: 0,
            offset: 0,
            invalid: VecDeque::new(),
        }
    }

    /// Gives the offset of the next repaired byte before `end`.
    pub(crate) fn next_invalid(&mut self, end: u64) -> Option<u64> {
        self.invalid.pop_front_if(|offset| *offset < end)
    }

    /// Reads a chunk; tells whether there was any.
    fn refill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.valid);
        self.offset += self.valid as u64;
        (self.taken, self.valid) = (0, 0);
        let held = self.buffer.len();
        self.buffer.resize(held + CHUNK_BYTES, 0);
        let read = self.reader.read(&mut self.buffer[held..]);
        self.buffer.truncate(held + read.as_ref().map_or(0, |n| *n));
        let ended = read? == 0;
        self.repair(ended);
        Ok(!ended || held > 0)
    }

    fn repair(&mut self, ended: bool) {
        while let Err(error) = str::from_utf8(&self.buffer[self.valid..]) {
            self.valid += error.valid_up_to();
            let rest = self.buffer.len() - self.valid;
            let bad = match error.error_len() {
                None if !ended => return,
                length => length.unwrap_or(rest),
            };
            if self.invalid.len() < MAX_NOTED {
                self.invalid.push_back(self.offset + self.valid as u64);
            }
            self.buffer[self.valid..self.valid + bad].fill(b'?');
            self.valid += bad;
        }
        self.valid = self.buffer.len();
    }
}

impl<R: Read> BufRead for Repaired<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.taken == self.valid && self.refill()? {}
        Ok(&self.buffer[self.taken..self.valid])
    }

    fn consume(&mut self, n: usize) {
        self.taken += n;
    }
}

impl<R: Read> Read for Repaired<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(buf.len());
        buf[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives few bytes a read.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = buf.len().min(self.0.len()).min(self.1);
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn invalid_bytes_are_replaced_and_noted_and_all_else_stays() {
        for step in [1, 2, 3, 1000] {
            let bytes = b"a\xc3\xa9\xff\xe6\x9d\xb1\xe6\x9db\xe6\x9d";
            let mut reader = Repaired::new(Trickle(bytes, step));
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "aé?東??b??");
            assert_eq!(reader.next_invalid(3), None);
            let found: Vec<u64> = std::iter::from_fn(|| reader.next_invalid(100)).collect();
            assert_eq!(found, [3, 7, 10], "{step} bytes a read");
        }
    }
}
