//! Comma and tab separated tables.

use std::io::{self, BufRead, Chain, Read as _};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ErrorKind, ReaderBuilder, Terminator};

use super::columns::{TEXT, lead};
use super::{Record, Row};
use crate::input::Opened;
use crate::limited::Limited;
use crate::{BadRecord, Columns, Error, Format, Place};

/// The longest record that is read; a quotation mark that is never closed runs into it.
const MAX_RECORD_BYTES: u64 = 64 << 20;

/// Follows the last record, so that a quoted field that is not closed swallows it and shows.
const END: &[u8] = b"\n\x1aend of table\x1a\n";

/// [`END`] as a record.
const END_RECORD: &[u8] = END.trim_ascii();

/// Reads a table. The rows of [`Format::PsgsTsv`] are passages.
///
/// With a header the columns go by name. Without one there are two, title and text. Quoting is that
/// of RFC 4180; a quotation mark inside a field that does not begin with one stands for itself.
pub(crate) fn read(
    path: &Path,
    opened: Opened,
    columns: &Columns,
    format: Format,
) -> Result<impl Iterator<Item = Result<Record, Error>> + Send + use<>, Error> {
    let mut builder = ReaderBuilder::new();
    builder
        .delimiter(delimiter(&opened.head))
        .quoting(!columns.literal_quotes)
        .has_headers(false)
        // The other way to end lines, CR LF, leaves LF to the next record, whose place is wrong then.
        .terminator(Terminator::Any(b'\n'))
        .flexible(true);
    let mut table = Table {
        path: path.to_owned(),
        csv: builder.from_reader(bounded(opened.reader, END)),
        builder,
        base: (0, 0),
        record: ByteRecord::new(),
        layout: Layout::default(),
        is_passages: format == Format::PsgsTsv,
        pending: false,
        note: None,
        ended: false,
    };
    table.read_layout(columns)?;
    Ok(std::iter::from_fn(move || table.next().transpose()))
}

/// Takes the carriage return off the end of a record.
fn drop_return(record: &mut ByteRecord) {
    let last = record.iter().next_back();
    let Some(last) = last.and_then(|field| field.strip_suffix(b"\r")) else {
        return;
    };
    let others = record.iter().take(record.len() - 1);
    let mut without: ByteRecord = others.chain([last]).collect();
    without.set_position(record.position().cloned());
    *record = without;
}

/// A table, bounded in the length of a record.
type Input = Limited<Chain<Box<dyn BufRead + Send>, &'static [u8]>>;

fn bounded(reader: Box<dyn BufRead + Send>, end: &'static [u8]) -> Input {
    Limited::new(reader.chain(end), MAX_RECORD_BYTES)
}

/// The separator that the first line has: a tab, else a comma, else a semicolon.
fn delimiter(head: &[u8]) -> u8 {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let found = [b'\t', b',', b';']
        .into_iter()
        .find(|separator| line.contains(separator));
    found.unwrap_or(b',')
}

/// Whether the first line of `head` is a header with a text column among its names.
pub(crate) fn has_header(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let separator = delimiter(head);
    let mut names = line.split(|&byte| byte == separator).map(cell_name);
    line.contains(&separator) && names.any(|name| TEXT.contains(&&*name))
}

fn cell_name(cell: &[u8]) -> String {
    let name = String::from_utf8_lossy(cell).to_lowercase();
    name.trim_matches(|c: char| c == '"' || c.is_whitespace())
        .to_owned()
}

/// Which column is what.
#[derive(Debug, Default)]
struct Layout {
    width: usize,
    key: Option<usize>,
    title: Option<usize>,
    text: usize,
    url: Option<usize>,
    revision: Option<usize>,
}

impl Layout {
    /// The layout of a header; the name that is missing when it is none.
    fn of_header(names: &[String], columns: &Columns) -> Result<Self, String> {
        let find = |wanted: Vec<&str>| {
            wanted.iter().find_map(|wanted| {
                let wanted = wanted.to_lowercase();
                names.iter().position(|name| *name == wanted)
            })
        };
        let named = [
            &columns.key,
            &columns.title,
            &columns.url,
            &columns.revision,
        ];
        for name in named.into_iter().flatten() {
            find(vec![name]).ok_or_else(|| name.clone())?;
        }
        let text = find(columns.text_names());
        Ok(Self {
            width: names.len(),
            key: find(columns.key_names()),
            title: find(columns.title_names()),
            text: text.ok_or_else(|| columns.text_names()[0].to_owned())?,
            url: find(columns.url_names()),
            revision: find(columns.revision_names()),
        })
    }

    /// The two columns of a table without a header.
    fn headerless() -> Self {
        Self {
            width: 2,
            title: Some(0),
            text: 1,
            ..Self::default()
        }
    }
}

struct Table {
    path: PathBuf,
    csv: csv::Reader<Input>,
    /// Makes another reader after a line that is too long.
    builder: ReaderBuilder,
    /// Lines and bytes before the first that `csv` read.
    base: (u64, u64),
    record: ByteRecord,
    layout: Layout,
    /// The rows are passages.
    is_passages: bool,
    /// `record` holds the first record, which is data and was not given out.
    pending: bool,
    /// Something to tell first.
    note: Option<String>,
    ended: bool,
}

/// What reading on led to.
enum Step {
    /// `Table::record` holds the next record.
    Record,
    /// A line that was skipped.
    TooLong(Place),
    End,
}

impl Table {
    fn read_layout(&mut self, columns: &Columns) -> Result<(), Error> {
        match self.advance()? {
            Step::End => return Ok(()),
            Step::Record => {}
            Step::TooLong(_) => self.record.clear(),
        }
        let names: Vec<String> = self.record.iter().map(cell_name).collect();
        match Layout::of_header(&names, columns) {
            Ok(layout) => self.layout = layout,
            Err(_) if names.len() == 2 && columns.text.is_none() && columns.title.is_none() => {
                self.layout = Layout::headerless();
                self.pending = true;
                let path = self.path.display();
                self.note = Some(format!(
                    "`{path}`: no header: the columns are title and text"
                ));
            }
            Err(expected) => {
                return Err(Error::MissingColumn {
                    path: self.path.clone(),
                    expected,
                    found: names,
                });
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Record>, Error> {
        if let Some(note) = self.note.take() {
            return Ok(Some(Record::Note(note)));
        }
        let step = if std::mem::take(&mut self.pending) {
            Step::Record
        } else {
            self.advance()?
        };
        let (place, problem) = match step {
            Step::End => return Ok(None),
            Step::Record => match self.document() {
                Ok(row) => return Ok(Some(Record::of(row.into_document()))),
                Err(problem) => (self.place(self.record.position()), problem),
            },
            Step::TooLong(place) => {
                let problem = format!("a line of over {} MB", MAX_RECORD_BYTES >> 20);
                (place, problem)
            }
        };
        Ok(Some(Record::Bad(BadRecord {
            path: self.path.clone(),
            place,
            problem,
        })))
    }

    /// Reads the next record.
    fn advance(&mut self) -> Result<Step, Error> {
        loop {
            let step = self.advance_line()?;
            // A line of nothing but a carriage return is no record.
            let is_blank = self.record.len() == 1 && self.record.as_slice().is_empty();
            if !(matches!(step, Step::Record) && is_blank) {
                return Ok(step);
            }
        }
    }

    fn advance_line(&mut self) -> Result<Step, Error> {
        if self.ended {
            return Ok(Step::End);
        }
        self.csv.get_mut().reset();
        let start = self.csv.position().clone();
        let (line, offset) = (start.line() + self.base.0, start.byte() + self.base.1);
        let open_quote = Error::OpenQuote {
            path: self.path.clone(),
            line,
        };
        match self.csv.read_byte_record(&mut self.record) {
            Ok(true) => drop_return(&mut self.record),
            Ok(false) => return Err(open_quote),
            Err(error) => {
                return match error.into_kind() {
                    ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                        if self.csv.get_ref().has_line_end() {
                            return Err(open_quote);
                        }
                        self.skip_line()?;
                        Ok(Step::TooLong(Place::Line { line, byte: offset }))
                    }
                    ErrorKind::Io(error) => Err(Error::from_io(error, &self.path, offset)),
                    kind => unreachable!("a flexible reader of bytes met {kind:?}"),
                };
            }
        }
        let bytes = self.record.as_slice();
        self.ended = bytes == END_RECORD;
        if !self.ended && bytes.trim_ascii_end().ends_with(END_RECORD) {
            return Err(open_quote);
        }
        Ok(if self.ended { Step::End } else { Step::Record })
    }

    /// Drops what is left of a line that is too long. What the parser holds of it goes as well.
    fn skip_line(&mut self) -> Result<(), Error> {
        let position = self.csv.position().clone();
        self.base.0 += position.line();
        self.base.1 += position.byte();
        let empty = self
            .builder
            .from_reader(bounded(Box::new(io::empty()), b""));
        let mut input = std::mem::replace(&mut self.csv, empty).into_inner();
        loop {
            input.reset();
            let available = input.fill_buf();
            let available =
                available.map_err(|error| Error::from_io(error, &self.path, self.base.1))?;
            let end = available.iter().position(|&byte| byte == b'\n');
            let n = end.map_or(available.len(), |end| end + 1);
            input.consume(n);
            self.base.1 += n as u64;
            if end.is_some() || n == 0 {
                break;
            }
        }
        self.csv = self.builder.from_reader(input);
        Ok(())
    }

    fn document(&self) -> Result<Row, String> {
        let (layout, found) = (&self.layout, self.record.len());
        if found != layout.width {
            return Err(format!("{} columns expected, found {found}", layout.width));
        }
        let cell = |column: Option<usize>| {
            let bytes = column.and_then(|column| self.record.get(column));
            let text = bytes.map(str::from_utf8).transpose();
            text.map_err(|_| format!("invalid UTF-8 in column {}", column.unwrap_or(0) + 1))
        };
        let text = cell(Some(layout.text))?.unwrap_or_default();
        Ok(Row {
            key: cell(layout.key)?.map(Into::into),
            title: cell(layout.title)?.unwrap_or_default().to_owned(),
            url: cell(layout.url)?.map(Into::into),
            revision: cell(layout.revision)?.map(Into::into),
            is_passage: self.is_passages,
            sections: lead(text, self.is_passages),
        })
    }

    fn place(&self, position: Option<&csv::Position>) -> Place {
        Place::Line {
            line: position.map_or(0, csv::Position::line) + self.base.0,
            byte: position.map_or(0, csv::Position::byte) + self.base.1,
        }
    }
}
