//! Writing vectors that are taken over beside their passages.

use ragdex_core::{Stage, Unit, Vectors};
use ragdex_models::{Encoder, PassageText};
use ragdex_store::{EmbeddingShape, PassageRecord, StagedPart, Staging};

use super::{OpenVectors, PassageVectors, TakenVectors};
use crate::build::text;
use crate::{Context, Error, Result};

/// Passages that are embedded for comparison before vectors are taken over.
const COMPARED_PASSAGES: usize = 8;

/// How near a vector that is taken over must be to the encoder's own. Half precision and another
/// implementation stay above 0.99; another encoder, or another way to join title and text, stays far below.
const LEAST_COSINE: f32 = 0.95;

/// Vectors to be written for the parts of a staging area.
pub(crate) struct TakeOver<'a> {
    pub(crate) staging: &'a Staging<'a>,
    pub(crate) vectors: &'a TakenVectors,
    /// The column of Parquet and Arrow files.
    pub(crate) column: &'a str,
    pub(crate) shape: EmbeddingShape,
    /// The encoder that is said to have made them, and its name; `None` when it is not known.
    pub(crate) encoder: Option<(&'a dyn Encoder, &'a str)>,
    pub(crate) context: &'a Context<'a>,
}

impl TakeOver<'_> {
    /// Writes the vectors of the parts that have none, after a look whether they are the encoder's own.
    ///
    /// # Errors
    /// [`Error::Vectors`] naming file and row, [`Error::ForeignVectors`]; what reading and writing give.
    pub(crate) fn run(&self, parts: &[StagedPart]) -> Result<()> {
        let reporter = self.context.reporter;
        let open = self.vectors.open(self.column, self.shape)?;
        let mut filled = parts.iter().filter(|part| part.n_passages() > 0);
        for part in [filled.next(), filled.next_back()].into_iter().flatten() {
            self.compare(&open, part)?;
        }
        let total = parts.iter().map(StagedPart::n_passages).sum();
        reporter.start(Stage::Embed, Unit::Vectors, Some(total));
        let mut done = 0;
        let mut rows: Option<PassageVectors<'_>> = None;
        for part in parts {
            done += part.n_passages();
            if part.embedded().is_some() {
                continue;
            }
            // Arrow files are read from their beginning to a row: going on where the part before ended spares it.
            let first = part.first_passage().0;
            let mut from = match rows.take().filter(|rows| rows.passage() == first) {
                Some(rows) => rows,
                None => open.starting_at(first)?,
            };
            self.part(&open, part, &mut from)?;
            if done == total && self.vectors.is_whole {
                self.check_end(&mut from)?;
            }
            self.context.cancel.check()?;
            rows = Some(from);
            reporter.advance(Stage::Embed, done);
        }
        reporter.finish(Stage::Embed);
        Ok(())
    }

    /// Writes the vectors of one part.
    fn part(
        &self,
        open: &OpenVectors<'_>,
        part: &StagedPart,
        rows: &mut PassageVectors<'_>,
    ) -> Result<()> {
        let names = open.has_ids().then(|| self.staging.passages(part));
        let mut names = names.transpose()?;
        let dim = self.shape.dim;
        let mut writer = self.staging.embeddings_writer(part, self.shape);
        let mut vector = Vec::with_capacity(dim);
        for _ in 0..part.n_passages() {
            let name = names.as_mut().and_then(Iterator::next).transpose()?;
            vector.clear();
            if !rows.next_into(name.as_ref(), &mut vector)? {
                break;
            }
            writer.push(Vectors::f32(&vector, dim).expect("a vector of that width"))?;
        }
        writer.finish()?;
        Ok(())
    }

    /// Refuses a row behind that of the last passage.
    fn check_end(&self, rows: &mut PassageVectors<'_>) -> Result<()> {
        if !rows.next_into(None, &mut Vec::new())? {
            return Ok(());
        }
        Err(Error::Vectors(ragdex_exchange::Error::Malformed {
            path: self.vectors.files.last().cloned().unwrap_or_default(),
            what: "more vectors than passages".into(),
        }))
    }

    /// Holds the first vectors of a part against what the encoder gives for the same passages.
    fn compare(&self, open: &OpenVectors<'_>, part: &StagedPart) -> Result<()> {
        let Some((encoder, name)) = self.encoder else {
            return Ok(());
        };
        let dim = encoder.dim();
        let records = self.staging.passages(part)?.take(COMPARED_PASSAGES);
        let records = records.collect::<Result<Vec<PassageRecord>, _>>()?;
        let texts: Vec<PassageText<'_>> = records.iter().map(text).collect();
        let own = encoder.encode_passages(&texts, &self.context.encode_options())?;
        let mut rows = open.starting_at(part.first_passage().0)?;
        for (record, own) in records.iter().zip(own.chunks_exact(dim)) {
            let mut taken = Vec::with_capacity(dim);
            rows.next_into(Some(record), &mut taken)?;
            let cosine = cosine(own, &taken);
            if cosine.is_nan() || cosine < LEAST_COSINE {
                return Err(Error::ForeignVectors {
                    path: self.vectors.files.first().cloned().unwrap_or_default(),
                    encoder: name.to_owned(),
                    cosine,
                    title: record.passage.title.clone(),
                });
            }
        }
        Ok(())
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}
