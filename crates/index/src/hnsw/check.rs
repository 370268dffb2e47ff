//! Whether a saved graph leads only where it may.
//!
//! usearch follows the numbers of a saved graph without looking: a flipped bit in one sends it out of
//! the file, which ends the process. So each number that it will follow is checked before it sees the
//! file: one pass, which reads the links and not the codes.
//!
//! The format is that of `index_dense_gt::save_to_stream` and `index_gt::save_to_stream` of usearch
//! 2.26: the matrix of codes with two `u32` before it, a head of 64 bytes, five `u64` (nodes,
//! connectivity, connectivity of the lowest level, highest level, entry), the `i16` level of each
//! node, then each node: key `u64`, level `i16`, and for each of its levels from the lowest a `u32`
//! count and as many `u32` places as the connectivity allows, used or not.

use super::file::{Fields, damaged};
use crate::Error;

/// What a head begins with: the magic, major version 2.
const MAGIC: [u8; 7] = *b"usearch";
const MAJOR: u16 = 2;
/// Heads before 2.10 number kinds otherwise.
const LEAST_MINOR: u16 = 10;
/// Inner product, `i8`, keys `u64`, places `u32`, as usearch numbers them.
const KINDS: [u8; 4] = [b'i', 23, 14, 15];

/// The most links of a node and level that are believed.
const MOST_LINKS: u64 = 4096;

/// The highest level that is believed: of 2³² nodes with two links each, the highest is 32.
const MOST_LEVELS: u64 = 64;

/// What a saved graph holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) nodes: usize,
    pub(super) connectivity: usize,
}

/// Checks a graph over vectors `dim` wide whose keys are below `rows`, each at most once.
///
/// # Errors
/// [`Error::GraphDamaged`].
pub(super) fn check(graph: &[u8], dim: usize, rows: usize) -> Result<Shape, Error> {
    let mut bytes = Bytes(graph);
    let nodes = bytes.number::<4>("the number of codes")? as usize;
    let width = bytes.number::<4>("the width of the codes")?;
    if width != dim as u64 || nodes == 0 || nodes > rows {
        let found = format!("{nodes} of {width}");
        return Err(damaged(&format!("1 to {rows} codes of {dim} bytes"), found));
    }
    bytes.take(nodes.saturating_mul(dim), "the codes")?;
    head(bytes.take(64, "the head")?, dim)?;
    links(&mut bytes, nodes, rows)
}

fn head(head: &[u8], dim: usize) -> Result<(), Error> {
    let mut fields = Fields(head);
    let magic: [u8; 7] = fields.array();
    let major = u16::from_le_bytes(fields.array());
    let minor = u16::from_le_bytes(fields.array());
    fields.array::<2>();
    let kinds: [u8; 4] = fields.array();
    fields.array::<8>();
    let deleted = u64::from_le_bytes(fields.array());
    let width = u64::from_le_bytes(fields.array());
    let [multi] = fields.array();
    let known = magic == MAGIC && major == MAJOR && minor >= LEAST_MINOR;
    let same = kinds == KINDS && deleted == 0 && width == dim as u64 && multi == 0;
    if known && same {
        Ok(())
    } else {
        Err(damaged(
            "a head of usearch 2 for inner products of bytes",
            "another",
        ))
    }
}

fn links(bytes: &mut Bytes<'_>, nodes: usize, rows: usize) -> Result<Shape, Error> {
    let n = bytes.number::<8>("the number of nodes")?;
    let connectivity = bytes.number::<8>("the connectivity")?;
    let lowest = bytes.number::<8>("the connectivity of the lowest level")?;
    let highest_level = bytes.number::<8>("the highest level")?;
    let entry = bytes.number::<8>("the entry")?;
    let believed = (2..=MOST_LINKS).contains(&connectivity)
        && (connectivity..=2 * MOST_LINKS).contains(&lowest)
        && highest_level < MOST_LEVELS
        && entry < nodes as u64;
    if n != nodes as u64 || !believed {
        return Err(damaged("counts of a graph that agree", "others"));
    }
    let levels = bytes.take(2 * nodes, "the levels")?;
    let graph = Links {
        levels: levels.as_chunks().0,
        most: [lowest as usize, connectivity as usize],
        highest_level: highest_level as i16,
    };
    if graph.level(entry as usize) != graph.highest_level {
        return Err(damaged("an entry on the highest level", "a lower one"));
    }
    let mut seen = vec![false; rows];
    for node in 0..nodes {
        let key = graph.node(bytes, node)?;
        let is_new = usize::try_from(key)
            .ok()
            .and_then(|key| seen.get_mut(key))
            .is_some_and(|seen| !std::mem::replace(seen, true));
        if !is_new {
            return Err(damaged(&format!("distinct keys below {rows}"), key));
        }
    }
    match bytes.0.len() {
        0 => Ok(Shape {
            nodes,
            connectivity: connectivity as usize,
        }),
        more => Err(damaged(
            "the end of the graph",
            format!("{more} bytes more"),
        )),
    }
}

/// What the links of a node may be.
struct Links<'a> {
    levels: &'a [[u8; 2]],
    /// Links of a node on the lowest level, and on each other.
    most: [usize; 2],
    highest_level: i16,
}

impl Links<'_> {
    fn level(&self, node: usize) -> i16 {
        i16::from_le_bytes(self.levels[node])
    }

    /// Checks the next node and gives its key.
    fn node(&self, bytes: &mut Bytes<'_>, node: usize) -> Result<u64, Error> {
        let key = bytes.number::<8>("a key")?;
        let level = bytes.number::<2>("a level")? as i16;
        if level != self.level(node) || !(0..=self.highest_level).contains(&level) {
            return Err(damaged("the level of a node", level));
        }
        for at in 0..=level {
            let most = self.most[usize::from(at > 0)];
            let list = bytes.take(4 + 4 * most, "the links of a node")?;
            self.list(list, most, at)?;
        }
        Ok(key)
    }

    fn list(&self, list: &[u8], most: usize, level: i16) -> Result<(), Error> {
        let (places, _) = list.as_chunks::<4>();
        let count = u32::from_le_bytes(places[0]) as usize;
        if count > most {
            return Err(damaged(&format!("at most {most} links"), count));
        }
        let leads_on = |place: &[u8; 4]| {
            let place = u32::from_le_bytes(*place) as usize;
            // On a higher level only nodes that reach it have links to follow.
            place < self.levels.len() && (level == 0 || self.level(place) >= level)
        };
        if places[1..=count].iter().all(leads_on) {
            Ok(())
        } else {
            Err(damaged("links to nodes of the graph", "others"))
        }
    }
}

/// Takes bytes from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize, what: &str) -> Result<&'a [u8], Error> {
        let Some((taken, rest)) = self.0.split_at_checked(n) else {
            return Err(damaged(what, "the end"));
        };
        self.0 = rest;
        Ok(taken)
    }

    /// A little-endian number of `N` bytes, 8 at most.
    fn number<const N: usize>(&mut self, what: &str) -> Result<u64, Error> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(self.take(N, what)?);
        Ok(u64::from_le_bytes(wide))
    }
}
