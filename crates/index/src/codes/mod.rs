//! Scan copies: every vector once more in a byte a number, with a bound of what that loses.
//!
//! A vector v is kept as v ≈ m + s·c: the mean m of the file, whole numbers c in −127..=127, and one
//! scale s a row. Beside them lie e ≥ |v − m − s·c| and w ≥ |s·c|, so that a scan of the codes knows an
//! interval that the inner product with v lies in; [`crate::scan`] has the proof. Taking the mean
//! away changes every inner product by the same amount and leaves less to be rounded.
//!
//! # The file
//!
//! All numbers are little-endian; nothing needs to be aligned.
//!
//! ```text
//! header    magic `RGDXSCAN` · version u32 · dim u32 · rows u64 · SHA-256 of the vectors' file · 8 zeros
//! mean      dim × f32
//! panels    of 32 rows each, the last filled up with rows of zeros:
//!             32 × s, 32 × e, 32 × w (f32), then the codes: for each run of four
//!             dimensions 32 × 4 bytes, each c + 128 (a dimension behind the last is 128)
//! checksums XXH64 of each block of 8 panels, u64 each
//! trailer   XXH64 of header, mean and checksums, u64
//! ```
//!
//! The length follows from `rows` and `dim`. Opening reads header, mean and checksums; a block is
//! held against its checksum before it is first used, so that what a scan says is right or an error.

mod open;
mod row;
mod write;

#[cfg(test)]
mod tests;

pub use open::{Codes, CodesError, Region};
pub use write::{WriteError, write_codes};

pub(crate) use open::{PANEL_ROWS, Panel};
pub(crate) use row::{MAX_NORM, length, round_up};

/// The first bytes of a file.
const MAGIC: [u8; 8] = *b"RGDXSCAN";

/// What this version reads and writes.
const VERSION: u32 = 1;

/// Bytes of the header.
const HEADER_BYTES: usize = 64;

/// Dimensions that a scan takes at a step: the bytes of one 32-bit lane.
const STEP: usize = 4;

/// Panels of a block: at 768 dimensions 200 kB, which stays in the second-level cache.
const BLOCK_PANELS: usize = 8;

/// Numbers beside the codes of a row: scale, error and weight.
const ROW_NUMBERS: usize = 3;

/// The widest vectors that are coded: a sum of more products of bytes might not fit 32 bits.
pub(crate) const MAX_DIM: usize = 1 << 16;

/// Starts every checksum.
const SEED: u64 = 0;

/// Bytes of a checksum.
const CHECKSUM_BYTES: usize = size_of::<u64>();

/// Bytes of a panel.
fn panel_bytes(dim: usize) -> usize {
    PANEL_ROWS * (ROW_NUMBERS * size_of::<f32>() + dim.next_multiple_of(STEP))
}
