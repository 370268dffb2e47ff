//! Reading a source beside a snapshot: which documents are new, changed, gone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ragdex_core::Passage;
use ragdex_corpus::{Format, Item, KeySet, KnownVersions, Shard, SplitOptions, Splitter};
use ragdex_store::{DocumentMeta, RowMask, Snapshot, SplitWriter};

use super::deletions::Deletions;
use super::known::{Known, KnownDocuments};
use super::stored::Wanted;
use crate::build::check_wiki;
use crate::feed::Feed;
use crate::results::DocumentCounts;
use crate::split_source::SplitSource;
use crate::{Context, Reading, RefreshOptions, Result};

/// Passages kept to estimate what embedding costs.
pub(super) const SAMPLE_PASSAGES: usize = 256;

/// Where new and changed documents go.
pub(super) enum Sink<'s> {
    /// Into parts of the next snapshot.
    Parts(SplitWriter<'s>),
    /// Nowhere: the change is only counted.
    Counted {
        /// How many passages there were.
        n_passages: u64,
        /// The first of them.
        sample: Vec<Passage>,
    },
}

impl Sink<'_> {
    /// Counts and keeps a few passages.
    pub(super) fn counted() -> Self {
        Self::Counted {
            n_passages: 0,
            sample: Vec::new(),
        }
    }

    fn push(&mut self, document: &DocumentMeta, passages: &[Passage]) -> Result<()> {
        match self {
            Self::Parts(parts) => {
                parts.push(document, passages)?;
            }
            Self::Counted { n_passages, sample } => {
                *n_passages += passages.len() as u64;
                let left = SAMPLE_PASSAGES.saturating_sub(sample.len());
                sample.extend(passages.iter().take(left).cloned());
            }
        }
        Ok(())
    }

    fn n_passages(&self) -> u64 {
        match self {
            Self::Parts(parts) => parts.n_passages(),
            Self::Counted { n_passages, .. } => *n_passages,
        }
    }
}

/// What reading a source led to.
pub(super) struct Changes {
    pub(super) documents: DocumentCounts,
    pub(super) deletions: Deletions,
    /// The passages of new and changed documents, by content.
    pub(super) wanted: Wanted,
    pub(super) skipped: BTreeMap<String, u64>,
    /// The host of the wiki, if the source is one.
    pub(super) wiki: Option<String>,
    /// Seconds spent waiting for documents.
    pub(super) read_seconds: f64,
}

/// Reads a source beside a snapshot.
pub(super) struct Comparison<'a> {
    pub(super) kb: &'a Path,
    pub(super) base: &'a Snapshot,
    pub(super) known: Arc<KnownDocuments>,
    pub(super) options: &'a RefreshOptions,
    pub(super) reading: &'a Reading,
    pub(super) splitting: SplitOptions,
    /// Whether what the source does not hold is gone.
    pub(super) is_whole: bool,
    pub(super) wiki: Option<String>,
    pub(super) context: &'a Context<'a>,
}

impl Comparison<'_> {
    /// Reads to the end, handing new and changed documents to `sink`. Equal documents are passed over.
    /// Without a source, nothing is new.
    pub(super) fn run(&self, sink: &mut Sink<'_>) -> Result<Changes> {
        let mut walk = Walk::begin(self)?;
        if self.options.sources.is_empty() {
            walk.found.documents.unchanged = self.base.manifest().documents;
            return Ok(walk.found);
        }
        match self.split_source()? {
            Some(folders) => walk.read_folders(&folders, sink)?,
            None => walk.read_documents(self.open()?, sink)?,
        }
        let Walk {
            mut found, seen, ..
        } = walk;
        let documents = &mut found.documents;
        if self.is_whole {
            documents.removed = found.deletions.delete_unseen(&seen);
        } else {
            documents.unchanged = self.base.manifest().documents - documents.changed;
        }
        found.deletions.settle(self.base)?;
        Ok(found)
    }

    /// The sources as folders of a split, if they are, which must have been cut as the knowledge base was.
    fn split_source(&self) -> Result<Option<SplitSource>> {
        let folders = split_source(self.options)?;
        if let Some(folders) = &folders {
            folders.check_splitting(self.splitting)?;
        }
        Ok(folders)
    }

    fn open(&self) -> Result<Feed<'_>> {
        let mut options =
            self.reading
                .read_options(&self.splitting, Shard::default(), self.context);
        options.exclude = vec![self.kb.to_owned()];
        let known: Arc<dyn KnownVersions> = Arc::clone(&self.known) as _;
        options.known = Some(known);
        Feed::open(&self.options.sources, self.reading, options, self.context)
    }
}

/// The folders of a split among the options, unless a format was named.
///
/// # Errors
/// As [`SplitSource::find`].
pub(super) fn split_source(options: &RefreshOptions) -> Result<Option<SplitSource>> {
    // What the build read was of another format; a folder of a split tells by itself what it is.
    SplitSource::find(&options.sources, options.format.unwrap_or_default())
}

/// The reading under way.
struct Walk<'a> {
    comparison: &'a Comparison<'a>,
    splitter: Splitter,
    keys: KeySet,
    /// The documents of the snapshot that were met, by part.
    seen: Vec<RowMask>,
    repeated: u64,
    found: Changes,
}

impl<'a> Walk<'a> {
    fn begin(comparison: &'a Comparison<'a>) -> Result<Self> {
        Ok(Self {
            comparison,
            splitter: Splitter::new(comparison.splitting)?,
            keys: KeySet::default(),
            seen: comparison.base.rows().map(|rows| rows_of(&rows)).collect(),
            repeated: 0,
            found: Changes {
                documents: DocumentCounts::default(),
                deletions: Deletions::of(comparison.base),
                wanted: Wanted::new(),
                skipped: BTreeMap::new(),
                wiki: comparison.wiki.clone(),
                read_seconds: 0.0,
            },
        })
    }

    fn read_documents(&mut self, mut feed: Feed<'_>, sink: &mut Sink<'_>) -> Result<()> {
        while let Some(item) = feed.next_item()? {
            self.take(item, &mut feed, sink)?;
        }
        let skipped = feed.summary().skipped();
        self.found.skipped = skipped.map(|(reason, n)| (reason.to_owned(), n)).collect();
        self.found.read_seconds = feed.seconds;
        self.note_repeated();
        Ok(())
    }

    fn read_folders(&mut self, folders: &SplitSource, sink: &mut Sink<'_>) -> Result<()> {
        let limit = self.comparison.reading.limit.unwrap_or(u64::MAX);
        let mut n_documents = 0;
        folders.each_document(self.comparison.context, |document, passages| {
            if n_documents < limit && self.meet(&document.key) {
                n_documents += 1;
                let known = self.comparison.known.get(&document.key).copied();
                if known.is_some_and(|known| known.hash == document.hash) {
                    self.found.documents.unchanged += 1;
                } else {
                    self.take_changed(&document, &passages, known, sink)?;
                }
            }
            Ok(n_documents < limit)
        })?;
        self.note_repeated();
        Ok(())
    }

    /// Notes that a document is in the source; `false` when an earlier one had its key.
    fn meet(&mut self, key: &str) -> bool {
        if !self.keys.insert(key) {
            self.repeated += 1;
            return false;
        }
        if let Some(Known { place, .. }) = self.comparison.known.get(key) {
            self.seen[place.part as usize].delete(place.row as usize);
        }
        true
    }

    fn take(&mut self, item: Item, feed: &mut Feed<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let key = match &item {
            Item::Document(document) => &document.key,
            Item::Unchanged(key) => key,
        };
        let known = self.comparison.known.get(key).copied();
        if !self.meet(key) {
            return Ok(());
        }
        let document = match item {
            Item::Document(document) if known.is_none_or(|known| !known.is(&document)) => document,
            _ => {
                self.found.documents.unchanged += 1;
                feed.passed(sink.n_passages());
                return Ok(());
            }
        };
        if feed.format() == Format::MediaWiki {
            check_wiki(&mut self.found.wiki, &document)?;
        }
        let passages = self.splitter.split(&document);
        self.take_changed(&DocumentMeta::from(&document), &passages, known, sink)?;
        feed.used(passages.len(), sink.n_passages());
        Ok(())
    }

    fn take_changed(
        &mut self,
        document: &DocumentMeta,
        passages: &[Passage],
        known: Option<Known>,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let documents = &mut self.found.documents;
        match known {
            Some(known) => {
                documents.changed += 1;
                self.found.deletions.delete(known.place);
            }
            None => documents.added += 1,
        }
        for passage in passages {
            *self.found.wanted.entry(passage.content_hash()).or_default() += 1;
        }
        sink.push(document, passages)
    }

    /// Tells of documents whose key an earlier one had.
    fn note_repeated(&mut self) {
        let repeated = self.repeated;
        if repeated > 0 {
            self.found.skipped.insert("repeated keys".into(), repeated);
            let message = format!(
                "{repeated} documents are left out because an earlier one of the source has their key"
            );
            self.comparison.context.reporter.warn(&message);
        }
    }
}

/// A mask of the documents of a part, none set.
fn rows_of(rows: &ragdex_store::PartRows<'_>) -> RowMask {
    RowMask::new(rows.part().n_documents as usize)
}
