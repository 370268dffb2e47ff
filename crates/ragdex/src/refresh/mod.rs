//! Bringing a knowledge base up to date with its corpus, at the cost of what changed.
//!
//! ```text
//! source ──► documents by key ──► unchanged: nothing happens
//!               │                 changed:   old rows deleted ─┐
//!               │                 gone:      old rows deleted ─┤ Deletions: a bit a row
//!               ▼                 new                          │
//!            Splitter ──► new parts ◄── live rows of parts that are mostly dead (rewrite)
//!                             │
//!            vectors: copied from the snapshot before, by id or by content; else computed
//!                             ▼
//!            indexes, commit: parts kept + parts with deletions + new parts
//! ```
//!
//! * **Documents** are matched by key ([`known`]). One is unchanged when the source names the same version
//!   (then it is not even parsed) or when its content hash is the same.
//! * **Passages** of new and changed documents get new ids. Their vectors are looked for by content among
//!   all rows of the snapshot before ([`stored`]): text that moved is not embedded again, and what comes
//!   several times is embedded once ([`repeated`]).
//! * **Another encoder**: every part is written anew beside the former one and embedded from its stored
//!   passages, so that no source is needed; the former snapshot keeps its vectors.
//! * **Parts** are never changed: deletions are bits beside them ([`deletions`]); one with mostly dead rows
//!   is written again ([`rewrite`]) under the old ids.
//! * **Memory**: keys and hashes of all documents, 64 to 130 bytes each; 32 to 64 bytes for each passage of
//!   new and changed documents; bits for rows. Not the texts.
//! * **Interruption**: documents and passages are staged part by part, and compared with what is there when
//!   the command runs again; when all are, the deletions and counts are noted with them, and the source is
//!   not read again.
//!
//! [`remove()`] and [`compact()`] are the same without a source.

mod compact;
mod deletions;
mod dry_run;
mod embed;
mod known;
mod reading;
mod remove;
mod repeated;
mod rewrite;
mod stored;
mod successor;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use ragdex_corpus::{Format, SplitOptions};
use ragdex_models::{Encoder, EncoderPair};
use ragdex_store::{
    Draft, EmbeddingShape, EncoderPair as RecordedPair, Manifest, Snapshot, Staging, Store,
};
use serde_json::{Map, Value, json};

use crate::build::{WIKI, is_bad_source, source_of};
use crate::checkpoints::fetch_named;
use crate::feed::reads_stdin;
use crate::models::{open_context_encoder, open_pair, record};
use crate::plan;
use crate::presets::licences;
use crate::recorded::{Recorded, rules};
use crate::results::{BuildTimes, DocumentCounts, PassageCounts, UpdateReport};
use crate::{Context, Error, ModelNames, Result};

pub use compact::{CompactOptions, compact};
pub use remove::{RemoveOptions, remove};
#[cfg(test)]
pub(crate) use {compact::compact_in, remove::remove_in};

use known::KnownDocuments;
use reading::{Changes, Comparison, Sink, split_source};
use rewrite::Policy;
use successor::{Settled, Successor, paths_of};

/// What a refresh is asked for. Everything else comes from the snapshot.
#[derive(Debug, Clone, Default)]
pub struct RefreshOptions {
    /// Files, folders, or `-` for standard input, in this order; folders of a split are taken as they are.
    /// None with other encoders: the documents stay.
    pub sources: Vec<PathBuf>,
    /// What the sources are, if not what the build was told.
    pub format: Option<Format>,
    /// Other encoders: every passage is embedded again, from the text that is stored. The generator named is
    /// not looked at.
    pub models: Option<ModelNames>,
    /// Lets more than half of the documents be dropped.
    pub allow_shrink: bool,
    /// Counts and estimates only; writes nothing.
    pub dry_run: bool,
    /// Throws away what another interrupted command left behind.
    pub restart: bool,
}

/// Makes a knowledge base hold what the sources hold now: the sources are the whole corpus.
///
/// Commits the next snapshot, or none when nothing changed. Searching the result gives what searching a
/// fresh build of the same sources gives, passages and scores; only ids differ. After an interruption
/// the same call goes on. Searching goes on meanwhile.
///
/// # Errors
/// [`Error::Shrinks`] when more than half of the documents would go; [`Error::EmptyCorpus`];
/// [`Error::OtherSplitting`]; what reading, splitting, embedding and writing give.
pub fn refresh(
    path: &Path,
    options: &RefreshOptions,
    context: &Context<'_>,
) -> Result<UpdateReport> {
    run(|| Store::open(path), path, options, true, context)
}

/// Adds documents, or replaces those with the same keys; all others stay.
///
/// # Errors
/// As [`refresh`].
pub fn add(path: &Path, options: &RefreshOptions, context: &Context<'_>) -> Result<UpdateReport> {
    run(|| Store::open(path), path, options, false, context)
}

/// Refreshes the store that `open` gives; `is_whole` when the sources are the whole corpus.
pub(crate) fn run(
    open: impl FnOnce() -> ragdex_store::Result<Store>,
    path: &Path,
    options: &RefreshOptions,
    is_whole: bool,
    context: &Context<'_>,
) -> Result<UpdateReport> {
    let started = Instant::now();
    if options.sources.is_empty() && options.models.is_none() {
        return Err(Error::EmptyCorpus {
            sources: Vec::new(),
        });
    }
    let store = open()?;
    let command = if is_whole { "refresh" } else { "add" };
    if options.dry_run {
        let base = store.current()?;
        let refresh = Refresh::new(path, &base, options, is_whole, context)?;
        return refresh.dry_run(started);
    }
    let mut writer = store.writer(&format!("ragdex {command}"))?;
    let base = current(&store, writer.base())?;
    let refresh = Refresh::new(path, &base, options, is_whole, context)?;
    let plan = refresh.plan(command)?;
    if writer.committed(&plan)?.is_some() && !reads_stdin(&options.sources) {
        return Ok(unchanged(&base));
    }
    if options.restart {
        writer.discard()?;
    }
    let updated = refresh.update(writer.stage(&plan)?, command, started);
    let is_over = match &updated {
        Ok(report) => !report.committed,
        Err(Error::Shrinks { .. } | Error::OtherSplitting { .. }) => true,
        Err(error) => is_bad_source(error),
    };
    if is_over {
        writer.discard()?;
    }
    updated
}

/// The snapshot that a writer goes on from.
fn current(store: &Store, base: Option<&Manifest>) -> Result<Snapshot> {
    match base {
        Some(base) => Ok(store.snapshot(base.snapshot)?),
        None => Ok(store.current()?),
    }
}

/// The report of a command that found nothing to do.
fn unchanged(base: &Snapshot) -> UpdateReport {
    let manifest = base.manifest();
    UpdateReport {
        snapshot: manifest.snapshot,
        documents: DocumentCounts {
            unchanged: manifest.documents,
            ..DocumentCounts::default()
        },
        passages: PassageCounts {
            total: manifest.passages,
            kept: manifest.passages,
            ..PassageCounts::default()
        },
        ..UpdateReport::default()
    }
}

/// One refresh under way.
struct Refresh<'a> {
    path: &'a Path,
    base: &'a Snapshot,
    options: &'a RefreshOptions,
    is_whole: bool,
    recorded: Recorded,
    splitting: SplitOptions,
    encoders: Encoders,
    /// Whether a version that the source names again needs no parsing.
    trusts_versions: bool,
    context: &'a Context<'a>,
}

/// The encoders of the next snapshot.
struct Encoders {
    /// Only the encoder of passages is used; that of questions is opened where it is new.
    pair: EncoderPair,
    recorded: RecordedPair,
    /// Whether the vectors that are there are of another one.
    is_new: bool,
}

impl Encoders {
    fn open(
        path: &Path,
        base: &Manifest,
        names: Option<&ModelNames>,
        context: &Context<'_>,
    ) -> Result<Self> {
        let recorded = base.encoder.clone();
        let Some(names) = names else {
            let recorded = recorded.ok_or_else(|| Error::NoEncoder {
                path: path.to_owned(),
            })?;
            return Ok(Self {
                pair: EncoderPair::shared(open_context_encoder(&recorded, context)?),
                recorded,
                is_new: false,
            });
        };
        fetch_named(names, context)?;
        let pair = open_pair(names, context)?;
        let named = RecordedPair {
            context: record(pair.context().description()),
            question: record(pair.question().description()),
        };
        Ok(Self {
            pair,
            is_new: recorded.is_none_or(|before| before.context != named.context),
            recorded: named,
        })
    }

    fn context(&self) -> &dyn Encoder {
        self.pair.context()
    }
}

impl<'a> Refresh<'a> {
    fn new(
        path: &'a Path,
        base: &'a Snapshot,
        options: &'a RefreshOptions,
        is_whole: bool,
        context: &'a Context<'a>,
    ) -> Result<Self> {
        let manifest = base.manifest();
        let encoders = Encoders::open(path, manifest, options.models.as_ref(), context)?;
        let mut recorded = Recorded::in_manifest(manifest);
        let mut trusts_versions = false;
        if !options.sources.is_empty() {
            let (rules, version) = (rules(&recorded.reading)?, env!("CARGO_PKG_VERSION"));
            // Other rules or another version may make other prose of the same wikitext.
            trusts_versions = recorded.rules == rules
                && recorded.parsed_by == version
                && !recorded.reading.wiki.template_redirects;
            if is_whole {
                (recorded.rules, recorded.parsed_by) = (rules, version.into());
            }
        }
        let splitting = Value::Object(manifest.splitting.clone());
        Ok(Self {
            path,
            base,
            options,
            is_whole,
            splitting: serde_json::from_value(splitting).unwrap_or_default(),
            recorded,
            encoders,
            trusts_versions,
            context,
        })
    }

    /// How the sources are read: as the build read its own, but for what the options say.
    fn reading(&self) -> crate::Reading {
        let mut reading = self.recorded.reading.clone();
        reading.format = self.options.format.unwrap_or(reading.format);
        if !self.is_whole {
            reading.limit = None;
        }
        reading
    }

    fn plan(&self, command: &str) -> Result<Value> {
        Ok(json!({
            "command": command,
            "sources": match split_source(self.options)? {
                Some(folders) => folders.plan()?,
                None => plan::sources(&self.options.sources, self.path)?,
            },
            "reading": plan::reading(&self.reading(), self.splitting.rule)?,
            "context_encoder": self.encoders.context().description(),
            "question_encoder": self.encoders.recorded.question,
        }))
    }

    fn shape(&self) -> EmbeddingShape {
        let before = self.base.manifest().embedding;
        EmbeddingShape {
            dim: self.encoders.context().dim(),
            element: before.map_or_else(Default::default, |shape| shape.element),
        }
    }

    fn successor(&self) -> Successor<'_> {
        Successor {
            base: self.base,
            policy: if self.encoders.is_new {
                Policy::ALL
            } else {
                Policy::REFRESH
            },
            part_passages: self.recorded.part_passages,
            copies: !self.encoders.is_new,
            encoder: Some(self.encoders.context()),
            shape: self.shape(),
            context: self.context,
        }
    }

    fn update(
        &self,
        staging: Staging<'_>,
        command: &str,
        started: Instant,
    ) -> Result<UpdateReport> {
        let mut times = BuildTimes::default();
        let successor = self.successor();
        let resumed = successor.resumed(&staging)?;
        let resumed = resumed.filter(|_| !reads_stdin(&self.options.sources));
        let settled = match resumed {
            Some(settled) => settled,
            None => self.settle(&successor, &staging, &mut times)?,
        };
        if self.changes_nothing(&settled) {
            return Ok(UpdateReport {
                skipped: settled.skipped,
                ..unchanged(self.base)
            });
        }
        let draft = self.draft(&settled, command);
        let (snapshot, embedded) = successor.commit(staging, &settled, draft, &mut times)?;
        times.total = started.elapsed().as_secs_f64();
        Ok(UpdateReport {
            snapshot: snapshot.number(),
            committed: true,
            documents: settled.documents,
            passages: settled.passages,
            embedded,
            rewritten_parts: settled.rewritten,
            skipped: settled.skipped,
            seconds: times,
            ..UpdateReport::default()
        })
    }

    /// Whether the snapshot stands for the sources already: documents and encoders are the same.
    fn changes_nothing(&self, settled: &Settled) -> bool {
        let encoder = self.base.manifest().encoder.as_ref();
        settled.has_same_documents() && encoder == Some(&self.encoders.recorded)
    }

    /// Reads the sources and stages what follows from them.
    fn settle(
        &self,
        successor: &Successor<'_>,
        staging: &Staging<'_>,
        times: &mut BuildTimes,
    ) -> Result<Settled> {
        let reading = Instant::now();
        let parts = staging.split_writer(self.recorded.part_passages)?;
        let mut sink = Sink::Parts(parts);
        let changes = self.compare(&mut sink)?;
        self.check(&changes)?;
        let Sink::Parts(parts) = sink else {
            unreachable!("made above");
        };
        let mut settled = Settled {
            documents: changes.documents,
            skipped: changes.skipped,
            wiki: changes.wiki,
            ..Settled::default()
        };
        if self.changes_nothing(&settled) {
            return Ok(settled);
        }
        settled.count(self.base, &changes.deletions, &changes.wanted)?;
        let settled = successor.settle(staging, parts, &changes.deletions, settled)?;
        times.read = changes.read_seconds;
        times.split = reading.elapsed().as_secs_f64() - times.read;
        Ok(settled)
    }

    fn compare(&self, sink: &mut Sink<'_>) -> Result<Changes> {
        let manifest = self.base.manifest();
        let known = KnownDocuments::of(self.base, self.trusts_versions)?;
        let wiki = manifest.source.get(WIKI).and_then(Value::as_str);
        Comparison {
            kb: self.path,
            base: self.base,
            known: Arc::new(known),
            options: self.options,
            reading: &self.reading(),
            splitting: self.splitting,
            is_whole: self.is_whole,
            wiki: wiki.map(str::to_owned),
            context: self.context,
        }
        .run(sink)
    }

    /// Refuses a source that is hardly the corpus.
    fn check(&self, changes: &Changes) -> Result<()> {
        let before = self.base.manifest().documents;
        let documents = &changes.documents;
        if documents.removed * 2 > before && !self.options.allow_shrink {
            return Err(Error::Shrinks {
                path: self.path.to_owned(),
                before,
                removed: documents.removed,
            });
        }
        let is_empty = documents.added + documents.changed + documents.unchanged == 0;
        if self.is_whole && is_empty && !self.options.sources.is_empty() {
            return Err(Error::EmptyCorpus {
                sources: self.options.sources.clone(),
            });
        }
        Ok(())
    }

    fn draft(&self, settled: &Settled, command: &str) -> Draft {
        let base = self.base.manifest();
        let draft = Draft::repeating(base);
        Draft {
            created: SystemTime::now(),
            command: command.into(),
            encoder: Some(self.encoders.recorded.clone()),
            source: self.source(settled),
            licences: self.licences(draft.licences),
            build: self.recorded.clone().into_map(),
            ..draft
        }
    }

    /// What the manifest tells of the sources.
    fn source(&self, settled: &Settled) -> Map<String, Value> {
        let before = &self.base.manifest().source;
        if self.options.sources.is_empty() {
            return before.clone();
        }
        let new = self.options.sources.iter();
        let new = new.map(|path| json!(path.to_string_lossy()));
        let mut paths = if self.is_whole {
            Vec::new()
        } else {
            paths_of(before)
        };
        paths.extend(new);
        source_of(&paths, self.reading().format, settled.wiki.as_deref())
    }

    /// The licences of the models as they are now; the generator stays.
    fn licences(&self, before: Vec<String>) -> Vec<String> {
        let Some(names) = &self.options.models else {
            return before;
        };
        let generator = self.recorded.generator.clone();
        licences(&ModelNames {
            generator: generator.unwrap_or_else(|| names.generator.clone()),
            ..names.clone()
        })
    }
}
