//! Opening the kind that is searched.

use std::path::Path;

use ragdex_core::Vectors;
use ragdex_index::{Covered, Graph, Hit, HnswIndex, SearchOptions, Segment, VectorIndex as _};
use ragdex_store::{PartEmbeddings, Snapshot};
use rayon::prelude::*;

use super::exact::{OpenExact, check_vectors, live_rows};
use super::hnsw::{identity, vectors_hash};
use super::recorded::{HnswParameters, SegmentParameters};
use super::{IndexKind, segments_with};
use crate::{Error, Result};

/// An index of a snapshot, open for searching.
#[derive(Debug)]
pub(crate) struct OpenIndex {
    dim: usize,
    opened: Opened,
}

#[derive(Debug)]
enum Opened {
    Exact(OpenExact),
    Hnsw {
        graphs: Vec<OpenGraph>,
        /// For each part with deletions the rows that are left.
        live: Vec<Option<Vec<bool>>>,
        expansion: usize,
    },
}

/// A graph and where its rows lie.
#[derive(Debug)]
pub(super) struct OpenGraph {
    graph: Graph,
    /// Of each part that it numbers: the place among the snapshot's parts, unless it is gone, and rows.
    parts: Vec<(Option<usize>, usize)>,
}

impl OpenGraph {
    /// `numbers` are those of the snapshot's parts, in order.
    pub(super) fn new(graph: Graph, parameters: &SegmentParameters, numbers: &[u32]) -> Self {
        let place = |&(number, rows): &(u32, u64)| {
            let place = numbers.iter().position(|&other| other == number);
            (place, rows as usize)
        };
        Self {
            graph,
            parts: parameters.parts.iter().map(place).collect(),
        }
    }
}

impl OpenIndex {
    /// Opens the kind asked for, or else the first that the snapshot names.
    ///
    /// The exact kind does without files and can always be asked for.
    ///
    /// # Errors
    /// [`Error::NoSuchIndex`]; [`Error::NothingToExpand`] for an expansion of the exact kind; [`Error::ScanCopy`], [`Error::IndexFile`] and [`Error::IndexParameters`] for what is damaged;
    /// [`Error::Store`] for vectors that are.
    pub(crate) fn open(
        snapshot: &Snapshot,
        path: &Path,
        kind: Option<IndexKind>,
        expansion: Option<usize>,
    ) -> Result<Self> {
        let manifest = snapshot.manifest();
        let dim = manifest.embedding.map_or(1, |shape| shape.dim);
        let mut named = manifest.indexes.iter().map(|index| index.kind.parse());
        let first = named.find_map(Result::ok).unwrap_or(IndexKind::Exact);
        let kind = kind.unwrap_or(first);
        let opened = match kind {
            IndexKind::Exact if expansion.is_some() => {
                return Err(Error::NothingToExpand {
                    path: path.to_owned(),
                    kind,
                });
            }
            IndexKind::Exact => Opened::Exact(OpenExact::open(snapshot)?),
            IndexKind::Hnsw => open_graphs(snapshot, path, dim, expansion)?,
        };
        check_vectors(snapshot, kind)?;
        Ok(Self { dim, opened })
    }

    pub(crate) fn kind(&self) -> IndexKind {
        match self.opened {
            Opened::Exact(_) => IndexKind::Exact,
            Opened::Hnsw { .. } => IndexKind::Hnsw,
        }
    }

    /// Searches the vectors of the snapshot that the index was opened for.
    ///
    /// # Errors
    /// Those of [`VectorIndex::search`](ragdex_index::VectorIndex::search).
    pub(crate) fn search(
        &self,
        parts: &[PartEmbeddings],
        questions: Vectors<'_>,
        options: &SearchOptions,
    ) -> Result<Vec<Vec<Hit>>> {
        let hits = match &self.opened {
            Opened::Exact(exact) => {
                let index = exact.index(self.dim, parts)?;
                let hits = index.search(questions, options);
                hits.map_err(|error| exact.named(error))?
            }
            Opened::Hnsw {
                graphs,
                live,
                expansion,
            } => {
                let parts = parts.iter().zip(live);
                let parts = parts.map(|(part, live)| segments_with(part, live.as_deref()));
                let parts = parts.collect::<Result<Vec<_>>>()?;
                let index = assemble(self.dim, graphs, parts)?.with_expansion(*expansion);
                index.search(questions, options)?
            }
        };
        Ok(hits)
    }
}

fn open_graphs(
    snapshot: &Snapshot,
    path: &Path,
    dim: usize,
    expansion: Option<usize>,
) -> Result<Opened> {
    let manifest = snapshot.manifest();
    let Some((index, contents)) = snapshot.index(IndexKind::Hnsw.name()) else {
        let kinds = manifest.indexes.iter().map(|index| index.kind.clone());
        return Err(Error::NoSuchIndex {
            path: path.to_owned(),
            kind: IndexKind::Hnsw,
            kinds: kinds.collect(),
        });
    };
    let bad = || Error::IndexParameters {
        path: path.to_owned(),
        snapshot: snapshot.number(),
        kind: IndexKind::Hnsw,
    };
    let parameters = HnswParameters::read(index).ok_or_else(bad)?;
    if !parameters
        .segments
        .iter()
        .all(|segment| fits(segment, snapshot))
    {
        return Err(bad());
    }
    let numbers: Vec<u32> = manifest.parts.iter().map(|part| part.number).collect();
    let files = parameters
        .segments
        .par_iter()
        .zip(contents)
        .zip(&index.files);
    let graphs = files.map(|((segment, content), file)| {
        let opened = Graph::open(content.clone(), identity(dim, segment));
        let graph = opened.map_err(|source| Error::IndexFile {
            path: snapshot.locate(&file.path),
            source,
        })?;
        Ok(OpenGraph::new(graph, segment, &numbers))
    });
    Ok(Opened::Hnsw {
        graphs: graphs.collect::<Result<_>>()?,
        live: snapshot.embeddings()?.iter().map(live_rows).collect(),
        expansion: expansion.unwrap_or(parameters.expansion_search),
    })
}

/// Whether what the manifest says of a graph agrees with what it says of the parts.
fn fits(segment: &SegmentParameters, snapshot: &Snapshot) -> bool {
    let parts = &snapshot.manifest().parts;
    let found = segment.parts.iter().map(|&(number, rows)| {
        let part = parts.iter().find(|part| part.number == number);
        part.map(|part| (part.n_passages == rows).then_some(part.embeddings.sha256))
    });
    let found: Vec<Option<_>> = found.collect();
    let rows_agree = found.iter().flatten().all(Option::is_some);
    let all: Option<Vec<_>> = found.into_iter().map(Option::flatten).collect();
    let hash_agrees = all.is_none_or(|all| vectors_hash(all.iter()) == segment.vectors);
    rows_agree && hash_agrees
}

/// Joins graphs with the vectors that they number, and the parts that none numbers; `parts` holds the segments
/// of each part.
pub(super) fn assemble<'a>(
    dim: usize,
    graphs: &'a [OpenGraph],
    mut parts: Vec<Vec<Segment<'a>>>,
) -> Result<HnswIndex<'a>> {
    let mut with_rows = Vec::with_capacity(graphs.len());
    for graph in graphs {
        let mut covered = Vec::with_capacity(graph.parts.len());
        for &(place, rows) in &graph.parts {
            match place {
                None => covered.push(Covered::Gone(rows)),
                Some(place) => {
                    let segments = std::mem::take(&mut parts[place]);
                    covered.extend(segments.into_iter().map(Covered::Vectors));
                }
            }
        }
        with_rows.push((&graph.graph, covered));
    }
    let scanned = parts.into_iter().flatten().collect();
    Ok(HnswIndex::new(dim, with_rows, scanned)?)
}
