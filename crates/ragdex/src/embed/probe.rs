//! What embedding would take, by a sample.

use std::time::{Duration, Instant};

use ragdex_core::Element;
use ragdex_models::PassageText;
use ragdex_store::{PassageRecord, SplitPart};
use serde_json::json;

use super::{Work, n_passages};
use crate::models::record;
use crate::results::{EmbedEstimate, EmbedSample};
use crate::{Error, Result};

/// Parts that are looked into, evenly over all.
const PARTS: usize = 8;

/// Passages taken of the beginning of each.
const PASSAGES: usize = 64;

/// Passages embedded between two looks at the clock.
const BATCH: usize = 32;

/// How long the probe takes: the batch under way is finished.
const TIME: Duration = Duration::from_secs(3);

/// Tokenises a sample of the parts and embeds as much of it as the time allows.
pub(super) fn estimate(work: &Work<'_>, parts: &[SplitPart]) -> Result<EmbedEstimate> {
    let records = sample(work, parts)?;
    let texts: Vec<PassageText<'_>> = records.iter().map(text).collect();
    let options = work.encode_options();
    let tokens = work.encoder.prepare_passages(&texts, &options)?.n_tokens() as f64;
    let sample = measure(work, &texts)?;
    let passages = n_passages(parts);
    let tokens = (tokens / texts.len().max(1) as f64 * passages as f64).round();
    let rate = sample.tokens as f64 / sample.seconds.max(1e-9);
    let number_bytes = match work.shape.element {
        Element::F32 => 4,
        Element::F16 => 2,
    };
    Ok(EmbedEstimate {
        shard: work.job.shard.to_string(),
        parts: parts.len() as u64,
        passages,
        tokens: tokens as u64,
        seconds: if sample.tokens == 0 {
            0.0
        } else {
            tokens / rate
        },
        bytes: passages.saturating_mul((work.shape.dim * number_bytes) as u64),
        sample,
        dimension: work.shape.dim,
        vectors: work.shape.element.to_string(),
        encoder: json!(record(work.encoder.description())),
    })
}

fn sample(work: &Work<'_>, parts: &[SplitPart]) -> Result<Vec<PassageRecord>> {
    let step = parts.len().div_ceil(PARTS).max(1);
    let mut records = Vec::new();
    for part in parts.iter().step_by(step) {
        work.context.cancel.check()?;
        work.folder.check_part(part).map_err(Error::SplitFolder)?;
        let passages = work.folder.passages(part).map_err(Error::SplitFolder)?;
        for passage in passages.take(PASSAGES) {
            records.push(passage.map_err(Error::SplitFolder)?);
        }
    }
    Ok(records)
}

/// Embeds for a while; the first batch, which loads what is loaded late, does not count.
fn measure(work: &Work<'_>, texts: &[PassageText<'_>]) -> Result<EmbedSample> {
    let options = work.encode_options();
    let mut batches = texts.chunks(BATCH * work.context.threads.get());
    if let Some(first) = batches.clone().next() {
        work.encoder.encode_passages(first, &options)?;
    }
    let started = Instant::now();
    let mut sample = EmbedSample::default();
    while started.elapsed() < TIME
        && let Some(batch) = batches.next()
    {
        let prepared = work.encoder.prepare_passages(batch, &options)?;
        work.encoder.encode(&prepared, &options)?;
        sample.passages += batch.len() as u64;
        sample.tokens += prepared.n_tokens() as u64;
    }
    sample.seconds = started.elapsed().as_secs_f64();
    Ok(sample)
}

fn text(record: &PassageRecord) -> PassageText<'_> {
    PassageText {
        title: &record.passage.title,
        text: &record.passage.text,
    }
}
