//! Passages per second of processor time on one thread, beside the peak of the arithmetic unit.
//!
//! `cargo bench -p ragdex-kernels --bench encoder [-- FILTER…]` runs the cases whose name contains
//! every filter; names are `shape/precision/instruction set`, such as `bert-base/int8/avx512-vnni`.
//! Without filter only the best instruction set runs. `peer_torch.py` beside this file runs PyTorch
//! on the same inputs. Rounds of all cases alternate, and the clock counts the thread's processor
//! time, so that a busy machine disturbs little; compare ratios of one run.

#![expect(clippy::print_stdout, reason = "a report")]

use std::time::Instant;

use ragdex_kernels::{
    BertShape, BertWeights, InstructionSet, Output, PackedBert, Precision, run_at_peak,
};

const N_PASSAGES: usize = 96;
const ROUNDS: usize = 5;
const PEAK_STEPS: u64 = 4_000_000;

fn main() {
    let filters: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build();
    let _pool = pool.expect("the first pool of this thread");
    let lengths = lengths();
    let mean = lengths.iter().sum::<usize>() as f64 / N_PASSAGES as f64;
    println!("{N_PASSAGES} passages of {mean:.1} tokens, one thread");

    let mut cases: Vec<Case> = cases(&filters, &lengths).collect();
    for _ in 0..ROUNDS {
        cases.iter_mut().for_each(Case::run_round);
    }
    for case in &mut cases {
        case.report();
    }
}

/// Lengths from a normal distribution, by the same steps as in `peer_torch.py`.
fn lengths() -> Vec<usize> {
    let mut state = 1_u64;
    let mut uniform = || {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        state as f64 / f64::from(1_u32 << 31)
    };
    let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    (0..N_PASSAGES)
        .map(|_| (130.0 + 16.0 * normal()).clamp(90.0, 180.0) as usize)
        .collect()
}

fn cases<'a>(filters: &'a [String], lengths: &'a [usize]) -> impl Iterator<Item = Case> + 'a {
    let shapes = [
        ("bert-base", BertShape::bert_base()),
        ("minilm", BertShape::mini_lm()),
    ];
    let precisions = [
        ("f32", Precision::F32),
        ("f16", Precision::F16),
        ("bf16", Precision::Bf16),
        ("int8", Precision::Int8),
    ];
    let sets = InstructionSet::available().take(if filters.is_empty() { 1 } else { usize::MAX });
    let sets: Vec<_> = sets.collect();
    shapes.into_iter().flat_map(move |(shape_name, shape)| {
        let sets = sets.clone();
        precisions
            .into_iter()
            .flat_map(move |(precision_name, precision)| {
                let shape = shape.clone();
                sets.clone().into_iter().filter_map(move |set| {
                    let name = format!("{shape_name}/{precision_name}/{set}");
                    let wanted = filters.iter().all(|filter| name.contains(filter));
                    wanted.then(|| Case::new(name, &shape, precision, set, lengths))
                })
            })
    })
}

/// An encoder, its input and its best time.
struct Case {
    name: String,
    encoder: PackedBert,
    precision: Precision,
    set: InstructionSet,
    tokens: Vec<u32>,
    offsets: Vec<usize>,
    seconds: Vec<f64>,
    peaks: Vec<f64>,
}

impl Case {
    fn new(
        name: String,
        shape: &BertShape,
        precision: Precision,
        set: InstructionSet,
        lengths: &[usize],
    ) -> Self {
        let weights = BertWeights::random(shape.clone(), 1);
        let encoder = PackedBert::with_instruction_set(weights, precision, set);
        let mut offsets = vec![0];
        for length in lengths {
            offsets.push(offsets[offsets.len() - 1] + length);
        }
        let n_tokens = offsets[offsets.len() - 1] as u32;
        let vocabulary = shape.vocab_size as u32;
        let tokens = (0..n_tokens).map(|token| token.wrapping_mul(2_654_435_761) % vocabulary);
        let tokens = tokens.collect();
        Self {
            name,
            encoder,
            precision,
            set,
            tokens,
            offsets,
            seconds: vec![],
            peaks: vec![],
        }
    }

    fn run_round(&mut self) {
        let start = Clock::start();
        let operations = run_at_peak(self.set, self.precision, PEAK_STEPS) as f64;
        self.peaks.push(operations / start.seconds());
        let start = Clock::start();
        let vectors = self
            .encoder
            .forward(&self.tokens, None, &self.offsets, Output::Cls);
        self.seconds.push(start.seconds());
        assert!(vectors.iter().all(|number| number.is_finite()));
    }

    fn report(&mut self) {
        self.seconds.sort_by(f64::total_cmp);
        self.peaks.sort_by(f64::total_cmp);
        let (best, median) = (self.seconds[0], self.seconds[ROUNDS / 2]);
        let peak = self.peaks[ROUNDS - 1];
        let rate = operations(self.encoder.shape(), &self.offsets) / best;
        println!(
            "{:32} {:7.2} passages/s (median {:.2}) {:7.1} GOP/s of {:7.1}: {:.0} %",
            self.name,
            N_PASSAGES as f64 / best,
            N_PASSAGES as f64 / median,
            rate / 1e9,
            peak / 1e9,
            100.0 * rate / peak,
        );
    }
}

/// Operations that reach the result: the products with weights and those of attention, the last
/// layer for the first token only.
fn operations(shape: &BertShape, offsets: &[usize]) -> f64 {
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
struct Clock {
    wall: Instant,
    thread: Option<f64>,
}

impl Clock {
    fn start() -> Self {
        Self {
            wall: Instant::now(),
            thread: thread_seconds(),
        }
    }

    fn seconds(&self) -> f64 {
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
