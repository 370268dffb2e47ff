//! Passages per second of processor time on one thread, beside the peak of the arithmetic unit; and
//! how threads scale.
//!
//! `cargo bench -p ragdex-kernels --bench encoder [-- FILTER…]` runs the cases whose name contains
//! every filter; names are `shape/precision/instruction set`, such as `bert-base/int8/avx512-vnni`.
//! Without filter only the best instruction set runs. `benches/peers/encoder.py` runs others on the
//! same kind of inputs. Rounds of all cases alternate, and the clock counts the thread's processor
//! time, so that a busy machine disturbs little; compare ratios of one run.
//!
//! `… -- --threads 1,2 [FILTER…]` compares numbers of threads by the time on the wall, in turns: only
//! an idle machine tells something.

#![expect(clippy::print_stdout, reason = "a report")]

mod measure;

use std::time::Instant;

use measure::{Clock, operations, peak};
use ragdex_kernels::{
    BertShape, BertWeights, InstructionSet, Output, PackedBert, Precision, Stage,
};

const N_PASSAGES: usize = 96;
const ROUNDS: usize = 5;

fn main() {
    let mut filters: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    match filters.iter().position(|arg| arg == "--threads") {
        Some(at) => {
            let counts: Vec<String> = filters.drain(at..filters.len().min(at + 2)).collect();
            let counts = counts.get(1).map_or("1,2", String::as_str);
            compare_threads(&filters, counts);
        }
        None => run_on_one_thread(&filters),
    }
}

/// Runs cases by the processor time of one thread.
fn run_on_one_thread(filters: &[String]) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build();
    let _pool = pool.expect("the first pool of this thread");
    let lengths = lengths();
    let mean = lengths.iter().sum::<usize>() as f64 / N_PASSAGES as f64;
    println!("{N_PASSAGES} passages of {mean:.1} tokens, one thread");

    let mut cases: Vec<Case> = cases(filters, &lengths).collect();
    for _ in 0..ROUNDS {
        cases.iter_mut().for_each(Case::run_round);
    }
    for case in &mut cases {
        case.report();
    }
}

/// Runs each case with several numbers of threads, separated by commas, by the time on the wall.
fn compare_threads(filters: &[String], counts: &str) {
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build();
    let counts = counts.split(',').filter_map(|n| n.parse().ok());
    let pools: Vec<_> = counts.filter_map(|n| pool(n).ok()).collect();
    let lengths = lengths();
    for case in cases(filters, &lengths) {
        let mut seconds = vec![vec![]; pools.len()];
        for _ in 0..=ROUNDS {
            for (pool, seconds) in pools.iter().zip(&mut seconds) {
                let start = Instant::now();
                pool.install(|| case.encode());
                seconds.push(start.elapsed().as_secs_f64());
            }
        }
        // The first round warms up.
        let best = |seconds: &Vec<f64>| seconds[1..].iter().copied().fold(f64::MAX, f64::min);
        let one = best(&seconds[0]);
        for (pool, seconds) in pools.iter().zip(&seconds) {
            println!(
                "{:32} {} threads {:7.2} passages/s, {:.2} times the first",
                case.name,
                pool.current_num_threads(),
                N_PASSAGES as f64 / best(seconds),
                one / best(seconds),
            );
        }
    }
}

/// Lengths from a normal distribution.
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

    fn encode(&self) {
        let Self { encoder, .. } = self;
        let vectors = encoder.forward(&self.tokens, None, &self.offsets, Output::Cls);
        assert!(vectors.iter().all(|number| number.is_finite()));
    }

    fn run_round(&mut self) {
        self.peaks.push(peak(self.set, self.precision));
        let start = Clock::start();
        self.encode();
        self.seconds.push(start.seconds());
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
        let times = self.encoder.stage_times();
        let share = |stage: Stage| format!("{} {:.1} %", stage.name(), 100.0 * times.share(stage));
        println!("    {}", Stage::ALL.map(share).join(", "));
    }
}
