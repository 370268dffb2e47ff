//! What indexes will take, told before they are made.

use ragdex_core::{Element, Reporter};

use super::exact::LEAST_PASSAGES as LEAST_COPIED;
use super::{IndexKind, IndexOptions};

/// Bytes of memory beside the file that an open graph keeps for each row: where node and code lie, and
/// the place of the key.
pub(super) const OPEN_ROW_BYTES: u64 = 76;

/// Bytes of a row in the file of a graph: its code, key and levels, twice the connectivity in links on
/// the lowest level, and the links of the few that reach higher.
pub(super) fn graph_row_bytes(dim: usize, connectivity: usize) -> u64 {
    let lowest = 4 + 8 * connectivity;
    let higher = (4 + 4 * connectivity) / (connectivity.max(2) - 1);
    (dim + 12 + lowest + higher) as u64
}

/// Bytes of a row of a scan copy: its codes, scale and bounds.
fn copy_row_bytes(dim: usize) -> u64 {
    (dim.next_multiple_of(4) + 12) as u64
}

/// Bytes of a stored vector.
fn vector_bytes(dim: usize, element: Element) -> u64 {
    match element {
        Element::F32 => 4 * dim as u64,
        Element::F16 => 2 * dim as u64,
    }
}

/// Tells what vectors and indexes of so many passages will take on disk, and in memory when searched.
/// Without their number, what a million take.
pub(crate) fn note_plan(
    dim: usize,
    element: Element,
    passages: Option<u64>,
    options: &IndexOptions,
    reporter: &dyn Reporter,
) {
    let vector = vector_bytes(dim, element);
    let n = passages.unwrap_or(1_000_000);
    let of = match passages {
        Some(n) => format!("{n} passages"),
        None => "a million passages".into(),
    };
    reporter.note(&format!(
        "plan: vectors take {vector} bytes a passage ({dim} × {element}), {} for {of}",
        size(vector * n)
    ));
    for kind in &options.kinds {
        let text = match kind {
            IndexKind::Exact if n < LEAST_COPIED => format!(
                "plan: index exact reads the vectors themselves; with {} of memory free it reads no disk",
                size(vector * n)
            ),
            IndexKind::Exact => {
                let row = copy_row_bytes(dim);
                format!(
                    "plan: index exact takes {row} bytes a passage more for a scan copy, {}; with as much \
                     memory free it reads next to no disk",
                    size(row * n)
                )
            }
            IndexKind::Hnsw => {
                let row = graph_row_bytes(dim, options.hnsw.connectivity);
                format!(
                    "plan: index hnsw takes {row} bytes a passage more, {}, and wants as much memory when \
                     searched; building one graph holds {} at most, a thread",
                    size(row * n),
                    size(2 * (row + OPEN_ROW_BYTES) * n.min(super::SEGMENT_ROWS))
                )
            }
        };
        reporter.note(&text);
    }
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_row_are_those_that_usearch_writes() {
        // 1,044 bytes a row were measured at these settings.
        assert_eq!(graph_row_bytes(768, 32), 1044);
    }
}
