//! The zip archives of PyTorch since 1.6: `<name>/data.pkl` and `<name>/data/<key>`, stored
//! without compression so that they can be mapped.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use ragdex_pickle::{Limit, Problem, run};

use super::tensors;
use crate::checkpoint::StoredTensor;

const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const LOCATOR_64_LENGTH: usize = 20;
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_LENGTH: usize = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_LENGTH: usize = 30;
/// The longest comment at the end of an archive.
const MAX_COMMENT: usize = u16::MAX as usize;
/// In place of a 32-bit number that stands in the 64-bit extra field.
const SEE_EXTRA: u64 = u32::MAX as u64;

/// Finds the tensors of an archive.
pub(super) fn read(bytes: &[u8], file: usize) -> Result<BTreeMap<String, StoredTensor>, Problem> {
    let entries = entries(bytes)
        .ok_or_else(|| Problem::damaged(bytes.len(), "damaged or truncated zip archive"))?;
    let (pickle_name, pickle) = entries
        .iter()
        .find(|(name, _)| name.ends_with("/data.pkl"))
        .ok_or_else(|| Problem::damaged(0, "the zip archive holds no `data.pkl`"))?;
    let root = pickle_name.trim_end_matches("data.pkl");
    let order = entries.get(&*format!("{root}byteorder"));
    if order.is_some_and(|order| bytes[order.clone()] == *b"big") {
        return Err(Problem::damaged(
            0,
            "little-endian numbers expected, found big-endian",
        ));
    }
    let dictionary = &bytes[..pickle.end];
    let dictionary = run(dictionary, pickle.start, tensors::accepts, Limit::default())?;
    let described = tensors::describe(&dictionary)?;
    tensors::place(described, file, |key| {
        entries.get(&*format!("{root}data/{key}")).cloned()
    })
}

/// Lists the files of the archive with the ranges of their bytes. `None` when it is damaged.
fn entries(bytes: &[u8]) -> Option<HashMap<&str, Range<usize>>> {
    let directory = directory(bytes)?;
    let mut entries = HashMap::new();
    let mut rest = bytes.get(directory)?;
    while rest.starts_with(ENTRY) {
        let name_length = number::<2>(rest, 28)?;
        let extra_length = number::<2>(rest, 30)?;
        let comment_length = number::<2>(rest, 32)?;
        let name = rest.get(ENTRY_LENGTH..)?.get(..name_length)?;
        let extra = rest
            .get(ENTRY_LENGTH + name_length..)?
            .get(..extra_length)?;
        if let Some(range) = entry_range(bytes, rest, extra)? {
            entries.insert(std::str::from_utf8(name).ok()?, range);
        }
        rest = rest.get(ENTRY_LENGTH + name_length + extra_length + comment_length..)?;
    }
    Some(entries)
}

/// Finds the range of the directory from the end of the archive.
fn directory(bytes: &[u8]) -> Option<Range<usize>> {
    let tail_start = bytes.len().saturating_sub(END_LENGTH + MAX_COMMENT);
    let tail = &bytes[tail_start..];
    let end = tail_start + tail.windows(END.len()).rposition(|window| window == END)?;
    let (size, offset) = (number::<4>(bytes, end + 12)?, number::<4>(bytes, end + 16)?);
    if offset as u64 != SEE_EXTRA && size as u64 != SEE_EXTRA {
        return Some(offset..offset.checked_add(size)?);
    }
    let locator = bytes.get(end.checked_sub(LOCATOR_64_LENGTH)?..)?;
    let end = number::<8>(locator.starts_with(LOCATOR_64).then_some(locator)?, 8)?;
    let record = bytes.get(end..)?;
    let record = record.starts_with(END_64).then_some(record)?;
    let (size, offset) = (number::<8>(record, 40)?, number::<8>(record, 48)?);
    Some(offset..offset.checked_add(size)?)
}

/// The bytes of an entry, by its line in the directory; the inner `None` is a compressed entry,
/// which PyTorch never writes.
#[expect(clippy::option_option, reason = "damage and absence differ")]
fn entry_range(bytes: &[u8], line: &[u8], extra: &[u8]) -> Option<Option<Range<usize>>> {
    const STORED: usize = 0;
    if number::<2>(line, 10)? != STORED {
        return Some(None);
    }
    // The extra field holds 64-bit numbers in this order, only for those that do not fit.
    let mut wide = wide_numbers(extra);
    let mut resolve = |at: usize| {
        let narrow = number::<4>(line, at)?;
        if narrow as u64 == SEE_EXTRA {
            wide.next()
        } else {
            Some(narrow)
        }
    };
    let size = resolve(24)?;
    let _compressed_size = resolve(20)?;
    let offset = resolve(42)?;
    let local = bytes.get(offset..)?;
    let local = local.starts_with(LOCAL).then_some(local)?;
    let skip = LOCAL_LENGTH + number::<2>(local, 26)? + number::<2>(local, 28)?;
    let start = offset.checked_add(skip)?;
    let end = start.checked_add(size)?;
    (end <= bytes.len()).then_some(Some(start..end))
}

/// The numbers in the 64-bit extra field, if there is one.
fn wide_numbers(mut extra: &[u8]) -> impl Iterator<Item = usize> {
    const ZIP_64: usize = 1;
    let mut field: &[u8] = &[];
    while let (Some(kind), Some(length)) = (number::<2>(extra, 0), number::<2>(extra, 2)) {
        let Some(body) = extra.get(4..4 + length) else {
            break;
        };
        if kind == ZIP_64 {
            field = body;
            break;
        }
        extra = &extra[4 + length..];
    }
    (0..field.len() / 8).filter_map(|i| number::<8>(field, i * 8))
}

/// Reads a little-endian number of `N` bytes.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<usize> {
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(bytes.get(at..at.checked_add(N)?)?);
    usize::try_from(u64::from_le_bytes(wide)).ok()
}
