//! Rows of numbers in a file.

use std::ops::Range;

use half::f16;

/// How a number is stored, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    F32,
    F64,
}

impl Element {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// By NumPy's letter and width: `f4`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            _ => return None,
        })
    }
}

/// A row-major matrix in a file; it was checked to lie within it.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) dim: usize,
    pub(super) len: u64,
    /// The byte at which it begins.
    pub(super) start: usize,
    pub(super) element: Element,
}

impl Matrix {
    /// The bytes of a row.
    pub(super) fn row(&self, row: u64) -> Range<usize> {
        let bytes = self.dim * self.element.bytes();
        let start = self.start + row as usize * bytes;
        start..start + bytes
    }
}

/// Adds the numbers of a row.
pub(super) fn append(bytes: &[u8], element: Element, vector: &mut Vec<f32>) {
    match element {
        Element::F16 => {
            let (numbers, _) = bytes.as_chunks();
            vector.extend(numbers.iter().map(|n| f16::from_le_bytes(*n).to_f32()));
        }
        Element::F32 => {
            let (numbers, _) = bytes.as_chunks();
            vector.extend(numbers.iter().map(|n| f32::from_le_bytes(*n)));
        }
        Element::F64 => {
            let (numbers, _) = bytes.as_chunks();
            vector.extend(numbers.iter().map(|n| f64::from_le_bytes(*n) as f32));
        }
    }
}
