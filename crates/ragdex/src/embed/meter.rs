//! How far embedding is, and how fast.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ragdex_core::{Reporter, Stage, Unit};
use ragdex_models::Encoded;

/// How often the words beside the count change.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// Counts what is computed and tells the reporter. The stage is over when it is dropped.
pub(crate) struct Meter<'a> {
    reporter: &'a dyn Reporter,
    started: Instant,
    texts: AtomicU64,
    tokens: AtomicU64,
    padding: AtomicU64,
    /// Milliseconds from the start at which the words are to change.
    next: AtomicU64,
}

impl<'a> Meter<'a> {
    /// Begins the stage: `total` passages.
    pub(crate) fn start(reporter: &'a dyn Reporter, total: u64) -> Self {
        reporter.start(Stage::Embed, Unit::Passages, Some(total));
        Self {
            reporter,
            started: Instant::now(),
            texts: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
            padding: AtomicU64::new(0),
            next: AtomicU64::new(TELL_EVERY.as_millis() as u64),
        }
    }

    /// Adds a unit of work; from any thread.
    pub(crate) fn add(&self, encoded: Encoded) {
        let add = |count: &AtomicU64, n: usize| count.fetch_add(n as u64, Ordering::Relaxed);
        add(&self.tokens, encoded.tokens);
        add(&self.padding, encoded.padding);
        let before = add(&self.texts, encoded.texts);
        self.tell();
        self.reporter
            .advance(Stage::Embed, before + encoded.texts as u64);
    }

    /// Passages computed.
    pub(crate) fn passages(&self) -> u64 {
        self.texts.load(Ordering::Relaxed)
    }

    /// Their tokens.
    pub(crate) fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::Relaxed)
    }

    /// The share of the places computed that held no token; 0 when nothing was computed.
    pub(crate) fn padding(&self) -> f64 {
        let padding = self.padding.load(Ordering::Relaxed);
        padding as f64 / (self.tokens() + padding).max(1) as f64
    }

    fn tell(&self) {
        let elapsed = self.started.elapsed();
        let next = self.next.load(Ordering::Relaxed);
        let later = (elapsed + TELL_EVERY).as_millis() as u64;
        let is_due = elapsed.as_millis() as u64 >= next;
        let relaxed = Ordering::Relaxed;
        // One thread tells.
        if is_due
            && self
                .next
                .compare_exchange(next, later, relaxed, relaxed)
                .is_ok()
        {
            let rate = self.tokens() as f64 / elapsed.as_secs_f64();
            let padding = self.padding() * 100.0;
            let message = format!("{rate:.0} tokens/s, {padding:.1} % padding");
            self.reporter.message(Stage::Embed, &message);
        }
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        self.reporter.finish(Stage::Embed);
    }
}

#[cfg(test)]
mod tests {
    use ragdex_core::NoReporter;

    use super::*;

    #[test]
    fn padding_is_a_share_of_the_places_computed() {
        let meter = Meter::start(&NoReporter, 10);
        assert_eq!(meter.padding(), 0.0);
        for padding in [0, 20] {
            meter.add(Encoded {
                texts: 2,
                tokens: 30,
                padding,
            });
        }
        assert_eq!((meter.passages(), meter.tokens()), (4, 60));
        assert_eq!(meter.padding(), 0.25);
    }
}
