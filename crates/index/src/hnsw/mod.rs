//! The approximate index: graphs over 8-bit codes, re-scored from the stored vectors.
//!
//! A hierarchical navigable small world graph (usearch's) finds candidates by the inner product of
//! codes, a byte a number; candidates are scored again from the vectors themselves, so scores are
//! those of [`ExactIndex`](crate::ExactIndex), and only which passages are found is approximate.
//!
//! * [`build_graph`] makes one graph over the rows of some segments, on one thread, with the same
//!   bytes each time; several graphs are built side by side.
//! * [`Graph`] opens one from its file, once every byte that it will be led by is checked.
//! * [`HnswIndex`] searches graphs, and scans rows that no graph holds.
//! * [`measure_recall`] says what is lost.
//!
//! # Why graphs are built by distance
//!
//! Questions ask for inner products, but links between passages chosen by inner product lead to the longest passages
//! alone: without the mean that all share, lengths differ, and a candidate that a longer one outshines gets no link.
//! Of 50,000 vectors, a node had 7.5 links, one in nine could not be reached, and recall stayed below 0.98 however
//! many candidates were weighed. By squared distance a node has 26 links and all can be reached; a walk by
//! inner product over these links finds 0.996. The codes themselves lose nothing that scoring does not make up for.
//!
//! A graph never changes: deleted rows are masked out, new rows go into further graphs.

mod build;
mod check;
mod coding;
mod file;
mod graph;
mod index;
mod order;
mod recall;

pub use build::{BuiltGraph, HnswOptions, build_graph};
pub use file::GraphIdentity;
pub use graph::Graph;
pub use index::{Covered, HnswIndex};
pub use recall::{Recall, held_out_questions, measure_recall};

#[cfg(test)]
mod tests;
