//! Graphs (HNSW) over flat storage.

use std::io::{self, Write};

use super::header::{Header, INNER_PRODUCT};

/// `IndexHNSWFlat`.
const HNSW_FLAT: [u8; 4] = *b"IHNf";

/// No neighbour.
const NONE: i32 = -1;

/// The smallest probability of a level that FAISS keeps.
const LEAST_PROBABILITY: f64 = 1e-9;

/// A navigable graph in layers over vectors that are numbered from 0 (Malkov and Yashunin 2018).
pub trait HnswGraph {
    /// The number of vectors.
    fn len(&self) -> usize;

    /// Whether there is no vector.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The vector at which a search begins, on the highest layer.
    fn entry_point(&self) -> usize;

    /// The highest layer of a vector, from 0.
    fn level(&self, node: usize) -> usize;

    /// Writes the neighbours of a vector on a layer into `neighbours`, which is empty; at most
    /// [`connectivity`](Self::connectivity), on layer 0 twice as many.
    fn neighbours(&self, node: usize, layer: usize, neighbours: &mut Vec<u32>);

    /// The most neighbours on a layer above 0 (`M`).
    fn connectivity(&self) -> usize;
}

/// Writes a graph for the inner product up to where its storage begins: what must follow at once is the
/// `IndexFlatIP` of the same vectors in the same order, see [`FlatWriter`](super::FlatWriter).
///
/// `expansion_add` and `expansion_search` (efConstruction, efSearch) are kept in the file; searches of FAISS
/// use the latter. Memory: 16 bytes a vector.
///
/// # Errors
/// What `out` gives; `InvalidInput` for a graph that names vectors that it does not have, that has more
/// neighbours or levels than its connectivity allows, or more than 2³¹ vectors.
pub fn write_hnsw(
    out: &mut impl Write,
    graph: &impl HnswGraph,
    dim: usize,
    expansion_add: usize,
    expansion_search: usize,
) -> io::Result<()> {
    let header = Header {
        tag: HNSW_FLAT,
        dim,
        len: graph.len() as u64,
        metric: INNER_PRODUCT,
    };
    header.write(out)?;
    let probabilities = level_probabilities(graph.connectivity());
    let slots = cumulative_slots(graph.connectivity(), probabilities.len());
    write_counted(out, probabilities.iter().map(|p| p.to_le_bytes()))?;
    write_counted(out, slots.iter().map(|n| n.to_le_bytes()))?;
    let levels = levels(graph, slots.len())?;
    write_counted(out, levels.iter().map(|n| n.to_le_bytes()))?;
    let end = |levels: &i32| u64::from(slots[*levels as usize].cast_unsigned());
    let offsets = levels.iter().scan(0, |offset, levels| {
        *offset += end(levels);
        Some(*offset)
    });
    let offsets: Vec<u64> = std::iter::once(0).chain(offsets).collect();
    write_counted(out, offsets.iter().map(|n| n.to_le_bytes()))?;
    let total = offsets.last().copied().unwrap_or(0);
    out.write_all(&total.to_le_bytes())?;
    write_neighbours(out, graph, &slots)?;
    let top = levels.iter().max().map_or(NONE, |levels| levels - 1);
    let entry = if graph.is_empty() {
        NONE
    } else {
        number(graph.entry_point())?
    };
    if !graph.is_empty() && levels.get(entry as usize) != Some(&(top + 1)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // The last one was the beam of the upper layers and is ignored.
    for field in [
        entry,
        top,
        number(expansion_add)?,
        number(expansion_search)?,
        1,
    ] {
        out.write_all(&field.to_le_bytes())?;
    }
    Ok(())
}

/// The number of layers of each vector, 1 or more, below `most`.
fn levels(graph: &impl HnswGraph, most: usize) -> io::Result<Vec<i32>> {
    let levels = (0..graph.len()).map(|node| match graph.level(node) + 1 {
        levels if levels < most => number(levels),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    });
    levels.collect()
}

/// The neighbours of every vector, layer by layer, each list filled up with [`NONE`].
fn write_neighbours(out: &mut impl Write, graph: &impl HnswGraph, slots: &[i32]) -> io::Result<()> {
    let mut neighbours = Vec::new();
    let mut bytes = Vec::new();
    for node in 0..graph.len() {
        bytes.clear();
        for layer in 0..=graph.level(node) {
            neighbours.clear();
            graph.neighbours(node, layer, &mut neighbours);
            let room = (slots[layer + 1] - slots[layer]) as usize;
            let is_sound = neighbours.len() <= room
                && neighbours
                    .iter()
                    .all(|other| (*other as usize) < graph.len());
            if !is_sound {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            bytes.extend(neighbours.iter().flat_map(|other| other.to_le_bytes()));
            let rest = room - neighbours.len();
            bytes.extend(std::iter::repeat_n(NONE.to_le_bytes(), rest).flatten());
        }
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// Writes how many there are, then each.
fn write_counted<const N: usize>(
    out: &mut impl Write,
    items: impl ExactSizeIterator<Item = [u8; N]>,
) -> io::Result<()> {
    out.write_all(&(items.len() as u64).to_le_bytes())?;
    for item in items {
        out.write_all(&item)?;
    }
    Ok(())
}

/// The probability that a new vector's highest layer is 0, 1, …: FAISS draws from them when vectors are added
/// later (`HNSW::set_default_probas`). Rounded as FAISS rounds, so that files are equal to the last bit.
fn level_probabilities(connectivity: usize) -> Vec<f64> {
    let multiplier = (1.0 / (connectivity.max(2) as f64).ln()) as f32;
    // The quotient in single precision, the power in double.
    let power = |level: u16| f64::from(-f32::from(level) / multiplier).exp();
    let probability = |level: u16| f64::from((power(level) * (1.0 - power(1))) as f32);
    let all = (0..).map(probability);
    all.take_while(|p| *p >= LEAST_PROBABILITY).collect()
}

/// How many neighbours fit below each layer: `0, 2M, 3M, …`, one more than there are layers.
fn cumulative_slots(connectivity: usize, layers: usize) -> Vec<i32> {
    let connectivity = connectivity as i32;
    let above = (0..layers as i32).map(|layer| (layer + 2) * connectivity);
    std::iter::once(0).chain(above).collect()
}

fn number(n: usize) -> io::Result<i32> {
    i32::try_from(n).map_err(|_| io::ErrorKind::InvalidInput.into())
}
