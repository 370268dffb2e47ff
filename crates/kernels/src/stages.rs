//! Where the time of an encoder goes.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking up and adding embeddings.
    Embeddings,
    /// Rounding activations and laying them out for a product.
    Packing,
    /// The products for query, key and value, and for the output of attention.
    Projections,
    /// Scores, softmax and context.
    Attention,
    /// The products of the feed-forward block, with GELU.
    FeedForward,
    /// Layer normalisation.
    Norms,
    /// The attention of a last layer that computes first tokens only.
    FirstTokens,
}

impl Stage {
    /// All stages.
    pub const ALL: [Self; 7] = [
        Self::Embeddings,
        Self::Packing,
        Self::Projections,
        Self::Attention,
        Self::FeedForward,
        Self::Norms,
        Self::FirstTokens,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embeddings => "embeddings",
            Self::Packing => "packing",
            Self::Projections => "projections",
            Self::Attention => "attention",
            Self::FeedForward => "feed-forward",
            Self::Norms => "norms",
            Self::FirstTokens => "first tokens",
        }
    }
}

/// The time of each stage, on the wall, of all threads together.
#[derive(Debug, Clone, Copy, Default)]
pub struct StageTimes([Duration; Stage::ALL.len()]);

impl StageTimes {
    /// The time of a stage.
    pub fn of(&self, stage: Stage) -> Duration {
        self.0[stage as usize]
    }

    /// The part of the whole that a stage takes, 0 to 1; NaN before any work.
    pub fn share(&self, stage: Stage) -> f64 {
        let total: Duration = self.0.iter().sum();
        self.of(stage).as_secs_f64() / total.as_secs_f64()
    }
}

impl AddAssign for StageTimes {
    fn add_assign(&mut self, other: Self) {
        for (time, other) in self.0.iter_mut().zip(other.0) {
            *time += other;
        }
    }
}

/// Adds up the time of one thread: reading the clock takes some 30 ns, a dozen times a layer.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    last: Instant,
    times: StageTimes,
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self {
            last: Instant::now(),
            times: StageTimes::default(),
        }
    }
}

impl Stopwatch {
    /// Forgets the time since the last lap, which was no work.
    pub(crate) fn start(&mut self) {
        self.last = Instant::now();
    }

    /// Counts the time since the last lap to `stage`.
    pub(crate) fn lap(&mut self, stage: Stage) {
        let now = Instant::now();
        self.times.0[stage as usize] += now - self.last;
        self.last = now;
    }

    /// The times so far.
    pub(crate) fn times(&self) -> StageTimes {
        self.times
    }
}
