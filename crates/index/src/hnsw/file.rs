//! The file of one graph.
//!
//! ```text
//!   0  magic, 8 bytes       64  hash of the vectors' files, 32 bytes
//!   8  version, u32         96  length of the graph, u64
//!  12  width, u32          104  zeros, 24 bytes
//!  16  XXH64 of all that   128  mean, f32 a number
//!      follows, u64         …   the graph as usearch saves it
//!  24  rows, u64
//!  32  expansion_add, u32
//!  36  gain, f32
//!  40  zeros, 24 bytes
//! ```
//!
//! Little-endian. The checksum is a fast one, because it is computed whenever a graph is opened; the
//! manifest of a knowledge base holds a strong one besides.

use std::hash::Hasher as _;
use std::io::{self, Write};

use ragdex_core::Sha256;
use twox_hash::XxHash64;

use super::coding::Coding;
use crate::Error;

const MAGIC: [u8; 8] = *b"RAGDEXHG";

/// The version of the file that this crate writes, and the only one it reads.
const VERSION: u32 = 1;

/// Bytes before the mean.
const HEADER_BYTES: usize = 128;

/// Where the bytes begin that the checksum is of.
const CHECKED_FROM: usize = 24;

/// What a graph must be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphIdentity {
    /// The width of the vectors.
    pub dim: usize,
    /// Rows that keys number, those left out included.
    pub rows: usize,
    /// A hash that names the vectors, such as one of their files' hashes.
    pub vectors: Sha256,
}

/// A parsed file.
pub(super) struct GraphFile<'a> {
    pub(super) coding: Coding,
    pub(super) expansion_add: usize,
    /// As usearch saved it.
    pub(super) graph: &'a [u8],
}

/// Writes a file; gives its length.
pub(super) fn write(
    identity: GraphIdentity,
    coding: &Coding,
    expansion_add: usize,
    graph: &[u8],
    to: &mut dyn Write,
) -> io::Result<u64> {
    let mut header = Vec::with_capacity(HEADER_BYTES + 4 * identity.dim);
    header.extend((identity.rows as u64).to_le_bytes());
    header.extend((expansion_add as u32).to_le_bytes());
    header.extend(coding.gain.to_le_bytes());
    header.extend([0; 24]);
    header.extend(identity.vectors.0);
    header.extend((graph.len() as u64).to_le_bytes());
    header.extend([0; 24]);
    header.extend(coding.mean.iter().flat_map(|value| value.to_le_bytes()));
    to.write_all(&MAGIC)?;
    to.write_all(&VERSION.to_le_bytes())?;
    to.write_all(&(identity.dim as u32).to_le_bytes())?;
    to.write_all(&checksum(&[&header, graph]).to_le_bytes())?;
    to.write_all(&header)?;
    to.write_all(graph)?;
    Ok((CHECKED_FROM + header.len() + graph.len()) as u64)
}

/// Reads a file and checks it whole, but for what is inside the graph.
///
/// # Errors
/// [`Error::GraphVersion`], [`Error::GraphDamaged`].
pub(super) fn read(content: &[u8], expected: GraphIdentity) -> Result<GraphFile<'_>, Error> {
    if content.len() < HEADER_BYTES {
        return Err(damaged("a file of at least 128 bytes", content.len()));
    }
    let mut fields = Fields(content);
    if fields.array() != MAGIC {
        return Err(damaged("the first bytes of a graph", "others"));
    }
    let version = u32::from_le_bytes(fields.array());
    if version != VERSION {
        return Err(Error::GraphVersion {
            known: VERSION,
            found: version,
        });
    }
    let dim = u32::from_le_bytes(fields.array()) as usize;
    let sum = u64::from_le_bytes(fields.array());
    let found = checksum(&[&content[CHECKED_FROM..]]);
    if sum != found {
        return Err(damaged(
            &format!("checksum {sum:016x}"),
            format!("{found:016x}"),
        ));
    }
    let rows = u64::from_le_bytes(fields.array());
    let expansion_add = u32::from_le_bytes(fields.array()) as usize;
    let gain = f32::from_le_bytes(fields.array());
    fields.array::<24>();
    let vectors = Sha256(fields.array());
    let graph_bytes = u64::from_le_bytes(fields.array());
    fields.array::<24>();
    check_identity(expected, dim, rows, vectors)?;
    let Some((mean, graph)) = fields.0.split_at_checked(4 * dim) else {
        return Err(damaged("the mean of the vectors", "the end"));
    };
    if graph.len() as u64 != graph_bytes {
        return Err(damaged(
            &format!("a graph of {graph_bytes} bytes"),
            graph.len(),
        ));
    }
    let mean: Vec<f32> = mean
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let usable = gain.is_finite() && gain > 0.0 && mean.iter().all(|value| value.is_finite());
    if !usable {
        return Err(damaged("finite mean and gain", "others"));
    }
    Ok(GraphFile {
        coding: Coding { mean, gain },
        expansion_add,
        graph,
    })
}

/// The graph in a file that was read before.
pub(super) fn graph_of(content: &[u8], dim: usize) -> &[u8] {
    content.get(HEADER_BYTES + 4 * dim..).unwrap_or_default()
}

fn check_identity(
    expected: GraphIdentity,
    dim: usize,
    rows: u64,
    vectors: Sha256,
) -> Result<(), Error> {
    if dim != expected.dim {
        return Err(Error::Dimension {
            expected: expected.dim,
            found: dim,
        });
    }
    if rows != expected.rows as u64 {
        return Err(damaged(&format!("a graph of {} rows", expected.rows), rows));
    }
    if vectors != expected.vectors {
        return Err(damaged(
            &format!("a graph of the vectors {}", expected.vectors),
            format!("one of {vectors}"),
        ));
    }
    Ok(())
}

pub(super) fn damaged(expected: &str, found: impl std::fmt::Display) -> Error {
    Error::GraphDamaged {
        expected: expected.to_owned(),
        found: found.to_string(),
    }
}

pub(super) fn checksum(pieces: &[&[u8]]) -> u64 {
    let mut hasher = XxHash64::with_seed(0);
    for piece in pieces {
        hasher.write(piece);
    }
    hasher.finish()
}

/// Takes fields from the front.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    /// The next `N` bytes.
    ///
    /// # Panics
    /// When there are fewer: callers look first.
    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("looked at before");
        self.0 = rest;
        *field
    }
}
