//! Making a scan copy.

use std::hash::Hasher as _;
use std::io::{self, Write};

use half::f16;
use ragdex_core::{Cancel, Cancelled, Rows, Sha256, Vectors};
use rayon::prelude::*;
use twox_hash::XxHash64;

use super::row::{MAX_NORM, RowNumbers, encode, length};
use super::{
    BLOCK_PANELS, CHECKSUM_BYTES, HEADER_BYTES, MAGIC, MAX_DIM, PANEL_ROWS, ROW_NUMBERS, SEED,
    STEP, VERSION, panel_bytes,
};
use crate::score::Number;

/// Blocks made at a time: enough for all threads, and 13 MB at 768 dimensions.
const BATCH_BLOCKS: usize = 64;

/// Rows that the mean is taken of, at most; it decides how tight the bounds are, not whether they
/// hold.
const MEAN_ROWS: usize = 1 << 16;

/// Why a scan copy was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Vectors wider than a scan can sum up.
    #[error("vectors of at most {MAX_DIM} dimensions expected, found {0}")]
    TooWide(usize),
    /// The writer's error.
    #[error("cannot write a scan copy")]
    Io(#[from] io::Error),
    /// The caller asked for the work to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Writes the scan copy of `vectors` to `file`, in order and without going back.
///
/// `source` is the SHA-256 of the file of the vectors, which [`Codes::open`](super::Codes::open) asks
/// for again. `progress` is told how many rows are done. The bytes depend on the vectors and `source`
/// alone. Takes 13 MB of memory at 768 dimensions and about `12 + dim` bytes a row of the file;
/// a vector that holds NaN or an infinity is marked as not coded.
///
/// # Errors
/// [`WriteError`]; what was written before is of no use then.
pub fn write_codes(
    vectors: Vectors<'_>,
    source: &Sha256,
    file: &mut impl Write,
    progress: &dyn Fn(u64),
    cancel: &Cancel,
) -> Result<(), WriteError> {
    if vectors.dim() > MAX_DIM {
        return Err(WriteError::TooWide(vectors.dim()));
    }
    match vectors.rows() {
        Rows::F32(values) => {
            Copy::<f32>::new(values, vectors).write(source, file, progress, cancel)
        }
        Rows::F16(values) => {
            Copy::<f16>::new(values, vectors).write(source, file, progress, cancel)
        }
    }
}

/// A scan copy being made.
struct Copy<'a, T> {
    values: &'a [T],
    dim: usize,
    rows: usize,
    mean: Vec<f32>,
}

impl<'a, T: Number> Copy<'a, T> {
    fn new(values: &'a [T], vectors: Vectors<'_>) -> Self {
        Self {
            values,
            dim: vectors.dim(),
            rows: vectors.len(),
            mean: mean(values, vectors.dim()),
        }
    }

    fn write(
        &self,
        source: &Sha256,
        file: &mut impl Write,
        progress: &dyn Fn(u64),
        cancel: &Cancel,
    ) -> Result<(), WriteError> {
        let mut trailer = XxHash64::with_seed(SEED);
        let mut put = |bytes: &[u8], file: &mut dyn Write| {
            trailer.write(bytes);
            file.write_all(bytes)
        };
        put(&self.header(source), file)?;
        put(&little_endian(&self.mean), file)?;
        let block_rows = BLOCK_PANELS * PANEL_ROWS;
        let starts: Vec<usize> = (0..self.rows).step_by(block_rows).collect();
        let mut checksums = Vec::with_capacity(starts.len() * CHECKSUM_BYTES);
        for batch in starts.chunks(BATCH_BLOCKS) {
            cancel.check()?;
            let blocks = batch.par_iter().map(|&start| self.block(start));
            for block in blocks.collect::<Vec<_>>() {
                checksums.extend(XxHash64::oneshot(SEED, &block).to_le_bytes());
                file.write_all(&block)?;
            }
            progress(((batch[0] + batch.len() * block_rows).min(self.rows)) as u64);
        }
        put(&checksums, file)?;
        Ok(file.write_all(&trailer.finish().to_le_bytes())?)
    }

    fn header(&self, source: &Sha256) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[12..16].copy_from_slice(&(self.dim as u32).to_le_bytes());
        header[16..24].copy_from_slice(&(self.rows as u64).to_le_bytes());
        header[24..56].copy_from_slice(&source.0);
        header
    }

    /// The panels of the rows from `start` on.
    fn block(&self, start: usize) -> Vec<u8> {
        let end = self.rows.min(start + BLOCK_PANELS * PANEL_ROWS);
        let panels = (end - start).div_ceil(PANEL_ROWS);
        let mut block = vec![0; panels * panel_bytes(self.dim)];
        let mut centred = vec![0.0; self.dim];
        let starts = (start..end).step_by(PANEL_ROWS);
        for (panel, first) in block.chunks_exact_mut(panel_bytes(self.dim)).zip(starts) {
            let (numbers, codes) = panel.split_at_mut(ROW_NUMBERS * PANEL_ROWS * size_of::<f32>());
            codes.fill(128);
            for row in first..end.min(first + PANEL_ROWS) {
                self.centre(row, &mut centred);
                place(&centred, row - first, numbers, codes);
            }
        }
        block
    }

    fn centre(&self, row: usize, centred: &mut [f64]) {
        let vector = &self.values[row * self.dim..(row + 1) * self.dim];
        for ((centred, value), mean) in centred.iter_mut().zip(vector).zip(&self.mean) {
            *centred = value.widen() - f64::from(*mean);
        }
    }
}

/// Codes a row and puts it into its place of a panel.
fn place(centred: &[f64], row: usize, numbers: &mut [u8], codes: &mut [u8]) {
    let mut row_codes = vec![0_i8; centred.len()];
    let RowNumbers {
        scale,
        error,
        weight,
    } = encode(centred, &mut row_codes);
    let (numbers, _) = numbers.as_chunks_mut::<{ size_of::<f32>() }>();
    for (number, value) in [scale, error, weight].into_iter().enumerate() {
        numbers[number * PANEL_ROWS + row] = value.to_le_bytes();
    }
    for (step, four) in row_codes.chunks(STEP).enumerate() {
        let start = (step * PANEL_ROWS + row) * STEP;
        for (byte, code) in codes[start..].iter_mut().zip(four) {
            *byte = (*code as u8) ^ 0x80;
        }
    }
}

/// The mean of some rows, evenly spread; zeros where it would be of no use.
fn mean<T: Number>(values: &[T], dim: usize) -> Vec<f32> {
    let rows = values.len() / dim;
    let stride = rows.div_ceil(MEAN_ROWS).max(1);
    let mut sums = vec![0.0; dim];
    for row in values.chunks_exact(dim).step_by(stride) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value.widen();
        }
    }
    let count = rows.div_ceil(stride).max(1) as f64;
    let mean: Vec<f32> = sums.into_iter().map(|sum| (sum / count) as f32).collect();
    if length(mean.iter().map(|value| f64::from(*value))) <= MAX_NORM {
        mean
    } else {
        vec![0.0; dim]
    }
}

fn little_endian(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}
