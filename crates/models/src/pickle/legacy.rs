//! The files of PyTorch before 1.6: five pickles (magic number, version, byte order, the
//! dictionary, the order of storages), then each storage as its length and its numbers.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use ragdex_pickle::{Limit, Pickle, Problem, Value};

use super::tensors::{self, Described};
use crate::checkpoint::{Element, StoredTensor};

/// The first pickle: protocol 2 and the magic number, 0x1950a86a20f9469cfc6c.
pub(super) const MAGIC: [u8; 15] = [
    0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.',
];

const VERSION: i64 = 1001;

/// Finds the tensors of a stream.
pub(super) fn read(bytes: &[u8], file: usize) -> Result<BTreeMap<String, StoredTensor>, Problem> {
    let version = run(bytes, MAGIC.len())?;
    if version.root() != Value::Int(VERSION) {
        return Err(Problem::damaged(
            MAGIC.len(),
            format!("version {VERSION} expected"),
        ));
    }
    let system = run(bytes, version.end())?;
    check_byte_order(&system)?;
    let dictionary = run(bytes, system.end())?;
    let described = tensors::describe(&dictionary)?;
    let order = run(bytes, dictionary.end())?;
    let storages = storage_ranges(bytes, &order, &described)?;
    tensors::place(described, file, |key| storages.get(key).cloned())
}

fn run(bytes: &[u8], start: usize) -> Result<Pickle<'_>, Problem> {
    ragdex_pickle::run(bytes, start, tensors::accepts, Limit::default())
}

fn check_byte_order(system: &Pickle<'_>) -> Result<(), Problem> {
    let items = match system.root() {
        Value::Dict(id) => system.items(id),
        _ => &[],
    };
    let little = [Value::Text("little_endian"), Value::Bool(true)];
    if items.chunks_exact(2).any(|pair| pair == little) {
        Ok(())
    } else {
        Err(Problem::damaged(
            system.end(),
            "little-endian numbers expected",
        ))
    }
}

/// Walks the storages behind the pickles.
fn storage_ranges<'a>(
    bytes: &[u8],
    order: &Pickle<'a>,
    described: &[Described<'_>],
) -> Result<HashMap<&'a str, Range<usize>>, Problem> {
    let Value::List(keys) = order.root() else {
        return Err(Problem::damaged(order.end(), "a list of storages expected"));
    };
    let elements: HashMap<&str, Element> = described
        .iter()
        .map(|tensor| (tensor.storage.key, tensor.storage.element))
        .collect();
    let mut ranges = HashMap::new();
    let mut position = order.end();
    for key in order.items(keys) {
        let named = match *key {
            Value::Text(key) => elements.get(key).map(|element| (key, element)),
            _ => None,
        };
        let (key, element) =
            named.ok_or_else(|| Problem::damaged(position, "a storage that no tensor uses"))?;
        let range = storage_range(bytes, position, element.bytes())
            .ok_or_else(|| Problem::damaged(position, format!("storage `{key}`: truncated")))?;
        position = range.end;
        ranges.insert(key, range);
    }
    Ok(ranges)
}

fn storage_range(bytes: &[u8], position: usize, element_bytes: usize) -> Option<Range<usize>> {
    let (length, _) = bytes.get(position..)?.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let start = position + size_of::<u64>();
    let end = start.checked_add(length.checked_mul(element_bytes)?)?;
    (end <= bytes.len()).then_some(start..end)
}
