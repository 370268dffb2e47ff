//! Times graphs: `benches/peers/hnsw.py` runs this beside FAISS.
//!
//! ```text
//! hnsw generate DIM N_PASSAGES N_QUESTIONS FOLDER     vectors of the tests' generator
//! hnsw build DIM FOLDER [CONNECTIVITY EXPANSION]      one graph over FOLDER/passages.f32
//! hnsw search DIM FOLDER EXPANSION K                  questions.f32 one by one, ids to found.u64
//! hnsw replace DIM FOLDER EXPANSION K                 the same after half of the rows are replaced
//! ```
//!
//! Prints one JSON object. Seconds are of the processor, of the whole process; one thread.

#![expect(clippy::print_stdout, reason = "prints its result")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use ragdex_core::{Cancel, PassageId, Sha256, Vectors};
use ragdex_index::{
    Covered, Graph, GraphIdentity, HnswIndex, HnswOptions, SearchOptions, Segment, VectorIndex,
    build_graph,
};
use ragdex_testing::DprLike;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What the graphs are said to be of.
const VECTORS: Sha256 = Sha256([0; 32]);

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| arguments[place].parse::<usize>();
    let folder = |place: usize| PathBuf::from(&arguments[place]);
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build_global()?;
    match arguments[0].as_str() {
        "generate" => generate(number(1)?, number(2)?, number(3)?, &folder(4)),
        "build" => {
            let mut options = HnswOptions::default();
            if arguments.len() > 4 {
                options.connectivity = number(3)?;
                options.expansion_add = number(4)?;
            }
            build(number(1)?, &folder(2), options)
        }
        "search" => search(number(1)?, &folder(2), number(3)?, number(4)?),
        "replace" => replace(number(1)?, &folder(2), number(3)?, number(4)?),
        other => Err(format!("no step is called `{other}`").into()),
    }
}

fn generate(dim: usize, passages: usize, questions: usize, folder: &Path) -> Outcome {
    let maker = DprLike::new(dim, 1);
    fs::create_dir_all(folder)?;
    write(&folder.join("passages.f32"), &maker.passages(0..passages))?;
    write(&folder.join("questions.f32"), &maker.questions(questions))
}

fn build(dim: usize, folder: &Path, options: HnswOptions) -> Outcome {
    let vectors = read(&folder.join("passages.f32"))?;
    let started = cpu_seconds()?;
    let graph = graph_file(&vectors, dim, options)?;
    let seconds = cpu_seconds()? - started;
    let rows = vectors.len() / dim;
    println!(
        r#"{{"rows": {rows}, "seconds": {seconds:.2}, "inserts_per_second": {:.1}, "bytes_per_row": {:.1}}}"#,
        rows as f64 / seconds,
        graph.len() as f64 / rows as f64
    );
    fs::write(folder.join("ours.graph"), graph)?;
    Ok(())
}

fn graph_file(vectors: &[f32], dim: usize, options: HnswOptions) -> Outcome<Vec<u8>> {
    let segments = [Segment::new(Vectors::f32(vectors, dim)?, PassageId(0))];
    let graph = build_graph(dim, &segments, options, &Cancel::default(), &|_| {})?;
    let mut file = Vec::new();
    graph.write_to(VECTORS, &mut file)?;
    Ok(file)
}

fn search(dim: usize, folder: &Path, expansion: usize, k: usize) -> Outcome {
    let vectors = read(&folder.join("passages.f32"))?;
    let questions = read(&folder.join("questions.f32"))?;
    let content = fs::read(folder.join("ours.graph"))?;
    let before = anonymous_memory()?;
    let started = cpu_seconds()?;
    let graph = open(content, dim, vectors.len() / dim)?;
    let open_seconds = cpu_seconds()? - started;
    let open_bytes = anonymous_memory()?.saturating_sub(before) as f64 / graph.rows() as f64;
    let rows = vec![Covered::Vectors(Segment::new(
        Vectors::f32(&vectors, dim)?,
        PassageId(0),
    ))];
    let index = HnswIndex::new(dim, vec![(&graph, rows)], Vec::new())?.with_expansion(expansion);
    let mut found = Vec::new();
    let started = cpu_seconds()?;
    for question in questions.chunks_exact(dim) {
        found.extend(ids(&index, question, dim, k)?);
    }
    let seconds = cpu_seconds()? - started;
    let n = (questions.len() / dim) as f64;
    fs::write(
        folder.join("found.u64"),
        found
            .iter()
            .flat_map(|id| id.to_le_bytes())
            .collect::<Vec<_>>(),
    )?;
    println!(
        r#"{{"queries_per_second": {:.1}, "open_microseconds_per_row": {:.3}, "open_bytes_per_row": {open_bytes:.1}}}"#,
        n / seconds,
        open_seconds * 1e6 / graph.rows() as f64
    );
    Ok(())
}

/// Half of the rows, every other one, give way to new ones in a graph of their own, as a refresh does;
/// beside it a graph built afresh over the same rows. Ids are rows of `replaced.f32`.
fn replace(dim: usize, folder: &Path, expansion: usize, k: usize) -> Outcome {
    let old = read(&folder.join("passages.f32"))?;
    let questions = read(&folder.join("questions.f32"))?;
    let rows = old.len() / dim;
    let new = DprLike::new(dim, 1).passages(rows..rows + rows / 2);
    let live: Vec<bool> = (0..rows).map(|row| row % 2 == 1).collect();
    let kept = old.chunks_exact(dim).zip(&live).filter(|(_, live)| **live);
    let fresh: Vec<f32> = kept.flat_map(|(row, _)| row).chain(&new).copied().collect();
    write(&folder.join("replaced.f32"), &fresh)?;
    let options = HnswOptions::default();
    let old_graph = open(fs::read(folder.join("ours.graph"))?, dim, rows)?;
    let new_graph = open(graph_file(&new, dim, options)?, dim, rows / 2)?;
    let fresh_graph = open(graph_file(&fresh, dim, options)?, dim, fresh.len() / dim)?;
    let first_new = rows / 2;
    let numbers: Vec<u64> = (0..rows as u64).map(|row| row / 2).collect();
    let masked = Segment::listed(Vectors::f32(&old, dim)?, &numbers)?.with_live(live)?;
    let added = Segment::new(Vectors::f32(&new, dim)?, PassageId(first_new as u64));
    let graphs = vec![
        (&old_graph, vec![Covered::Vectors(masked)]),
        (&new_graph, vec![Covered::Vectors(added)]),
    ];
    let refreshed = HnswIndex::new(dim, graphs, Vec::new())?.with_expansion(expansion);
    let all = Covered::Vectors(Segment::new(Vectors::f32(&fresh, dim)?, PassageId(0)));
    let built = HnswIndex::new(dim, vec![(&fresh_graph, vec![all])], Vec::new())?;
    let built = built.with_expansion(expansion);
    for (name, index) in [("refreshed.u64", &refreshed), ("fresh.u64", &built)] {
        let mut found = Vec::new();
        for question in questions.chunks_exact(dim) {
            found.extend(ids(index, question, dim, k)?);
        }
        fs::write(
            folder.join(name),
            found
                .iter()
                .flat_map(|id| id.to_le_bytes())
                .collect::<Vec<_>>(),
        )?;
    }
    println!("{{}}");
    Ok(())
}

fn open(content: Vec<u8>, dim: usize, rows: usize) -> Outcome<Graph> {
    let identity = GraphIdentity {
        dim,
        rows,
        vectors: VECTORS,
    };
    Ok(Graph::open(content.into(), identity)?)
}

fn ids(index: &HnswIndex<'_>, question: &[f32], dim: usize, k: usize) -> Outcome<Vec<u64>> {
    let hits = index.search(Vectors::f32(question, dim)?, &SearchOptions::top(k))?;
    Ok(hits[0].iter().map(|hit| hit.id.0).collect())
}

fn read(path: &Path) -> Outcome<Vec<f32>> {
    let bytes = fs::read(path)?;
    let (numbers, _) = bytes.as_chunks();
    Ok(numbers
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect())
}

fn write(path: &Path, values: &[f32]) -> Outcome {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    Ok(fs::write(path, bytes)?)
}

/// Memory that is no file's, in bytes (Linux).
fn anonymous_memory() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = line
        .and_then(|line| line.split_whitespace().next())
        .unwrap_or("0");
    Ok(kibibytes.parse::<u64>()? * 1024)
}

/// Processor time of all threads so far, in hundredths of a second (Linux).
fn cpu_seconds() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}
