//! The stage `embed` by itself: passages of a split folder to vectors, row for row.

mod folder;
mod meter;
pub(crate) mod pipeline;
mod probe;
mod staged;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ragdex_core::{Element, Stage, Unit};
use ragdex_corpus::Shard;
use ragdex_models::{EncodeOptions, Encoder, PrecisionChoice};
use ragdex_store::{EmbeddingShape, SplitEmbeddings, SplitFolder, SplitPart};
use serde_json::json;

use crate::checkpoints::fetch_missing;
use crate::models::{Opening, open_encoder, record};
use crate::presets::{EncoderSettings, MINI};
use crate::results::{EmbedCounts, EmbedEstimate, EmbedReport, EmbedTimes};
use crate::{Context, Error, Result};

use folder::Held;

pub(crate) use folder::parts;
pub(crate) use meter::Meter;
pub(crate) use staged::embed_staged;

/// What is to be embedded, and how.
#[derive(Debug, Clone)]
pub struct EmbedJob {
    /// The encoder of passages, by hub id or folder; [`MINI`] names the bundled one.
    pub encoder: String,
    /// What it computes in.
    pub precision: PrecisionChoice,
    /// How it reads texts; see [`ModelNames::settings`](crate::ModelNames::settings).
    pub settings: Option<EncoderSettings>,
    /// How vectors are stored.
    pub element: Element,
    /// Which of the parts.
    pub shard: Shard,
    /// Makes the parts anew, and throws away what another encoder made.
    pub restart: bool,
    /// See [`EncodeOptions::batch_tokens`].
    pub batch_tokens: Option<NonZeroUsize>,
}

impl Default for EmbedJob {
    /// All parts by the bundled encoder, `f32`.
    fn default() -> Self {
        Self {
            encoder: MINI.into(),
            precision: PrecisionChoice::default(),
            settings: None,
            element: Element::default(),
            shard: Shard::default(),
            restart: false,
            batch_tokens: None,
        }
    }
}

/// Computes the vectors of the passages in the folder `path`, which [`split()`](crate::split()) made.
///
/// Each part gets an Arrow file, row for row beside its passages, and a receipt with checksums. Parts that
/// are there, made by the same encoder from the same passages, are checked and not made again; so the same
/// call goes on after any interruption, and the files are those of an undisturbed run. Several processes may
/// work on one folder, each on a [`EmbedJob::shard`] of the parts or on all of them; none disturbs another.
///
/// Memory is that of a few batches, whatever the corpus.
///
/// # Errors
/// [`Error::SplitFolder`]: what the folder and its files give, among them
/// [`OtherEmbeddings`](ragdex_store::Error::OtherEmbeddings) when it holds vectors of another encoder, and,
/// with all else done, [`Locked`](ragdex_store::Error::Locked) while another process makes one of the parts.
/// [`Error::NoParquet`]; what the encoder gives.
pub fn embed(path: &Path, job: &EmbedJob, context: &Context<'_>) -> Result<EmbedReport> {
    let started = Instant::now();
    let work = Work::open(path, job, context)?;
    let (encoder, shape) = (record(work.encoder.description()), work.shape);
    let embeddings = work.folder.begin_embeddings(encoder, shape, job.restart);
    let embeddings = embeddings.map_err(Error::SplitFolder)?;
    if job.restart {
        for part in &work.share {
            embeddings.discard(part).map_err(Error::SplitFolder)?;
        }
    }
    let unfinished = work.unfinished(Some(&embeddings))?;
    let mut report = work.report(&unfinished);
    let embedding = Instant::now();
    work.make(&embeddings, &unfinished, &mut report)?;
    report.seconds = EmbedTimes {
        embed: embedding.elapsed().as_secs_f64(),
        total: started.elapsed().as_secs_f64(),
    };
    report.remaining = work.remaining(&embeddings)?;
    Ok(report)
}

/// Estimates what [`embed`] would take, from a few passages that are embedded for it. Writes nothing.
///
/// # Errors
/// As [`embed`].
pub fn estimate_embed(path: &Path, job: &EmbedJob, context: &Context<'_>) -> Result<EmbedEstimate> {
    let work = Work::open(path, job, context)?;
    let found = work.folder.embeddings().map_err(Error::SplitFolder);
    let found = if job.restart { None } else { found? };
    if let Some(embeddings) = &found {
        let same = embeddings.check_same(record(work.encoder.description()), work.shape);
        same.map_err(Error::SplitFolder)?;
    }
    let unfinished = work.unfinished(found.as_ref())?;
    probe::estimate(&work, &unfinished)
}

/// A share of a folder, and what it is embedded with.
struct Work<'a> {
    job: &'a EmbedJob,
    context: &'a Context<'a>,
    folder: SplitFolder,
    /// All parts of the folder.
    parts: Vec<SplitPart>,
    /// Those of the shard.
    share: Vec<SplitPart>,
    encoder: Arc<dyn Encoder>,
    shape: EmbeddingShape,
}

impl<'a> Work<'a> {
    fn open(path: &Path, job: &'a EmbedJob, context: &'a Context<'a>) -> Result<Self> {
        let folder = SplitFolder::open(path).map_err(Error::SplitFolder)?;
        let parts = parts(&folder, context)?;
        let opening = Opening {
            settings: job.settings.as_ref(),
            precision: job.precision,
            devices: context.open_devices()?,
        };
        fetch_missing(&[&job.encoder], context)?;
        let encoder = open_encoder(&job.encoder, &opening, context)?;
        Ok(Self {
            job,
            context,
            folder,
            share: folder::share(&parts, job.shard),
            parts,
            shape: EmbeddingShape {
                dim: encoder.dim(),
                element: job.element,
            },
            encoder,
        })
    }

    fn encode_options(&self) -> EncodeOptions<'static> {
        let mut options = self.context.encode_options();
        options.batch_tokens = self.job.batch_tokens;
        options
    }

    /// The parts of the share whose vectors are not there byte for byte.
    fn unfinished(&self, embeddings: Option<&SplitEmbeddings>) -> Result<Vec<SplitPart>> {
        let Some(embeddings) = embeddings else {
            return Ok(self.share.clone());
        };
        let reporter = self.context.reporter;
        let total = self.share.len() as u64;
        reporter.start(Stage::Verify, Unit::Files, Some(total));
        let mut unfinished = Vec::new();
        for (done, part) in (1..).zip(&self.share) {
            self.context.cancel.check()?;
            if !embeddings.is_finished(part).map_err(Error::SplitFolder)? {
                unfinished.push(part.clone());
            }
            reporter.advance(Stage::Verify, done);
        }
        reporter.finish(Stage::Verify);
        Ok(unfinished)
    }

    /// Makes the vectors of parts.
    fn make(
        &self,
        embeddings: &SplitEmbeddings,
        parts: &[SplitPart],
        report: &mut EmbedReport,
    ) -> Result<()> {
        if parts.is_empty() {
            return Ok(());
        }
        let held = Held::default();
        let meter = Meter::start(self.context.reporter, n_passages(parts));
        let on_progress = |encoded| meter.add(encoded);
        let mut options = self.encode_options();
        options.on_progress = &on_progress;
        let parts = folder::take(&self.folder, embeddings, parts, &held);
        pipeline::run(parts, &*self.encoder, &options)?;
        report.passages.embedded = meter.passages();
        report.tokens = meter.tokens();
        report.padding = meter.padding();
        held.into_result()
    }

    /// What is known before the work.
    fn report(&self, unfinished: &[SplitPart]) -> EmbedReport {
        let total = n_passages(&self.share);
        EmbedReport {
            shard: self.job.shard.to_string(),
            parts: self.share.len() as u64,
            passages: EmbedCounts {
                total,
                kept: total - n_passages(unfinished),
                embedded: 0,
            },
            tokens: 0,
            padding: 0.0,
            dimension: self.shape.dim,
            vectors: self.shape.element.to_string(),
            encoder: json!(record(self.encoder.description())),
            remaining: 0,
            seconds: EmbedTimes::default(),
            peak_memory_bytes: None,
        }
    }

    /// How many parts of the folder have no vectors yet, those of other shards included.
    fn remaining(&self, embeddings: &SplitEmbeddings) -> Result<u64> {
        let mut remaining = 0;
        for part in &self.parts {
            let is_there = embeddings.is_recorded(part).map_err(Error::SplitFolder)?;
            remaining += u64::from(!is_there);
        }
        Ok(remaining)
    }
}

/// The passages of parts.
fn n_passages(parts: &[SplitPart]) -> u64 {
    let counts = parts.iter().map(|part| part.n_passages);
    counts.fold(0, u64::saturating_add)
}
