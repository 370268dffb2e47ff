//! The stage `split` by itself: sources to files of passages or documents.

mod duplicates;
mod sink;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ragdex_core::{Document, Passage};
use ragdex_corpus::{Shard, SplitOptions, Splitter, Summary};
use ragdex_store::{Begun, FileEntry, SplitFolder, SplitManifest, SplitName, SplitRun};
use serde_json::json;

use crate::feed::{Feed, reads_stdin};
use crate::plan::split_plan;
use crate::results::{DuplicateCounts, SplitReport, SplitSummary, SplitTimes, TemplateCount};
use crate::{Context, Error, Reading, Result};

use duplicates::Duplicates;
use sink::{Files, Sink};

/// How many unknown templates are remembered in the manifest: a table of rules begins with the most
/// frequent ones.
const UNKNOWN_TEMPLATES: usize = 1000;

/// Passage ids of a shard begin at a multiple of this, so that no two shards give out the same.
const IDS_PER_SHARD: u64 = 1 << 40;

/// Shards at most: their ids stay below 2⁵³, which every reader of JSON holds exactly.
const MAX_SHARDS: u64 = 1 << 13;

/// What is to be split, and into what.
#[derive(Debug, Clone)]
pub struct SplitJob {
    /// Files, folders, or `-` for standard input, in this order.
    pub sources: Vec<PathBuf>,
    /// How they are read.
    pub reading: Reading,
    /// How documents are cut.
    pub splitting: SplitOptions,
    /// The form of the files.
    pub target: SplitTarget,
    /// Which of the documents.
    pub shard: Shard,
    /// Leaves out rows that are equal to an earlier one of the same shard; passages are equal when title
    /// and text are.
    pub dedup: bool,
    /// Replaces what the folder holds.
    pub restart: bool,
    /// Passages of a Parquet file, at least.
    pub part_passages: u64,
}

impl SplitJob {
    /// The default of [`SplitJob::part_passages`]: some 40 MB of text, and 200 MB of vectors of 768
    /// dimensions, which a worker that embeds it does in some minutes on a GPU.
    pub const DEFAULT_PART_PASSAGES: u64 = 65_536;
}

impl Default for SplitJob {
    /// No source; Parquet, all documents.
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            reading: Reading::default(),
            splitting: SplitOptions::default(),
            target: SplitTarget::default(),
            shard: Shard::default(),
            dedup: false,
            restart: false,
            part_passages: Self::DEFAULT_PART_PASSAGES,
        }
    }
}

/// The form of the files that a split writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SplitTarget {
    /// Parquet: `documents/*.parquet` and `passages/*.parquet`.
    #[default]
    Parquet,
    /// `passages.tsv`: `id<TAB>text<TAB>title`, the form of DPR's `psgs_w100.tsv`.
    PsgsTsv,
    /// `passages.jsonl`: an object a passage.
    Jsonl,
    /// `documents.jsonl`: an object a document, with its sections, not cut.
    Documents,
}

impl SplitTarget {
    /// The name in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::PsgsTsv => "psgs-tsv",
            Self::Jsonl => "jsonl",
            Self::Documents => "documents",
        }
    }
}

/// Reads sources, cuts them into passages and writes these into the folder `path`.
///
/// The same call on a finished folder changes nothing; after an interruption it begins anew. Shards of one
/// division may be made at the same time, in one folder or several. Memory does not depend on the size of
/// the sources, except with [`SplitJob::dedup`], which keeps some 20 to 40 bytes for each different row.
///
/// # Errors
/// [`ragdex_store::Error::OtherSplit`] when the folder holds another split; [`Error::EmptyCorpus`];
/// [`Error::TooManyShards`]; what reading and writing give.
pub fn split(path: &Path, job: &SplitJob, context: &Context<'_>) -> Result<SplitReport> {
    let started = Instant::now();
    if path.is_file() {
        return Err(Error::NotAFolder {
            path: path.to_owned(),
        });
    }
    let splitter = Splitter::new(job.splitting)?;
    let name = shard_name(job.shard)?;
    let plan = split_plan(path, job)?;
    let folder = SplitFolder::create_or_open(path)?;
    // What comes through standard input cannot be known to be the same.
    let restart = job.restart;
    match folder.begin(name, &plan, restart)? {
        Begun::Finished(_) if reads_stdin(&job.sources) => {
            Err(Error::Store(ragdex_store::Error::OtherSplit {
                path: path.to_owned(),
                found: "split.json".into(),
            }))
        }
        Begun::Finished(manifest) => Ok(report(&manifest, SplitTimes::default())),
        Begun::Open(run) => Work {
            job,
            splitter,
            times: SplitTimes::default(),
            duplicates: Duplicates::new(job.dedup, &run.path()),
            passages: 0,
        }
        .run(run, context, started),
    }
}

fn shard_name(shard: Shard) -> Result<SplitName> {
    let name = SplitName::new(u64::from(shard.index()) - 1, u64::from(shard.count()));
    name.filter(|name| name.count() <= MAX_SHARDS)
        .ok_or(Error::TooManyShards {
            count: u64::from(shard.count()),
            most: MAX_SHARDS,
        })
}

/// A split under way.
struct Work<'a> {
    job: &'a SplitJob,
    splitter: Splitter,
    times: SplitTimes,
    duplicates: Duplicates,
    passages: u64,
}

impl Work<'_> {
    fn run(
        mut self,
        run: SplitRun,
        context: &Context<'_>,
        started: Instant,
    ) -> Result<SplitReport> {
        let job = self.job;
        let options = job.reading.read_options(&job.splitting, job.shard, context);
        let mut feed = Feed::open(&job.sources, &job.reading, options, context)?;
        let first_id = u64::from(job.shard.index() - 1) * IDS_PER_SHARD;
        let mut sink = Sink::open(&run, job, first_id)?;
        while let Some(document) = feed.next()? {
            self.push(&document, &mut sink, &run)?;
            feed.used(self.passages);
        }
        if feed.n_used() == 0 && job.shard.count() == 1 {
            return Err(Error::EmptyCorpus {
                sources: job.sources.clone(),
            });
        }
        let writing = Instant::now();
        let files = sink.finish()?;
        let found = self.duplicates.finish();
        let found = found.map_err(|source| temporary_error(&run, source))?;
        self.times.write += writing.elapsed().as_secs_f64();
        self.times.read = feed.seconds;
        let duplicates = DuplicateCounts {
            found,
            dropped: if job.dedup { found } else { 0 },
        };
        let mut summary = summary(feed.summary());
        summary.format = feed.format().name().to_owned();
        summary.documents = feed.n_used();
        summary.passages = self.passages;
        summary.duplicates = duplicates;
        drop(feed);
        let Files { parts, texts } = files;
        let manifest = run.finish(parts, texts, json!(summary))?;
        self.times.total = started.elapsed().as_secs_f64();
        Ok(report(&manifest, self.times))
    }

    /// Cuts and writes one document.
    fn push(&mut self, document: &Document, sink: &mut Sink<'_>, run: &SplitRun) -> Result<()> {
        let splitting = Instant::now();
        let keep = |duplicates: &mut Duplicates, hash| {
            let keeps = duplicates.keeps(hash);
            keeps.map_err(|source| temporary_error(run, source))
        };
        let mut passages: Vec<Passage> = Vec::new();
        if self.job.target == SplitTarget::Documents {
            if !keep(&mut self.duplicates, document.content_hash())? {
                return Ok(());
            }
        } else {
            for passage in self.splitter.split(document) {
                if keep(&mut self.duplicates, passage.content_hash())? {
                    passages.push(passage);
                }
            }
        }
        self.passages += passages.len() as u64;
        let writing = Instant::now();
        self.times.split += (writing - splitting).as_secs_f64();
        sink.push(document, &passages)?;
        self.times.write += writing.elapsed().as_secs_f64();
        Ok(())
    }
}

fn temporary_error(run: &SplitRun, source: std::io::Error) -> Error {
    Error::Store(ragdex_store::Error::Io {
        action: ragdex_store::Action::Write,
        path: run.path(),
        source,
    })
}

/// What the reader tells; counts of rows are for the caller.
fn summary(read: &Summary) -> SplitSummary {
    let wikitext = &read.wikitext;
    let unknown = wikitext.most_frequent_unknown_templates(UNKNOWN_TEMPLATES);
    SplitSummary {
        skipped: read
            .skipped()
            .map(|(reason, n)| (reason.to_owned(), n))
            .collect(),
        repeated_keys: read.duplicate_keys,
        checksum_mismatches: read.checksum_mismatches,
        dropped: wikitext
            .iter()
            .map(|(cause, n)| (cause.name().to_owned(), n))
            .collect::<BTreeMap<_, _>>(),
        unknown_templates: unknown
            .into_iter()
            .map(|(name, count)| TemplateCount {
                name: name.to_owned(),
                count,
            })
            .collect(),
        ..SplitSummary::default()
    }
}

fn report(manifest: &SplitManifest, seconds: SplitTimes) -> SplitReport {
    let summary = serde_json::from_value(manifest.summary.clone());
    let files = manifest.files().map(|file: &FileEntry| file.clone());
    SplitReport {
        summary: summary.unwrap_or_default(),
        files: files.map(|file| json!(file)).collect(),
        seconds,
        peak_memory_bytes: None,
    }
}
