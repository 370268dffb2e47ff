//! Arrays of NumPy.

use std::io::Cursor;
use std::path::Path;

use npyz::{DType, NpyHeader, Order};
use ragdex_core::caught;

use super::numbers::{Element, Matrix};
use crate::{Error, Result};

/// How every `.npy` file begins.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// The longest header read: that of a matrix of numbers has 118 bytes, and its parser is not made for more.
const MAX_HEADER: usize = 4096;

/// Finds the matrix of a file.
///
/// # Errors
/// [`Error::Malformed`]: damaged, or no matrix of floats in C order.
pub(super) fn read(bytes: &[u8], path: &Path) -> Result<Matrix> {
    let malformed = |what: String| Error::malformed(path, what);
    let (head, start) =
        header_bytes(bytes).ok_or_else(|| malformed("a damaged header of NumPy".into()))?;
    // Its parser panics on some contents.
    let header = caught(|| NpyHeader::from_reader(Cursor::new(head)));
    let header = match header {
        Some(Ok(header)) => header,
        Some(Err(error)) => return Err(malformed(error.to_string())),
        None => return Err(malformed("a damaged header of NumPy".into())),
    };
    let dtype = header.dtype();
    let element = element(&dtype).ok_or_else(|| {
        let found = dtype.descr();
        malformed(format!(
            "numbers `<f2`, `<f4` or `<f8` expected, found {found}"
        ))
    })?;
    let &[len, dim] = header.shape() else {
        let shape = header.shape();
        return Err(malformed(format!(
            "shape (n, dim) expected, found {shape:?}"
        )));
    };
    if header.order() != Order::C {
        let what = "rows one behind another (C order) expected, found columns; save \
                    `numpy.ascontiguousarray(vectors)`";
        return Err(malformed(what.into()));
    }
    let numbers = len.checked_mul(dim);
    let there = (bytes.len() - start) as u64;
    let wanted = numbers.and_then(|n| n.checked_mul(element.bytes() as u64));
    if wanted != Some(there) || dim == 0 {
        return Err(malformed(format!(
            "{len} vectors of {dim} numbers expected, the file holds {there} bytes of numbers"
        )));
    }
    Ok(Matrix {
        dim: usize::try_from(dim).unwrap_or(usize::MAX),
        len,
        start,
        element,
    })
}

/// The header with all before it, and where the numbers begin.
fn header_bytes(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let major = *bytes.get(MAGIC.len())?;
    let (length, front) = match major {
        1 => (
            u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?).into(),
            10,
        ),
        2 | 3 => (
            u32::from_le_bytes(*bytes.get(8..)?.first_chunk()?) as usize,
            12,
        ),
        _ => return None,
    };
    let end = front + (length <= MAX_HEADER).then_some(length)?;
    Some((bytes.get(..end)?, end))
}

fn element(dtype: &DType) -> Option<Element> {
    let DType::Plain(name) = dtype else {
        return None;
    };
    Element::named(name.to_string().strip_prefix('<')?)
}
