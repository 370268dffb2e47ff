//! A bound on what one record may make a parser buffer.

use std::io::{self, BufRead, Read};

/// Fails once more than `limit` bytes are taken without a [`reset`](Self::reset), so that a parser
/// that buffers a whole record cannot be made to fill the memory.
pub(crate) struct Limited<R> {
    reader: R,
    limit: u64,
    left: u64,
    has_line_end: bool,
}

impl<R> Limited<R> {
    pub(crate) fn new(reader: R, limit: u64) -> Self {
        Self {
            reader,
            limit,
            left: limit,
            has_line_end: false,
        }
    }

    /// The reader that is bounded.
    pub(crate) fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Grants the whole limit again: another record begins.
    pub(crate) fn reset(&mut self) {
        self.left = self.limit;
        self.has_line_end = false;
    }

    /// Whether the end of a line was among what was copied out since the last reset. Bytes that are
    /// taken from the buffer in place are not looked at.
    pub(crate) fn has_line_end(&self) -> bool {
        self.has_line_end
    }
}

impl<R: BufRead> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            let message = format!("a single piece of over {} MB", self.limit >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let available = self.reader.fill_buf()?;
        let n = available
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        Ok(&available[..n])
    }

    fn consume(&mut self, n: usize) {
        self.left -= n as u64;
        self.reader.consume(n);
    }
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(buf.len());
        buf[..n].copy_from_slice(&available[..n]);
        self.has_line_end = self.has_line_end || buf[..n].contains(&b'\n');
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_over_the_limit_is_an_error() {
        let mut reader = Limited::new(&b"abcdef"[..], 4);
        let mut bytes = [0; 4];
        reader.read_exact(&mut bytes).unwrap();
        assert!(reader.read(&mut bytes).is_err());
        reader.reset();
        assert_eq!(reader.read(&mut bytes).unwrap(), 2);
    }
}
