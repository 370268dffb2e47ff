//! The vectors of new parts: copied where the passage was embedded before, else computed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use ragdex_core::{ContentHash, Stage, Unit, Vectors};
use ragdex_models::{Encoded, Encoder, PassageText};
use ragdex_store::{EmbeddingShape, EmbeddingsWriter, PassageRecord, StagedPart, Staging};

use super::repeated::Repeated;
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
    /// Vectors of this run that serve again.
    pub(super) repeated: Repeated,
    /// Computes what is not stored; without one everything is.
    pub(super) encoder: Option<&'a dyn Encoder>,
    pub(super) shape: EmbeddingShape,
    pub(super) context: &'a Context<'a>,
}

/// Where the vector of a passage comes from.
enum Origin<'a> {
    /// It is there.
    Known(Vectors<'a>),
    /// The encoder gives it, as the vector of that number.
    Computed(usize),
}

impl Embedding<'_> {
    /// Makes the vectors that are missing. Passages in finished parts of an interrupted run are not looked
    /// at again. Gives the number of passages that went through the encoder.
    pub(super) fn run(mut self, parts: &[StagedPart]) -> Result<u64> {
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

    fn part(&mut self, part: &StagedPart, on_progress: &(dyn Fn(u64) + Sync)) -> Result<u64> {
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
            n_embedded += self.batch(&records, &mut writer, on_progress)?;
        }
        writer.finish()?;
        Ok(n_embedded)
    }

    /// Writes the vectors of some passages and gives how many were computed.
    fn batch(
        &mut self,
        records: &[PassageRecord],
        writer: &mut EmbeddingsWriter<'_>,
        on_progress: &(dyn Fn(u64) + Sync),
    ) -> Result<u64> {
        let dim = self.shape.dim;
        let (origins, texts) = self.origins(records);
        on_progress((records.len() - texts.len()) as u64);
        let computed = self.encode(&texts, on_progress)?;
        let own = |number: usize| &computed[number * dim..(number + 1) * dim];
        for origin in &origins {
            writer.push(match origin {
                Origin::Known(vector) => *vector,
                Origin::Computed(number) => row(own(*number)),
            })?;
        }
        let numbers = origins.iter().map(|origin| match origin {
            Origin::Known(_) => None,
            Origin::Computed(number) => Some(*number),
        });
        let numbers: Vec<Option<usize>> = numbers.collect();
        for (record, number) in records.iter().zip(numbers) {
            self.repeated.wrote(&record.hash, number.map(own));
        }
        Ok(texts.len() as u64)
    }

    /// Says for each passage where its vector comes from, and which texts are to be computed.
    fn origins<'r>(&self, records: &'r [PassageRecord]) -> (Vec<Origin<'_>>, Vec<PassageText<'r>>) {
        let mut texts = Vec::new();
        let mut numbers: HashMap<ContentHash, usize> = HashMap::new();
        let origins = records.iter().map(|record| {
            let repeated = || self.repeated.vector(&record.hash).map(row);
            if let Some(vector) = self.stored.of(record).or_else(repeated) {
                return Origin::Known(vector);
            }
            let mut compute = || {
                texts.push(text(record));
                texts.len() - 1
            };
            Origin::Computed(if self.repeated.comes_again(&record.hash) {
                *numbers.entry(record.hash).or_insert_with(compute)
            } else {
                compute()
            })
        });
        (origins.collect(), texts)
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

/// One vector as a block.
fn row(vector: &[f32]) -> Vectors<'_> {
    Vectors::f32(vector, vector.len()).expect("one row of its own width")
}
