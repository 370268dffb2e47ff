//! Files of indexes: a graph, and a scan copy.

use std::hash::Hasher as _;
use std::sync::OnceLock;

use ragdex_core::{Cancel, PassageId, Sha256, Vectors};
use ragdex_index::{
    Codes, Covered, ExactIndex, Graph, GraphIdentity, Hit, HnswIndex, HnswOptions, SearchOptions,
    Segment, VectorIndex, build_graph, write_codes,
};
use ragdex_testing::Random;
use twox_hash::XxHash64;

use crate::edits::edited;
use crate::option_byte;

const DIM: usize = 4;
const ROWS: usize = 96;
const K: usize = 3;

/// Names the vectors.
const SOURCE: Sha256 = Sha256([7; 32]);

/// Bits of the first byte: a scan copy instead of a graph, and checksums made right again, as by somebody who
/// damages the file on purpose.
const CODES: u8 = 1;
const SEALED: u8 = 2;

/// Changes a file of an index and searches what opens: a byte of options, then as [`edited`] says.
///
/// # Panics
/// When opening or searching panics, when something is found that is not there or with another score than its
/// vector's, or when a change under a checksum that does not fit goes unnoticed.
pub fn index(mut data: &[u8]) {
    let choice = option_byte(&mut data);
    if choice & CODES == 0 {
        graph(&mut data, choice & SEALED != 0);
    } else {
        codes(&mut data, choice & SEALED != 0);
    }
}

fn graph(data: &mut &[u8], is_sealed: bool) {
    let whole = whole_graph();
    let mut file = edited(whole, data);
    if is_sealed && file.len() >= 24 {
        let sum = checksum(&file[24..]);
        file[16..24].copy_from_slice(&sum.to_le_bytes());
    }
    let identity = GraphIdentity {
        dim: DIM,
        rows: ROWS,
        vectors: SOURCE,
    };
    let is_changed = file != *whole;
    let Ok(graph) = Graph::open(file.into(), identity) else {
        assert!(is_changed, "the whole file is refused");
        return;
    };
    assert!(!is_changed || is_sealed, "a change that nobody notices");
    let covered = vec![Covered::Vectors(segment())];
    let index = HnswIndex::new(DIM, vec![(&graph, covered)], Vec::new());
    let index = index.expect("a graph of so many rows").with_expansion(1);
    let found = search(&index).expect("a graph that was checked");
    found.iter().for_each(check);
}

fn codes(data: &mut &[u8], is_sealed: bool) {
    let whole = whole_codes();
    let mut file = edited(whole, data);
    if is_sealed && file.len() == whole.len() {
        seal_codes(&mut file);
    }
    let is_changed = file != *whole;
    let Ok(codes) = Codes::open(file, ROWS as u64, DIM, &SOURCE) else {
        assert!(is_changed, "the whole file is refused");
        return;
    };
    let segment = segment().with_codes(&codes).expect("of these vectors");
    let index = ExactIndex::new(DIM, vec![segment]).expect("of this width");
    match search(&index) {
        Ok(found) if is_sealed && is_changed => found.iter().for_each(check),
        Ok(found) => assert_eq!(found, expected(), "a change that nobody notices"),
        Err(_) => assert!(is_changed, "the whole file is refused"),
    }
}

/// Hits are rows, each once, best first, with the score of their vector.
fn check(hits: &Vec<Hit>) {
    let all: &Vec<Vec<Hit>> = every();
    for pair in hits.windows(2) {
        let before = (-pair[0].score, pair[0].id);
        assert!(
            before < (-pair[1].score, pair[1].id),
            "out of order: {hits:?}"
        );
    }
    for hit in hits {
        let is_row = all.iter().any(|all| all.contains(hit));
        assert!(is_row, "no such passage or another score: {hit:?}");
    }
}

fn search(index: &dyn VectorIndex) -> Result<Vec<Vec<Hit>>, ragdex_index::Error> {
    search_for(index, K)
}

fn search_for(index: &dyn VectorIndex, k: usize) -> Result<Vec<Vec<Hit>>, ragdex_index::Error> {
    let questions = &vectors()[..2 * DIM];
    let questions = Vectors::f32(questions, DIM).expect("two rows");
    let cancel = Cancel::default();
    index.search(questions, &SearchOptions { k, cancel })
}

/// What an exact search finds, the best and all.
fn expected() -> Vec<Vec<Hit>> {
    let mut all = every().clone();
    all.iter_mut().for_each(|hits| hits.truncate(K));
    all
}

fn every() -> &'static Vec<Vec<Hit>> {
    static EVERY: OnceLock<Vec<Vec<Hit>>> = OnceLock::new();
    EVERY.get_or_init(|| {
        let index = ExactIndex::new(DIM, vec![segment()]).expect("of this width");
        search_for(&index, ROWS).expect("nothing is damaged")
    })
}

fn vectors() -> &'static [f32] {
    static VECTORS: OnceLock<Vec<f32>> = OnceLock::new();
    VECTORS.get_or_init(|| {
        let mut random = Random::new(3);
        let number = |_| random.below(2001) as f32 / 1000.0 - 1.0;
        (0..ROWS * DIM).map(number).collect()
    })
}

fn segment() -> Segment<'static> {
    let rows = Vectors::f32(vectors(), DIM).expect("whole rows");
    Segment::new(rows, PassageId(0))
}

fn whole_graph() -> &'static Vec<u8> {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let options = HnswOptions {
            connectivity: 4,
            expansion_add: 16,
        };
        let graph = build_graph(DIM, &[segment()], options, &Cancel::default(), &|_| ());
        let mut file = Vec::new();
        let written = graph.expect("vectors").write_to(SOURCE, &mut file);
        written.expect("memory");
        file
    })
}

fn whole_codes() -> &'static Vec<u8> {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let rows = Vectors::f32(vectors(), DIM).expect("whole rows");
        let mut file = Vec::new();
        let written = write_codes(rows, &SOURCE, &mut file, &|_| (), &Cancel::default());
        written.expect("memory");
        file
    })
}

/// Makes the checksums of the one block and of the header right: the last 16 bytes.
fn seal_codes(file: &mut [u8]) {
    let panels = 64 + 4 * DIM;
    let [block, trailer] = [file.len() - 16, file.len() - 8];
    let sum = checksum(&file[panels..block]).to_le_bytes();
    file[block..trailer].copy_from_slice(&sum);
    let header = [&file[..panels], &file[block..trailer]].concat();
    let sum = checksum(&header).to_le_bytes();
    file[trailer..].copy_from_slice(&sum);
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = XxHash64::with_seed(0);
    hasher.write(bytes);
    hasher.finish()
}
