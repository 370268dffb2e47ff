//! The indexes of a knowledge base: kinds, making, opening.
//!
//! * [`IndexOptions`] says which kinds there are to be; [`make_indexes`] makes their files in a
//!   staging area, for every command that commits.
//! * [`OpenIndex`] is the kind that a searcher searches.
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

/// The vectors of a part, with what an index asks of its rows made once.
#[derive(Debug, Clone)]
pub(crate) struct PartRows {
    vectors: PartEmbeddings,
    /// A row each; absent when none is deleted.
    live: Option<Vec<bool>>,
}

impl PartRows {
    pub(crate) fn new(vectors: PartEmbeddings) -> Self {
        let live = vectors.deleted().map(|mask| {
            let rows = 0..mask.len();
            rows.map(|row| !mask.is_deleted(row)).collect()
        });
        Self { vectors, live }
    }

    /// Rows that are deleted.
    pub(crate) fn n_deleted(&self) -> u64 {
        let deleted = self.vectors.deleted();
        deleted.map_or(0, |mask| mask.n_deleted() as u64)
    }

    /// Borrows the rows as an index reads them.
    ///
    /// # Errors
    /// [`ragdex_index::Error::Rows`] for ids or masks of another length.
    pub(crate) fn segments(&self) -> Result<Vec<Segment<'_>>> {
        let mut row = 0;
        let segments = self.vectors.blocks().map(|vectors| {
            let rows = row..row + vectors.len();
            row = rows.end;
            let segment = match self.vectors.ids() {
                RowIds::Contiguous { first } => {
                    Segment::new(vectors, PassageId(first + rows.start as u64))
                }
                RowIds::Listed(ids) => Segment::listed(vectors, &ids[rows.clone()])?,
            };
            Ok(match &self.live {
                None => segment,
                Some(live) => segment.with_live(&live[rows])?,
            })
        });
        segments.collect()
    }
}
