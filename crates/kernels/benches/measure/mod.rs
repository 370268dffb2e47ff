//! What measuring programs share: a clock of processor time, counts of operations, the unit's peak.

use std::time::Instant;

use ragdex_kernels::{BertShape, InstructionSet, Precision, run_at_peak};

/// Steps of one look at the unit's rate: some 30 ms.
const PEAK_STEPS: u64 = 4_000_000;

/// Operations per second of an instruction set from registers.
pub(crate) fn peak(set: InstructionSet, precision: Precision) -> f64 {
    let clock = Clock::start();
    run_at_peak(set, precision, PEAK_STEPS) as f64 / clock.seconds()
}

/// Operations that reach the result: the products with weights and those of attention, the last
/// layer for the first token only.
pub(crate) fn operations(shape: &BertShape, offsets: &[usize]) -> f64 {
    let (hidden, inner) = (shape.hidden_size as f64, shape.intermediate_size as f64);
    let heads = shape.num_attention_heads as f64;
    let block = 2.0 * (hidden * hidden + 2.0 * hidden * inner);
    let whole_layers = shape.num_hidden_layers as f64 - 1.0;
    let passage = |bounds: &[usize]| {
        let n_tokens = (bounds[1] - bounds[0]) as f64;
        let layer = n_tokens * (block + 6.0 * hidden * hidden + 4.0 * n_tokens * hidden);
        let last = block + 6.0 * hidden * hidden + 4.0 * n_tokens * hidden * heads;
        whole_layers * layer + last
    };
    offsets.windows(2).map(passage).sum()
}

/// Counts the processor time of this thread where the system tells it, else the time on the wall.
pub(crate) struct Clock {
    wall: Instant,
    thread: Option<f64>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            wall: Instant::now(),
            thread: thread_seconds(),
        }
    }

    pub(crate) fn seconds(&self) -> f64 {
        match (self.thread, thread_seconds()) {
            (Some(start), Some(end)) => end - start,
            _ => self.wall.elapsed().as_secs_f64(),
        }
    }
}

/// Processor time of this thread, as Linux counts it in nanoseconds.
fn thread_seconds() -> Option<f64> {
    // The count is brought up to date when the thread gives way.
    std::thread::yield_now();
    let counters = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = counters.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}
