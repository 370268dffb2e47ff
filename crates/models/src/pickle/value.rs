//! What the machine computes with.

use std::path::Path;

use safetensors::Dtype;

use crate::Error;
use crate::checkpoint::Element;

/// A Python object. Text borrows from the pickle, containers are numbers into the machine's
/// [`Arena`]; so values are small, copying is free, and no nesting makes dropping recurse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 8 bytes, little-endian, or a float; neither occurs in tensors.
    Number,
    Text(&'a str),
    Global(Global),
    Tuple(Id),
    List(Id),
    /// Keys and values in turn.
    Dict(Id),
    /// The tuple that names a storage.
    Storage(Id),
    /// The tuple of arguments that rebuilds a tensor.
    Tensor(Id),
}

/// The number of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(usize);

/// Owns the items of all containers.
#[derive(Debug, Default)]
pub(super) struct Arena<'a>(Vec<Vec<Value<'a>>>);

impl<'a> Arena<'a> {
    pub(super) fn add(&mut self, items: Vec<Value<'a>>) -> Id {
        self.0.push(items);
        Id(self.0.len() - 1)
    }

    pub(super) fn items(&self, id: Id) -> &[Value<'a>] {
        &self.0[id.0]
    }

    pub(super) fn items_mut(&mut self, id: Id) -> &mut Vec<Value<'a>> {
        &mut self.0[id.0]
    }
}

/// The classes and functions that a pickle of tensors needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    RebuildTensor,
    RebuildParameter,
    OrderedDict,
    StorageType(Element),
}

impl Global {
    /// Looks up `module.name`; `None` for everything that is not on the list.
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch", _) => Self::StorageType(storage_element(name)?),
            _ => return None,
        })
    }
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

/// Why a pickle is refused, and where in its file.
#[derive(Debug)]
pub(super) enum Problem {
    Forbidden { position: usize, global: String },
    Damaged { position: usize, what: String },
}

impl Problem {
    pub(super) fn damaged(position: usize, what: impl Into<String>) -> Self {
        Self::Damaged {
            position,
            what: what.into(),
        }
    }

    pub(super) fn in_file(self, path: &Path) -> Error {
        match self {
            Self::Forbidden { position, global } => Error::ForbiddenGlobal {
                path: path.to_owned(),
                position,
                global,
            },
            Self::Damaged { position, what } => {
                Error::malformed(path, format!("byte {position}: {what}"))
            }
        }
    }
}
