//! Where the numbers lie in an Arrow IPC file of embeddings.
//!
//! The values are borrowed from a memory map and the file may come from anybody. So the few
//! structures between the magic bytes and the numbers are read here, every offset checked, and
//! nothing else of the format is accepted: one column of `fixed_size_list<f32|f16>`, no missing
//! values, no compression.
//!
//! # Source
//! <https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format>

use std::ops::Range;

use arrow::ipc::{self, Endianness, Precision};
use ragdex_core::Element;

use super::EmbeddingShape;

/// What a file begins and ends with.
const MAGIC: &[u8] = b"ARROW1";

/// The length of the footer, written behind it.
const LENGTH_BYTES: usize = 4;

/// What stands before a message: a continuation marker and the length of its metadata.
const MESSAGE_PREFIX_BYTES: usize = 8;

/// What was found instead of an embeddings file.
type Found = &'static str;

/// The numbers of a file.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) shape: EmbeddingShape,
    /// The bytes of the numbers of each record batch, each a whole number of rows, inside the file.
    pub(super) values: Vec<Range<usize>>,
}

impl Layout {
    /// The bytes of one vector; never 0.
    pub(super) fn row_bytes(&self) -> usize {
        row_bytes(self.shape)
    }
}

fn row_bytes(shape: EmbeddingShape) -> usize {
    let element_bytes = match shape.element {
        Element::F32 => 4,
        Element::F16 => 2,
    };
    shape.dim * element_bytes
}

/// Finds the numbers.
pub(super) fn layout(file: &[u8]) -> Result<Layout, Found> {
    let footer = ipc::root_as_footer(footer_bytes(file)?).map_err(|_| "a malformed footer")?;
    let shape = shape(footer.schema().ok_or("no schema")?)?;
    if footer
        .dictionaries()
        .is_some_and(|blocks| !blocks.is_empty())
    {
        return Err("dictionaries");
    }
    let mut values = Vec::new();
    for block in footer.recordBatches().ok_or("no record batches")? {
        values.push(batch_values(file, block, shape)?);
    }
    Ok(Layout { shape, values })
}

fn footer_bytes(file: &[u8]) -> Result<&[u8], Found> {
    let body = file
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.strip_suffix(MAGIC))
        .ok_or("no `ARROW1` at both ends")?;
    let (body, length) = body
        .split_last_chunk::<LENGTH_BYTES>()
        .ok_or("no length of the footer")?;
    let length = i32::from_le_bytes(*length);
    let start = usize::try_from(length)
        .ok()
        .and_then(|length| body.len().checked_sub(length))
        .ok_or("a footer longer than the file")?;
    Ok(&body[start..])
}

fn shape(schema: ipc::Schema<'_>) -> Result<EmbeddingShape, Found> {
    if schema.endianness() != Endianness::Little {
        return Err("big-endian numbers");
    }
    let columns = schema.fields().ok_or("no columns")?;
    if columns.len() != 1 {
        return Err("another number of columns than one");
    }
    let column = columns.get(0);
    let list = column
        .type_as_fixed_size_list()
        .ok_or("a column that is no fixed-size list")?;
    let items = column.children().ok_or("a list without items")?;
    if items.len() != 1 {
        return Err("a list without items");
    }
    let number = items
        .get(0)
        .type_as_floating_point()
        .ok_or("items that are no floating-point numbers")?;
    let element = match number.precision() {
        Precision::SINGLE => Element::F32,
        Precision::HALF => Element::F16,
        _ => return Err("numbers that are neither f32 nor f16"),
    };
    match usize::try_from(list.listSize()) {
        Ok(dim) if dim > 0 => Ok(EmbeddingShape { dim, element }),
        _ => Err("vectors of no width"),
    }
}

fn batch_values(
    file: &[u8],
    block: &ipc::Block,
    shape: EmbeddingShape,
) -> Result<Range<usize>, Found> {
    const OUTSIDE: Found = "a record batch outside the file";
    let metadata =
        slice(file.len(), block.offset(), block.metaDataLength().into()).ok_or(OUTSIDE)?;
    let body = slice(file.len(), metadata.end as i64, block.bodyLength()).ok_or(OUTSIDE)?;
    let message = file[metadata].get(MESSAGE_PREFIX_BYTES..).ok_or(OUTSIDE)?;
    let message = ipc::root_as_message(message).map_err(|_| "a malformed message")?;
    let batch = message
        .header_as_record_batch()
        .ok_or("a message that is no record batch")?;
    if batch.compression().is_some() {
        return Err("compressed numbers");
    }
    let rows = complete_rows(batch, shape)?;
    let bytes = rows
        .checked_mul(row_bytes(shape))
        .ok_or("more rows than memory")?;
    // Buffers: validity of the lists, validity of the numbers, the numbers.
    let buffers = batch.buffers().ok_or("no buffers")?;
    if buffers.len() != 3 {
        return Err("another number of buffers than three");
    }
    let numbers = buffers.get(2);
    if usize::try_from(numbers.length())
        .ok()
        .is_none_or(|length| length < bytes)
    {
        return Err("fewer numbers than rows");
    }
    let place =
        slice(body.len(), numbers.offset(), bytes as i64).ok_or("numbers outside the file")?;
    Ok(body.start + place.start..body.start + place.end)
}

/// The number of rows, once it is sure that none of them and of their numbers is missing.
fn complete_rows(batch: ipc::RecordBatch<'_>, shape: EmbeddingShape) -> Result<usize, Found> {
    let rows = usize::try_from(batch.length()).map_err(|_| "a negative number of rows")?;
    let nodes = batch.nodes().ok_or("no columns in a record batch")?;
    if nodes.len() != 2 {
        return Err("another number of arrays than two");
    }
    let n_values = rows.checked_mul(shape.dim).ok_or("more rows than memory")?;
    for (node, expected) in [(nodes.get(0), rows), (nodes.get(1), n_values)] {
        if usize::try_from(node.length()) != Ok(expected) {
            return Err("an array of another length");
        }
        if node.null_count() != 0 {
            return Err("missing values");
        }
    }
    Ok(rows)
}

/// The range of `length` bytes from `offset`, if it lies within `limit`.
fn slice(limit: usize, offset: i64, length: i64) -> Option<Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    (end <= limit).then_some(start..end)
}
