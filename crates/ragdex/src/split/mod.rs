//! The stage `split` by itself: sources to files of passages or documents.

mod duplicates;
mod sink;

use std::path::{Path, PathBuf};
use std::time::Instant;

use ragdex_core::{Document, Passage};
use ragdex_corpus::{Shard, SplitOptions, Splitter};
use ragdex_store::{Begun, SplitFolder, SplitManifest, SplitName, SplitRun};
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
/// the sources, except for their keys ([`KeySet`](ragdex_corpus::KeySet)) and, with [`SplitJob::dedup`], some
/// 20 to 40 bytes for each different row.
///
/// # Errors
/// [`ragdex_store::Error::OtherSplit`] when the folder holds another split; [`Error::EmptyCorpus`];
/// [`Error::NoPassages`]; [`Error::MixedIds`]; [`Error::TooManyShards`]; what reading and writing give.
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
    match folder.begin(name, &plan, job.restart)? {
        // What comes through standard input cannot be known to be the same.
        Begun::Finished(_) if reads_stdin(&job.sources) => {
            Err(Error::Store(ragdex_store::Error::OtherSplit {
                path: path.to_owned(),
                found: "split.json".into(),
            }))
        }
        Begun::Finished(manifest) => {
            let mut report = report(&manifest, SplitTimes::default())?;
            report.unchanged = true;
            Ok(report)
        }
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
        let mut options = job.reading.read_options(&job.splitting, job.shard, context);
        options.exclude = vec![run.path()];
        let mut feed = Feed::open(&job.sources, &job.reading, options, context)?;
        // Not before something could be read is anything replaced.
        let mut next = feed.next()?;
        if next.is_none() && job.shard.count() == 1 {
            return Err(Error::EmptyCorpus {
                sources: job.sources.clone(),
            });
        }
        run.start()?;
        let first_id = u64::from(job.shard.index() - 1) * IDS_PER_SHARD;
        let mut sink = Sink::open(&run, job, first_id)?;
        while let Some(document) = next {
            let n_passages = self.push(&document, &mut sink, &run)?;
            feed.used(n_passages, self.passages);
            next = feed.next()?;
        }
        let mut times = self.times;
        times.read = feed.seconds;
        if self.passages == 0 && job.target != SplitTarget::Documents && job.shard.count() == 1 {
            return Err(Error::NoPassages {
                documents: feed.n_used(),
                rule: job.splitting.rule.to_string(),
            });
        }
        let finishing = Instant::now();
        let Files { parts, texts } = sink.finish()?;
        let summary = self.summary(&feed, &run)?;
        drop(feed);
        let manifest = run.finish(parts, texts, json!(summary))?;
        times.write += finishing.elapsed().as_secs_f64();
        times.total = started.elapsed().as_secs_f64();
        report(&manifest, times)
    }

    /// Cuts and writes one document; gives the number of its passages.
    fn push(&mut self, document: &Document, sink: &mut Sink<'_>, run: &SplitRun) -> Result<usize> {
        let splitting = Instant::now();
        let keep = |duplicates: &mut Duplicates, hash| {
            let keeps = duplicates.keeps(hash);
            keeps.map_err(|source| temporary_error(run, source))
        };
        let mut passages: Vec<Passage> = Vec::new();
        if self.job.target == SplitTarget::Documents {
            if !keep(&mut self.duplicates, document.content_hash())? {
                return Ok(0);
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
        Ok(passages.len())
    }

    /// What was read, written and left out.
    fn summary(self, feed: &Feed<'_>, run: &SplitRun) -> Result<SplitSummary> {
        let found = self.duplicates.finish();
        let found = found.map_err(|source| temporary_error(run, source))?;
        let read = feed.summary();
        let unknown = read
            .wikitext
            .most_frequent_unknown_templates(UNKNOWN_TEMPLATES);
        let template = |(name, count): (&str, u64)| TemplateCount {
            name: name.to_owned(),
            count,
        };
        let causes = read.wikitext.iter();
        Ok(SplitSummary {
            format: feed.format().name().to_owned(),
            documents: feed.n_used(),
            passages: self.passages,
            without_passages: match self.job.target {
                SplitTarget::Documents => 0,
                _ => feed.n_without_passages(),
            },
            duplicates: DuplicateCounts {
                found,
                dropped: if self.job.dedup { found } else { 0 },
            },
            skipped: read
                .skipped()
                .map(|(reason, n)| (reason.to_owned(), n))
                .collect(),
            repeated_keys: read.duplicate_keys,
            checksum_mismatches: read.checksum_mismatches,
            dropped: causes
                .map(|(cause, n)| (cause.name().to_owned(), n))
                .collect(),
            unknown_templates: unknown.into_iter().map(template).collect(),
        })
    }
}

fn temporary_error(run: &SplitRun, source: std::io::Error) -> Error {
    Error::Store(ragdex_store::Error::Io {
        action: ragdex_store::Action::Write,
        path: run.path(),
        source,
    })
}

fn report(manifest: &SplitManifest, seconds: SplitTimes) -> Result<SplitReport> {
    let summary = serde_json::from_value(manifest.summary.clone());
    Ok(SplitReport {
        summary: summary.map_err(|source| ragdex_store::Error::DamagedSplit {
            kind: "split",
            path: "split.json".into(),
            source,
        })?,
        unchanged: false,
        files: manifest.files().map(|file| json!(file)).collect(),
        seconds,
        peak_memory_bytes: None,
    })
}
