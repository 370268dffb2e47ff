//! From the notes of the machine to checked byte ranges.

use std::collections::BTreeMap;
use std::ops::Range;

use ragdex_pickle::{Global, Id, Pickle, Problem, Value};
use safetensors::Dtype;

use crate::checkpoint::{Element, StoredTensor};

/// Whether a pickle of tensors may name a class or function.
pub(super) fn accepts(module: &str, name: &str) -> bool {
    match module {
        "torch._utils" => is_rebuild_tensor(name) || name == "_rebuild_parameter",
        "collections" => name == "OrderedDict",
        "torch" => storage_element(name).is_some(),
        _ => false,
    }
}

fn is_rebuild_tensor(name: &str) -> bool {
    matches!(name, "_rebuild_tensor_v2" | "_rebuild_tensor")
}

fn storage_element(name: &str) -> Option<Element> {
    Some(match name {
        "DoubleStorage" => Element::F64,
        "FloatStorage" => Element::F32,
        "HalfStorage" => Element::F16,
        "BFloat16Storage" => Element::Bf16,
        "LongStorage" => Element::Other(Dtype::I64),
        "IntStorage" => Element::Other(Dtype::I32),
        "ShortStorage" => Element::Other(Dtype::I16),
        "CharStorage" => Element::I8,
        "ByteStorage" => Element::Other(Dtype::U8),
        "BoolStorage" => Element::Other(Dtype::BOOL),
        _ => return None,
    })
}

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
    let Value::Dict(root) = pickle.root() else {
        return Err(Problem::damaged(
            pickle.end(),
            "a dictionary of tensors expected",
        ));
    };
    let mut described = Vec::new();
    for pair in pickle.items(root).chunks_exact(2) {
        if let [Value::Text(name), Value::Call(call)] = *pair
            && let Some(arguments) = rebuilt(pickle, call)
        {
            let tensor = describe_one(name, pickle, arguments).ok_or_else(|| {
                Problem::damaged(
                    pickle.end(),
                    format!("tensor `{name}`: malformed description"),
                )
            })?;
            described.push(tensor);
        }
    }
    Ok(described)
}

/// The arguments that rebuild a tensor, also those inside a parameter.
fn rebuilt(pickle: &Pickle<'_>, call: Id) -> Option<Id> {
    let [Value::Global(function), Value::Tuple(arguments), ..] = *pickle.items(call) else {
        return None;
    };
    match (function.name, pickle.items(arguments).first()) {
        (name, _) if is_rebuild_tensor(name) => Some(arguments),
        // A parameter of a parameter is nobody's: one level, so that nothing recurses.
        ("_rebuild_parameter", Some(Value::Call(tensor))) => match *pickle.items(*tensor) {
            [Value::Global(inner), Value::Tuple(arguments), ..] => {
                is_rebuild_tensor(inner.name).then_some(arguments)
            }
            _ => None,
        },
        _ => None,
    }
}

fn describe_one<'a>(name: &'a str, pickle: &Pickle<'a>, arguments: Id) -> Option<Described<'a>> {
    let [
        Value::Persistent(storage),
        Value::Int(offset),
        Value::Tuple(shape),
        Value::Tuple(strides),
        ..,
    ] = *pickle.items(arguments)
    else {
        return None;
    };
    Some(Described {
        name,
        storage: storage_of(pickle, storage)?,
        offset: usize::try_from(offset).ok()?,
        shape: sizes(pickle.items(shape))?,
        strides: sizes(pickle.items(strides))?,
    })
}

/// Reads `("storage", type, key, device, length)`. A sixth item, the view that files of PyTorch
/// before 0.4 had, must be `None`.
fn storage_of<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Storage<'a>> {
    let (Value::Global(Global { name: kind, .. }), key) = (match *pickle.items(id) {
        [Value::Text("storage"), kind, Value::Text(key), _, _]
        | [
            Value::Text("storage"),
            kind,
            Value::Text(key),
            _,
            _,
            Value::None,
        ] => (kind, key),
        _ => return None,
    }) else {
        return None;
    };
    let element = storage_element(kind)?;
    Some(Storage { key, element })
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
