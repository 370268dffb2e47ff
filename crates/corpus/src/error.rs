//! What can go wrong when a source is read.

use std::fmt;
use std::io;
use std::path::PathBuf;

use ragdex_core::Cancelled;

use crate::input::Compression;

/// Why a source could not be opened, or not be read to its end.
///
/// After any of these the documents already given out are good, and nothing follows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No path was given.
    #[error("no source given")]
    NoInput,
    /// A path that cannot be opened.
    #[error("`{}`: cannot be opened", path.display())]
    Open {
        /// The path.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The operating system failed while reading.
    #[error("`{}`, byte {offset}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// How far it was read.
        offset: u64,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A file or a folder without anything to read.
    #[error("`{}`: nothing to read in it", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
    },
    /// Compressed data that stops before its end mark.
    #[error("`{}`, byte {offset}: the {compression} data is cut off here", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The length of what is there.
        offset: u64,
        /// How the file is compressed.
        compression: Compression,
    },
    /// Compressed data that contradicts itself.
    #[error("`{}`, near byte {offset}: the {compression} data is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How far the decoder came.
        offset: u64,
        /// How the file is compressed.
        compression: Compression,
        /// What the decoder said.
        #[source]
        source: io::Error,
    },
    /// A tar archive that contradicts itself or is cut off.
    #[error("`{}`, byte {offset}: {problem}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Bytes of the archive, unpacked, before the place.
        offset: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A format that was not recognised.
    #[error("`{}`: format not recognised, begins with `{found}`", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its first characters.
        found: String,
    },
    /// A kind of file that is recognised and cannot be read here.
    #[error("`{}`: is {found}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What the file is.
        found: &'static str,
        /// What the user can do about it.
        remedy: &'static str,
    },
    /// A stream where a file is needed, which can be read at any place or twice.
    #[error("`{}`: {purpose} needs a file, found a stream", path.display())]
    NeedsFile {
        /// The name of the stream; `-` for standard input.
        path: PathBuf,
        /// What cannot be done with a stream.
        purpose: &'static str,
    },
    /// A Parquet file that contradicts itself or is cut off.
    #[error("`{}`, after row {rows_read}: the Parquet data is damaged", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The rows of the file before the damage.
        rows_read: u64,
        /// What the decoder said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A column of a type that cannot be read as what it is wanted for.
    #[error("`{}`: column `{column}`: {expected} expected, found {found}", path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The types that can be read.
        expected: &'static str,
        /// The type of the column.
        found: String,
    },
    /// XML that breaks the rules, so that nothing after it can be trusted.
    #[error("`{}`, byte {offset} of the XML: {problem}; {}", path.display(), LastPage(*last_page))]
    Xml {
        /// The file.
        path: PathBuf,
        /// Bytes of decompressed XML before the place.
        offset: u64,
        /// What is wrong.
        problem: String,
        /// The last page that was read whole.
        last_page: Option<u64>,
    },
    /// XML that stops in the middle.
    #[error(
        "`{}`, byte {offset} of the XML: `</{expected}>` expected, found the end of the file; {}",
        path.display(),
        LastPage(*last_page)
    )]
    XmlCut {
        /// The file.
        path: PathBuf,
        /// The length of the decompressed XML.
        offset: u64,
        /// The innermost element that is open.
        expected: String,
        /// The last page that was read whole.
        last_page: Option<u64>,
    },
    /// A table without a column that is needed.
    #[error("`{}`: column `{expected}` expected, found {}", path.display(), Columns(found))]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column that was looked for.
        expected: String,
        /// The columns that are there.
        found: Vec<String>,
    },
    /// A file of rules for wikitext that cannot be read.
    #[error("`{}`, {problem}", path.display())]
    WikiRules {
        /// The file.
        path: PathBuf,
        /// The line and what is wrong with it.
        problem: String,
    },
    /// A quoted field that runs on to the end of the file or beyond all bounds.
    #[error("`{}`, line {line}: a quoted field begins in this record and does not end", path.display())]
    OpenQuote {
        /// The file.
        path: PathBuf,
        /// The line on which the record begins, from 1.
        line: u64,
    },
    /// A record that is wrong by itself, met in strict reading.
    #[error(transparent)]
    Record(#[from] BadRecord),
    /// The reading was stopped.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoInput => "name a file, a folder, or `-` for standard input",
            Self::Open { .. } => "check the path and its permissions",
            Self::Empty { .. } => {
                "a source is a dump, a table, a Parquet file, JSON lines, or a folder of these or of \
                 .txt, .md or .html files"
            }
            Self::Truncated { .. } | Self::XmlCut { .. } => {
                "the file is incomplete: download or copy it again; of a dump, the pages that are whole \
                 are read with `--keep-going`"
            }
            Self::Archive { .. } => "the file is incomplete: download or copy it again",
            Self::Damaged { .. } => {
                "download the file again and compare its checksum; in a dump, reading goes on behind the \
                 damage with `--keep-going`"
            }
            Self::Parquet { .. } => "download the file again and compare its checksum",
            Self::UnknownFormat { .. } => {
                "name the format: mediawiki, jsonl, csv, psgs-tsv, parquet, wikiextractor, kilt, \
                 cirrus, enterprise or text"
            }
            Self::Unsupported { remedy, .. } => remedy,
            Self::NeedsFile { .. } => "write it to a file first, and name that",
            Self::ColumnType { .. } => "name another column, for the text with `--text-column`",
            Self::MissingColumn { .. } => "name the columns that hold the title and the text",
            Self::WikiRules { .. } => "correct the line, or leave the file out",
            Self::OpenQuote { .. } => {
                "close or double the quotation mark, or read quotation marks literally with \
                 `--literal-quotes`"
            }
            Self::Record(_) => "correct the record, or read without strict to skip and count it",
            Self::Xml { .. } => {
                "the file is damaged: download or make it again; in a dump, reading goes on behind the \
                 damage with `--keep-going`"
            }
            Self::Read { .. } | Self::Cancelled(_) => return None,
        };
        Some(hint.into())
    }

    /// Whether the input itself is bad, so that trying again cannot help.
    pub fn is_bad_input(&self) -> bool {
        !matches!(
            self,
            Self::Open { .. } | Self::Read { .. } | Self::Cancelled(_) | Self::WikiRules { .. }
        )
    }

    /// Takes damage of a dump for a bad record, after which the next page can be looked for; every
    /// other error stays one.
    pub(crate) fn into_damage(self, last_page: Option<u64>) -> Result<BadRecord, Self> {
        let (path, place, problem) = match self {
            Self::Damaged {
                path,
                offset,
                compression,
                source,
            } => {
                let problem = format!("the {compression} data is damaged: {source}");
                (path, Place::Byte { byte: offset }, problem)
            }
            Self::Truncated {
                path,
                offset,
                compression,
            } => {
                let problem = format!("the {compression} data is cut off here");
                (path, Place::Byte { byte: offset }, problem)
            }
            Self::Xml {
                path,
                offset,
                problem,
                ..
            } => (path, Place::Xml { byte: offset }, problem),
            Self::XmlCut {
                path,
                offset,
                expected,
                ..
            } => {
                let problem = format!("`</{expected}>` expected, found the end of the file");
                (path, Place::Xml { byte: offset }, problem)
            }
            error => return Err(error),
        };
        Ok(BadRecord {
            path,
            place,
            problem: format!("{problem}; {}", LastPage(last_page)),
        })
    }

    /// Takes an error of this crate back out of the I/O error that carried it through a decoder.
    pub(crate) fn from_io(error: io::Error, path: &std::path::Path, offset: u64) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(source) => Self::Read {
                path: path.to_owned(),
                offset,
                source,
            },
        }
    }
}

/// One record of a good source that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}`{place}: {problem}", path.display())]
pub struct BadRecord {
    /// The file.
    pub path: PathBuf,
    /// Where the record begins.
    pub place: Place,
    /// What is wrong with it.
    pub problem: String,
}

/// Where in a file a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The file is the record.
    File,
    /// A line, from 1, and the bytes before it.
    Line {
        /// The number of the line, from 1.
        line: u64,
        /// Bytes before it.
        byte: u64,
    },
    /// Bytes of the file before damage.
    Byte {
        /// How many.
        byte: u64,
    },
    /// Bytes of the decompressed XML of a dump before damage.
    Xml {
        /// How many.
        byte: u64,
    },
    /// A row of a Parquet file.
    Row {
        /// The number of the row in its file, from 1.
        row: u64,
    },
    /// A page of a dump and the bytes of decompressed XML before it.
    Page {
        /// The id of the page, when it was read before the trouble.
        id: Option<u64>,
        /// Bytes before the page.
        byte: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line { line, byte } => write!(f, ", line {line} (byte {byte})"),
            Self::Byte { byte } => write!(f, ", near byte {byte}"),
            Self::Xml { byte } => write!(f, ", byte {byte} of the XML"),
            Self::Row { row } => write!(f, ", row {row}"),
            Self::Page { id: Some(id), byte } => write!(f, ", page {id} (byte {byte} of the XML)"),
            Self::Page { id: None, byte } => write!(f, ", page at byte {byte} of the XML"),
        }
    }
}

/// Words for the last page that was read whole.
struct LastPage(Option<u64>);

impl fmt::Display for LastPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "the last whole page has the id {id}"),
            None => f.write_str("no whole page before it"),
        }
    }
}

/// Column names in backticks.
struct Columns<'a>(&'a [String]);

impl fmt::Display for Columns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().enumerate() {
            write!(f, "{}`{name}`", if i == 0 { "" } else { ", " })?;
        }
        if self.0.is_empty() {
            f.write_str("none")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_where_what_expected_and_found() {
        let error = Error::XmlCut {
            path: "a.xml".into(),
            offset: 12,
            expected: "page".into(),
            last_page: Some(7),
        };
        assert_eq!(
            error.to_string(),
            "`a.xml`, byte 12 of the XML: `</page>` expected, found the end of the file; \
             the last whole page has the id 7"
        );
    }

    #[test]
    fn an_error_survives_the_way_through_a_decoder() {
        let carried = io::Error::other(Error::NoInput);
        let back = Error::from_io(carried, std::path::Path::new("a"), 0);
        assert!(matches!(back, Error::NoInput));
    }
}
