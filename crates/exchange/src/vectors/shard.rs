//! Shards of DPR: a pickled list of `(id, vector)`, as `generate_dense_embeddings` writes it.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use ragdex_pickle::{Global, Id, Limit, Pickle, Problem, Value, run};

use super::numbers::Element;
use crate::{Error, Result};

/// The most instructions of a shard: 2.4 million passages take 26 each. Shards of DPR hold 420,306.
const LIMIT: Limit = Limit {
    instructions: 64 << 20,
};

/// Where ids and vectors lie in the file.
#[derive(Debug)]
pub(super) struct Shard {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    id: Range<usize>,
    vector: Range<usize>,
    element: Element,
}

/// Whether a file begins as a pickle of protocol 2 or later.
pub(super) fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..])
}

impl Shard {
    /// Understands the file; executes nothing.
    ///
    /// # Errors
    /// [`Error::ForbiddenGlobal`]; [`Error::Malformed`]; [`Error::Row`] for an item that is no pair of id and
    /// vector, and for an id that another row has.
    pub(super) fn read(bytes: &[u8], path: &Path) -> Result<Self> {
        let pickle = run(bytes, 0, accepts, LIMIT).map_err(|problem| in_file(problem, path))?;
        let Value::List(list) = pickle.root() else {
            return Err(Error::malformed(path, "a list of passages expected"));
        };
        let items = pickle.items(list);
        let mut rows: Vec<Row> = Vec::with_capacity(items.len());
        let mut ids = HashMap::with_capacity(items.len());
        for (n, item) in items.iter().enumerate() {
            let n = n as u64;
            let (id, array) = pair(&pickle, *item)
                .ok_or_else(|| Error::row(path, n, "a pair of id and vector expected"))?;
            if let Some(before) = ids.insert(id, n) {
                let problem = format!("the id `{id}` is that of row {before} too");
                return Err(Error::row(path, n, problem));
            }
            let row = place(bytes, &pickle, id, array);
            rows.push(row.map_err(|problem| Error::row(path, n, problem))?);
        }
        Ok(Self { rows })
    }

    pub(super) fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The width of the first vector.
    pub(super) fn dim(&self) -> Option<usize> {
        let row = self.rows.first()?;
        Some(row.vector.len() / row.element.bytes())
    }

    /// The bytes of a vector.
    pub(super) fn vector(&self, row: u64) -> Range<usize> {
        self.rows[row as usize].vector.clone()
    }

    pub(super) fn element(&self, row: u64) -> Element {
        self.rows[row as usize].element
    }

    /// The bytes of an id.
    pub(super) fn id(&self, row: u64) -> Range<usize> {
        self.rows[row as usize].id.clone()
    }
}

/// What rebuilds arrays, by the names that versions of NumPy gave it.
fn accepts(module: &str, name: &str) -> bool {
    match module {
        "numpy" => matches!(name, "ndarray" | "dtype"),
        "numpy.core.multiarray" | "numpy._core.multiarray" => name == "_reconstruct",
        "numpy.core.numeric" | "numpy._core.numeric" => name == "_frombuffer",
        _ => false,
    }
}

fn in_file(problem: Problem, path: &Path) -> Error {
    match problem {
        Problem::Forbidden { position, global } => Error::ForbiddenGlobal {
            path: path.to_owned(),
            position,
            global,
        },
        Problem::Damaged { position, what } => {
            Error::malformed(path, format!("byte {position}: {what}"))
        }
    }
}

/// The id and the array of an item; further elements of the tuple are passed over, as DPR does.
fn pair<'a>(pickle: &Pickle<'a>, item: Value<'a>) -> Option<(&'a str, Id)> {
    let (Value::Tuple(item) | Value::List(item)) = item else {
        return None;
    };
    match *pickle.items(item) {
        [Value::Text(id), Value::Call(array), ..] => Some((id, array)),
        _ => None,
    }
}

fn place(
    bytes: &[u8],
    pickle: &Pickle<'_>,
    id: &str,
    array: Id,
) -> std::result::Result<Row, &'static str> {
    let (shape, dtype, numbers) =
        parts(pickle, array).ok_or("an array of NumPy with its numbers expected")?;
    let element = element(pickle, dtype).ok_or("numbers `<f2`, `<f4` or `<f8` expected")?;
    let dim = dimension(pickle.items(shape)).ok_or("a vector expected, found another shape")?;
    if dim.checked_mul(element.bytes()) != Some(numbers.len()) {
        return Err("as many numbers as the shape says expected");
    }
    let within = |part: &[u8]| part.as_ptr().addr() - bytes.as_ptr().addr();
    let id_start = within(id.as_bytes());
    let start = within(numbers);
    Ok(Row {
        id: id_start..id_start + id.len(),
        vector: start..start + numbers.len(),
        element,
    })
}

/// Shape, type and bytes of an array: those of its state, or of the buffer that it was made from (protocol 5).
fn parts<'a>(pickle: &Pickle<'a>, array: Id) -> Option<(Id, Id, &'a [u8])> {
    match *pickle.items(array) {
        [
            Value::Global(Global {
                name: "_reconstruct",
                ..
            }),
            _,
            Value::Tuple(state),
        ] => match *pickle.items(state) {
            [
                Value::Int(1),
                Value::Tuple(shape),
                Value::Call(dtype),
                Value::Bool(false),
                Value::Bytes(numbers),
            ] => Some((shape, dtype, numbers)),
            _ => None,
        },
        [
            Value::Global(Global {
                name: "_frombuffer",
                ..
            }),
            Value::Tuple(arguments),
            ..,
        ] => match *pickle.items(arguments) {
            [
                Value::Bytes(numbers),
                Value::Call(dtype),
                Value::Tuple(shape),
                Value::Text("C"),
            ] => Some((shape, dtype, numbers)),
            _ => None,
        },
        _ => None,
    }
}

/// The length of a vector by its shape: one number, or a matrix of one row.
fn dimension(shape: &[Value<'_>]) -> Option<usize> {
    match *shape {
        [Value::Int(dim)] | [Value::Int(1), Value::Int(dim)] => usize::try_from(dim).ok(),
        _ => None,
    }
}

/// `numpy.dtype('f4', False, True)` with the state `(3, '<', …)`.
fn element(pickle: &Pickle<'_>, dtype: Id) -> Option<Element> {
    let [
        Value::Global(Global { name: "dtype", .. }),
        Value::Tuple(arguments),
        Value::Tuple(state),
    ] = *pickle.items(dtype)
    else {
        return None;
    };
    let Some(Value::Text(name)) = pickle.items(arguments).first() else {
        return None;
    };
    match pickle.items(state) {
        [_, Value::Text("<"), ..] => Element::named(name),
        _ => None,
    }
}
