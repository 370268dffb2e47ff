//! Buffers that begin on a cache line.

use std::ops::{Deref, DerefMut};

/// A vector load that crosses a line costs two.
const LINE_BYTES: usize = 64;

/// A boxed slice whose first element lies on a cache line.
#[derive(Debug)]
pub(crate) struct Aligned<T> {
    data: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// `len` zeros.
    pub(crate) fn zeroed(len: usize) -> Self {
        let slack = LINE_BYTES / size_of::<T>();
        let data = vec![T::default(); len + slack];
        // `align_offset` may decline; the buffer is then only slower.
        let start = data.as_ptr().align_offset(LINE_BYTES).min(slack);
        Self { data, start, len }
    }

    /// A copy of `source` with zeros behind it up to `len`.
    pub(crate) fn padded(source: &[T], len: usize) -> Self {
        let mut copy = Self::zeroed(len);
        copy[..source.len()].copy_from_slice(source);
        copy
    }

    /// The first `len` elements, whatever they hold; grows when there are fewer.
    pub(crate) fn at_least(&mut self, len: usize) -> &mut [T] {
        if self.len < len {
            *self = Self::zeroed(len);
        }
        &mut self[..len]
    }
}

impl<T: Copy + Default> Default for Aligned<T> {
    fn default() -> Self {
        Self::zeroed(0)
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.data[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data[self.start..self.start + self.len]
    }
}
