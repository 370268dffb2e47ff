//! What a manifest says of an index.

use ragdex_core::Sha256;
use ragdex_index::{HnswOptions, Recall};
use ragdex_store::{Index, Manifest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{IndexKind, IndexOptions, plan};
use crate::results::IndexInfo;

/// The parameters of an `hnsw` index; its files are one a graph, in the same order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HnswParameters {
    pub(super) connectivity: usize,
    pub(super) expansion_add: usize,
    /// The default of a search.
    pub(super) expansion_search: usize,
    /// What a number is coded in: `i8`.
    pub(super) quantization: String,
    /// Rows of a graph at most.
    pub(super) segment_rows: u64,
    /// The graphs.
    pub(super) segments: Vec<SegmentParameters>,
    /// Measured when the snapshot was made, against the exact index.
    pub(super) recall: Recall,
}

/// What one graph covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SegmentParameters {
    /// Number and rows of each part, as they were when it was built.
    pub(super) parts: Vec<(u32, u64)>,
    /// Rows in the graph; the others were dead already.
    pub(super) nodes: u64,
    /// Hash of the hashes of the parts' embeddings files.
    pub(super) vectors: Sha256,
}

impl SegmentParameters {
    /// Rows that the graph numbers.
    pub(super) fn rows(&self) -> u64 {
        self.parts
            .iter()
            .fold(0, |sum, part| sum.saturating_add(part.1))
    }
}

impl HnswParameters {
    /// Reads the parameters of an entry; `None` when they are not understood or do not fit the files.
    pub(super) fn read(index: &Index) -> Option<Self> {
        let parameters = Value::Object(index.parameters.clone());
        let read: Self = serde_json::from_value(parameters).ok()?;
        (read.segments.len() == index.files.len()).then_some(read)
    }

    pub(super) fn options(&self) -> HnswOptions {
        HnswOptions {
            connectivity: self.connectivity,
            expansion_add: self.expansion_add,
        }
    }

    pub(super) fn to_map(&self) -> Map<String, Value> {
        match json!(self) {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

/// The options that a snapshot's indexes were made with, for the commands that follow.
pub(crate) fn recorded_options(manifest: &Manifest) -> IndexOptions {
    let indexes = manifest.indexes.iter();
    let mut kinds: Vec<IndexKind> = indexes
        .filter_map(|index| index.kind.parse().ok())
        .collect();
    if kinds.is_empty() {
        kinds.push(IndexKind::Exact);
    }
    let hnsw = manifest.indexes.iter().find_map(HnswParameters::read);
    IndexOptions {
        kinds,
        hnsw: hnsw.map_or_else(HnswOptions::default, |read| read.options()),
    }
}

/// Tells of an index what `info` shows.
pub(crate) fn info(index: &Index, manifest: &Manifest) -> IndexInfo {
    let own: u64 = index.files.iter().map(|file| file.bytes).sum();
    let vectors: u64 = manifest
        .parts
        .iter()
        .map(|part| part.embeddings.bytes)
        .sum();
    let mut parameters = index.parameters.clone();
    // Which parts a graph covers fills pages and tells nobody anything.
    let segments = parameters.remove("segments");
    let mut nodes = 0;
    if let Some(Value::Array(segments)) = segments {
        nodes = segments
            .iter()
            .filter_map(|segment| segment["nodes"].as_u64())
            .sum();
        parameters.insert("graphs".into(), json!(segments.len()));
    }
    let rows = match nodes {
        0 => manifest.passages,
        nodes => nodes,
    };
    IndexInfo {
        kind: index.kind.clone(),
        parameters: Value::Object(parameters),
        bytes: own,
        bytes_per_passage: own as f64 / rows.max(1) as f64,
        memory_bytes: match own {
            0 => vectors,
            own => own + nodes * plan::OPEN_ROW_BYTES,
        },
    }
}
