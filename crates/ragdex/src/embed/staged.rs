//! The parts of a build, as work for the pipeline.

use ragdex_core::{Reporter, Vectors};
use ragdex_models::{EncodeOptions, Encoder};
use ragdex_store::{EmbeddingShape, EmbeddingsWriter, StagedPart, Staging};

use super::Meter;
use super::pipeline::{self, Part, Passages};
use crate::Result;

/// Makes the vectors of the staged parts that have none, in their order.
///
/// `options.on_progress` is not heard: progress goes to `reporter`.
///
/// # Errors
/// As [`pipeline::run`].
pub(crate) fn embed_staged(
    staging: &Staging<'_>,
    parts: &[StagedPart],
    encoder: &dyn Encoder,
    shape: EmbeddingShape,
    options: &EncodeOptions<'_>,
    reporter: &dyn Reporter,
) -> Result<()> {
    let open = parts.iter().filter(|part| part.embedded().is_none());
    let total = open.clone().map(StagedPart::n_passages).sum();
    let meter = Meter::start(reporter, total);
    let on_progress = |encoded| meter.add(encoded);
    let mut metered = EncodeOptions::default();
    metered.threads = options.threads;
    metered.batch_tokens = options.batch_tokens;
    metered.cancel = options.cancel.clone();
    metered.on_progress = &on_progress;
    let parts = open.map(|part| {
        Ok(OpenPart {
            staging,
            part,
            writer: staging.embeddings_writer(part, shape),
        })
    });
    pipeline::run(parts, encoder, &metered)
}

/// A staged part that is being made.
struct OpenPart<'a> {
    staging: &'a Staging<'a>,
    part: &'a StagedPart,
    writer: EmbeddingsWriter<'a>,
}

impl Part for OpenPart<'_> {
    fn passages(&self) -> Result<Passages> {
        let passages = self.staging.passages(self.part)?;
        Ok(Box::new(passages.map(|row| Ok(row?))))
    }

    fn push(&mut self, vectors: Vectors<'_>) -> Result<()> {
        Ok(self.writer.push(vectors)?)
    }

    fn finish(self) -> Result<()> {
        Ok(self.writer.finish()?)
    }
}
