//! An opened graph: usearch over a borrowed file.

#![expect(
    unsafe_code,
    reason = "usearch reads a graph where it lies and cannot say for how long"
)]

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use super::check::check;
use super::coding::{CodedQuestion, Coding};
use super::file::{self, GraphIdentity};
use crate::Error;

/// A graph, open for searching from any number of threads.
///
/// The codes and links stay in the file, which is best mapped; 76 bytes a row are kept besides.
pub struct Graph {
    /// Reads `content`, so it is declared, and dropped, before it.
    index: Index,
    turns: Turns,
    coding: Coding,
    rows: usize,
    nodes: usize,
    connectivity: usize,
    expansion_add: usize,
    content: Bytes,
}

impl Graph {
    /// Opens a file that [`BuiltGraph::write_to`](super::BuiltGraph::write_to) wrote.
    ///
    /// Everything is read once: the checksum, then every link that a search may follow, so that no
    /// damage, even one made on purpose, leads a search out of the file. `O(rows)`; 0.2 to 0.4 µs a row
    /// with 768 dimensions and connectivity 32.
    ///
    /// # Errors
    /// [`Error::GraphVersion`], [`Error::GraphDamaged`], also for a graph of other vectors,
    /// [`Error::Dimension`]; [`Error::Library`] when memory is short.
    pub fn open(content: Bytes, expected: GraphIdentity) -> Result<Self, Error> {
        let file = file::read(&content, expected)?;
        let shape = check(file.graph, expected.dim, expected.rows)?;
        let (dim, connectivity) = (expected.dim, shape.connectivity);
        let index = new_index(MetricKind::IP, dim, connectivity, file.expansion_add)?;
        // SAFETY: usearch keeps pointers into the buffer. `content` owns it, does not move it when
        // moved itself, is never changed, and is dropped after `index`. That what it points to stays
        // as it was checked is the promise of whoever mapped the file. Nothing of `Index` that would
        // write is called on a viewed graph.
        unsafe { index.view_from_buffer(file.graph) }
            .map_err(|error| library("open a graph", &error))?;
        let threads = rayon::current_num_threads().max(1);
        index
            .reserve_capacity_and_threads(shape.nodes, threads)
            .map_err(|error| library("reserve places for threads", &error))?;
        Ok(Self {
            turns: Turns::new(threads),
            rows: expected.rows,
            nodes: shape.nodes,
            connectivity: shape.connectivity,
            expansion_add: file.expansion_add,
            coding: file.coding,
            index,
            content,
        })
    }

    /// Rows that keys number, those that were left out included.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows that the graph holds.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Links of a node on each level but the lowest, which has twice as many.
    pub fn connectivity(&self) -> usize {
        self.connectivity
    }

    /// Candidates weighed for the links of a new node when the graph was built.
    pub fn expansion_add(&self) -> usize {
        self.expansion_add
    }

    /// The length of the file.
    pub fn bytes(&self) -> usize {
        self.content.len()
    }

    /// The graph as usearch saves it, with keys for row numbers and codes for vectors, for programs that
    /// convert it.
    pub fn as_usearch(&self) -> &[u8] {
        file::graph_of(&self.content, self.coding.mean.len())
    }

    pub(super) fn coding(&self) -> &Coding {
        &self.coding
    }

    /// Finds up to `count` rows whose codes have large inner products with the question's, among those
    /// that `allowed` lets through, with these products.
    ///
    /// # Errors
    /// [`Error::Library`] when memory is short.
    pub(super) fn candidates(
        &self,
        question: &CodedQuestion,
        count: usize,
        allowed: Option<&dyn Fn(usize) -> bool>,
    ) -> Result<Vec<(usize, f32)>, Error> {
        let _turn = self.turns.take();
        let codes = question.codes.as_slice();
        let matches = match allowed {
            None => self.index.search(codes, count),
            Some(allowed) => {
                let allowed = |key: u64| allowed(key as usize);
                self.index.filtered_search(codes, count, allowed)
            }
        };
        let matches = matches.map_err(|error| library("search a graph", &error))?;
        let keys = matches.keys.into_iter().map(|key| key as usize);
        // The distance of inner products is one minus the product.
        let products = matches.distances.into_iter().map(|distance| 1.0 - distance);
        Ok(keys.zip(products).collect())
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("rows", &self.rows)
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}

/// An empty index of bytes, compared by `metric`.
pub(super) fn new_index(
    metric: MetricKind,
    dim: usize,
    connectivity: usize,
    expansion_add: usize,
) -> Result<Index, Error> {
    let options = IndexOptions {
        dimensions: dim,
        metric,
        quantization: ScalarKind::I8,
        connectivity,
        expansion_add,
        // The number of candidates asked for is the number that is kept on the way.
        expansion_search: 1,
        multi: false,
    };
    Index::new(&options).map_err(|error| library("set up a graph", &error))
}

/// Has a graph searched and saved by inner product, whatever it was built by.
pub(super) fn search_by_product(index: &Index) -> Result<(), Error> {
    let changed = index.change_metric_kind(MetricKind::IP);
    changed.map_err(|error| library("set up a graph", &error))
}

pub(super) fn library(action: &'static str, error: &impl fmt::Display) -> Error {
    Error::Library {
        action,
        reason: error.to_string(),
    }
}

/// Lets as many threads in as usearch has places for; it would refuse one more, here it waits.
struct Turns {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Turns {
    fn new(n: usize) -> Self {
        Self {
            free: Mutex::new(n),
            freed: Condvar::new(),
        }
    }

    fn take(&self) -> Turn<'_> {
        let free = self.lock();
        let waited = self.freed.wait_while(free, |free| *free == 0);
        *waited.unwrap_or_else(PoisonError::into_inner) -= 1;
        Turn(self)
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Given back when dropped.
struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.freed.notify_one();
    }
}
