//! Graphs against brute force, hostile vectors, and hostile files.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use half::f16;
use ragdex_core::{Cancel, PassageId, Rows, Sha256, Vectors};
use ragdex_testing::{DprLike, Random};

use super::*;
use crate::{Error, ExactIndex, Hit, SearchOptions, Segment, VectorIndex};

const DIM: usize = 48;

/// Cheap graphs, good enough for the sizes here.
const OPTIONS: HnswOptions = HnswOptions {
    connectivity: 12,
    expansion_add: 60,
};

/// Few enough candidates for graphs of a thousand rows to be walked, and not scanned.
const WALKED: usize = 100;

/// What the tests' graphs are of.
const VECTORS: Sha256 = Sha256([7; 32]);

fn segment(vectors: &[f32], dim: usize) -> Segment<'_> {
    Segment::new(Vectors::f32(vectors, dim).unwrap(), PassageId(0))
}

fn built(segments: &[Segment<'_>], dim: usize, options: HnswOptions) -> Vec<u8> {
    let graph = build_graph(dim, segments, options, &Cancel::default(), &|_| {}).unwrap();
    let mut file = Vec::new();
    let written = graph.write_to(VECTORS, &mut file).unwrap();
    assert_eq!(written, file.len() as u64);
    file
}

fn open(file: impl Into<Bytes>, dim: usize, rows: usize) -> Result<Graph, Error> {
    let identity = GraphIdentity {
        dim,
        rows,
        vectors: VECTORS,
    };
    Graph::open(file.into(), identity)
}

fn ask(index: &dyn VectorIndex, questions: &[f32], k: usize) -> Vec<Vec<Hit>> {
    let questions = Vectors::f32(questions, index.dim()).unwrap();
    index.search(questions, &SearchOptions::top(k)).unwrap()
}

/// Opens a graph over one segment and searches it.
fn one_graph<'a>(graph: &'a Graph, segment: Segment<'a>) -> HnswIndex<'a> {
    let dim = segment.vectors().dim();
    let graphs = vec![(graph, vec![Covered::Vectors(segment)])];
    HnswIndex::new(dim, graphs, Vec::new()).unwrap()
}

#[test]
fn recall_is_high_and_scores_are_exact() {
    let maker = DprLike::new(DIM, 5);
    let vectors = maker.passages(0..6000);
    let questions = maker.questions(100);
    let file = built(&[segment(&vectors, DIM)], DIM, HnswOptions::default());
    let graph = open(file, DIM, 6000).unwrap();
    let index = one_graph(&graph, segment(&vectors, DIM));
    let exact = ExactIndex::new(DIM, vec![segment(&vectors, DIM)]).unwrap();
    let asked = Vectors::f32(&questions, DIM).unwrap();
    let recall = measure_recall(&index, &exact, asked, &Cancel::default()).unwrap();
    assert!(recall.at_5 >= 0.99, "{recall:?}");
    assert!(recall.at_20 >= 0.99, "{recall:?}");
    assert!(recall.at_100 >= 0.97, "{recall:?}");
    let all = ask(&exact, &questions[..DIM], 6000).remove(0);
    for hit in ask(&index, &questions[..DIM], 10).remove(0) {
        assert!(all.contains(&hit), "{hit:?}");
    }
}

/// How many links of the lowest level lead to each node of a graph as usearch saves it.
fn links_to_nodes(graph: &[u8]) -> Vec<usize> {
    let number = |at: usize| u32::from_le_bytes(graph[at..at + 4].try_into().unwrap()) as usize;
    let (nodes, width) = (number(0), number(4));
    let counts = 8 + nodes * width + 64;
    let (connectivity, lowest) = (number(counts + 8), number(counts + 16));
    let levels = counts + 40;
    let mut counted = vec![0; nodes];
    let mut at = levels + 2 * nodes;
    for node in 0..nodes {
        let level = usize::from(graph[levels + 2 * node]);
        for link in 0..number(at + 10) {
            counted[number(at + 14 + 4 * link)] += 1;
        }
        at += 14 + 4 * lowest + level * (4 + 4 * connectivity);
    }
    assert_eq!(at, graph.len());
    counted
}

/// Links by inner product would lead to the longest vectors alone.
#[test]
fn links_lead_to_short_vectors_too() {
    let vectors = DprLike::new(DIM, 18).passages(0..6000);
    let segments = [segment(&vectors, DIM)];
    let options = HnswOptions::default();
    let graph = build_graph(DIM, &segments, options, &Cancel::default(), &|_| {}).unwrap();
    let counted = links_to_nodes(&graph.to_usearch().unwrap());
    let unreached = counted.iter().filter(|links| **links == 0).count();
    assert!(unreached <= 6, "{unreached} of 6000");
}

#[test]
fn more_candidates_are_weighed_in_larger_graphs() {
    let weighed = [0, 40_000, 160_000, 300_000].map(HnswIndex::default_expansion);
    assert_eq!(weighed, [256, 256, 512, 701]);
    assert_eq!(HnswIndex::default_expansion(u32::MAX as usize), 83_886);
}

#[test]
fn several_graphs_and_rows_without_one_are_one_index() {
    let maker = DprLike::new(DIM, 6);
    let vectors = maker.passages(0..5000);
    let questions = maker.questions(60);
    let cut = |rows: std::ops::Range<usize>| {
        let block = Vectors::f32(&vectors[rows.start * DIM..rows.end * DIM], DIM).unwrap();
        Segment::new(block, PassageId(rows.start as u64))
    };
    let spans = [[0..900, 900..2100], [2100..3000, 3000..4600]];
    let graphs: Vec<Graph> = spans
        .iter()
        .map(|[a, b]| {
            let segments = [cut(a.clone()), cut(b.clone())];
            let file = built(&segments, DIM, HnswOptions::default());
            open(file, DIM, b.end - a.start).unwrap()
        })
        .collect();
    let covered = |[a, b]: &[std::ops::Range<usize>; 2]| {
        vec![
            Covered::Vectors(cut(a.clone())),
            Covered::Vectors(cut(b.clone())),
        ]
    };
    let with_rows = graphs.iter().zip(spans.iter().map(covered)).collect();
    let index = HnswIndex::new(DIM, with_rows, vec![cut(4600..5000)]).unwrap();
    assert_eq!(index.len(), 5000);
    let exact = ExactIndex::new(DIM, vec![segment(&vectors, DIM)]).unwrap();
    let asked = Vectors::f32(&questions, DIM).unwrap();
    let recall = measure_recall(&index, &exact, asked, &Cancel::default()).unwrap();
    assert!(recall.at_20 >= 0.98, "{recall:?}");

    // Without the first block of the second graph, no row of it is found.
    let gone = vec![Covered::Gone(900), Covered::Vectors(cut(3000..4600))];
    let index = HnswIndex::new(DIM, vec![(&graphs[1], gone)], Vec::new()).unwrap();
    let exact = ExactIndex::new(DIM, vec![cut(3000..4600)]).unwrap();
    let recall = measure_recall(&index, &exact, asked, &Cancel::default()).unwrap();
    assert!(recall.at_20 >= 0.98, "{recall:?}");
    let ids = ask(&index, &questions, 20).into_iter().flatten();
    assert!(ids.map(|hit| hit.id.0).all(|id| id >= 3000));
}

#[test]
fn a_graph_has_the_same_bytes_on_any_number_of_threads() {
    let vectors = DprLike::new(DIM, 7).passages(0..1500);
    let once = built(&[segment(&vectors, DIM)], DIM, OPTIONS);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    let again = pool.install(|| {
        use rayon::prelude::*;
        let files = (0..3).into_par_iter();
        files
            .map(|_| built(&[segment(&vectors, DIM)], DIM, OPTIONS))
            .collect::<Vec<_>>()
    });
    assert!(again.iter().all(|file| *file == once));
}

#[test]
fn masked_rows_are_never_found_and_the_others_still_are() {
    let maker = DprLike::new(DIM, 8);
    let vectors = maker.passages(0..4000);
    let questions = maker.questions(50);
    let file = built(&[segment(&vectors, DIM)], DIM, HnswOptions::default());
    let graph = open(file, DIM, 4000).unwrap();
    for dead_share in [0.02, 0.5, 0.95] {
        let mut random = Random::new(1);
        let live = (0..4000).map(|_| random.number() > dead_share * 2.0 - 1.0);
        let live: Vec<bool> = live.collect();
        let masked = || segment(&vectors, DIM).with_live(live.clone()).unwrap();
        let index = one_graph(&graph, masked());
        let exact = ExactIndex::new(DIM, vec![masked()]).unwrap();
        assert_eq!(index.len(), exact.len());
        let asked = Vectors::f32(&questions, DIM).unwrap();
        let recall = measure_recall(&index, &exact, asked, &Cancel::default()).unwrap();
        assert!(recall.at_20 >= 0.97, "{dead_share}: {recall:?}");
        let found = ask(&index, &questions, 30);
        assert!(found.iter().all(|hits| hits.len() == 30));
        let ids = found.into_iter().flatten().map(|hit| hit.id.0 as usize);
        assert!(ids.into_iter().all(|id| live[id]), "{dead_share}");
    }
}

#[test]
fn rows_dead_when_the_graph_was_built_are_not_in_it() {
    let vectors = DprLike::new(DIM, 9).passages(0..2000);
    let live: Vec<bool> = (0..2000).map(|row| row % 3 != 0).collect();
    let masked = || segment(&vectors, DIM).with_live(live.clone()).unwrap();
    let graph = open(built(&[masked()], DIM, OPTIONS), DIM, 2000).unwrap();
    assert_eq!(graph.nodes(), live.iter().filter(|live| **live).count());
    let index = one_graph(&graph, masked()).with_expansion(WALKED);
    let found = ask(&index, &vectors[DIM..2 * DIM], 5).remove(0);
    assert!(found.iter().all(|hit| hit.id.0 % 3 != 0));
}

#[test]
fn asking_for_more_than_there_is_gives_everything_in_order() {
    let vectors = DprLike::new(DIM, 10).passages(0..1300);
    let graph = open(built(&[segment(&vectors, DIM)], DIM, OPTIONS), DIM, 1300).unwrap();
    let index = one_graph(&graph, segment(&vectors, DIM)).with_expansion(WALKED);
    let exact = ExactIndex::new(DIM, vec![segment(&vectors, DIM)]).unwrap();
    for k in [0, 1, 1299, 1300, 5000, usize::MAX] {
        let found = ask(&index, &vectors[..DIM], k).remove(0);
        assert_eq!(found.len(), k.min(1300));
        if k >= 1299 {
            assert_eq!(found, ask(&exact, &vectors[..DIM], k)[0]);
        }
    }
}

#[test]
fn no_row_is_refused_and_one_row_is_found() {
    let none = build_graph(3, &[], OPTIONS, &Cancel::default(), &|_| {});
    assert!(matches!(none, Err(Error::NoRows)));
    let vectors = [1.0, 2.0, 3.0];
    let graph = open(built(&[segment(&vectors, 3)], 3, OPTIONS), 3, 1).unwrap();
    let index = one_graph(&graph, segment(&vectors, 3));
    let found = ask(&index, &[1.0, 0.0, 1.0], 7).remove(0);
    assert_eq!(
        found,
        [Hit {
            id: PassageId(0),
            score: 4.0
        }]
    );
    let empty = HnswIndex::new(3, Vec::new(), Vec::new()).unwrap();
    assert_eq!(ask(&empty, &[1.0, 0.0, 1.0], 7), [Vec::<Hit>::new()]);
}

#[test]
fn equal_zero_and_huge_vectors_neither_fail_nor_repeat() {
    let mut equal = vec![0.5; 1200 * 4];
    let zero = vec![0.0; 1200 * 4];
    let hostile: [&[f32]; 2] = [&zero, &equal.clone()];
    for vectors in hostile {
        let graph = open(built(&[segment(vectors, 4)], 4, OPTIONS), 4, 1200).unwrap();
        let index = one_graph(&graph, segment(vectors, 4)).with_expansion(WALKED);
        let mut ids: Vec<u64> = ask(&index, &[1.0, -2.0, 0.0, 4.0], 20)[0]
            .iter()
            .map(|hit| hit.id.0)
            .collect();
        assert!(ids.is_sorted(), "equal scores come by id");
        ids.dedup();
        assert_eq!(ids.len(), 20);
    }
    equal[17] = f32::MAX;
    let graph = open(built(&[segment(&equal, 4)], 4, OPTIONS), 4, 1200).unwrap();
    let index = one_graph(&graph, segment(&equal, 4)).with_expansion(WALKED);
    assert_eq!(ask(&index, &[1.0, 1.0, 1.0, 1.0], 20)[0].len(), 20);
}

/// What a build over one good row and then `rows`, two wide, ends with.
fn build_behind_one(rows: Rows<'_>) -> Error {
    let segments = [
        Segment::new(Vectors::f32(&[1.0, 2.0], 2).unwrap(), PassageId(0)),
        Segment::new(Vectors::new(rows, 2).unwrap(), PassageId(1)),
    ];
    build_graph(2, &segments, OPTIONS, &Cancel::default(), &|_| {}).unwrap_err()
}

#[test]
fn numbers_that_are_none_are_refused_by_row_in_both_precisions() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let values = [1.0, 2.0, 3.0, bad];
        let error = build_behind_one(Rows::F32(&values));
        assert!(
            matches!(error, Error::VectorNotFinite { row: 2 }),
            "{error}"
        );
    }
    // 70,000 is beyond half precision.
    let halves = [1.0, 70_000.0].map(f16::from_f32);
    let error = build_behind_one(Rows::F16(&halves));
    assert!(
        matches!(error, Error::VectorNotFinite { row: 1 }),
        "{error}"
    );
}

#[test]
fn questions_that_are_no_numbers_or_of_another_width_are_refused() {
    let vectors = DprLike::new(DIM, 11).passages(0..1100);
    let graph = open(built(&[segment(&vectors, DIM)], DIM, OPTIONS), DIM, 1100).unwrap();
    let index = one_graph(&graph, segment(&vectors, DIM));
    let nan = [f32::NAN; DIM];
    let asked = index.search(Vectors::f32(&nan, DIM).unwrap(), &SearchOptions::top(3));
    assert!(matches!(asked, Err(Error::NotFinite { question: 0 })));
    let narrow = index.search(Vectors::f32(&nan[..3], 3).unwrap(), &SearchOptions::top(3));
    assert!(matches!(narrow, Err(Error::Dimension { .. })));
}

#[test]
fn half_precision_vectors_are_indexed_and_scored_as_stored() {
    let wide = DprLike::new(DIM, 12).passages(0..1500);
    let halves: Vec<f16> = wide.iter().map(|value| f16::from_f32(*value)).collect();
    let segment = || Segment::new(Vectors::new(Rows::F16(&halves), DIM).unwrap(), PassageId(0));
    let graph = open(built(&[segment()], DIM, OPTIONS), DIM, 1500).unwrap();
    let index = one_graph(&graph, segment()).with_expansion(WALKED);
    let exact = ExactIndex::new(DIM, vec![segment()]).unwrap();
    let found = ask(&index, &wide[..10 * DIM], 1);
    assert_eq!(found, ask(&exact, &wide[..10 * DIM], 1));
}

#[test]
fn a_cancelled_build_stops_and_progress_counts_every_row() {
    let vectors = DprLike::new(DIM, 13).passages(0..700);
    let counted = AtomicUsize::new(0);
    let count = |rows| {
        counted.fetch_add(rows, Ordering::Relaxed);
    };
    let segments = [segment(&vectors, DIM)];
    build_graph(DIM, &segments, OPTIONS, &Cancel::default(), &count).unwrap();
    assert_eq!(counted.into_inner(), 700);
    let cancel = Cancel::default();
    cancel.cancel();
    let stopped = build_graph(DIM, &segments, OPTIONS, &cancel, &|_| {});
    assert!(matches!(stopped, Err(Error::Cancelled(_))));
}

#[test]
fn more_searchers_than_threads_wait_for_their_turn() {
    let vectors = DprLike::new(DIM, 14).passages(0..2500);
    let graph = open(built(&[segment(&vectors, DIM)], DIM, OPTIONS), DIM, 2500).unwrap();
    let index = one_graph(&graph, segment(&vectors, DIM));
    let expected = ask(&index, &vectors[..DIM], 10);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(ask(&index, &vectors[..DIM], 10), expected);
                }
            });
        }
    });
}

#[test]
fn graphs_of_other_vectors_rows_and_versions_are_refused() {
    let vectors = DprLike::new(DIM, 15).passages(0..300);
    let file = built(&[segment(&vectors, DIM)], DIM, OPTIONS);
    let other = GraphIdentity {
        dim: DIM,
        rows: 300,
        vectors: Sha256([8; 32]),
    };
    let refused = Graph::open(file.clone().into(), other).unwrap_err();
    assert!(
        refused.to_string().contains("a graph of the vectors"),
        "{refused}"
    );
    assert!(matches!(
        open(file.clone(), DIM, 299),
        Err(Error::GraphDamaged { .. })
    ));
    assert!(matches!(
        open(file.clone(), DIM + 1, 300),
        Err(Error::Dimension { .. })
    ));
    let mut newer = file;
    newer[8] = 2;
    assert!(matches!(
        open(newer, DIM, 300),
        Err(Error::GraphVersion { known: 1, found: 2 })
    ));
}

#[test]
fn every_truncation_is_refused() {
    let vectors = DprLike::new(DIM, 16).passages(0..40);
    let file = Bytes::from(built(&[segment(&vectors, DIM)], DIM, OPTIONS));
    for len in 0..file.len() {
        assert!(open(file.slice(..len), DIM, 40).is_err(), "{len}");
    }
    let longer = [&file[..], &[0]].concat();
    assert!(open(longer, DIM, 40).is_err());
}

/// The name of the next test, as the harness knows it.
const MUTATIONS: &str = "hnsw::tests::no_mutation_of_a_file_ends_the_process";
const CHILD: &str = "RAGDEX_TEST_MUTATES_GRAPHS";

/// In a process of its own, because a search led out of the file ends it by a signal.
#[test]
fn no_mutation_of_a_file_ends_the_process() {
    if std::env::var_os(CHILD).is_some() {
        return mutate();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let status = child.args(["--exact", MUTATIONS]).env(CHILD, "1").status();
    assert!(status.unwrap().success());
}

/// Half of the mutations keep their wrong checksum; the others get a right one, so that only the look
/// at the links stands between them and usearch.
fn mutate() {
    let vectors = DprLike::new(DIM, 17).passages(0..600);
    let whole = built(&[segment(&vectors, DIM)], DIM, OPTIONS);
    let codes = 128 + 4 * DIM + 8..128 + 4 * DIM + 8 + 600 * DIM;
    let mut random = Random::new(2);
    let mut opened = 0;
    for round in 0..4000 {
        let mut file = whole.clone();
        let place = loop {
            let place = random.below(file.len());
            // Most bytes are codes, where nothing can go wrong.
            if !codes.contains(&place) || round % 16 == 0 {
                break place;
            }
        };
        file[place] ^= 1 << random.below(8);
        if round % 3 == 0 {
            file[place] = random.bits() as u8;
        }
        let is_changed = file != whole;
        if round % 2 == 0 {
            assert_eq!(open(file, DIM, 600).is_err(), is_changed, "{place}");
            continue;
        }
        let sum = super::file::checksum(&[&file[24..]]);
        file[16..24].copy_from_slice(&sum.to_le_bytes());
        if let Ok(graph) = open(file, DIM, 600) {
            opened += 1;
            let index = one_graph(&graph, segment(&vectors, DIM)).with_expansion(60);
            for question in 0..5 {
                let found = ask(&index, &vectors[question * DIM..][..DIM], 10).remove(0);
                assert_eq!(found.len(), 10);
                assert!(
                    found.is_sorted_by(|a, b| a.best_first(b).is_lt()),
                    "{place}"
                );
            }
        }
    }
    assert!(opened > 100, "{opened} mutations were searched");
}
