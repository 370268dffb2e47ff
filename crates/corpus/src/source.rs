//! A source: files of any of the formats, as one stream of documents.

mod opening;
mod scan;

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ragdex_core::Document;

use crate::input::{self, Archive, Compression, InputFile, Listing, Position};
use crate::kinds::TitleRules;
use crate::mediawiki::WikiRules;
use crate::records::{Record, Skip, Versions};
use crate::{BadRecord, Error, Format, Item, KeySet, ReadOptions, Summary};

/// Bad records that are reported one by one; the rest are only counted.
const MAX_REPORTED: u64 = 20;

/// An iterator over what the reader of one format gives.
type Records = Box<dyn Iterator<Item = Result<Record, Error>> + Send>;

/// A stream of documents, in the order of the source.
///
/// Bad records are skipped, counted and told to the [`Reporter`](ragdex_core::Reporter), unless
/// [`ReadOptions::strict`] makes them errors; so does [`ReadOptions::keep_going`] with damage of
/// dumps. After an error nothing follows. Memory does not grow with the source, except for a
/// [`KeySet`]: a bit for each key that is a number, 20 to 40 bytes for each other one.
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
    paths: Vec<PathBuf>,
    archive: Option<Archive>,
    current: Option<Records>,
    format: Format,
    compression: Compression,
    total_bytes: Option<u64>,
    position: Position,
    summary: Summary,
    has_embeddings: bool,
    rules: Arc<WikiRules>,
    title_rules: OnceLock<Arc<TitleRules>>,
    /// The file or member of an archive that is read.
    path: PathBuf,
    /// The file that is read, or the archive.
    file: Option<InputFile>,
    /// Known once the first snapshot is begun.
    versions: Option<Versions>,
    keys: KeySet,
    ended: bool,
}

impl<'a> Source<'a> {
    /// Opens files, folders (recursively, sorted) and standard input (`-`), in the order given.
    ///
    /// Of a tar archive, compressed or not, the members that end in `.ndjson`, `.jsonl` or `.json`
    /// are read, one after another. In folders and archives files of no kind that is read are left
    /// alone, counted and told; a file that was named is an error then. So are folders that splitting
    /// or building made and [`ReadOptions::exclude`]; of the folder of a split that was named, the
    /// passages are read, or the file of text that was asked for. Parquet is read from files only.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::Empty`], and whatever is found out about the format of the first
    /// file.
    pub fn open(paths: &[impl AsRef<Path>], options: ReadOptions<'a>) -> Result<Self, Error> {
        let Listing {
            files,
            bad,
            other_files,
            notes,
        } = input::list(paths, options.format, &options.exclude)?;
        let mut source = Self::new(options);
        source.total_bytes = files.iter().map(|file| file.bytes).sum();
        source.paths = files.iter().map(|file| file.path.clone()).collect();
        source.files = files.into();
        source.summary.other_files = other_files;
        for note in notes {
            source.options.reporter.warn(&note);
        }
        for entry in bad {
            source.take_unreadable(entry)?;
        }
        source.load_rules()?;
        source.open_next()?;
        source.check_not_empty(paths[0].as_ref())?;
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
            in_folder: false,
        };
        source.check_stream(&file)?;
        source.load_rules()?;
        let (decoding, position) = (source.decoding(), &source.position);
        let opened = input::open_reader(&file.path, Box::new(reader), decoding, position)?;
        source.start(&file, opened)?;
        if source.current.is_none() {
            source.open_next()?;
        }
        source.check_not_empty(&file.path)?;
        Ok(source)
    }

    fn new(options: ReadOptions<'a>) -> Self {
        Self {
            files: VecDeque::new(),
            paths: Vec::new(),
            archive: None,
            current: None,
            format: options.format,
            compression: Compression::None,
            total_bytes: None,
            position: Position::default(),
            summary: Summary::default(),
            has_embeddings: false,
            rules: Arc::default(),
            title_rules: OnceLock::new(),
            path: PathBuf::new(),
            file: None,
            versions: None,
            keys: KeySet::default(),
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

    /// The files in the order in which they are read, those of folders among them.
    pub fn files(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Whether the first file that is read is Parquet and has the column
    /// [`Columns::embeddings`](crate::Columns::embeddings).
    pub fn has_embeddings(&self) -> bool {
        self.has_embeddings
    }

    /// What was read so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Reads on to the next document, or to the next one that is not parsed because
    /// [`ReadOptions::known`] says that its version is known. Without that it is what the iterator gives.
    pub fn read(&mut self) -> Option<Result<Item, Error>> {
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

    fn advance(&mut self) -> Result<Option<Item>, Error> {
        loop {
            self.options.cancel.check()?;
            let Some(records) = &mut self.current else {
                return Ok(None);
            };
            match records.next().transpose()? {
                None => self.open_next()?,
                Some(Record::Document(document)) => match self.leaves_out(&document) {
                    None => return Ok(Some(Item::Document(self.take(document)))),
                    Some(skip) => self.summary.count_skip(skip),
                },
                Some(Record::Unchanged(key)) => {
                    self.summary.records += 1;
                    self.summary.unchanged += 1;
                    return Ok(Some(Item::Unchanged(key)));
                }
                Some(Record::Skipped(skip, key)) => {
                    let is_mine = key.is_none_or(|key| self.holds(&key));
                    let skip = if is_mine { skip } else { Skip::OtherShard };
                    self.summary.count_skip(skip);
                }
                Some(Record::Bad(bad)) => self.take_bad(bad)?,
                Some(Record::Note(note)) => self.options.reporter.warn(&note),
                Some(Record::ChecksumMismatch) => self.summary.checksum_mismatches += 1,
                Some(Record::Wikitext(counters)) => self.summary.wikitext.merge(&counters),
            }
        }
    }

    /// Whether a record falls in the shard. Pages of dumps that do not were skipped already.
    fn holds(&self, key: &str) -> bool {
        self.format == Format::MediaWiki || self.options.shard.holds(key)
    }

    /// Why a document is left out after all.
    fn leaves_out(&self, document: &Document) -> Option<Skip> {
        if !self.holds(&document.key) {
            return Some(Skip::OtherShard);
        }
        let versions = self.versions.as_ref()?;
        let is_old = self.format == Format::Enterprise && versions.supersede(document);
        is_old.then_some(Skip::Superseded)
    }

    fn take(&mut self, document: Document) -> Document {
        self.summary.records += 1;
        self.summary.documents += 1;
        if !self.keys.insert(&document.key) {
            self.summary.duplicate_keys += 1;
            if self.summary.duplicate_keys <= MAX_REPORTED {
                let message = format!(
                    "`{}`: the key `{}` occurs again; name the column that tells documents apart as the key",
                    self.path.display(),
                    document.key
                );
                self.options.reporter.warn(&message);
            }
            if self.summary.duplicate_keys == MAX_REPORTED {
                self.options
                    .reporter
                    .warn("further repeated keys are counted only");
            }
        }
        document
    }

    fn take_unreadable(&mut self, entry: BadRecord) -> Result<(), Error> {
        if self.options.strict {
            return Err(entry.into());
        }
        self.summary.unreadable_entries += 1;
        if self.summary.unreadable_entries <= MAX_REPORTED {
            self.options.reporter.warn(&format!("{entry}; skipped"));
        }
        Ok(())
    }

    fn take_bad(&mut self, record: BadRecord) -> Result<(), Error> {
        if self.options.strict {
            return Err(record.into());
        }
        if !self.options.shard.is_first() {
            self.summary.count_skip(Skip::OtherShard);
            return Ok(());
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
        loop {
            match self.read()? {
                Ok(Item::Document(document)) => return Some(Ok(document)),
                Ok(Item::Unchanged(_)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
