//! The cells of one Parquet column, whatever type it has.

use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescriptor;

/// How the values of a column become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As they are. Large strings, views and dictionaries of Arrow are stored like this as well.
    Text,
    /// Written as decimal numbers.
    Signed,
    /// The same, of numbers that are stored as negative ones when they are large.
    Unsigned,
    /// There are none: every cell is null.
    Null,
}

impl Kind {
    /// Whether a text can stand in such a column.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Null)
    }

    /// The kind of a column; `None` for types that are neither text nor whole numbers.
    pub(super) fn of(column: &ColumnDescriptor) -> Option<Self> {
        if column.max_rep_level() > 0 || column.max_def_level() > 1 {
            return None;
        }
        match (column.physical_type(), column.logical_type_ref()) {
            (Type::BYTE_ARRAY, logical) => is_text(column, logical).then_some(Self::Text),
            (Type::INT32 | Type::INT64, logical) => of_number(column.converted_type(), logical),
            _ => None,
        }
    }
}

fn is_text(column: &ColumnDescriptor, logical: Option<&LogicalType>) -> bool {
    match logical {
        Some(LogicalType::String | LogicalType::Json | LogicalType::Enum) => true,
        Some(_) => false,
        None => matches!(
            column.converted_type(),
            ConvertedType::UTF8 | ConvertedType::JSON | ConvertedType::ENUM
        ),
    }
}

fn of_number(converted: ConvertedType, logical: Option<&LogicalType>) -> Option<Kind> {
    use ConvertedType as C;
    let is_unsigned = match logical {
        // A column of nulls has no type; it is stored as a number.
        Some(LogicalType::Unknown) => return Some(Kind::Null),
        Some(LogicalType::Integer(number)) => !number.is_signed,
        Some(_) => return None,
        None => match converted {
            C::UINT_8 | C::UINT_16 | C::UINT_32 | C::UINT_64 => true,
            C::INT_8 | C::INT_16 | C::INT_32 | C::INT_64 | C::NONE => false,
            _ => return None,
        },
    };
    Some(if is_unsigned {
        Kind::Unsigned
    } else {
        Kind::Signed
    })
}

/// Reads the cells of one column in one row group.
pub(super) struct Cells {
    reader: ColumnReader,
    kind: Kind,
    /// Cells may be null.
    is_optional: bool,
}

impl Cells {
    pub(super) fn new(reader: ColumnReader, kind: Kind, is_optional: bool) -> Self {
        Self {
            reader,
            kind,
            is_optional,
        }
    }

    /// Reads the next `n` cells as bytes of text; null is `None`.
    pub(super) fn read(&mut self, n: usize) -> Result<Vec<Option<Vec<u8>>>> {
        let unsigned = self.kind == Kind::Unsigned;
        match &mut self.reader {
            ColumnReader::ByteArrayColumnReader(reader) => {
                read::<ByteArrayType>(reader, n, self.is_optional, |v| v.data().to_vec())
            }
            ColumnReader::Int32ColumnReader(reader) => {
                read::<Int32Type>(reader, n, self.is_optional, |v| {
                    digits(unsigned, i64::from(*v), u64::from(v.cast_unsigned()))
                })
            }
            ColumnReader::Int64ColumnReader(reader) => {
                read::<Int64Type>(reader, n, self.is_optional, |v| {
                    digits(unsigned, *v, v.cast_unsigned())
                })
            }
            _ => Err(ParquetError::General("a column of another type".into())),
        }
    }
}

fn digits(unsigned: bool, signed_value: i64, unsigned_value: u64) -> Vec<u8> {
    let text = if unsigned {
        unsigned_value.to_string()
    } else {
        signed_value.to_string()
    };
    text.into_bytes()
}

fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    n: usize,
    is_optional: bool,
    text: impl Fn(&T::T) -> Vec<u8>,
) -> Result<Vec<Option<Vec<u8>>>> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let mut rows = 0;
    while rows < n {
        let levels = is_optional.then_some(&mut levels);
        let (read, ..) = reader.read_records(n - rows, levels, None, &mut values)?;
        if read == 0 {
            let message = format!("a column of {rows} rows where {n} are expected");
            return Err(ParquetError::EOF(message));
        }
        rows += read;
    }
    if !is_optional {
        return Ok(values.iter().map(|value| Some(text(value))).collect());
    }
    let mut values = values.iter();
    let cell = |level: &i16| (*level > 0).then(|| values.next().map(&text)).flatten();
    Ok(levels.iter().map(cell).collect())
}
