//! Reading a scan copy.

use std::fmt;
use std::hash::Hasher as _;
use std::sync::atomic::{AtomicBool, Ordering};

use ragdex_core::Sha256;
use twox_hash::XxHash64;

use super::row::length;
use super::{
    BLOCK_PANELS, CHECKSUM_BYTES, HEADER_BYTES, MAGIC, MAX_DIM, ROW_NUMBERS, SEED, VERSION,
    panel_bytes,
};

/// Rows of a panel: two vectors of AVX-512.
pub(crate) const PANEL_ROWS: usize = 32;

/// Why a scan copy cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodesError {
    /// Not a scan copy at all.
    #[error("scan copy expected, found something else")]
    Magic,
    /// Written by another version.
    #[error("scan copy of version {VERSION} expected, found version {0}")]
    Version(u32),
    /// Of other vectors than those it lies beside.
    #[error("scan copy of vectors {expected} expected, found that of {found}")]
    Source {
        /// The SHA-256 of the vectors' file.
        expected: Sha256,
        /// The one that the copy was made of.
        found: Sha256,
    },
    /// Of other width or number.
    #[error("scan copy of {expected_rows} rows of {expected_dim} expected, found {rows} of {dim}")]
    Shape {
        /// Vectors.
        expected_rows: u64,
        /// Their width.
        expected_dim: usize,
        /// Rows of the copy.
        rows: u64,
        /// Their width.
        dim: usize,
    },
    /// Cut off, or longer than it can be.
    #[error("scan copy of {expected} bytes expected, found {found}")]
    Length {
        /// What rows and width ask for.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// Bytes that are not those written.
    #[error(
        "scan copy is damaged: checksum {expected:016x} of {what} expected, found {found:016x}"
    )]
    Checksum {
        /// Which bytes.
        what: Region,
        /// The checksum written.
        expected: u64,
        /// That of the bytes found.
        found: u64,
    },
    /// A vector scores higher or lower than its codes allow: one of them is not what was written. A change that
    /// is smaller than what codes lose stays unseen.
    #[error("the vector of row {row} does not go with its scan copy: one of them is damaged")]
    Contradiction {
        /// The row, counted from 0.
        row: usize,
    },
}

impl CodesError {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Version(found) if *found > VERSION => "use the version of ragdex that wrote it, or a later one",
            _ => "`ragdex verify` names every damaged file; copy it back from a backup, or build anew",
        }
        .into()
    }
}

/// Bytes of a scan copy that have one checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Region {
    /// Header, mean and checksums.
    Header,
    /// The block of that number, from 0.
    Block(usize),
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("the header"),
            Self::Block(block) => write!(f, "block {block}"),
        }
    }
}

/// An opened scan copy: the codes of one file of vectors.
pub struct Codes {
    content: Box<dyn AsRef<[u8]> + Send + Sync>,
    dim: usize,
    rows: usize,
    mean: Vec<f32>,
    mean_length: f64,
    /// Which blocks were held against their checksums.
    checked: Vec<AtomicBool>,
}

impl Codes {
    /// Opens the scan copy of `rows` vectors, `dim` wide, from a file with the SHA-256 `source`.
    ///
    /// Reads header, mean and checksums: 8 bytes for each 256 rows. Each block of rows is held
    /// against its checksum when it is first scanned.
    ///
    /// # Errors
    /// [`CodesError`] for anything but the bytes that [`write_codes`](super::write_codes) wrote for
    /// these vectors, as far as they are read.
    pub fn open(
        content: impl AsRef<[u8]> + Send + Sync + 'static,
        rows: u64,
        dim: usize,
        source: &Sha256,
    ) -> Result<Self, CodesError> {
        let bytes = content.as_ref();
        check_header(bytes, rows, dim, source)?;
        let layout = Layout {
            rows: rows as usize,
            dim,
        };
        let mean = &bytes[HEADER_BYTES..HEADER_BYTES + dim * size_of::<f32>()];
        let (mean, _) = mean.as_chunks();
        let mean: Vec<f32> = mean
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        check_trailer(bytes, layout)?;
        Ok(Self {
            dim,
            rows: layout.rows,
            mean_length: length(mean.iter().map(|&number| number.into())),
            mean,
            checked: (0..layout.blocks())
                .map(|_| AtomicBool::new(false))
                .collect(),
            content: Box::new(content),
        })
    }

    /// The width of the vectors.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The number of vectors.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// What was taken from every vector before it was coded.
    pub(crate) fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The length of the mean.
    pub(crate) fn mean_length(&self) -> f64 {
        self.mean_length
    }

    /// The widest vectors that can be coded.
    pub const MAX_DIM: usize = MAX_DIM;

    /// Rows of every block but the last.
    pub(crate) const BLOCK_ROWS: usize = BLOCK_PANELS * PANEL_ROWS;

    /// The panels of a block, 32 rows each.
    ///
    /// # Errors
    /// [`CodesError::Checksum`] when they are not what was written.
    pub(crate) fn block(
        &self,
        block: usize,
    ) -> Result<impl Iterator<Item = Panel<'_>>, CodesError> {
        let layout = Layout {
            rows: self.rows,
            dim: self.dim,
        };
        let content = (*self.content).as_ref();
        let bytes = &content[layout.block(block)];
        if !self.checked[block].load(Ordering::Relaxed) {
            let checksum = &content[layout.checksums().start + block * CHECKSUM_BYTES..];
            check(bytes, checksum, Region::Block(block))?;
            self.checked[block].store(true, Ordering::Relaxed);
        }
        Ok(bytes.chunks_exact(panel_bytes(self.dim)).map(Panel::new))
    }
}

impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codes")
            .field("dim", &self.dim)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// The bytes of 32 rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panel<'a> {
    /// Scales, errors and weights, 32 single-precision numbers each.
    pub(crate) numbers: [&'a [u8]; ROW_NUMBERS],
    /// For each four dimensions the codes of 32 rows, four bytes each.
    pub(crate) codes: &'a [u8],
}

impl<'a> Panel<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        const LEN: usize = PANEL_ROWS * size_of::<f32>();
        Self {
            numbers: std::array::from_fn(|number| &bytes[number * LEN..(number + 1) * LEN]),
            codes: &bytes[ROW_NUMBERS * LEN..],
        }
    }

    /// Scale, error and weight of a row.
    pub(crate) fn row(&self, row: usize) -> [f64; ROW_NUMBERS] {
        self.numbers.map(|numbers| {
            let (numbers, _) = numbers.as_chunks();
            f32::from_le_bytes(numbers[row]).into()
        })
    }
}

/// Where things lie in a file.
#[derive(Clone, Copy)]
struct Layout {
    rows: usize,
    dim: usize,
}

impl Layout {
    fn blocks(self) -> usize {
        self.rows.div_ceil(Codes::BLOCK_ROWS)
    }

    fn panels_start(self) -> usize {
        HEADER_BYTES + self.dim * size_of::<f32>()
    }

    fn block(self, block: usize) -> std::ops::Range<usize> {
        let panels = self.rows.div_ceil(PANEL_ROWS);
        let panel = |block: usize| (block * BLOCK_PANELS).min(panels);
        let place = |panel: usize| self.panels_start() + panel * panel_bytes(self.dim);
        place(panel(block))..place(panel(block + 1))
    }

    fn checksums(self) -> std::ops::Range<usize> {
        let start = self.block(self.blocks()).start;
        start..start + self.blocks() * CHECKSUM_BYTES
    }
}

/// The length of the file, if it can be one.
fn length_of(rows: u64, dim: usize) -> Option<u64> {
    let panels = rows.div_ceil(PANEL_ROWS as u64);
    let blocks = rows.div_ceil(Codes::BLOCK_ROWS as u64);
    let panels = panels.checked_mul(panel_bytes(dim) as u64)?;
    panels
        .checked_add(blocks.checked_mul(CHECKSUM_BYTES as u64)?)?
        .checked_add((HEADER_BYTES + dim * size_of::<f32>() + CHECKSUM_BYTES) as u64)
}

fn check_header(bytes: &[u8], rows: u64, dim: usize, source: &Sha256) -> Result<(), CodesError> {
    let field = |from: usize, bytes: &[u8]| -> [u8; 8] {
        let mut field = [0; 8];
        field.copy_from_slice(&bytes[from..from + 8]);
        field
    };
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(CodesError::Magic)?;
    if header[..8] != MAGIC {
        return Err(CodesError::Magic);
    }
    let versions = u64::from_le_bytes(field(8, header));
    let version = versions as u32;
    if version != VERSION {
        return Err(CodesError::Version(version));
    }
    let found = Sha256(header[24..56].try_into().expect("32 bytes"));
    if found != *source {
        return Err(CodesError::Source {
            expected: *source,
            found,
        });
    }
    let found = (
        u64::from_le_bytes(field(16, header)),
        (versions >> 32) as usize,
    );
    if found != (rows, dim) || dim == 0 || dim > MAX_DIM {
        return Err(CodesError::Shape {
            expected_rows: rows,
            expected_dim: dim,
            rows: found.0,
            dim: found.1,
        });
    }
    let expected = length_of(rows, dim).unwrap_or(u64::MAX);
    if bytes.len() as u64 != expected {
        return Err(CodesError::Length {
            expected,
            found: bytes.len() as u64,
        });
    }
    Ok(())
}

fn check_trailer(bytes: &[u8], layout: Layout) -> Result<(), CodesError> {
    let mut hasher = XxHash64::with_seed(SEED);
    hasher.write(&bytes[..layout.panels_start()]);
    hasher.write(&bytes[layout.checksums()]);
    compare(
        hasher.finish(),
        &bytes[layout.checksums().end..],
        Region::Header,
    )
}

fn check(bytes: &[u8], checksum: &[u8], what: Region) -> Result<(), CodesError> {
    compare(XxHash64::oneshot(SEED, bytes), checksum, what)
}

fn compare(found: u64, checksum: &[u8], what: Region) -> Result<(), CodesError> {
    let expected = checksum
        .first_chunk()
        .expect("lengths are checked when opened");
    let expected = u64::from_le_bytes(*expected);
    if found == expected {
        Ok(())
    } else {
        Err(CodesError::Checksum {
            what,
            expected,
            found,
        })
    }
}
