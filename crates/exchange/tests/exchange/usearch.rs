//! Graphs of usearch.

use std::collections::BTreeSet;
use std::path::Path;

use ragdex_exchange::UsearchGraph;
use ragdex_exchange::faiss::{HnswGraph, write_hnsw};
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

const DIM: usize = 8;
const ROWS: usize = 700;

/// Numbers between -1 and 1 that look random.
fn vectors() -> Vec<Vec<f32>> {
    let number = |n: usize| {
        let mixed = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..ROWS)
        .map(|row| (0..DIM).map(|i| number(row * DIM + i)).collect())
        .collect()
}

/// An index over the vectors whose keys are their rows, added backwards.
fn stored(vectors: &[Vec<f32>]) -> Vec<u8> {
    let options = IndexOptions {
        dimensions: DIM,
        metric: MetricKind::IP,
        quantization: ScalarKind::F32,
        connectivity: 8,
        expansion_add: 64,
        ..IndexOptions::default()
    };
    let index = Index::new(&options).unwrap();
    index.reserve(vectors.len()).unwrap();
    for (row, vector) in vectors.iter().enumerate().rev() {
        // Some rows are left out.
        index.add(3 * row as u64, vector).unwrap();
    }
    let mut bytes = vec![0; index.serialized_length()];
    index.save_to_buffer(&mut bytes).unwrap();
    bytes
}

fn score(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Follows the graph from its entry point as a search does, with a wide beam on the lowest layer.
fn search(
    graph: &UsearchGraph<'_>,
    vectors: &[Vec<f32>],
    question: &[f32],
    k: usize,
) -> Vec<usize> {
    const BEAM: usize = 64;
    let score = |node: usize| score(question, &vectors[node]);
    let neighbours = |node: usize, layer: usize| {
        let mut list = Vec::new();
        graph.neighbours(node, layer, &mut list);
        list.into_iter().map(|id| id as usize)
    };
    let mut at = graph.entry_point();
    for layer in (1..=graph.level(at)).rev() {
        while let Some(better) =
            neighbours(at, layer).max_by(|a, b| score(*a).total_cmp(&score(*b)))
            && score(better) > score(at)
        {
            at = better;
        }
    }
    let mut seen = BTreeSet::from([at]);
    let mut beam = vec![at];
    let mut open = vec![at];
    while let Some(node) = open.pop() {
        for other in neighbours(node, 0) {
            if seen.insert(other) {
                beam.push(other);
                open.push(other);
            }
        }
        beam.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
        beam.truncate(BEAM);
        open.retain(|node| beam.contains(node));
        open.sort_by(|a, b| score(*a).total_cmp(&score(*b)));
    }
    beam.truncate(k);
    beam
}

#[test]
fn a_search_along_the_graph_finds_what_is_nearest() {
    let vectors = vectors();
    let bytes = stored(&vectors);
    let graph = UsearchGraph::read(&bytes, Path::new("graph")).unwrap();
    assert_eq!((graph.len(), graph.connectivity()), (ROWS, 8));
    assert!(
        graph.level(graph.entry_point()) > 0,
        "several layers are tried"
    );
    let mut found = 0;
    for question in vectors.iter().step_by(7) {
        let mut exact: Vec<usize> = (0..ROWS).collect();
        exact.sort_by(|a, b| {
            score(question, &vectors[*b]).total_cmp(&score(question, &vectors[*a]))
        });
        let hits = search(&graph, &vectors, question, 10);
        found += hits.iter().filter(|hit| exact[..10].contains(hit)).count();
    }
    assert!(found >= 950, "{found} of 1000");
    write_hnsw(&mut Vec::new(), &graph, DIM, 64, 64).unwrap();
}

#[test]
fn an_empty_graph_is_read() {
    let bytes = stored(&[]);
    let graph = UsearchGraph::read(&bytes, Path::new("graph")).unwrap();
    assert!(graph.is_empty());
    write_hnsw(&mut Vec::new(), &graph, DIM, 64, 64).unwrap();
}

#[test]
fn graphs_cut_or_changed_anywhere_do_no_harm() {
    let vectors = vectors();
    let whole = stored(&vectors[..60]);
    for length in 0..whole.len() {
        assert!(
            UsearchGraph::read(&whole[..length], Path::new("graph")).is_err(),
            "{length} bytes"
        );
    }
    for position in 0..whole.len() {
        for bits in [0x01, 0xff] {
            let mut changed = whole.clone();
            changed[position] ^= bits;
            if let Ok(graph) = UsearchGraph::read(&changed, Path::new("graph")) {
                // Either still a graph, or one that is not written.
                let _ = write_hnsw(&mut Vec::new(), &graph, DIM, 64, 64);
            }
        }
    }
}
