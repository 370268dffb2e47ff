//! Reading a source beside a snapshot: which documents are new, changed, gone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ragdex_core::{Document, Passage};
use ragdex_corpus::{Format, Item, KeySet, KnownVersions, Shard, SplitOptions, Splitter};
use ragdex_store::{DocumentMeta, RowMask, Snapshot, SplitWriter};

use super::deletions::Deletions;
use super::known::{Known, KnownDocuments};
use super::stored::Wanted;
use crate::build::check_wiki;
use crate::feed::Feed;
use crate::results::DocumentCounts;
use crate::{Context, Reading, RefreshOptions, Result};

/// Passages kept to estimate what embedding costs.
const SAMPLE_PASSAGES: usize = 256;

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

    fn push(&mut self, document: &Document, passages: &[Passage]) -> Result<()> {
        match self {
            Self::Parts(parts) => {
                parts.push(&DocumentMeta::from(document), passages)?;
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
    pub(super) fn run(&self, sink: &mut Sink<'_>) -> Result<Changes> {
        let mut feed = self.open()?;
        let mut walk = Walk::begin(self)?;
        while let Some(item) = feed.next_item()? {
            walk.take(item, &mut feed, sink)?;
        }
        let Walk {
            mut found,
            seen,
            repeated,
            ..
        } = walk;
        let documents = &mut found.documents;
        if self.is_whole {
            documents.removed = found.deletions.delete_unseen(&seen);
        } else {
            documents.unchanged = self.base.manifest().documents - documents.changed;
        }
        found.deletions.settle(self.base)?;
        found.skipped = self.skipped(&feed, repeated);
        found.read_seconds = feed.seconds;
        Ok(found)
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

    fn skipped(&self, feed: &Feed<'_>, repeated: u64) -> BTreeMap<String, u64> {
        let skipped = feed.summary().skipped();
        let mut skipped: BTreeMap<String, u64> =
            skipped.map(|(reason, n)| (reason.to_owned(), n)).collect();
        if repeated > 0 {
            skipped.insert("repeated keys".into(), repeated);
            let message = format!(
                "{repeated} documents are left out because an earlier one of the source has their key"
            );
            self.context.reporter.warn(&message);
        }
        skipped
    }
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

    fn take(&mut self, item: Item, feed: &mut Feed<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let key = match &item {
            Item::Document(document) => &document.key,
            Item::Unchanged(key) => key,
        };
        if !self.keys.insert(key) {
            self.repeated += 1;
            return Ok(());
        }
        let known = self.comparison.known.get(key).copied();
        if let Some(Known { place, .. }) = known {
            self.seen[place.part as usize].delete(place.row as usize);
        }
        match item {
            Item::Document(document) if known.is_none_or(|known| !known.is(&document)) => {
                self.take_changed(&document, known, feed, sink)
            }
            _ => {
                self.found.documents.unchanged += 1;
                feed.passed(sink.n_passages());
                Ok(())
            }
        }
    }

    fn take_changed(
        &mut self,
        document: &Document,
        known: Option<Known>,
        feed: &mut Feed<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        if feed.format() == Format::MediaWiki {
            check_wiki(&mut self.found.wiki, document)?;
        }
        let documents = &mut self.found.documents;
        match known {
            Some(known) => {
                documents.changed += 1;
                self.found.deletions.delete(known.place);
            }
            None => documents.added += 1,
        }
        let passages = self.splitter.split(document);
        for passage in &passages {
            *self.found.wanted.entry(passage.content_hash()).or_default() += 1;
        }
        sink.push(document, &passages)?;
        feed.used(passages.len(), sink.n_passages());
        Ok(())
    }
}

/// A mask of the documents of a part, none set.
fn rows_of(rows: &ragdex_store::PartRows<'_>) -> RowMask {
    RowMask::new(rows.part().n_documents as usize)
}
