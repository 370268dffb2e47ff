//! A source as the stages draw from it: documents one after another, with progress told.

use std::path::{Path, PathBuf};
use std::time::Instant;

use ragdex_core::{Document, Stage, Unit};
use ragdex_corpus::{Item, ReadOptions, Source, Summary};

use crate::plan::STDIN;
use crate::vectors::{RecordRows, TakenVectors, VectorsOf};
use crate::{Context, Reading, Result};

/// Documents between two reports of progress: a line for each would be most of the work.
const REPORT_EVERY: u64 = 64;

/// Draws documents from the sources, up to the limit.
pub(crate) struct Feed<'a> {
    context: &'a Context<'a>,
    source: Source<'a>,
    limit: u64,
    given: u64,
    /// The records of the source, up to the last one that gave a passage; kept only when vectors are taken
    /// over, row for row.
    rows: RecordRows,
    /// Whether vectors beside the source are taken over.
    has_given: bool,
    without_passages: u64,
    started: Instant,
    /// Seconds spent waiting for documents.
    pub(crate) seconds: f64,
}

impl<'a> Feed<'a> {
    /// Opens the sources; the stage of splitting begins.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub(crate) fn open(
        sources: &[PathBuf],
        reading: &Reading,
        options: ReadOptions<'a>,
        context: &'a Context<'a>,
    ) -> Result<Self> {
        let started = Instant::now();
        let source = Source::open(sources, options)?;
        context
            .reporter
            .start(Stage::Split, Unit::Bytes, source.total_bytes());
        Ok(Self {
            context,
            source,
            limit: reading.limit.unwrap_or(u64::MAX),
            given: 0,
            rows: RecordRows {
                one_each: true,
                ..RecordRows::default()
            },
            has_given: false,
            without_passages: 0,
            started,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// Notes which records give passages, for vectors that lie beside the source.
    pub(crate) fn with_given_vectors(mut self) -> Self {
        self.has_given = true;
        self
    }

    /// The next document; `None` at the end and at the limit. Those whose version is known are passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Document>> {
        loop {
            match self.next_item()? {
                Some(Item::Document(document)) => return Ok(Some(document)),
                Some(Item::Unchanged(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// The next document, parsed or known; `None` at the end and at the limit.
    pub(crate) fn next_item(&mut self) -> Result<Option<Item>> {
        if self.given >= self.limit {
            return Ok(None);
        }
        let waiting = Instant::now();
        let item = self.source.read().transpose()?;
        self.seconds += waiting.elapsed().as_secs_f64();
        Ok(item)
    }

    /// Counts the document given last, of which nothing was made: it is as it was.
    pub(crate) fn passed(&mut self, total: u64) {
        self.given += 1;
        self.report(total);
    }

    /// Counts the document given last, of which `n_passages` passages were made, and tells how far the work
    /// is: `total` passages.
    pub(crate) fn used(&mut self, n_passages: usize, total: u64) {
        self.given += 1;
        self.without_passages += u64::from(n_passages == 0);
        if (self.has_given || self.source.has_embeddings()) && n_passages > 0 {
            let records = self.source.summary().records;
            self.rows.left_out.extend(self.rows.records..records - 1);
            self.rows.records = records;
            self.rows.one_each &= n_passages == 1;
        }
        self.report(total);
    }

    fn report(&self, total: u64) {
        if self.given.is_multiple_of(REPORT_EVERY) {
            let reporter = self.context.reporter;
            let rate = self.given as f64 / self.started.elapsed().as_secs_f64().max(0.001);
            let given = self.given;
            let message = format!("{given} documents ({rate:.0}/s), {total} passages");
            reporter.message(Stage::Split, &message);
            reporter.advance(Stage::Split, self.source.position());
        }
    }

    /// The vectors that lie in the source, when their column was named and is there.
    pub(crate) fn vectors(&mut self) -> Option<TakenVectors> {
        if !self.source.has_embeddings() {
            return None;
        }
        let rows = self.record_rows();
        Some(TakenVectors {
            of: VectorsOf::Column,
            files: self.source.files().to_vec(),
            left_out: rows.left_out,
            is_whole: rows.is_whole,
        })
    }

    /// Which records gave passages, all that were read counted.
    pub(crate) fn record_rows(&mut self) -> RecordRows {
        let mut rows = std::mem::take(&mut self.rows);
        let records = self.source.summary().records;
        rows.left_out.extend(rows.records..records);
        rows.records = records;
        rows.is_whole = self.given < self.limit;
        rows
    }

    /// How many documents were used and gave no passage.
    pub(crate) fn n_without_passages(&self) -> u64 {
        self.without_passages
    }

    /// How many documents were used.
    pub(crate) fn n_used(&self) -> u64 {
        self.given
    }

    /// What was read and left out so far.
    pub(crate) fn summary(&self) -> &Summary {
        self.source.summary()
    }

    /// The format of the source read last.
    pub(crate) fn format(&self) -> ragdex_corpus::Format {
        self.source.format()
    }
}

impl Drop for Feed<'_> {
    fn drop(&mut self) {
        self.context.reporter.finish(Stage::Split);
    }
}

/// Whether one of the sources is standard input. What comes through it is not known by its name: it is
/// read again each time.
pub(crate) fn reads_stdin(sources: &[PathBuf]) -> bool {
    sources.iter().any(|source| source == Path::new(STDIN))
}
