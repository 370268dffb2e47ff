//! Rows of a part that a later snapshot has deleted.

/// The rows of one file that are deleted: a bit a row, least significant first.
///
/// The files of a part never change, so a deletion is a new, small file beside them: the bits of the
/// documents, then those of the passages, each run filled up to a byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowMask {
    bits: Vec<u8>,
    rows: usize,
}

impl RowMask {
    /// Makes a mask of so many rows, none deleted.
    pub fn new(rows: usize) -> Self {
        Self {
            bits: vec![0; rows.div_ceil(8)],
            rows,
        }
    }

    /// Reads a mask; `None` unless it is `rows` long, with no bit set behind the last row.
    pub(crate) fn from_bits(bits: &[u8], rows: usize) -> Option<Self> {
        let spare = bits.len().checked_mul(8)?.checked_sub(rows)?;
        let clean = bits
            .last()
            .is_none_or(|last| spare == 0 || last >> (8 - spare.min(8)) == 0);
        (spare < 8 && clean).then(|| Self {
            bits: bits.to_vec(),
            rows,
        })
    }

    pub(crate) fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// How many rows the mask covers.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether the mask covers no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Deletes a row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn delete(&mut self, row: usize) {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        self.bits[row / 8] |= 1 << (row % 8);
    }

    /// Whether a row is deleted; rows behind the last are not.
    pub fn is_deleted(&self, row: usize) -> bool {
        row < self.rows && self.bits[row / 8] >> (row % 8) & 1 == 1
    }

    /// How many rows are deleted.
    pub fn n_deleted(&self) -> usize {
        self.bits
            .iter()
            .map(|byte| byte.count_ones() as usize)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_reads_back_as_written() {
        for rows in [0, 1, 7, 8, 9, 64] {
            let mut mask = RowMask::new(rows);
            (0..rows).step_by(3).for_each(|row| mask.delete(row));
            assert_eq!(mask.n_deleted(), rows.div_ceil(3));
            assert_eq!(RowMask::from_bits(mask.bits(), rows), Some(mask));
        }
    }

    #[test]
    fn bits_of_another_length_or_behind_the_end_are_refused() {
        assert_eq!(RowMask::from_bits(&[0, 0], 8), None);
        assert_eq!(RowMask::from_bits(&[0], 9), None);
        assert_eq!(RowMask::from_bits(&[0b1000], 3), None);
        assert!(RowMask::from_bits(&[0b100], 3).is_some());
        assert_eq!(RowMask::from_bits(&[], usize::MAX), None);
    }
}
