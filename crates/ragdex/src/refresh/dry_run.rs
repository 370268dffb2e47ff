//! What a refresh would do.

use std::time::Instant;

use ragdex_models::PassageText;

use super::Refresh;
use super::reading::{SAMPLE_PASSAGES, Sink};
use super::stored::StoredVectors;
use super::successor::Settled;
use crate::Result;
use crate::results::UpdateReport;

impl Refresh<'_> {
    /// Tells what a refresh would do, and about how long embedding would take.
    pub(super) fn dry_run(&self, started: Instant) -> Result<UpdateReport> {
        let mut sink = Sink::counted();
        let changes = self.compare(&mut sink)?;
        let mut settled = Settled {
            documents: changes.documents,
            ..Settled::default()
        };
        settled.count(self.base, &changes.deletions, &changes.wanted)?;
        let stored = StoredVectors::find(self.base, &changes.wanted, self.context)?;
        let embedded = if self.encoders.is_new {
            settled.passages.total
        } else {
            let new = changes.wanted.keys();
            new.filter(|hash| !stored.has(hash)).count() as u64
        };
        let seconds = self.estimate(sink, embedded)?;
        let mut report = UpdateReport {
            snapshot: self.base.number(),
            dry_run: true,
            documents: settled.documents,
            passages: settled.passages,
            embedded,
            skipped: changes.skipped,
            estimated_embed_seconds: Some(seconds),
            ..UpdateReport::default()
        };
        report.seconds.read = changes.read_seconds;
        report.seconds.total = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Times the encoder on a few of the passages: new ones, or else those that are embedded again.
    fn estimate(&self, sink: Sink<'_>, embedded: u64) -> Result<f64> {
        let Sink::Counted { mut sample, .. } = sink else {
            return Ok(0.0);
        };
        if embedded == 0 {
            return Ok(0.0);
        }
        if sample.is_empty() {
            let stored = self.base.all_passages().take(SAMPLE_PASSAGES);
            let stored = stored.map(|record| Ok(record?.passage));
            sample = stored.collect::<Result<_>>()?;
        }
        let texts = sample.iter().map(|passage| PassageText {
            title: &passage.title,
            text: &passage.text,
        });
        let texts: Vec<PassageText<'_>> = texts.collect();
        let started = Instant::now();
        let options = self.context.encode_options();
        self.encoders.context().encode_passages(&texts, &options)?;
        let each = started.elapsed().as_secs_f64() / texts.len() as f64;
        Ok(each * embedded as f64)
    }
}
