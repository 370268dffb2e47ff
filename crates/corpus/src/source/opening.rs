//! From one file or member of an archive to the next: what it is, and the reader for it.

use std::path::Path;
use std::sync::Arc;

use super::{MAX_REPORTED, Records, Source};
use crate::detect::detect;
use crate::input::{self, Archive, Compression, Decoding, InputFile, Opened};
use crate::kinds::TitleRules;
use crate::records::{self, Rows};
use crate::{Error, Format, ReadOptions, mediawiki, text};

impl Source<'_> {
    /// Opens the next file or member that can be read; there may be none.
    pub(super) fn open_next(&mut self) -> Result<(), Error> {
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
        self.file = Some(file.clone());
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
        self.path.clone_from(&file.path);
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
            if !is_lines(&member) || input::is_companion(&member) {
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
    pub(super) fn check_stream(&self, file: &InputFile) -> Result<(), Error> {
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

    pub(super) fn decoding(&self) -> Decoding {
        Decoding {
            threads: self.options.threads,
            keep_going: self.options.keep_going,
        }
    }

    /// Nothing to read under all paths is an error.
    pub(super) fn check_not_empty(&self, path: &Path) -> Result<(), Error> {
        if self.current.is_some() {
            return Ok(());
        }
        Err(Error::Empty {
            path: path.to_owned(),
        })
    }

    pub(super) fn start(&mut self, file: &InputFile, opened: Opened) -> Result<(), Error> {
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
        if format == Format::Enterprise && self.versions.is_none() {
            self.versions = Some(self.scan_versions()?);
        }
        let records = self.records(file, format, opened)?;
        self.path.clone_from(&file.path);
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

    /// The rules for pages that others have extracted, built when the first is met.
    fn title_rules(&self) -> Arc<TitleRules> {
        let rules = || Arc::new(TitleRules::new(&self.options.pages, &self.rules));
        Arc::clone(self.title_rules.get_or_init(rules))
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
                    known: self.options.known.clone(),
                    keep_going: self.options.keep_going,
                };
                Box::new(mediawiki::read(path, opened.reader, settings, *threads))
            }
            Format::Csv | Format::PsgsTsv => {
                Box::new(records::read_table(path, opened, columns, format)?)
            }
            Format::WikiExtractor => {
                records::read_wikiextractor(path, &opened.head, opened.reader, self.title_rules())
            }
            Format::Kilt => Box::new(records::read_kilt(path, opened.reader, self.title_rules())),
            Format::Cirrus => Box::new(records::read_cirrus(
                path,
                opened.reader,
                self.title_rules(),
            )),
            Format::Enterprise => Box::new(records::read_enterprise(
                path,
                opened.reader,
                self.title_rules(),
                *code_blocks,
            )),
            Format::Jsonl | Format::Parquet | Format::Auto => {
                Box::new(records::read_jsonl(path, opened.reader, columns.clone()))
            }
        })
    }
}

/// Whether the name of a file says that it holds JSON lines.
pub(super) fn is_lines(file: &InputFile) -> bool {
    matches!(&*file.extension(), "ndjson" | "jsonl" | "json")
}

/// Whether an error says that a file is of no kind that is read, when the kind is to be found out.
fn is_other_kind(error: &Error, format: Format) -> bool {
    let is_other = matches!(
        error,
        Error::UnknownFormat { .. } | Error::Unsupported { .. } | Error::Empty { .. }
    );
    format == Format::Auto && is_other
}
