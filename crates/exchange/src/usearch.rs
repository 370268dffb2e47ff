//! Graphs in index files of usearch.

use std::path::Path;

use crate::faiss::HnswGraph;
use crate::{Error, Result};

/// How usearch's own header begins.
const MAGIC: &[u8] = b"usearch";

/// Its length.
const HEAD_BYTES: usize = 64;

/// Key (u64) and level (i16) before the neighbours of a node.
const NODE_HEAD_BYTES: usize = 10;

/// A count (u32), and each neighbour (u32).
const SLOT_BYTES: usize = 4;

/// The graph of a usearch index of format 2 with 64-bit keys and 32-bit slots, as the crate `usearch` writes it.
///
/// Nodes are numbered by ascending key, whatever order they were added in: of an index whose keys are rows, some of
/// them left out, node `i` is the `i`-th row that is there. Memory: 28 bytes a vector, and the file is borrowed.
///
/// # Source
/// `save_to_stream` in `index_dense.hpp` and `index.hpp` of usearch 2.26.
#[derive(Debug)]
pub struct UsearchGraph<'a> {
    bytes: &'a [u8],
    connectivity: usize,
    base_connectivity: usize,
    /// The node in each slot.
    nodes: Vec<u32>,
    /// Where each node begins.
    starts: Vec<usize>,
    entry: usize,
}

impl<'a> UsearchGraph<'a> {
    /// Understands the content of a file; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Malformed`] for anything else than such a graph, whole.
    pub fn read(bytes: &'a [u8], path: &Path) -> Result<Self> {
        Self::parse(bytes).map_err(|what| Error::malformed(path, what))
    }

    fn parse(bytes: &'a [u8]) -> std::result::Result<Self, &'static str> {
        const CUT: &str = "a whole graph of usearch expected";
        let rows = word(bytes, 0).ok_or(CUT)? as usize;
        let columns = word(bytes, 4).ok_or(CUT)? as usize;
        let head = rows.checked_mul(columns).and_then(|n| n.checked_add(8));
        let head = head.ok_or(CUT)?;
        if bytes
            .get(head..)
            .is_none_or(|rest| !rest.starts_with(MAGIC))
        {
            return Err("the header of usearch expected behind its vectors");
        }
        let fields = head + HEAD_BYTES;
        let field = |n: usize| long(bytes, fields + 8 * n).and_then(|n| usize::try_from(n).ok());
        let size = field(0).filter(|size| *size == rows).ok_or(CUT)?;
        let connectivity = field(1).ok_or(CUT)?;
        let base_connectivity = field(2).ok_or(CUT)?;
        let entry_slot = field(4).ok_or(CUT)?;
        let levels = fields + 5 * 8;
        let mut graph = Self {
            bytes,
            connectivity,
            base_connectivity,
            nodes: Vec::new(),
            starts: Vec::new(),
            entry: 0,
        };
        if size == 0 {
            return Ok(graph);
        }
        if bytes.len().saturating_sub(levels) / (2 + NODE_HEAD_BYTES) < size {
            return Err(CUT);
        }
        let mut slots = Vec::with_capacity(size);
        let mut start = levels + 2 * size;
        for slot in 0..size {
            slots.push((long(bytes, start).ok_or(CUT)?, slot, start));
            let level = graph.level_at(start).ok_or(CUT)?;
            let bytes_of_node = graph.node_bytes(level).ok_or(CUT)?;
            start = start.checked_add(bytes_of_node).ok_or(CUT)?;
            if start > bytes.len() {
                return Err(CUT);
            }
        }
        slots.sort_unstable();
        if slots.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err("keys that differ expected");
        }
        graph.nodes = vec![0; size];
        for (node, (_, slot, start)) in slots.into_iter().enumerate() {
            graph.nodes[slot] = node as u32;
            graph.starts.push(start);
        }
        let entry = graph.nodes.get(entry_slot).copied();
        graph.entry = entry.ok_or("an entry point within the graph expected")? as usize;
        Ok(graph)
    }

    /// The highest layer of the node that begins at a byte.
    fn level_at(&self, start: usize) -> Option<usize> {
        let (level, _) = self.bytes.get(start + 8..)?.split_first_chunk()?;
        usize::try_from(i16::from_le_bytes(*level)).ok()
    }

    /// The length of a node on `level` layers above the lowest.
    fn node_bytes(&self, level: usize) -> Option<usize> {
        let base = self
            .base_connectivity
            .checked_add(1)?
            .checked_mul(SLOT_BYTES)?;
        let above = self.connectivity.checked_add(1)?.checked_mul(SLOT_BYTES)?;
        let above = above.checked_mul(level)?;
        NODE_HEAD_BYTES.checked_add(base)?.checked_add(above)
    }
}

impl HnswGraph for UsearchGraph<'_> {
    fn len(&self) -> usize {
        self.nodes.len()
    }

    fn entry_point(&self) -> usize {
        self.entry
    }

    fn level(&self, node: usize) -> usize {
        self.level_at(self.starts[node]).unwrap_or(0)
    }

    fn neighbours(&self, node: usize, layer: usize, neighbours: &mut Vec<u32>) {
        let above = SLOT_BYTES * (self.connectivity + 1);
        let (list, most) = match layer.checked_sub(1) {
            None => (NODE_HEAD_BYTES, self.base_connectivity),
            Some(layer) => {
                let base = SLOT_BYTES * (self.base_connectivity + 1);
                (NODE_HEAD_BYTES + base + layer * above, self.connectivity)
            }
        };
        let list = self.starts[node] + list;
        let count = word(self.bytes, list).unwrap_or(0) as usize;
        // A count or slot that is out of range makes a list that no writer accepts.
        for i in 1..=count.min(most + 1) {
            let slot = word(self.bytes, list + SLOT_BYTES * i).map(|slot| slot as usize);
            let node = slot.and_then(|slot| self.nodes.get(slot)).copied();
            neighbours.push(node.unwrap_or(u32::MAX));
        }
    }

    fn connectivity(&self) -> usize {
        self.connectivity
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let (word, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u32::from_le_bytes(*word))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    let (long, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u64::from_le_bytes(*long))
}
