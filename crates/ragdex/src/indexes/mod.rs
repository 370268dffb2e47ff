//! The indexes of a knowledge base: kinds, making, opening.
//!
//! * [`IndexOptions`] says which kinds there are to be; [`make_indexes`] makes their files in a
//!   staging area, for every command that commits.
//! * [`OpenIndex`] is the kind that a searcher searches; the exact kind scans copies of a byte a number
//!   where there are many passages, `scan-<part>` each.
//! * [`index()`] adds, rebuilds and drops kinds of a knowledge base that is there.
//!
//! ```text
//! parts (ids ascend)   0   1   2 │ 3   4   5 │ 6
//! graphs               hnsw-00000│ hnsw-00003│ (scanned: too few rows for a graph)
//! ```
//!
//! A graph spans whole parts that follow one another, up to [`SEGMENT_ROWS`] rows: searching many
//! small graphs is slow, and building one large one uses one thread. Which parts go into which graph
//! depends on their sizes alone. A refresh keeps a graph as long as few of its rows are dead, puts new
//! parts into graphs of their own and joins those when they have grown.

mod command;
mod exact;
mod grouping;
mod hnsw;
mod make;
mod open;
mod plan;
mod recorded;

use std::fmt;
use std::str::FromStr;

use ragdex_core::PassageId;
use ragdex_index::{HnswOptions, Segment};
use ragdex_store::{PartEmbeddings, RowIds};
use serde::Serialize;

use crate::{Error, Result};

pub use command::{IndexJob, index};
pub use grouping::SEGMENT_ROWS;
pub(crate) use make::{Graphs, make_indexes};
pub(crate) use open::OpenIndex;
pub(crate) use plan::note_plan;
pub(crate) use recorded::{info, recorded_options};

/// A way to search the vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexKind {
    /// Scores every vector: finds the true nearest, takes time by the number of passages.
    Exact,
    /// Walks graphs over 8-bit codes: finds nearly all of the nearest in a hundredth of the time, for
    /// about a kilobyte a passage.
    Hnsw,
}

impl IndexKind {
    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Hnsw => "hnsw",
        }
    }
}

impl fmt::Display for IndexKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for IndexKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "exact" => Ok(Self::Exact),
            "hnsw" => Ok(Self::Hnsw),
            _ => Err(Error::UnknownIndex { name: name.into() }),
        }
    }
}

/// Which indexes a knowledge base has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexOptions {
    /// The kinds, each once; the first is searched unless another is asked for.
    pub kinds: Vec<IndexKind>,
    /// How graphs are built.
    pub hnsw: HnswOptions,
}

impl Default for IndexOptions {
    /// The exact index alone.
    fn default() -> Self {
        Self {
            kinds: vec![IndexKind::Exact],
            hnsw: HnswOptions::default(),
        }
    }
}

/// Borrows the vectors of a part as an index reads them, without the rows that are deleted.
///
/// # Errors
/// [`ragdex_index::Error::Rows`] for ids or masks of another length.
pub(crate) fn segments(part: &PartEmbeddings) -> Result<Vec<Segment<'_>>> {
    let mut row = 0;
    let segments = segments_with(part, None)?.into_iter().map(|segment| {
        let rows = row..row + segment.n_rows();
        row = rows.end;
        match part.deleted() {
            None => Ok(segment),
            Some(mask) => {
                segment.with_live(rows.map(|row| !mask.is_deleted(row)).collect::<Vec<_>>())
            }
        }
    });
    Ok(segments.collect::<Result<_, _>>()?)
}

/// Borrows the vectors of a part with the rows that are `true` in `live`, or all.
///
/// # Errors
/// As [`segments`].
fn segments_with<'a>(
    part: &'a PartEmbeddings,
    live: Option<&'a [bool]>,
) -> Result<Vec<Segment<'a>>> {
    let mut row = 0;
    let segments = part.blocks().map(|vectors| {
        let rows = row..row + vectors.len();
        row = rows.end;
        let segment = match part.ids() {
            RowIds::Contiguous { first } => {
                Segment::new(vectors, PassageId(first + rows.start as u64))
            }
            RowIds::Listed(ids) => Segment::listed(vectors, &ids[rows.clone()])?,
        };
        match live {
            Some(live) => segment.with_live(&live[rows]),
            None => Ok(segment),
        }
    });
    Ok(segments.collect::<Result<_, _>>()?)
}
