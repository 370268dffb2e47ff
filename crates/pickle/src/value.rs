//! What the machine computes with.

use std::fmt;

/// A Python object. Text and bytes borrow from the pickle, containers are numbers into it; so values are
/// small, copying is free, and no nesting makes dropping recurse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of at most 8 bytes.
    Int(i64),
    /// A float, or an integer of more than 8 bytes.
    Number,
    /// A string.
    Text(&'a str),
    /// Bytes, or a string of Python 2 that is no UTF-8.
    Bytes(&'a [u8]),
    /// A class or function.
    Global(Global<'a>),
    /// The items of a tuple.
    Tuple(Id),
    /// The items of a list.
    List(Id),
    /// Keys and values of a dictionary in turn; also of an `OrderedDict`.
    Dict(Id),
    /// An object kept outside the pickle; the items of the tuple that names it.
    Persistent(Id),
    /// An object made by a call: the function, its arguments (a [`Value::Tuple`]), then its state, if it got
    /// one.
    Call(Id),
}

/// A class or function by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Global<'a> {
    /// The module, such as `numpy.core.multiarray`.
    pub module: &'a str,
    /// The name in the module.
    pub name: &'a str,
}

impl fmt::Display for Global<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}

/// The number of a container, see [`Pickle::items`](crate::Pickle::items).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(usize);

/// Owns the items of all containers.
#[derive(Debug, Default)]
pub(crate) struct Arena<'a>(Vec<Vec<Value<'a>>>);

impl<'a> Arena<'a> {
    pub(crate) fn add(&mut self, items: Vec<Value<'a>>) -> Id {
        self.0.push(items);
        Id(self.0.len() - 1)
    }

    pub(crate) fn items(&self, id: Id) -> &[Value<'a>] {
        &self.0[id.0]
    }

    pub(crate) fn items_mut(&mut self, id: Id) -> &mut Vec<Value<'a>> {
        &mut self.0[id.0]
    }
}

/// Why a pickle is refused, and where in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It names a class or function that is not accepted.
    Forbidden {
        /// Where in the bytes.
        position: usize,
        /// Its full name.
        global: String,
    },
    /// It is truncated, damaged, or no pickle of the kind expected.
    Damaged {
        /// Where in the bytes.
        position: usize,
        /// What is wrong.
        what: String,
    },
}

impl Problem {
    /// Says that something is wrong at a position.
    pub fn damaged(position: usize, what: impl Into<String>) -> Self {
        Self::Damaged {
            position,
            what: what.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden { position, global } => {
                write!(f, "byte {position}: the pickle names `{global}`")
            }
            Self::Damaged { position, what } => write!(f, "byte {position}: {what}"),
        }
    }
}

impl std::error::Error for Problem {}
