//! Making the graphs of a snapshot.

use std::sync::atomic::{AtomicU64, Ordering};

use ragdex_core::{Sha256, Sha256Hasher, Stage, Unit, Vectors};
use ragdex_index::{
    ExactIndex, Graph, GraphIdentity, HnswIndex, HnswOptions, Recall, Segment, build_graph,
    held_out_questions, measure_recall,
};
use ragdex_store::{FileEntry, Index, Staging};
use rayon::prelude::*;

use super::grouping::{Group, OldGraph, SEGMENT_ROWS, group};
use super::make::PartVectors;
use super::open::{OpenGraph, assemble};
use super::recorded::{HnswParameters, SegmentParameters};
use super::{IndexKind, segments};
use crate::{Context, Error, Result};

/// Questions that recall is measured with: of the best 20 that is two thousand passages, a figure
/// within 0.003.
const RECALL_QUESTIONS: usize = 100;

/// A graph of the next snapshot, its file finished.
struct MadeGraph {
    file: FileEntry,
    parameters: SegmentParameters,
}

/// Makes the graphs over all parts, keeping those of `old` that still serve, and measures what they
/// find. `measured` is done again for every snapshot: deletions change it.
pub(super) fn make(
    staging: &Staging<'_>,
    parts: &[PartVectors],
    dim: usize,
    options: HnswOptions,
    old: Option<&Index>,
    context: &Context<'_>,
) -> Result<Index> {
    let old = old.and_then(|index| Some((index, HnswParameters::read(index)?)));
    let old = old.filter(|(_, parameters)| parameters.options() == options);
    let live: Vec<u64> = parts.iter().map(PartVectors::live).collect();
    let old_graphs = old
        .as_ref()
        .map_or_else(Vec::new, |(_, parameters)| old_graphs(parameters, parts));
    let groups = group(&live, old_graphs, SEGMENT_ROWS);
    let maker = Maker {
        staging,
        parts,
        dim,
        options,
        context,
        done: AtomicU64::new(0),
    };
    maker.start(&groups, &live);
    let made = groups.par_iter().map(|group| match group {
        Group::Scanned(_) => Ok(None),
        Group::Built(parts) => maker.build(parts).map(Some),
        Group::Kept(graph) => {
            let (index, parameters) = old.as_ref().expect("kept graphs come from the old index");
            Ok(Some(MadeGraph {
                file: index.files[graph.place].clone(),
                parameters: parameters.segments[graph.place].clone(),
            }))
        }
    });
    let made: Vec<MadeGraph> = made
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    let recall = maker.recall(&made)?;
    context.reporter.finish(Stage::Index);
    context.reporter.note(&told(&recall, made.len()));
    let largest = made.iter().map(|graph| graph.parameters.nodes).max();
    let (files, segments) = made
        .into_iter()
        .map(|graph| (graph.file, graph.parameters))
        .unzip();
    let parameters = HnswParameters {
        connectivity: options.connectivity,
        expansion_add: options.expansion_add,
        expansion_search: HnswIndex::default_expansion(largest.unwrap_or(0) as usize),
        quantization: "i8".into(),
        segment_rows: SEGMENT_ROWS,
        segments,
        recall,
    };
    Ok(Index {
        kind: IndexKind::Hnsw.name().into(),
        parameters: parameters.to_map(),
        files,
    })
}

/// What recall is told as.
fn told(recall: &Recall, graphs: usize) -> String {
    let graphs = match graphs {
        0 => return "index hnsw: no graph, too few passages for one: all are scanned".into(),
        1 => "1 graph".to_owned(),
        graphs => format!("{graphs} graphs"),
    };
    format!(
        "index hnsw: {graphs}; of the nearest 5, 20 and 100 passages it finds {:.2} %, {:.2} % and \
         {:.2} % (measured with {} questions between passages)",
        recall.at_5 * 100.0,
        recall.at_20 * 100.0,
        recall.at_100 * 100.0,
        recall.questions
    )
}

/// The graphs of the snapshot before with the parts that are left of theirs.
fn old_graphs(parameters: &HnswParameters, parts: &[PartVectors]) -> Vec<OldGraph> {
    let graph = |(place, segment): (usize, &SegmentParameters)| OldGraph {
        place,
        nodes: segment.nodes,
        parts: segment
            .parts
            .iter()
            .filter_map(|(number, _)| parts.iter().position(|part| part.number == *number))
            .collect(),
    };
    parameters.segments.iter().enumerate().map(graph).collect()
}

struct Maker<'a> {
    staging: &'a Staging<'a>,
    parts: &'a [PartVectors],
    dim: usize,
    options: HnswOptions,
    context: &'a Context<'a>,
    /// Rows put into graphs.
    done: AtomicU64,
}

impl Maker<'_> {
    fn start(&self, groups: &[Group], live: &[u64]) {
        let built = groups.iter().filter_map(|group| match group {
            Group::Built(parts) => Some(parts),
            _ => None,
        });
        let rows = built.flatten().map(|&part| live[part]).sum();
        self.context
            .reporter
            .start(Stage::Index, Unit::Vectors, Some(rows));
    }

    /// Builds one graph, unless an interrupted run finished it.
    fn build(&self, places: &[usize]) -> Result<MadeGraph> {
        let parts: Vec<&PartVectors> = places.iter().map(|&place| &self.parts[place]).collect();
        let parameters = SegmentParameters {
            parts: parts.iter().map(|part| (part.number, part.rows)).collect(),
            nodes: parts.iter().map(|part| part.live()).sum(),
            vectors: vectors_hash(parts.iter().map(|part| &part.sha256)),
        };
        let name = format!("hnsw-{:05}", parts[0].number);
        if let Some(file) = self.staging.index_file(&name)? {
            self.advance(parameters.nodes as usize);
            return Ok(MadeGraph { file, parameters });
        }
        let mut vectors: Vec<Segment<'_>> = Vec::new();
        for part in parts {
            vectors.extend(segments(&part.vectors)?);
        }
        let cancel = self.context.cancel;
        let advance = |rows| self.advance(rows);
        let graph = build_graph(self.dim, &vectors, self.options, cancel, &advance)?;
        let mut writer = self.staging.index_writer(&name, "graph")?;
        match graph.write_to(parameters.vectors, &mut writer) {
            Ok(_) => {}
            Err(source) => return Err(writer.error(source).into()),
        }
        Ok(MadeGraph {
            file: writer.finish()?,
            parameters,
        })
    }

    fn advance(&self, rows: usize) {
        let before = self.done.fetch_add(rows as u64, Ordering::Relaxed);
        self.context
            .reporter
            .advance(Stage::Index, before + rows as u64);
    }

    /// Opens the finished files and holds what they find against the exact index.
    fn recall(&self, made: &[MadeGraph]) -> Result<Recall> {
        self.context
            .reporter
            .message(Stage::Index, "measuring what the index finds");
        let open = made.par_iter().map(|graph| {
            let content = self.staging.open_index_file(&graph.file)?;
            let identity = identity(self.dim, &graph.parameters);
            let opened = Graph::open(content, identity).map_err(|source| Error::IndexFile {
                path: self.staging.locate(&graph.file),
                source,
            })?;
            let numbers = self
                .parts
                .iter()
                .map(|part| part.number)
                .collect::<Vec<_>>();
            Ok(OpenGraph::new(opened, &graph.parameters, &numbers))
        });
        let open = open.collect::<Result<Vec<_>>>()?;
        let parts = self.parts.iter().map(|part| segments(&part.vectors));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        let all: Vec<Segment<'_>> = parts.iter().flatten().cloned().collect();
        let index = assemble(self.dim, &open, parts)?;
        let questions = held_out_questions(&all, self.dim, RECALL_QUESTIONS);
        let questions = Vectors::f32(&questions, self.dim).expect("rows of that width");
        let exact = ExactIndex::new(self.dim, all)?;
        Ok(measure_recall(
            &index,
            &exact,
            questions,
            self.context.cancel,
        )?)
    }
}

/// What a graph must be of.
pub(super) fn identity(dim: usize, parameters: &SegmentParameters) -> GraphIdentity {
    GraphIdentity {
        dim,
        rows: parameters.rows() as usize,
        vectors: parameters.vectors,
    }
}

/// Names the vectors of several files.
pub(super) fn vectors_hash<'a>(files: impl Iterator<Item = &'a Sha256>) -> Sha256 {
    let mut hasher = Sha256Hasher::default();
    for file in files {
        hasher.update(&file.0);
    }
    hasher.finish()
}
