//! A source: files of any of the formats, as one stream of documents.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ragdex_core::{Document, Stage, Unit};

use crate::detect::detect;
use crate::input::{self, Archive, Compression, Decoding, InputFile, Listing, Opened, Position};
use crate::mediawiki::{self, WikiRules};
use crate::records::{self, Record, Rows, Skip};
use crate::shard::key_hash;
use crate::{BadRecord, Error, Format, ReadOptions, Summary, text};

/// Bad records that are reported one by one; the rest are only counted.
const MAX_REPORTED: u64 = 20;

/// An iterator over what the reader of one format gives.
type Records = Box<dyn Iterator<Item = Result<Record, Error>> + Send>;

/// A stream of documents, in the order of the source.
///
/// Bad records are skipped, counted and told to the [`Reporter`](ragdex_core::Reporter), unless
/// [`ReadOptions::strict`] makes them errors; so does [`ReadOptions::keep_going`] with damage of
/// dumps. After an error nothing follows. Memory does not grow with the source, except for a hash of
/// each key where keys can occur twice, which is everywhere but in dumps: 9 to 21 bytes a document,
/// some 300 MB for the 21 million passages of DPR, and more by half while the table of hashes grows.
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
    keys: HashSet<u64, BuildHasherDefault<Itself>>,
    ended: bool,
}

impl<'a> Source<'a> {
    /// Opens files, folders (recursively, sorted) and standard input (`-`), in the order given.
    ///
    /// Of a tar archive, compressed or not, the members that end in `.ndjson`, `.jsonl` or `.json`
    /// are read, one after another. In folders and archives files of no kind that is read are left
    /// alone, counted and told; a file that was named is an error then. Parquet is read from files
    /// only.
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
        } = input::list(paths, options.format)?;
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
            keys: HashSet::default(),
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

    /// Opens the next file or member that can be read; there may be none.
    fn open_next(&mut self) -> Result<(), Error> {
        self.current = None;
        while self.current.is_none() {
            if let Some(archive) = self.archive.take() {
                self.open_member(archive)?;
            } else if let Some(file) = self.files.pop_front() {
                let started = self.open_file(&file);
                self.unless_other(&file, started)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn open_file(&mut self, file: &InputFile) -> Result<(), Error> {
        self.check_stream(file)?;
        if !file.in_folder && input::is_dump_index(file) {
            return Err(Error::Unsupported {
                path: file.path.clone(),
                found: "the index of a multistream dump, not the dump",
                remedy: "name the dump itself; its index is not needed",
            });
        }
        match self.options.format {
            Format::Parquet => return self.open_parquet(file),
            Format::Auto if input::is_parquet(file)? => return self.open_parquet(file),
            _ => {}
        }
        let opened = input::open(&file.path, self.decoding(), &self.position)?;
        self.start(file, opened)
    }

    fn open_parquet(&mut self, file: &InputFile) -> Result<(), Error> {
        let rows = Rows::open(file, &self.options.columns, &self.position)?;
        if self.summary.files == 0 {
            self.has_embeddings = rows.has_embeddings();
        }
        if self.options.format == Format::Auto {
            self.announce(file, Format::Parquet, Compression::None);
        }
        self.begin(Format::Parquet, Compression::None, Box::new(rows));
        Ok(())
    }

    /// Goes to the next member of an archive that is read, if there is one.
    fn open_member(&mut self, mut archive: Archive) -> Result<(), Error> {
        while let Some(name) = archive.next_name()? {
            let member = InputFile {
                path: archive.path.join(&name),
                name,
                bytes: None,
                in_folder: true,
            };
            let is_lines = matches!(&*member.extension(), "ndjson" | "jsonl" | "json");
            if !is_lines || input::is_companion(&member) {
                self.leave(&member, "no JSON lines by its name");
                continue;
            }
            let opened = archive.open(&member.path)?;
            self.archive = Some(archive);
            let started = self.start(&member, opened);
            return self.unless_other(&member, started);
        }
        Ok(())
    }

    /// Leaves a file alone that is of no kind that is read, if it was not named.
    fn unless_other(&mut self, file: &InputFile, started: Result<(), Error>) -> Result<(), Error> {
        match started {
            Err(error) if file.in_folder && is_other_kind(&error, self.options.format) => {
                let reason = match error {
                    Error::Unsupported { found, .. } => found,
                    Error::Empty { .. } => "empty",
                    _ => "of no kind that is read",
                };
                self.leave(file, reason);
                Ok(())
            }
            result => result,
        }
    }

    fn leave(&mut self, file: &InputFile, reason: &str) {
        self.summary.other_files += 1;
        if self.summary.other_files <= MAX_REPORTED {
            let message = format!("`{}` is left alone: {reason}", file.path.display());
            self.options.reporter.warn(&message);
        }
    }

    /// Refuses a stream where a file is needed.
    fn check_stream(&self, file: &InputFile) -> Result<(), Error> {
        let purpose = if self.options.format == Format::Parquet {
            "reading Parquet"
        } else if self.options.wiki.template_redirects {
            "collecting the redirects of templates first"
        } else {
            return Ok(());
        };
        if file.bytes.is_some() {
            return Ok(());
        }
        Err(Error::NeedsFile {
            path: file.path.clone(),
            purpose,
        })
    }

    fn decoding(&self) -> Decoding {
        Decoding {
            threads: self.options.threads,
            keep_going: self.options.keep_going,
        }
    }

    /// Reads the rules for wikitext, and the redirects among the templates of all dumps.
    fn load_rules(&mut self) -> Result<(), Error> {
        let mut rules = WikiRules::load(&self.options.wiki)?;
        if self.options.wiki.template_redirects {
            self.files
                .iter()
                .try_for_each(|file| self.check_stream(file))?;
            let (reporter, bytes) = (self.options.reporter, self.total_bytes);
            reporter.start(Stage::Scan, Unit::Bytes, bytes);
            let aliases = self.template_redirects()?;
            reporter.finish(Stage::Scan);
            let n = aliases.len();
            reporter.note(&format!("{n} redirects among templates are followed"));
            rules.add_aliases(aliases);
        }
        self.rules = Arc::new(rules);
        Ok(())
    }

    fn template_redirects(&self) -> Result<Vec<(String, String)>, Error> {
        let position = Position::default();
        let mut aliases = Vec::new();
        for file in &self.files {
            if !self.is_dump(file)? {
                position.add(file.bytes.unwrap_or(0) as usize);
                continue;
            }
            let (path, keep_going) = (&file.path, self.options.keep_going);
            let opened = input::open(path, self.decoding(), &position)?;
            let on_page = || {
                self.options.cancel.check()?;
                self.options.reporter.advance(Stage::Scan, position.get());
                Ok(())
            };
            let found = mediawiki::template_redirects(path, opened.reader, keep_going, on_page)?;
            aliases.extend(found);
        }
        Ok(aliases)
    }

    fn is_dump(&self, file: &InputFile) -> Result<bool, Error> {
        match self.options.format {
            Format::MediaWiki => return Ok(true),
            Format::Auto if !input::is_parquet(file)? => {}
            _ => return Ok(false),
        }
        let opened = input::open(&file.path, self.decoding(), &Position::default());
        // What is wrong with a file is said when its turn comes.
        let format = opened.and_then(|opened| detect(file, &opened));
        Ok(matches!(format, Ok(Format::MediaWiki)))
    }

    /// Nothing to read under all paths is an error.
    fn check_not_empty(&self, path: &Path) -> Result<(), Error> {
        if self.current.is_some() {
            return Ok(());
        }
        Err(Error::Empty {
            path: path.to_owned(),
        })
    }

    fn start(&mut self, file: &InputFile, opened: Opened) -> Result<(), Error> {
        if self.archive.is_none() && Archive::is_one(&opened.head) {
            self.archive = Some(Archive::new(&file.path, opened));
            return Ok(());
        }
        let compression = opened.compression;
        let format = match self.options.format {
            Format::Auto => {
                let format = detect(file, &opened)?;
                self.announce(file, format, compression);
                format
            }
            format => format,
        };
        let records = self.records(file, format, opened)?;
        self.begin(format, compression, records);
        Ok(())
    }

    fn begin(&mut self, format: Format, compression: Compression, records: Records) {
        self.summary.files += 1;
        self.format = format;
        self.compression = compression;
        self.current = Some(records);
    }

    /// Says what a file is taken for when that is another format than before.
    fn announce(&self, file: &InputFile, format: Format, compression: Compression) {
        if format != self.format {
            let (path, description) = (file.path.display(), format.description());
            let message = match compression {
                Compression::None => format!("`{path}` is read as {description}"),
                compression => format!("`{path}` is read as {description}, {compression}"),
            };
            self.options.reporter.note(&message);
        }
    }

    fn records(&self, file: &InputFile, format: Format, opened: Opened) -> Result<Records, Error> {
        let ReadOptions {
            columns,
            pages,
            threads,
            code_blocks,
            ..
        } = &self.options;
        let path = &file.path;
        Ok(match format {
            Format::Text => Box::new(text::read(file, opened, *code_blocks)?.into_iter().map(Ok)),
            Format::MediaWiki => {
                let settings = mediawiki::Settings {
                    kinds: pages.clone(),
                    rules: Arc::clone(&self.rules),
                    shard: self.options.shard,
                    keep_going: self.options.keep_going,
                };
                Box::new(mediawiki::read(path, opened.reader, settings, *threads))
            }
            Format::Csv | Format::PsgsTsv => {
                Box::new(records::read_table(path, opened, columns, format)?)
            }
            Format::WikiExtractor => records::read_wikiextractor(path, &opened.head, opened.reader),
            Format::Kilt => Box::new(records::read_kilt(path, opened.reader)),
            Format::Cirrus => Box::new(records::read_cirrus(path, opened.reader, pages.clone())),
            Format::Enterprise => Box::new(records::read_enterprise(
                path,
                opened.reader,
                pages.clone(),
                *code_blocks,
            )),
            Format::Jsonl | Format::Parquet | Format::Auto => {
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
                Some(Record::Document(document)) if self.holds(&document.key) => {
                    return Ok(Some(self.take(document)));
                }
                Some(Record::Skipped(skip, key))
                    if key.as_deref().is_none_or(|key| self.holds(key)) =>
                {
                    self.summary.count_skip(skip);
                }
                Some(Record::Document(_) | Record::Skipped(..)) => {
                    self.summary.count_skip(Skip::OtherShard);
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

    fn take(&mut self, document: Document) -> Document {
        self.summary.records += 1;
        self.summary.documents += 1;
        if self.format != Format::MediaWiki && !self.keys.insert(key_hash(&document.key)) {
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
        if !self.options.shard.is_first() {
            self.summary.count_skip(Skip::OtherShard);
            return Ok(());
        }
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

/// Whether an error says that a file is of no kind that is read, when the kind is to be found out.
fn is_other_kind(error: &Error, format: Format) -> bool {
    let is_other = matches!(
        error,
        Error::UnknownFormat { .. } | Error::Unsupported { .. } | Error::Empty { .. }
    );
    format == Format::Auto && is_other
}

/// Takes a number that is a hash already for its hash.
#[derive(Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
