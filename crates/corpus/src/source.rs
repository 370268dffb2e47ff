//! A source: files of any of the formats, as one stream of documents.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io::Read;
use std::path::Path;

use ragdex_core::Document;

use crate::detect::detect;
use crate::input::{self, Compression, InputFile, Listing, Opened, Position};
use crate::records::{self, Record};
use crate::{BadRecord, Error, Format, ReadOptions, Summary, mediawiki, text};

/// Bad records that are reported one by one; the rest are only counted.
const MAX_REPORTED: u64 = 20;

/// An iterator over what the reader of one format gives.
type Records = Box<dyn Iterator<Item = Result<Record, Error>> + Send>;

/// A stream of documents, in the order of the source.
///
/// Bad records are skipped, counted and told to the [`Reporter`](ragdex_core::Reporter), unless
/// [`ReadOptions::strict`] makes them errors. After an error nothing follows. Memory does not grow
/// with the source, except for a hash of each key where keys can occur twice.
///
/// # Examples
///
/// ```
/// use ragdex_corpus::{ReadOptions, Source};
///
/// let lines = r#"{"title": "Aruba", "text": "Aruba is an island."}"#;
/// let mut source = Source::from_reader("lines.jsonl", lines.as_bytes(), ReadOptions::default())?;
/// let documents = source.by_ref().collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(documents[0].text(), "Aruba is an island.");
/// assert_eq!(source.summary().documents, 1);
/// # Ok::<(), ragdex_corpus::Error>(())
/// ```
pub struct Source<'a> {
    options: ReadOptions<'a>,
    files: VecDeque<InputFile>,
    current: Option<Records>,
    format: Format,
    compression: Compression,
    total_bytes: Option<u64>,
    position: Position,
    summary: Summary,
    keys: HashSet<u64>,
    ended: bool,
}

impl<'a> Source<'a> {
    /// Opens files, folders (recursively, sorted) and standard input (`-`), in the order given.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::Empty`], and whatever is found out about the format of the first
    /// file.
    pub fn open(paths: &[impl AsRef<Path>], options: ReadOptions<'a>) -> Result<Self, Error> {
        let Listing {
            files,
            bad,
            other_files,
        } = input::list(paths, options.format)?;
        let mut source = Self::new(options);
        source.total_bytes = files.iter().map(|file| file.bytes).sum();
        source.files = files.into();
        source.summary.other_files = other_files;
        if other_files > 0 {
            let message = format!("{other_files} files of other kinds are left alone");
            source.options.reporter.warn(&message);
        }
        for record in bad {
            source.take_bad(record)?;
        }
        source.open_next()?;
        Ok(source)
    }

    /// Reads what a reader gives, as if it were the file `name`.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn from_reader(
        name: &str,
        reader: impl Read + Send + 'static,
        options: ReadOptions<'a>,
    ) -> Result<Self, Error> {
        let mut source = Self::new(options);
        let file = InputFile {
            path: name.into(),
            name: name.to_owned(),
            bytes: None,
        };
        let (threads, position) = (source.options.threads, &source.position);
        let opened = input::open_reader(&file.path, Box::new(reader), threads, position)?;
        source.start(&file, opened)?;
        Ok(source)
    }

    fn new(options: ReadOptions<'a>) -> Self {
        Self {
            files: VecDeque::new(),
            current: None,
            format: options.format,
            compression: Compression::None,
            total_bytes: None,
            position: Position::default(),
            summary: Summary::default(),
            keys: HashSet::new(),
            ended: false,
            options,
        }
    }

    /// The format of the file that is being read, never [`Format::Auto`].
    pub fn format(&self) -> Format {
        self.format
    }

    /// How the file that is being read is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The length of all files as they lie on disk; `None` with standard input.
    pub fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    /// How many of these bytes were taken. Runs ahead of the documents a little.
    pub fn position(&self) -> u64 {
        self.position.get()
    }

    /// What was read so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Opens the next file; there may be none.
    fn open_next(&mut self) -> Result<(), Error> {
        let Some(file) = self.files.pop_front() else {
            self.current = None;
            return Ok(());
        };
        let opened = input::open(&file.path, self.options.threads, &self.position)?;
        self.start(&file, opened)
    }

    fn start(&mut self, file: &InputFile, opened: Opened) -> Result<(), Error> {
        let format = match self.options.format {
            Format::Auto => self.announce(file, &opened)?,
            format => format,
        };
        self.format = format;
        self.compression = opened.compression;
        self.current = Some(self.records(file, opened)?);
        Ok(())
    }

    /// Finds out the format and says so when it is another than before.
    fn announce(&self, file: &InputFile, opened: &Opened) -> Result<Format, Error> {
        let format = detect(file, opened)?;
        if format != self.format {
            let (path, description) = (file.path.display(), format.description());
            let message = match opened.compression {
                Compression::None => format!("`{path}` is read as {description}"),
                compression => format!("`{path}` is read as {description}, {compression}"),
            };
            self.options.reporter.note(&message);
        }
        Ok(format)
    }

    fn records(&self, file: &InputFile, opened: Opened) -> Result<Records, Error> {
        let ReadOptions {
            columns,
            pages,
            threads,
            code_blocks,
            ..
        } = &self.options;
        let path = &file.path;
        Ok(match self.format {
            Format::Text => Box::new(text::read(file, opened, *code_blocks)?.into_iter().map(Ok)),
            Format::MediaWiki => Box::new(mediawiki::read(path, opened.reader, pages, *threads)),
            Format::Csv | Format::PsgsTsv => Box::new(records::read_table(
                path,
                &opened.head,
                opened.reader,
                columns,
            )?),
            Format::WikiExtractor => records::read_wikiextractor(path, &opened.head, opened.reader),
            Format::Kilt => Box::new(records::read_kilt(path, opened.reader)),
            Format::Cirrus => Box::new(records::read_cirrus(path, opened.reader, pages.clone())),
            Format::Enterprise => Box::new(records::read_enterprise(
                path,
                opened.reader,
                pages.clone(),
                *code_blocks,
            )),
            Format::Jsonl | Format::Auto => {
                Box::new(records::read_jsonl(path, opened.reader, columns.clone()))
            }
        })
    }

    /// Reads on to the next document.
    fn advance(&mut self) -> Result<Option<Document>, Error> {
        loop {
            self.options.cancel.check()?;
            let Some(records) = &mut self.current else {
                return Ok(None);
            };
            match records.next().transpose()? {
                None => self.open_next()?,
                Some(Record::Document(document)) => return Ok(Some(self.take(document))),
                Some(Record::Skipped(skip)) => self.summary.count_skip(skip),
                Some(Record::Bad(bad)) => self.take_bad(bad)?,
                Some(Record::Note(note)) => self.options.reporter.warn(&note),
                Some(Record::ChecksumMismatch) => self.summary.checksum_mismatches += 1,
                Some(Record::Wikitext(counters)) => self.summary.wikitext.merge(&counters),
            }
        }
    }

    fn take(&mut self, document: Document) -> Document {
        self.summary.records += 1;
        self.summary.documents += 1;
        if self.format != Format::MediaWiki && !self.keys.insert(hash(&document.key)) {
            self.summary.duplicate_keys += 1;
            if self.summary.duplicate_keys <= MAX_REPORTED {
                let message = format!(
                    "the key `{}` occurs again; name the column that tells documents apart as the key",
                    document.key
                );
                self.options.reporter.warn(&message);
            }
        }
        document
    }

    fn take_bad(&mut self, record: BadRecord) -> Result<(), Error> {
        if self.options.strict {
            return Err(record.into());
        }
        self.summary.records += 1;
        self.summary.bad_records += 1;
        let n = self.summary.bad_records;
        if n <= MAX_REPORTED {
            self.options.reporter.warn(&format!("{record}; skipped"));
        }
        if n == MAX_REPORTED {
            self.options
                .reporter
                .warn("further bad records are skipped and counted only");
        }
        Ok(())
    }
}

impl Iterator for Source<'_> {
    type Item = Result<Document, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let result = self.advance().transpose();
        if !matches!(result, Some(Ok(_))) {
            self.ended = true;
            self.current = None;
        }
        result
    }
}

/// A hash without a random key, so that a reading does not depend on the run.
fn hash(key: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(key)
}
