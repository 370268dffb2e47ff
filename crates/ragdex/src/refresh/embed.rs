//! The vectors of new parts: copied where the passage was embedded before, else computed.

use std::sync::atomic::{AtomicU64, Ordering};

use ragdex_core::{Stage, Unit, Vectors};
use ragdex_models::{Encoded, Encoder, PassageText};
use ragdex_store::{EmbeddingShape, PassageRecord, StagedPart, Staging};

use super::stored::{StoredVectors, Wanted};
use crate::build::text;
use crate::{Context, Result};

/// Passages encoded in one call: enough work for all threads, and 6 MB of vectors of 768 dimensions.
const ENCODE_PASSAGES: usize = 2048;

/// The passages of the parts that have no vectors yet and whose ids are new.
pub(super) fn wanted(
    staging: &Staging<'_>,
    parts: &[StagedPart],
    next_passage: u64,
) -> Result<Wanted> {
    let mut wanted = Wanted::new();
    let unfinished = parts.iter().filter(|part| part.embedded().is_none());
    for part in unfinished.filter(|part| part.first_passage().0 >= next_passage) {
        for record in staging.passages(part)? {
            *wanted.entry(record?.hash).or_default() += 1;
        }
    }
    Ok(wanted)
}

/// Makes the vectors of new parts.
pub(super) struct Embedding<'a> {
    pub(super) staging: &'a Staging<'a>,
    pub(super) stored: &'a StoredVectors,
    /// Computes what is not stored; without one everything is.
    pub(super) encoder: Option<&'a dyn Encoder>,
    pub(super) shape: EmbeddingShape,
    pub(super) context: &'a Context<'a>,
}

impl Embedding<'_> {
    /// Makes the vectors that are missing. Passages in finished parts of an interrupted run are not looked
    /// at again. Gives the number of passages that went through the encoder.
    pub(super) fn run(&self, parts: &[StagedPart]) -> Result<u64> {
        let reporter = self.context.reporter;
        let total = parts.iter().map(StagedPart::n_passages).sum();
        reporter.start(Stage::Embed, Unit::Passages, Some(total));
        let finished = parts.iter().filter(|part| part.embedded().is_some());
        let done = AtomicU64::new(finished.map(StagedPart::n_passages).sum());
        let mut n_embedded = 0;
        for part in parts.iter().filter(|part| part.embedded().is_none()) {
            n_embedded += self.part(part, &|n| {
                let before = done.fetch_add(n, Ordering::Relaxed);
                reporter.advance(Stage::Embed, before + n);
            })?;
        }
        reporter.finish(Stage::Embed);
        Ok(n_embedded)
    }

    fn part(&self, part: &StagedPart, on_progress: &(dyn Fn(u64) + Sync)) -> Result<u64> {
        let mut n_embedded = 0;
        let mut writer = self.staging.embeddings_writer(part, self.shape);
        let mut passages = self.staging.passages(part)?;
        loop {
            self.context.cancel.check()?;
            let records = passages.by_ref().take(ENCODE_PASSAGES);
            let records = records.collect::<Result<Vec<PassageRecord>, _>>()?;
            if records.is_empty() {
                break;
            }
            let stored: Vec<Option<Vectors<'_>>> = records
                .iter()
                .map(|record| self.stored.of(record))
                .collect();
            let new = records
                .iter()
                .zip(&stored)
                .filter(|(_, stored)| stored.is_none());
            let texts: Vec<PassageText<'_>> = new.map(|(record, _)| text(record)).collect();
            n_embedded += texts.len() as u64;
            on_progress((records.len() - texts.len()) as u64);
            let computed = self.encode(&texts, on_progress)?;
            let mut computed = computed.chunks_exact(self.shape.dim);
            for stored in stored {
                let mut own = || computed.next().expect("a vector for each text");
                let width = "rows of the encoder's width";
                let vector =
                    stored.unwrap_or_else(|| Vectors::f32(own(), self.shape.dim).expect(width));
                writer.push(vector)?;
            }
        }
        writer.finish()?;
        Ok(n_embedded)
    }

    fn encode(
        &self,
        texts: &[PassageText<'_>],
        on_progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<f32>> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let encoder = self.encoder.expect("an encoder where anything is new");
        let mut options = self.context.encode_options();
        let encoded = |encoded: Encoded| on_progress(encoded.texts as u64);
        options.on_progress = &encoded;
        Ok(encoder.encode_passages(texts, &options)?)
    }
}
