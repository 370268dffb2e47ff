//! Parquet files: named columns, of which only those that are needed are read.

mod cells;

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::schema::types::SchemaDescriptor;

use cells::{Cells, Kind};

use super::columns::lead;
use super::{Record, Row};
use crate::input::{InputFile, Position};
use crate::{BadRecord, Columns, Error, Place};

/// Rows that are read at once: enough that the columns are not changed for each, few enough that a
/// batch of whole articles is some megabytes.
const BATCH_ROWS: usize = 128;

/// Reads the rows of a Parquet file in order, one record each.
///
/// Strings of any width, in dictionaries or not, are text; whole numbers are keys or revisions. A
/// title that is null is empty, a text that is null makes a record without text. Pages may be
/// compressed with snappy, gzip, LZ4 or zstd. In memory are one page of each column, which the
/// format bounds at 2 GB and writers at about 1 MB, and [`BATCH_ROWS`] rows.
pub(crate) struct Rows {
    path: PathBuf,
    file: SerializedFileReader<File>,
    layout: Layout,
    /// The row group that is read next.
    group: usize,
    columns: Vec<(Role, Cells)>,
    /// Rows of the open row group that were not read.
    left: usize,
    batch: std::vec::IntoIter<Record>,
    /// Rows of the file that were read.
    done: u64,
    progress: Progress,
    failed: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Key,
    Title,
    Text,
    Url,
    Revision,
}

/// A column that is read.
#[derive(Debug)]
struct Column {
    role: Role,
    /// Its number among the leaves of the schema.
    leaf: usize,
    name: String,
    kind: Kind,
    is_optional: bool,
}

/// Which columns are read, and whether the rows are passages.
struct Layout {
    columns: Vec<Column>,
    is_passages: bool,
}

impl Rows {
    /// Opens a file. If it has the column [`Columns::embeddings`], its rows are passages.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::Parquet`], [`Error::MissingColumn`], [`Error::ColumnType`], and
    /// [`Error::Unsupported`] for compressions that are not read.
    pub(crate) fn open(
        file: &InputFile,
        columns: &Columns,
        position: &Position,
    ) -> Result<Self, Error> {
        let path = &file.path;
        let opened = File::open(path).map_err(|source| Error::Open {
            path: path.clone(),
            source,
        })?;
        let reader = guarded(|| SerializedFileReader::new(opened));
        let reader = reader.map_err(|error| explain(error, path, 0))?;
        let metadata = reader.metadata();
        let layout = Layout::of(path, metadata.file_metadata().schema_descr(), columns)?;
        layout.check_compression(path, metadata)?;
        Ok(Self {
            path: path.clone(),
            progress: Progress::new(file, metadata, position),
            file: reader,
            layout,
            group: 0,
            columns: Vec::new(),
            left: 0,
            batch: Vec::new().into_iter(),
            done: 0,
            failed: false,
        })
    }

    /// Whether the file has the column [`Columns::embeddings`].
    pub(crate) fn has_embeddings(&self) -> bool {
        self.layout.is_passages
    }

    /// Reads the next batch; `false` at the end of the file.
    fn advance(&mut self) -> Result<bool, ParquetError> {
        while self.left == 0 {
            if self.group == self.file.num_row_groups() {
                return Ok(false);
            }
            self.open_group()?;
        }
        let n = self.left.min(BATCH_ROWS);
        let mut rows: Vec<Cursor> = (0..n).map(|_| Cursor::default()).collect();
        for (role, cells) in &mut self.columns {
            for (row, cell) in rows.iter_mut().zip(cells.read(n)?) {
                row.set(*role, cell);
            }
        }
        self.left -= n;
        let records: Vec<Record> = rows.into_iter().map(|row| self.record(row)).collect();
        self.batch = records.into_iter();
        self.progress.advance(self.done);
        Ok(true)
    }

    fn open_group(&mut self) -> Result<(), ParquetError> {
        let group = self.file.get_row_group(self.group)?;
        let rows = group.metadata().num_rows();
        self.left = usize::try_from(rows)
            .map_err(|_| ParquetError::General(format!("a row group of {rows} rows")))?;
        self.columns.clear();
        for column in &self.layout.columns {
            let reader = group.get_column_reader(column.leaf)?;
            let cells = Cells::new(reader, column.kind, column.is_optional);
            self.columns.push((column.role, cells));
        }
        self.group += 1;
        Ok(())
    }

    /// Makes the record of the row that is next.
    fn record(&mut self, row: Cursor) -> Record {
        self.done += 1;
        match self.row(row) {
            Ok(row) => Record::of(row.into_document()),
            Err(role) => Record::Bad(BadRecord {
                path: self.path.clone(),
                place: Place::Row { row: self.done },
                problem: format!("invalid UTF-8 in column `{}`", self.layout.name(role)),
            }),
        }
    }

    /// Decodes a row; the error is the column that is no UTF-8.
    fn row(&self, row: Cursor) -> Result<Row, Role> {
        let text = |role, cell: Option<Vec<u8>>| {
            let cell = cell.map(String::from_utf8).transpose();
            cell.map_err(|_| role)
        };
        let is_passage = self.layout.is_passages;
        Ok(Row {
            key: text(Role::Key, row.key)?,
            title: text(Role::Title, row.title)?.unwrap_or_default(),
            url: text(Role::Url, row.url)?,
            revision: text(Role::Revision, row.revision)?,
            is_passage,
            sections: text(Role::Text, row.text)?
                .map(|text| lead(&text, is_passage))
                .unwrap_or_default(),
        })
    }
}

impl Iterator for Rows {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.batch.next() {
                return Some(Ok(record));
            }
            if self.failed {
                return None;
            }
            match guarded(|| self.advance()) {
                Ok(true) => {}
                Ok(false) => {
                    self.progress.finish();
                    return None;
                }
                Err(error) => {
                    self.failed = true;
                    return Some(Err(explain(error, &self.path, self.done)));
                }
            }
        }
    }
}

/// The cells of one row.
#[derive(Debug, Default)]
struct Cursor {
    key: Option<Vec<u8>>,
    title: Option<Vec<u8>>,
    text: Option<Vec<u8>>,
    url: Option<Vec<u8>>,
    revision: Option<Vec<u8>>,
}

impl Cursor {
    fn set(&mut self, role: Role, cell: Option<Vec<u8>>) {
        *match role {
            Role::Key => &mut self.key,
            Role::Title => &mut self.title,
            Role::Text => &mut self.text,
            Role::Url => &mut self.url,
            Role::Revision => &mut self.revision,
        } = cell;
    }
}

impl Layout {
    fn of(path: &Path, schema: &SchemaDescriptor, columns: &Columns) -> Result<Self, Error> {
        let fields = schema.root_schema().get_fields();
        let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
        let find = |wanted: &str| {
            let is_it = |name: &&String| name.to_lowercase() == wanted.to_lowercase();
            names.iter().find(is_it).cloned()
        };
        let wanted = [
            (Role::Key, &columns.key, columns.key_names()),
            (Role::Title, &columns.title, columns.title_names()),
            (Role::Text, &columns.text, columns.text_names()),
            (Role::Url, &columns.url, columns.url_names()),
            (Role::Revision, &columns.revision, columns.revision_names()),
        ];
        let mut found = Vec::new();
        for (role, named, usual) in wanted {
            match usual.iter().find_map(|name| find(name)) {
                Some(name) => found.push(Column::of(path, schema, role, name)?),
                None if named.is_some() || role == Role::Text => {
                    return Err(Error::MissingColumn {
                        path: path.to_owned(),
                        expected: usual[0].to_owned(),
                        found: names.clone(),
                    });
                }
                None => {}
            }
        }
        let embeddings = columns.embeddings.as_deref();
        Ok(Self {
            columns: found,
            is_passages: embeddings.is_some_and(|name| find(name).is_some()),
        })
    }

    fn name(&self, role: Role) -> &str {
        let column = self.columns.iter().find(|column| column.role == role);
        column.map_or("", |column| &column.name)
    }

    /// Refuses compressions whose decoders are not compiled in, before a row is given out.
    fn check_compression(&self, path: &Path, metadata: &ParquetMetaData) -> Result<(), Error> {
        for group in metadata.row_groups() {
            for column in &self.columns {
                let found = match group
                    .columns()
                    .get(column.leaf)
                    .map(ColumnChunkMetaData::compression)
                {
                    Some(Compression::BROTLI(_)) => "a Parquet file with Brotli inside",
                    Some(Compression::LZO) => "a Parquet file with LZO inside",
                    _ => continue,
                };
                return Err(Error::Unsupported {
                    path: path.to_owned(),
                    found,
                    remedy: "write it again with snappy, gzip, LZ4, zstd or without compression",
                });
            }
        }
        Ok(())
    }
}

impl Column {
    fn of(path: &Path, schema: &SchemaDescriptor, role: Role, name: String) -> Result<Self, Error> {
        let is_it = |parts: &[String]| parts.len() == 1 && parts[0] == name;
        let mut leaves = schema.columns().iter();
        let leaf = leaves.position(|leaf| is_it(leaf.path().parts()));
        let kind = leaf.and_then(|leaf| Kind::of(&schema.column(leaf)));
        let is_usable = role != Role::Text || kind.is_some_and(Kind::is_text);
        let (Some(leaf), Some(kind), true) = (leaf, kind, is_usable) else {
            return Err(Error::ColumnType {
                path: path.to_owned(),
                column: name,
                expected: match role {
                    Role::Text => "strings",
                    _ => "strings or whole numbers",
                },
                found: leaf.map_or("a nested type".into(), |leaf| {
                    schema.column(leaf).physical_type().to_string()
                }),
            });
        };
        Ok(Self {
            role,
            leaf,
            name,
            kind,
            is_optional: schema.column(leaf).max_def_level() > 0,
        })
    }
}

/// Tells how far a file is read by the share of its rows, since columns that are not needed are
/// never touched.
struct Progress {
    position: Position,
    bytes: u64,
    rows: u64,
    told: u64,
}

impl Progress {
    fn new(file: &InputFile, metadata: &ParquetMetaData, position: &Position) -> Self {
        Self {
            position: position.clone(),
            bytes: file.bytes.unwrap_or(0),
            rows: u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0),
            told: 0,
        }
    }

    fn advance(&mut self, rows_read: u64) {
        if self.rows > 0 {
            let share = u128::from(self.bytes) * u128::from(rows_read.min(self.rows));
            self.tell((share / u128::from(self.rows)) as u64);
        }
    }

    fn finish(&mut self) {
        self.tell(self.bytes);
    }

    fn tell(&mut self, bytes: u64) {
        self.position.add(bytes.saturating_sub(self.told) as usize);
        self.told = self.told.max(bytes);
    }
}

/// Runs code of the `parquet` crate, which panics on some files that contradict themselves.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    ragdex_core::caught(read).unwrap_or_else(|| {
        let message = "the pages contradict the metadata".to_owned();
        Err(ParquetError::General(message))
    })
}

fn explain(error: ParquetError, path: &Path, rows_read: u64) -> Error {
    let path = path.to_owned();
    if let ParquetError::External(source) = error {
        return match source.downcast::<std::io::Error>() {
            Ok(source) if source.raw_os_error().is_some() => Error::Read {
                path,
                offset: 0,
                source: *source,
            },
            Ok(source) => Error::Parquet {
                path,
                rows_read,
                source,
            },
            Err(source) => Error::Parquet {
                path,
                rows_read,
                source,
            },
        };
    }
    Error::Parquet {
        path,
        rows_read,
        source: Box::new(error),
    }
}
