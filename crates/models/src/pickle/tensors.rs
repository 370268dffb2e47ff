//! From the notes of the machine to checked byte ranges.

use std::collections::BTreeMap;
use std::ops::Range;

use super::machine::Pickle;
use super::value::{Arena, Global, Id, Problem, Value};
use crate::checkpoint::{Element, StoredTensor};

/// A run of numbers that tensors look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storage<'a> {
    pub(super) key: &'a str,
    pub(super) element: Element,
}

/// A tensor as the pickle describes it, nothing checked yet.
#[derive(Debug)]
pub(super) struct Described<'a> {
    pub(super) name: &'a str,
    pub(super) storage: Storage<'a>,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

/// Lists the tensors of a pickled dictionary. Entries that are no tensors are passed over.
pub(super) fn describe<'a>(pickle: &Pickle<'a>) -> Result<Vec<Described<'a>>, Problem> {
    let Value::Dict(root) = pickle.root else {
        return Err(Problem::damaged(
            pickle.end,
            "a dictionary of tensors expected",
        ));
    };
    let mut described = Vec::new();
    for pair in pickle.arena.items(root).chunks_exact(2) {
        if let [Value::Text(name), Value::Tensor(arguments)] = *pair {
            let tensor = describe_one(name, &pickle.arena, arguments).ok_or_else(|| {
                Problem::damaged(
                    pickle.end,
                    format!("tensor `{name}`: malformed description"),
                )
            })?;
            described.push(tensor);
        }
    }
    Ok(described)
}

fn describe_one<'a>(name: &'a str, arena: &Arena<'a>, arguments: Id) -> Option<Described<'a>> {
    let [
        Value::Storage(storage),
        Value::Int(offset),
        Value::Tuple(shape),
        Value::Tuple(strides),
        ..,
    ] = *arena.items(arguments)
    else {
        return None;
    };
    Some(Described {
        name,
        storage: storage_of(arena, storage)?,
        offset: usize::try_from(offset).ok()?,
        shape: sizes(arena.items(shape))?,
        strides: sizes(arena.items(strides))?,
    })
}

/// Reads `("storage", type, key, device, length)`. A sixth item, the view that files of PyTorch
/// before 0.4 had, must be `None`.
fn storage_of<'a>(arena: &Arena<'a>, id: Id) -> Option<Storage<'a>> {
    match *arena.items(id) {
        [
            Value::Text("storage"),
            Value::Global(Global::StorageType(element)),
            Value::Text(key),
            _,
            _,
        ]
        | [
            Value::Text("storage"),
            Value::Global(Global::StorageType(element)),
            Value::Text(key),
            _,
            _,
            Value::None,
        ] => Some(Storage { key, element }),
        _ => None,
    }
}

fn sizes(values: &[Value<'_>]) -> Option<Vec<usize>> {
    let size = |value: &Value<'_>| match value {
        Value::Int(size) => usize::try_from(*size).ok(),
        _ => None,
    };
    values.iter().map(size).collect()
}

/// Places tensors in their file; `storages` gives the bytes of each storage key.
pub(super) fn place(
    described: Vec<Described<'_>>,
    file: usize,
    storages: impl Fn(&str) -> Option<Range<usize>>,
) -> Result<BTreeMap<String, StoredTensor>, Problem> {
    let mut tensors = BTreeMap::new();
    for tensor in described {
        let name = tensor.name;
        let bytes = storages(tensor.storage.key).ok_or_else(|| {
            let what = format!(
                "tensor `{name}`: storage `{}` is missing",
                tensor.storage.key
            );
            Problem::damaged(0, what)
        })?;
        let start = bytes.start;
        let stored = place_one(tensor, file, bytes).ok_or_else(|| {
            Problem::damaged(
                start,
                format!("tensor `{name}`: reaches beyond its storage"),
            )
        })?;
        tensors.insert(name.to_owned(), stored);
    }
    Ok(tensors)
}

fn place_one(tensor: Described<'_>, file: usize, storage: Range<usize>) -> Option<StoredTensor> {
    let Described {
        offset,
        shape,
        strides,
        ..
    } = tensor;
    let element = tensor.storage.element;
    let available = (storage.len() / element.bytes()).checked_sub(offset)?;
    let elements = shape
        .iter()
        .try_fold(1_usize, |n, &size| n.checked_mul(size))?;
    // A stride of 0 could make few numbers a tensor of any size.
    if shape.len() != strides.len() || elements > available {
        return None;
    }
    let mut last = 0_usize;
    for (&size, &stride) in shape.iter().zip(&strides) {
        last = last.checked_add(size.saturating_sub(1).checked_mul(stride)?)?;
    }
    if elements > 0 && last >= available {
        return None;
    }
    let contiguous = elements == 0 || is_contiguous(&shape, &strides);
    let start = storage.start + offset * element.bytes();
    let length = if contiguous { elements } else { available };
    Some(StoredTensor {
        element,
        shape,
        strides: (!contiguous).then_some(strides),
        file,
        bytes: start..start + length * element.bytes(),
        scales: None,
    })
}

fn is_contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    for (&size, &stride) in shape.iter().zip(strides).rev() {
        if size != 1 && stride != expected {
            return false;
        }
        expected *= size;
    }
    true
}
