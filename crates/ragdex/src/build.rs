//! The stages of a build, joined.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Instant, SystemTime};

use ragdex_core::{Document, Stage, Unit, Vectors};
use ragdex_corpus::{Format, KeySet, Shard, Splitter};
use ragdex_models::{EncoderPair, PassageText, Precision};
use ragdex_store::{
    DocumentMeta, Draft, EmbeddingShape, EncoderPair as RecordedPair, Index, PassageRecord,
    SplitWriter, StagedPart, Staging, Store, Writer,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::checkpoints::fetch_named;
use crate::embed::embed_staged;
use crate::feed::{Feed, reads_stdin};
use crate::indexes::{Graphs, make_indexes, note_plan};
use crate::models::{open_generator, open_pair, record};
use crate::plan::plan;
use crate::presets::{MINI, licences};
use crate::recorded::Recorded;
use crate::results::{BuildReport, BuildTimes, DocumentCounts, PassageCounts};
use crate::split_source::SplitSource;
use crate::vectors::TakenVectors;
use crate::{BuildOptions, Context, Error, Result};

/// The name in the manifest's source of the host of the wiki.
pub(crate) const WIKI: &str = "wiki";

/// Passages that are embedded for comparison before vectors are taken over.
const COMPARED_PASSAGES: usize = 8;

/// How near a vector that is taken over must be to the encoder's own. Half precision and another
/// implementation stay above 0.99; another encoder, or another way to join title and text, stays far below.
const LEAST_COSINE: f32 = 0.95;

/// Builds a knowledge base at `path`: reads, splits and embeds the sources and commits the first
/// snapshot.
///
/// After an interruption the same call goes on: finished parts are not made again, and the result is
/// that of an undisturbed build. Where the source holds vectors in the column `columns.embeddings`, these are
/// taken over instead of embedding, if they are the encoder's own. The same call on a finished knowledge base changes nothing. Input that
/// turns out to be bad leaves nothing behind for a later call to trip over.
///
/// Memory does not depend on the size of the sources, except for a [`KeySet`] of the documents.
///
/// # Errors
/// [`Error::AlreadyBuilt`] when another build made the knowledge base; [`Error::EmptyCorpus`]; what
/// reading, splitting, embedding and writing give.
pub fn build(path: &Path, options: &BuildOptions, context: &Context<'_>) -> Result<BuildReport> {
    let started = Instant::now();
    if path.is_file() {
        return Err(Error::NotAFolder {
            path: path.to_owned(),
        });
    }
    Splitter::new(options.splitting)?;
    fetch_named(&options.models, context)?;
    let encoders = open_pair(&options.models, context)?;
    check_generator(options, context)?;
    let plan = plan(path, options, &encoders)?;
    let mut writer = Store::create_or_open(path)?.writer("ragdex build")?;
    if let Some(base) = writer.base() {
        let snapshot = base.snapshot;
        return match writer.committed(&plan)? {
            Some(_) if !reads_stdin(&options.sources) => Ok(unchanged(&writer)),
            _ => Err(Error::AlreadyBuilt {
                path: path.to_owned(),
                snapshot,
            }),
        };
    }
    if options.restart {
        writer.discard()?;
    }
    let staging = writer.stage(&plan)?;
    let built = Build {
        kb: path,
        options,
        context,
        encoders: &encoders,
        times: BuildTimes::default(),
    }
    .run(staging, started);
    if built.as_ref().is_err_and(is_bad_source) {
        writer.discard()?;
    }
    built
}

/// Whether the sources are to blame, so that the pieces made of them are worth nothing. Whatever else goes
/// wrong, hours of embedding are kept for the next run.
pub(crate) fn is_bad_source(error: &Error) -> bool {
    match error {
        Error::EmptyCorpus { .. }
        | Error::SeveralWikis { .. }
        | Error::Vectors { .. }
        | Error::ForeignVectors { .. } => true,
        Error::Corpus(error) => error.is_bad_input(),
        Error::SplitFolder(error) => !error.is_transient(),
        _ => false,
    }
}

/// Loads the generator once before hours of work that would end with one that cannot be loaded. The
/// bundled one is known to be good.
fn check_generator(options: &BuildOptions, context: &Context<'_>) -> Result<()> {
    match &*options.models.generator {
        MINI => Ok(()),
        name => {
            let question_encoder = &options.models.question_encoder;
            open_generator(name, question_encoder, Precision::default(), context).map(drop)
        }
    }
}

/// The report of a build that was done before.
fn unchanged(writer: &Writer) -> BuildReport {
    let counts = writer.base().map_or((1, 0, 0), |base| {
        (base.snapshot, base.documents, base.passages)
    });
    BuildReport {
        snapshot: counts.0,
        documents: DocumentCounts {
            unchanged: counts.1,
            ..DocumentCounts::default()
        },
        passages: PassageCounts {
            total: counts.2,
            kept: counts.2,
            ..PassageCounts::default()
        },
        embedded: 0,
        skipped: BTreeMap::new(),
        seconds: BuildTimes::default(),
        peak_memory_bytes: None,
    }
}

/// What is told of the reading, kept in the staging area for a run that does not read again.
#[derive(Debug, Default, Serialize, Deserialize)]
struct ReadSummary {
    documents: u64,
    skipped: BTreeMap<String, u64>,
    /// Vectors to take over instead of embedding.
    vectors: Option<TakenVectors>,
    /// The host of the wiki that was read.
    wiki: Option<String>,
}

/// One build under way.
struct Build<'a> {
    kb: &'a Path,
    options: &'a BuildOptions,
    context: &'a Context<'a>,
    encoders: &'a EncoderPair,
    times: BuildTimes,
}

impl Build<'_> {
    fn run(mut self, staging: Staging<'_>, started: Instant) -> Result<BuildReport> {
        self.tell_plan(None);
        let summary = self.split(&staging)?;
        let parts = staging.parts()?;
        let passages = parts.iter().map(StagedPart::n_passages).sum();
        if passages == 0 {
            return Err(Error::EmptyCorpus {
                sources: self.options.sources.clone(),
            });
        }
        self.tell_plan(Some(passages));
        let embedding = Instant::now();
        match &summary.vectors {
            Some(vectors) => self.take_over(&staging, &parts, vectors, passages)?,
            None => self.embed(&staging, &parts)?,
        }
        self.times.embed = embedding.elapsed().as_secs_f64();
        let committing = Instant::now();
        let indexes = &self.options.indexes;
        let indexes = make_indexes(&staging, &[], indexes, Graphs::Kept, self.context)?;
        let snapshot = staging.prepare(self.draft(&summary, indexes)?)?.commit()?;
        self.times.index = committing.elapsed().as_secs_f64();
        self.times.total = started.elapsed().as_secs_f64();
        Ok(BuildReport {
            snapshot: snapshot.number(),
            documents: DocumentCounts {
                added: summary.documents,
                ..DocumentCounts::default()
            },
            passages: PassageCounts {
                total: passages,
                added: passages,
                ..PassageCounts::default()
            },
            embedded: if summary.vectors.is_some() {
                0
            } else {
                passages
            },
            skipped: summary.skipped,
            seconds: self.times,
            peak_memory_bytes: None,
        })
    }

    /// Reads the sources and cuts them into parts, unless an interrupted run was through with that.
    fn split(&mut self, staging: &Staging<'_>) -> Result<ReadSummary> {
        if !reads_stdin(&self.options.sources)
            && let Some(summary) = staging.split_summary()?
        {
            return Ok(serde_json::from_value(summary).unwrap_or_default());
        }
        if let Some(source) = SplitSource::find(&self.options.sources, &self.options.reading)? {
            return self.copy(staging, &source);
        }
        let options = self.options;
        let mut read_options =
            options
                .reading
                .read_options(&options.splitting, Shard::default(), self.context);
        read_options.exclude = vec![self.kb.to_owned()];
        let mut feed = Feed::open(
            &options.sources,
            &options.reading,
            read_options,
            self.context,
        )?;
        let mut parts = staging.split_writer(options.part_passages)?;
        let summary = self.push_documents(&mut feed, &mut parts)?;
        self.times.read = feed.seconds;
        drop(feed);
        let splitting = Instant::now();
        parts.finish(&json!(summary))?;
        self.times.split += splitting.elapsed().as_secs_f64();
        Ok(summary)
    }

    /// Takes documents and passages as a split left them.
    fn copy(&mut self, staging: &Staging<'_>, source: &SplitSource) -> Result<ReadSummary> {
        let started = Instant::now();
        let mut parts = staging.split_writer(self.options.part_passages)?;
        let limit = self.options.reading.limit;
        let copied = source.copy(&mut parts, limit, self.context)?;
        let summary = ReadSummary {
            documents: copied.documents,
            skipped: copied.skipped,
            wiki: None,
            vectors: source.vectors(
                self.encoders.context().description(),
                self.shape(),
                copied.left_out,
                copied.is_whole,
                self.context,
            )?,
        };
        parts.finish(&json!(summary))?;
        self.times.split = started.elapsed().as_secs_f64();
        Ok(summary)
    }

    fn push_documents(
        &mut self,
        feed: &mut Feed<'_>,
        parts: &mut SplitWriter<'_>,
    ) -> Result<ReadSummary> {
        let splitter = Splitter::new(self.options.splitting)?;
        let mut keys = KeySet::default();
        let mut wiki = None;
        let mut repeated = 0;
        while let Some(document) = feed.next()? {
            if feed.format() == Format::MediaWiki {
                check_wiki(&mut wiki, &document)?;
            }
            if !keys.insert(&document.key) {
                repeated += 1;
                continue;
            }
            let splitting = Instant::now();
            let passages = splitter.split(&document);
            parts.push(&DocumentMeta::from(&document), &passages)?;
            self.times.split += splitting.elapsed().as_secs_f64();
            feed.used(passages.len(), parts.n_passages());
        }
        let without = feed.n_without_passages();
        let skipped = feed.summary().skipped();
        let mut skipped: BTreeMap<String, u64> =
            skipped.map(|(reason, n)| (reason.to_owned(), n)).collect();
        if repeated > 0 {
            skipped.insert("repeated keys".into(), repeated);
            self.context.reporter.warn(&format!(
                "{repeated} documents are left out because an earlier one has their key; of several wikis or \
                 folders, make a knowledge base each"
            ));
        }
        if without > 0 {
            let note = format!("{without} documents gave no passage");
            self.context.reporter.note(&note);
        }
        Ok(ReadSummary {
            documents: feed.n_used(),
            skipped,
            vectors: feed.vectors(),
            wiki,
        })
    }

    /// Embeds the parts that have no vectors yet.
    fn embed(&self, staging: &Staging<'_>, parts: &[StagedPart]) -> Result<()> {
        let mut options = self.context.encode_options();
        options.batch_tokens = self.options.batch_tokens;
        let (encoder, reporter) = (self.encoders.context(), self.context.reporter);
        embed_staged(staging, parts, encoder, self.shape(), &options, reporter)
    }

    /// Writes vectors that the source holds, after a look whether they are the encoder's own.
    fn take_over(
        &self,
        staging: &Staging<'_>,
        parts: &[StagedPart],
        vectors: &TakenVectors,
        total: u64,
    ) -> Result<()> {
        let reporter = self.context.reporter;
        reporter.note("vectors are taken over from the source");
        let columns = &self.options.reading.columns;
        let column = columns.embeddings.as_deref().unwrap_or_default();
        let shape = self.shape();
        let mut filled = parts.iter().filter(|part| part.n_passages() > 0);
        for part in [filled.next(), filled.next_back()].into_iter().flatten() {
            self.compare(staging, part, vectors, column)?;
        }
        reporter.start(Stage::Embed, Unit::Vectors, Some(total));
        let mut done = 0;
        for part in parts {
            done += part.n_passages();
            if part.embedded().is_some() {
                continue;
            }
            let first = part.first_passage().0;
            let mut rows = vectors.starting_at(first, column, shape.dim)?;
            let mut writer = staging.embeddings_writer(part, shape);
            let mut vector = Vec::with_capacity(shape.dim);
            for _ in 0..part.n_passages() {
                vector.clear();
                if !rows.next_into(&mut vector)? {
                    break;
                }
                writer.push(Vectors::f32(&vector, shape.dim).expect("a vector of that width"))?;
            }
            if done == total && vectors.is_whole && rows.next_into(&mut vector)? {
                return Err(Error::Vectors {
                    path: vectors.files.last().cloned().unwrap_or_default(),
                    problem: "more vectors than passages".into(),
                });
            }
            self.context.cancel.check()?;
            writer.finish()?;
            reporter.advance(Stage::Embed, done);
        }
        reporter.finish(Stage::Embed);
        Ok(())
    }

    /// Holds the first vectors of a part against what the encoder gives for the same passages.
    fn compare(
        &self,
        staging: &Staging<'_>,
        part: &StagedPart,
        vectors: &TakenVectors,
        column: &str,
    ) -> Result<()> {
        let encoder = self.encoders.context();
        let dim = encoder.dim();
        let records = staging.passages(part)?.take(COMPARED_PASSAGES);
        let records = records.collect::<Result<Vec<PassageRecord>, _>>()?;
        let texts: Vec<PassageText<'_>> = records.iter().map(text).collect();
        let own = encoder.encode_passages(&texts, &self.context.encode_options())?;
        let mut rows = vectors.starting_at(part.first_passage().0, column, dim)?;
        for (record, own) in records.iter().zip(own.chunks_exact(dim)) {
            let mut taken = Vec::with_capacity(dim);
            rows.next_into(&mut taken)?;
            let cosine = cosine(own, &taken);
            if cosine.is_nan() || cosine < LEAST_COSINE {
                return Err(Error::ForeignVectors {
                    path: vectors.files.first().cloned().unwrap_or_default(),
                    encoder: self.options.models.context_encoder.clone(),
                    cosine,
                    title: record.passage.title.clone(),
                });
            }
        }
        Ok(())
    }

    /// Tells what vectors and indexes will take.
    fn tell_plan(&self, passages: Option<u64>) {
        let shape = self.shape();
        let indexes = &self.options.indexes;
        note_plan(
            shape.dim,
            shape.element,
            passages,
            indexes,
            self.context.reporter,
        );
    }

    fn shape(&self) -> EmbeddingShape {
        EmbeddingShape {
            dim: self.encoders.context().dim(),
            element: self.options.element,
        }
    }

    fn draft(&self, summary: &ReadSummary, indexes: Vec<Index>) -> Result<Draft> {
        let models = &self.options.models;
        let sources = self.options.sources.iter();
        let sources: Vec<Value> = sources.map(|path| json!(path.to_string_lossy())).collect();
        Ok(Draft {
            created: SystemTime::now(),
            command: "build".into(),
            encoder: Some(RecordedPair {
                context: record(self.encoders.context().description()),
                question: record(self.encoders.question().description()),
            }),
            splitting: object(json!(self.options.splitting)),
            indexes,
            source: source_of(
                &sources,
                self.options.reading.format,
                summary.wiki.as_deref(),
            ),
            licences: licences(models),
            build: Recorded::of(self.options, self.context)?.into_map(),
            ..Draft::default()
        })
    }
}

/// What the manifest tells of the sources.
pub(crate) fn source_of(paths: &[Value], format: Format, wiki: Option<&str>) -> Map<String, Value> {
    let mut source = object(json!({"paths": paths, "format": format.name()}));
    if let Some(wiki) = wiki {
        source.insert(WIKI.into(), wiki.into());
    }
    source
}

/// Refuses a second wiki: its pages would be taken for those of the first, whose ids they share.
pub(crate) fn check_wiki(first: &mut Option<String>, document: &Document) -> Result<()> {
    let url = document.url.as_deref();
    let Some(found) = url.and_then(|url| url.split('/').nth(2)) else {
        return Ok(());
    };
    match first {
        Some(first) if first != found => Err(Error::SeveralWikis {
            first: first.clone(),
            found: found.to_owned(),
        }),
        Some(_) => Ok(()),
        None => {
            *first = Some(found.to_owned());
            Ok(())
        }
    }
}

pub(crate) fn text(record: &PassageRecord) -> PassageText<'_> {
    PassageText {
        title: &record.passage.title,
        text: &record.passage.text,
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
