//! Graphs written for FAISS, held against one that FAISS wrote.

use ragdex_core::Vectors;
use ragdex_exchange::faiss::{FlatWriter, HnswGraph, write_hnsw};

use crate::data;

/// A graph as FAISS wrote it, with the fields that decide its bytes.
struct Stored {
    slots: Vec<i32>,
    levels: Vec<i32>,
    offsets: Vec<u64>,
    neighbours: Vec<i32>,
    entry: i32,
    vectors: Vec<f32>,
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_first_chunk().unwrap();
        self.0 = rest;
        *taken
    }

    fn list<T, const N: usize>(&mut self, item: fn([u8; N]) -> T) -> Vec<T> {
        let count = u64::from_le_bytes(self.take());
        (0..count).map(|_| item(self.take())).collect()
    }
}

fn stored(bytes: &[u8]) -> Stored {
    let mut cursor = Cursor(&bytes[37..]);
    let _probabilities = cursor.list(f64::from_le_bytes);
    let slots = cursor.list(i32::from_le_bytes);
    let levels = cursor.list(i32::from_le_bytes);
    let offsets = cursor.list(u64::from_le_bytes);
    let neighbours = cursor.list(i32::from_le_bytes);
    let entry = i32::from_le_bytes(cursor.take());
    let _four_fields: [u8; 16] = cursor.take();
    let _storage_header: [u8; 37] = cursor.take();
    let vectors = cursor.list(f32::from_le_bytes);
    Stored {
        slots,
        levels,
        offsets,
        neighbours,
        entry,
        vectors,
    }
}

impl HnswGraph for Stored {
    fn len(&self) -> usize {
        self.levels.len()
    }

    fn entry_point(&self) -> usize {
        self.entry as usize
    }

    fn level(&self, node: usize) -> usize {
        self.levels[node] as usize - 1
    }

    fn neighbours(&self, node: usize, layer: usize, neighbours: &mut Vec<u32>) {
        let at = |layer: usize| self.offsets[node] as usize + self.slots[layer] as usize;
        let list = &self.neighbours[at(layer)..at(layer + 1)];
        neighbours.extend(list.iter().take_while(|id| **id >= 0).map(|id| *id as u32));
    }

    fn connectivity(&self) -> usize {
        4
    }
}

#[test]
fn a_graph_is_written_as_faiss_writes_it() {
    let bytes = std::fs::read(data("hnsw.faiss")).unwrap();
    let graph = stored(&bytes);
    assert!(
        graph.levels.iter().max() > Some(&2),
        "several layers are tried"
    );
    let mut written = Vec::new();
    write_hnsw(&mut written, &graph, 8, 30, 20).unwrap();
    let mut storage = FlatWriter::new(written, 8, 60).unwrap();
    storage
        .push(Vectors::f32(&graph.vectors, 8).unwrap())
        .unwrap();
    assert!(storage.finish().unwrap() == bytes);
}

#[test]
fn an_empty_graph_is_written_as_faiss_writes_it() {
    let bytes = std::fs::read(data("hnsw-empty.faiss")).unwrap();
    let graph = Stored {
        levels: Vec::new(),
        ..stored(&bytes)
    };
    let mut written = Vec::new();
    write_hnsw(&mut written, &graph, 8, 40, 16).unwrap();
    let storage = FlatWriter::new(written, 8, 0).unwrap();
    assert!(storage.finish().unwrap() == bytes);
}

#[test]
fn graphs_that_faiss_would_refuse_or_read_beyond_are_refused() {
    let bytes = std::fs::read(data("hnsw.faiss")).unwrap();
    let broken: [fn(&mut Stored); 5] = [
        |graph| graph.neighbours[0] = 60,
        |graph| graph.levels[7] = 40,
        |graph| graph.entry = 60,
        |graph| graph.entry = graph.levels.iter().position(|levels| *levels == 1).unwrap() as i32,
        |graph| graph.slots[1] = 9,
    ];
    for (i, breakage) in broken.into_iter().enumerate() {
        let mut graph = stored(&bytes);
        breakage(&mut graph);
        if i == 4 {
            // Nine neighbours where eight fit.
            graph.offsets.iter_mut().for_each(|offset| *offset = 0);
            graph.neighbours = vec![1; 100];
        }
        let result = write_hnsw(&mut Vec::new(), &graph, 8, 30, 20);
        assert!(result.is_err(), "case {i}");
    }
}
