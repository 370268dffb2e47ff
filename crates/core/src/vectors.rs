//! Borrowed blocks of vectors.

use std::fmt;

use half::f16;

/// How a stored number is represented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Element {
    /// 4 bytes.
    #[default]
    F32,
    /// 2 bytes, IEEE 754 half precision.
    F16,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        })
    }
}

/// The numbers of a [`Vectors`] block, row-major, without padding.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Half precision.
    F16(&'a [f16]),
}

/// A borrowed matrix of shape `(len, dim)`, row-major: one vector a row.
#[derive(Debug, Clone, Copy)]
pub struct Vectors<'a> {
    rows: Rows<'a>,
    dim: usize,
}

impl<'a> Vectors<'a> {
    /// Borrows a block of `rows.len() / dim` vectors.
    ///
    /// # Errors
    /// [`DimensionError`] when `dim` is 0 or does not divide the number of elements.
    pub fn new(rows: Rows<'a>, dim: usize) -> Result<Self, DimensionError> {
        let elements = match rows {
            Rows::F32(values) => values.len(),
            Rows::F16(values) => values.len(),
        };
        if dim == 0 || elements % dim != 0 {
            return Err(DimensionError { elements, dim });
        }
        Ok(Self { rows, dim })
    }

    /// Borrows single-precision numbers.
    ///
    /// # Errors
    /// As [`Vectors::new`].
    pub fn f32(values: &'a [f32], dim: usize) -> Result<Self, DimensionError> {
        Self::new(Rows::F32(values), dim)
    }

    /// The number of vectors.
    pub fn len(&self) -> usize {
        match self.rows {
            Rows::F32(values) => values.len() / self.dim,
            Rows::F16(values) => values.len() / self.dim,
        }
    }

    /// Whether the block holds no vector.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The width of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// One vector, as a block of one.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> Self {
        let range = row * self.dim..(row + 1) * self.dim;
        let rows = match self.rows {
            Rows::F32(values) => Rows::F32(&values[range]),
            Rows::F16(values) => Rows::F16(&values[range]),
        };
        Self { rows, ..*self }
    }

    /// The numbers.
    pub fn rows(&self) -> Rows<'a> {
        self.rows
    }
}

/// A run of numbers that is no matrix of the given width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DimensionError {
    /// How many numbers there are.
    pub elements: usize,
    /// The width asked for.
    pub dim: usize,
}

impl fmt::Display for DimensionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} numbers are no matrix {} wide",
            self.elements, self.dim
        )
    }
}

impl std::error::Error for DimensionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_that_does_not_divide_is_refused() {
        let values = [0.0; 6];
        assert_eq!(Vectors::f32(&values, 3).map(|v| v.len()), Ok(2));
        let error = Vectors::f32(&values, 4).err();
        assert_eq!(
            error,
            Some(DimensionError {
                elements: 6,
                dim: 4
            })
        );
        assert!(Vectors::f32(&values, 0).is_err());
    }
}
