//! The stages of a build, joined.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Instant, SystemTime};

use ragdex_core::Document;
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
use crate::vectors::{GivenVectors, RecordRows, TakeOver, TakenVectors};
use crate::{BuildOptions, Context, Error, Result};

/// The name in the manifest's source of the host of the wiki.
pub(crate) const WIKI: &str = "wiki";

/// Builds a knowledge base at `path`: reads, splits and embeds the sources and commits the first
/// snapshot.
///
/// After an interruption the same call goes on: finished parts are not made again, and the result is
/// that of an undisturbed build. Where files of vectors are given, or the source holds vectors in the column
/// `columns.embeddings`, these are taken over instead of embedding, if they are the encoder's own. The same call
/// on a finished knowledge base changes nothing. Input that turns out to be bad leaves nothing behind for a later
/// call to trip over.
///
/// Memory does not depend on the size of the sources, except for a [`KeySet`] of the documents.
///
/// # Errors
/// [`Error::AlreadyBuilt`] when another build made the knowledge base; [`Error::EmptyCorpus`];
/// [`Error::RepeatedKeys`] when more than half of the documents of sources that it splits itself would be left out;
/// [`Error::Vectors`], [`Error::VectorCount`] and [`Error::ForeignVectors`] for vectors that cannot be taken over;
/// what reading, splitting, embedding and writing give.
pub fn build(path: &Path, options: &BuildOptions, context: &Context<'_>) -> Result<BuildReport> {
    build_in(|| Store::create_or_open(path), path, options, context)
}

/// Builds in the store that `open` gives, once everything that can be refused before is looked at.
pub(crate) fn build_in(
    open: impl FnOnce() -> ragdex_store::Result<Store>,
    path: &Path,
    options: &BuildOptions,
    context: &Context<'_>,
) -> Result<BuildReport> {
    let started = Instant::now();
    if path.is_file() {
        return Err(Error::NotAFolder {
            path: path.to_owned(),
        });
    }
    Splitter::new(options.splitting)?;
    let given = options.embeddings.as_ref();
    let given = given.map(GivenVectors::open).transpose()?;
    fetch_named(&options.models, context)?;
    let encoders = open_encoders(options, given.as_ref(), context)?;
    check_generator(options, context)?;
    let plan = plan(path, options, encoders.as_ref())?;
    let mut writer = open()?.writer("ragdex build")?;
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
        given: given.as_ref(),
        encoders: encoders.as_ref(),
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
        | Error::RepeatedKeys { .. }
        | Error::SeveralWikis { .. }
        | Error::VectorCount { .. }
        | Error::ForeignVectors { .. } => true,
        Error::Vectors(error) => error.is_bad_input(),
        Error::Corpus(error) => error.is_bad_input(),
        Error::SplitFolder(error) => !error.is_transient(),
        _ => false,
    }
}

/// Loads the encoders; none where the one that made the vectors given is not known.
///
/// # Errors
/// [`Error::Vectors`] for vectors of another width than the encoder's.
fn open_encoders(
    options: &BuildOptions,
    given: Option<&GivenVectors>,
    context: &Context<'_>,
) -> Result<Option<EncoderPair>> {
    let vectors = options.embeddings.as_ref();
    if vectors.is_some_and(|vectors| !vectors.is_encoder_named) {
        return Ok(None);
    }
    let pair = open_pair(&options.models, context)?;
    if let Some(given) = given {
        given.check_width(pair.context().dim())?;
    }
    Ok(Some(pair))
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
    /// How passages were cut that came as such.
    #[serde(default)]
    splitting: Option<Map<String, Value>>,
}

/// One build under way.
struct Build<'a> {
    kb: &'a Path,
    options: &'a BuildOptions,
    context: &'a Context<'a>,
    given: Option<&'a GivenVectors>,
    /// `None` where vectors are given whose encoder is not known.
    encoders: Option<&'a EncoderPair>,
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
            Some(vectors) => self.take_over(&staging, &parts, vectors)?,
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
        if let Some(source) = SplitSource::find(&self.options.sources, self.options.reading.format)?
        {
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
        if self.given.is_some() {
            feed = feed.with_given_vectors();
        }
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
        let rows = RecordRows {
            left_out: copied.left_out,
            records: copied.rows,
            one_each: true,
            is_whole: copied.is_whole,
        };
        let vectors = match (self.given, self.encoders) {
            (Some(given), _) => Some(given.taken(rows, parts.n_passages())?),
            (None, Some(encoders)) => {
                let encoder = encoders.context().description();
                source.vectors(encoder, self.shape(), rows, self.context)?
            }
            (None, None) => None,
        };
        let summary = ReadSummary {
            documents: copied.documents,
            skipped: copied.skipped,
            wiki: None,
            splitting: source.splitting()?,
            vectors,
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
        let (mut distinct, mut repeated) = (0, 0);
        while let Some(document) = feed.next()? {
            if feed.format() == Format::MediaWiki {
                check_wiki(&mut wiki, &document)?;
            }
            if !keys.insert(&document.key) {
                repeated += 1;
                continue;
            }
            distinct += 1;
            let splitting = Instant::now();
            let passages = splitter.split(&document);
            parts.push(&DocumentMeta::from(&document), &passages)?;
            self.times.split += splitting.elapsed().as_secs_f64();
            feed.used(passages.len(), parts.n_passages());
        }
        // The same source named twice is no mistake of this kind.
        if repeated > distinct {
            return Err(Error::RepeatedKeys {
                repeated,
                documents: distinct + repeated,
            });
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
        // Sources without a passage have an error of their own.
        let vectors = match self.given.filter(|_| parts.n_passages() > 0) {
            Some(given) => Some(given.taken(feed.record_rows(), parts.n_passages())?),
            None => feed.vectors(),
        };
        Ok(ReadSummary {
            documents: feed.n_used(),
            skipped,
            vectors,
            wiki,
            splitting: None,
        })
    }

    /// Embeds the parts that have no vectors yet.
    fn embed(&self, staging: &Staging<'_>, parts: &[StagedPart]) -> Result<()> {
        let mut options = self.context.encode_options();
        options.batch_tokens = self.options.batch_tokens;
        // Only a summary that somebody has changed leads here without one.
        let encoders = self.encoders.ok_or_else(|| Error::NoEncoder {
            path: self.kb.to_owned(),
        })?;
        let (encoder, reporter) = (encoders.context(), self.context.reporter);
        embed_staged(staging, parts, encoder, self.shape(), &options, reporter)
    }

    /// Writes vectors that exist already.
    fn take_over(
        &self,
        staging: &Staging<'_>,
        parts: &[StagedPart],
        vectors: &TakenVectors,
    ) -> Result<()> {
        let reporter = self.context.reporter;
        reporter.note(match self.given {
            Some(_) => "vectors are taken over from the files given",
            None => "vectors are taken over from the source",
        });
        let given = self.options.embeddings.as_ref().map(|given| &given.column);
        let column = given.or(self.options.reading.columns.embeddings.as_ref());
        let name = self.options.models.context_encoder.as_str();
        TakeOver {
            staging,
            vectors,
            column: column.map_or("", String::as_str),
            shape: self.shape(),
            encoder: self.encoders.map(|pair| (pair.context(), name)),
            context: self.context,
        }
        .run(parts)
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
        let own = self.encoders.map(|pair| pair.context().dim());
        let given = self.given.map(GivenVectors::dim);
        EmbeddingShape {
            dim: own.or(given).expect("an encoder or vectors"),
            element: self.options.element,
        }
    }

    fn draft(&self, summary: &ReadSummary, indexes: Vec<Index>) -> Result<Draft> {
        let mut models = self.options.models.clone();
        if self.encoders.is_none() {
            // What did not make the vectors has no say in what may be done with them.
            models.context_encoder.clone_from(&models.generator);
            models.question_encoder.clone_from(&models.generator);
        }
        let sources = self.options.sources.iter();
        let sources: Vec<Value> = sources.map(|path| json!(path.to_string_lossy())).collect();
        Ok(Draft {
            created: SystemTime::now(),
            command: "build".into(),
            encoder: self.encoders.map(|pair| RecordedPair {
                context: record(pair.context().description()),
                question: record(pair.question().description()),
            }),
            splitting: match &summary.splitting {
                Some(splitting) => splitting.clone(),
                None => object(json!(self.options.splitting)),
            },
            indexes,
            source: source_of(
                &sources,
                self.options.reading.format,
                summary.wiki.as_deref(),
            ),
            licences: licences(&models),
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

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
