//! MediaWiki dumps: XML to pages, pages to documents on several threads.

mod convert;
mod page;
mod rules;
mod sha1;
mod site;
mod xml;

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use convert::Converter;
use page::RawPage;
pub(crate) use rules::WikiRules;
use xml::{Event, PageReader};

use crate::ordered;
use crate::records::Record;
use crate::{BadRecord, Error, KnownVersions, PageKinds, Shard};

/// Wikitext that is handed to a thread at once: some milliseconds of work, so that handing over
/// costs nothing beside it, and little enough to keep in memory a few times for each thread.
const BATCH_BYTES: usize = 512 * 1024;

/// Pages, most of them redirects, that are handed to a thread at once.
const BATCH_PAGES: usize = 256;

/// The number of the namespace of templates, in every wiki.
const TEMPLATES: i32 = 10;

/// How the pages of a dump become documents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) kinds: PageKinds,
    pub(crate) rules: Arc<WikiRules>,
    pub(crate) shard: Shard,
    pub(crate) known: Option<Arc<dyn KnownVersions>>,
    /// Makes damage a bad record instead of an error.
    pub(crate) keep_going: bool,
}

/// Gives the redirects among the templates of a dump: their titles and where they lead. `on_page` is
/// called after each page and can stop the reading.
pub(crate) fn template_redirects(
    path: &Path,
    reader: Box<dyn BufRead + Send>,
    keep_going: bool,
    mut on_page: impl FnMut() -> Result<(), Error>,
) -> Result<Vec<(String, String)>, Error> {
    let mut pages = PageReader::new(path, reader, keep_going);
    let mut redirects = Vec::new();
    while let Some(event) = pages.next()? {
        if let Event::Page(page) = event
            && page.namespace == TEMPLATES
            && let Some(target) = page.redirect.filter(|target| !target.is_empty())
        {
            redirects.push((page.title, target));
        }
        on_page()?;
    }
    Ok(redirects)
}

/// Reads a dump: redirects, other namespaces and pages without text are skipped and counted.
pub(crate) fn read(
    path: &Path,
    reader: Box<dyn BufRead + Send>,
    settings: Settings,
    threads: usize,
) -> impl Iterator<Item = Result<Record, Error>> + use<> {
    let batches = Batches {
        pages: PageReader::new(path, reader, settings.keep_going),
        converter: Arc::new(Converter::new(&site::Site::default(), &settings)),
        settings,
        ended: false,
    };
    ordered::map(threads, batches, Batch::convert).flatten()
}

/// Pages that one thread converts in one go, and what was met after them.
struct Batch {
    converter: Arc<Converter>,
    pages: Vec<Result<RawPage, BadRecord>>,
    error: Option<Error>,
}

impl Batch {
    fn convert(self) -> Vec<Result<Record, Error>> {
        let Self {
            converter,
            pages,
            error,
        } = self;
        let convert = |page| match page {
            Ok(page) => converter.convert(page),
            Err(bad) => vec![Record::Bad(bad)],
        };
        let records = pages.into_iter().flat_map(convert).map(Ok);
        records.chain(error.map(Err)).collect()
    }
}

/// Cuts the stream of pages into batches.
struct Batches {
    pages: PageReader,
    converter: Arc<Converter>,
    settings: Settings,
    ended: bool,
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.ended {
            return None;
        }
        let mut batch = Batch {
            converter: Arc::clone(&self.converter),
            pages: Vec::new(),
            error: None,
        };
        let mut bytes = 0;
        while bytes < BATCH_BYTES && batch.pages.len() < BATCH_PAGES {
            match self.pages.next() {
                Ok(Some(Event::Page(page))) => {
                    bytes += page.text.len();
                    batch.pages.push(Ok(page));
                }
                Ok(Some(Event::Bad(bad))) => batch.pages.push(Err(bad)),
                Ok(Some(Event::Site(site))) => {
                    self.converter = Arc::new(Converter::new(&site, &self.settings));
                    if batch.pages.is_empty() {
                        batch.converter = Arc::clone(&self.converter);
                    } else {
                        break;
                    }
                }
                Ok(None) => {
                    self.ended = true;
                    break;
                }
                Err(error) => {
                    self.ended = true;
                    batch.error = Some(error);
                    break;
                }
            }
        }
        Some(batch)
    }
}
