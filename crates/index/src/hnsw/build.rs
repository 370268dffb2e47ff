//! Building one graph.

use std::io::{self, Write};

use ragdex_core::{Cancel, Sha256};
use usearch::{Index, MetricKind};

use super::coding::Coding;
use super::file::{self, GraphIdentity};
use super::graph::{library, new_index, search_by_product};
use super::order::CodedRows;
use crate::{Error, Segment};

/// Rows added between two looks at whether to stop; about 50 ms.
const STEP_ROWS: usize = 64;

/// How a graph is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HnswOptions {
    /// Links of a node on each level but the lowest, which has twice as many. More finds more and
    /// takes 8 bytes a row more each.
    pub connectivity: usize,
    /// Candidates weighed for the links of a new node. More finds more and builds slower.
    pub expansion_add: usize,
}

impl HnswOptions {
    /// Of 50,000 vectors that lie as those of DPR do, searches find 0.978 of the best 100 in such a graph.
    /// 200 candidates, as FAISS and hnswlib are commonly run, would take a fifth longer.
    pub const DEFAULT: Self = Self {
        connectivity: 32,
        expansion_add: 160,
    };
}

impl Default for HnswOptions {
    /// [`HnswOptions::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A graph in memory, to be written.
pub struct BuiltGraph {
    index: Index,
    coding: Coding,
    dim: usize,
    rows: usize,
    options: HnswOptions,
}

/// Builds a graph over the live rows of some segments, counted through from 0. `on_rows` hears of
/// rows added, by how many.
///
/// Links join passages that are near by distance. Runs on one thread and gives the same graph each time; several
/// graphs are built by as many threads. Rows are added so that near ones follow each other, see `order.rs`: vectors
/// are read up to five times. Memory: codes and links of all rows.
///
/// # Errors
/// [`Error::VectorNotFinite`] naming the row, [`Error::Dimension`] for segments of other widths,
/// [`Error::NoRows`] without a live row, [`Error::TooManyRows`], [`Error::Cancelled`];
/// [`Error::Library`] when memory is short.
pub fn build_graph(
    dim: usize,
    segments: &[Segment<'_>],
    options: HnswOptions,
    cancel: &Cancel,
    on_rows: &dyn Fn(usize),
) -> Result<BuiltGraph, Error> {
    if let Some(other) = segments
        .iter()
        .find(|segment| segment.vectors().dim() != dim)
    {
        return Err(Error::Dimension {
            expected: dim,
            found: other.vectors().dim(),
        });
    }
    let rows: usize = segments.iter().map(|segment| segment.vectors().len()).sum();
    let live: usize = segments.iter().map(Segment::n_live).sum();
    // usearch numbers nodes in 32 bits and keeps the highest number for itself.
    if rows >= u32::MAX as usize {
        return Err(Error::TooManyRows { rows });
    }
    if live == 0 {
        return Err(Error::NoRows);
    }
    let coding = Coding::fit(segments, dim)?;
    let index = new_index(
        MetricKind::L2sq,
        dim,
        options.connectivity,
        options.expansion_add,
    )?;
    index
        .reserve_capacity_and_threads(live, 1)
        .map_err(|error| library("reserve memory for a graph", &error))?;
    let mut coded = CodedRows::new(segments, dim, &coding);
    let order = coded.near_together(cancel)?;
    add(&index, &order, &mut coded, cancel, on_rows)?;
    search_by_product(&index)?;
    Ok(BuiltGraph {
        index,
        coding,
        dim,
        rows,
        options,
    })
}

/// Adds rows one after another, each under its number.
fn add(
    index: &Index,
    order: &[u32],
    coded: &mut CodedRows<'_>,
    cancel: &Cancel,
    on_rows: &dyn Fn(usize),
) -> Result<(), Error> {
    let mut codes = Vec::new();
    for step in order.chunks(STEP_ROWS) {
        for &row in step {
            coded.code(row, &mut codes)?;
            let added = index.add(u64::from(row), &codes);
            added.map_err(|error| library("add a row to a graph", &error))?;
        }
        cancel.check()?;
        on_rows(step.len());
    }
    Ok(())
}

impl BuiltGraph {
    /// The graph as usearch saves it, with keys for row numbers and codes for vectors, for programs that
    /// convert it.
    ///
    /// # Errors
    /// What usearch says.
    pub fn to_usearch(&self) -> io::Result<Vec<u8>> {
        let mut graph = vec![0; self.index.serialized_length()];
        self.index
            .save_to_buffer(&mut graph)
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(graph)
    }

    /// Writes the graph as a file; gives its length. `vectors` names what it was built from, as
    /// [`GraphIdentity`] will ask for it. Memory: the file once more.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write_to(&self, vectors: Sha256, to: &mut dyn Write) -> io::Result<u64> {
        let graph = self.to_usearch()?;
        let identity = GraphIdentity {
            dim: self.dim,
            rows: self.rows,
            vectors,
        };
        file::write(
            identity,
            &self.coding,
            self.options.expansion_add,
            &graph,
            to,
        )
    }
}

impl std::fmt::Debug for BuiltGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuiltGraph")
            .field("rows", &self.rows)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
