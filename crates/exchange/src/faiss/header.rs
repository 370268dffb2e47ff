//! The header that every index has.

use std::io::{self, Write};

/// `METRIC_INNER_PRODUCT`.
pub(super) const INNER_PRODUCT: i32 = 0;

/// `METRIC_L2`, the last one without an argument.
pub(super) const L2: i32 = 1;

/// A number that FAISS writes twice and ignores.
const DUMMY: i64 = 1 << 20;

/// What is common to all kinds: tag, width, count, metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) tag: [u8; 4],
    pub(super) dim: usize,
    pub(super) len: u64,
    pub(super) metric: i32,
}

impl Header {
    /// Its length in bytes for a metric without argument, tag included.
    pub(super) const BYTES: u64 = 37;

    pub(super) fn write(self, out: &mut impl Write) -> io::Result<()> {
        let too_large = |_| io::Error::from(io::ErrorKind::InvalidInput);
        out.write_all(&self.tag)?;
        out.write_all(&i32::try_from(self.dim).map_err(too_large)?.to_le_bytes())?;
        out.write_all(&i64::try_from(self.len).map_err(too_large)?.to_le_bytes())?;
        out.write_all(&DUMMY.to_le_bytes())?;
        out.write_all(&DUMMY.to_le_bytes())?;
        let is_trained = 1;
        out.write_all(&[is_trained])?;
        out.write_all(&self.metric.to_le_bytes())
    }

    /// Reads a header from the front of `bytes` and gives the rest; `None` when it is cut short or no index has
    /// such numbers.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (tag, rest) = bytes.split_first_chunk::<4>()?;
        let (dim, rest) = rest.split_first_chunk::<4>()?;
        let (len, rest) = rest.split_first_chunk::<8>()?;
        let (_dummies, rest) = rest.split_first_chunk::<16>()?;
        let (_is_trained, rest) = rest.split_first_chunk::<1>()?;
        let (metric, mut rest) = rest.split_first_chunk::<4>()?;
        let metric = i32::from_le_bytes(*metric);
        if metric > L2 {
            rest = rest.get(size_of::<f32>()..)?;
        }
        let header = Self {
            tag: *tag,
            dim: usize::try_from(i32::from_le_bytes(*dim)).ok()?,
            len: u64::try_from(i64::from_le_bytes(*len)).ok()?,
            metric,
        };
        Some((header, rest))
    }
}
