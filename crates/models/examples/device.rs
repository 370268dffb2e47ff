//! An encoder on a GPU: parity, repeatability, throughput, and the rate of a large product beside it.
//!
//! ```text
//! cargo run --release --features cuda -p ragdex-models --example device -- \
//!     MODEL PASSAGES.jsonl --device cuda --precision f16 --batch-tokens 32768
//! ```
//!
//! A line of the file is a passage, `{"title": "…", "text": "…"}`. `--device cpu` takes the same way on the
//! processor, which is slow; `--limit N` then reads fewer passages, `--product N` multiplies smaller
//! matrices. `benches/gpu.sh` runs all that is to be measured.

#![expect(clippy::print_stdout, reason = "a report")]

use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Instant;

use candle_core::{DType, Tensor};
use ragdex_core::NoReporter;
use ragdex_models::{
    BertEncoder, Checkpoint, Device, DeviceChoice, Devices, EncodeOptions, Encoded, Encoder,
    EncoderOptions, Error as ModelError, PassageText, Pooling, Prepared,
};
use serde::Deserialize;

/// Passages that are also encoded on the processor, in `f32`.
const COMPARED: usize = 64;

/// Rounds of which the fastest and the middle one are told.
const ROUNDS: usize = 5;

/// Products in a row, after one that is not timed.
const PRODUCTS: usize = 10;

/// A line of the input.
#[derive(Deserialize)]
struct Record {
    title: String,
    text: String,
}

/// The arguments.
struct Arguments {
    model: String,
    passages: String,
    device: DeviceChoice,
    precision: String,
    batch_tokens: Option<NonZeroUsize>,
    limit: usize,
    product: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let devices = Devices::new(arguments.device.clone());
    let devices = devices.open(&NoReporter)?;
    let text = fs::read_to_string(&arguments.passages)?;
    let records: Vec<Record> = text
        .lines()
        .take(arguments.limit)
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let passages: Vec<PassageText<'_>> = records.iter().map(passage).collect();
    let checkpoint = Checkpoint::from_folder(&arguments.model)?;
    let encoder = open(&checkpoint, |options| {
        options.devices = devices.to_vec();
        options.padded = true;
        options.precision = arguments.precision.parse().unwrap_or_default();
    })?;
    println!(
        "device {}, precision {}",
        arguments.device,
        encoder.description().precision
    );
    compare(&encoder, &checkpoint, &passages, &arguments)?;
    time(&encoder, &passages, &arguments)?;
    time_product(&devices[0], &encoder, arguments.product)
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let mut next = || given.next();
    let (Some(model), Some(passages)) = (next(), next()) else {
        return Err("a model and a file of passages expected".into());
    };
    let mut arguments = Arguments {
        model,
        passages,
        device: DeviceChoice::Cpu,
        precision: "f32".into(),
        batch_tokens: None,
        limit: usize::MAX,
        product: 8192,
    };
    while let Some(name) = next() {
        let value = next().ok_or("a value expected")?;
        match &*name {
            "--device" => arguments.device = value.parse()?,
            "--precision" => arguments.precision = value,
            "--batch-tokens" => arguments.batch_tokens = Some(value.parse()?),
            "--limit" => arguments.limit = value.parse()?,
            "--product" => arguments.product = value.parse()?,
            _ => return Err(format!("an option expected, found `{name}`").into()),
        }
    }
    Ok(arguments)
}

fn passage(record: &Record) -> PassageText<'_> {
    PassageText {
        title: &record.title,
        text: &record.text,
    }
}

fn open(
    checkpoint: &Checkpoint,
    change: impl Fn(&mut EncoderOptions),
) -> Result<BertEncoder, ModelError> {
    let mut options = EncoderOptions::default();
    change(&mut options);
    match BertEncoder::open(checkpoint, &options) {
        Err(ModelError::PoolingUnknown { .. }) => {
            options.pooling = Some(Pooling::Cls);
            BertEncoder::open(checkpoint, &options)
        }
        result => result,
    }
}

fn options<'a>(
    arguments: &Arguments,
    on_progress: &'a (dyn Fn(Encoded) + Sync),
) -> EncodeOptions<'a> {
    let mut options = EncodeOptions::default();
    options.batch_tokens = arguments.batch_tokens;
    options.on_progress = on_progress;
    options
}

/// Prints the cosines to the vectors of the processor, and whether the same call gives the same bits.
fn compare(
    encoder: &BertEncoder,
    checkpoint: &Checkpoint,
    passages: &[PassageText<'_>],
    arguments: &Arguments,
) -> Result<(), ModelError> {
    let some = &passages[..COMPARED.min(passages.len())];
    let options = options(arguments, &|_| {});
    let found = encoder.encode_passages(some, &options)?;
    let repeats = encoder.encode_passages(some, &options)? == found;
    let exact = open(checkpoint, |_| {})?.encode_passages(some, &EncodeOptions::default())?;
    let rows = found.chunks(encoder.dim()).zip(exact.chunks(encoder.dim()));
    let cosines: Vec<f64> = rows.map(|(a, b)| cosine(a, b)).collect();
    let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
    let least = cosines.iter().copied().fold(1.0, f64::min);
    println!(
        "cosine to the processor in f32, {} passages: mean {mean:.7}, least {least:.7}",
        some.len()
    );
    println!(
        "the same passages again: {}",
        if repeats {
            "the same bits"
        } else {
            "OTHER BITS"
        }
    );
    Ok(())
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| {
        let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
        products.sum::<f64>()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Prints what encoding prepared passages takes; each round waits for its vectors.
fn time(
    encoder: &BertEncoder,
    passages: &[PassageText<'_>],
    arguments: &Arguments,
) -> Result<(), ModelError> {
    let prepared: Prepared = encoder.prepare_passages(passages, &EncodeOptions::default())?;
    let padding = Mutex::new(0);
    let count = |unit: Encoded| *padding.lock().expect("no thread failed") += unit.padding;
    let options = options(arguments, &count);
    encoder.encode(&prepared, &options)?;
    *padding.lock().expect("no thread failed") = 0;
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        encoder.encode(&prepared, &options)?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let padding = *padding.lock().expect("no thread failed") as f64 / ROUNDS as f64;
    let tokens = prepared.n_tokens() as f64;
    println!(
        "{} passages, {:.1} tokens each, padding {:.1} %",
        prepared.len(),
        tokens / prepared.len() as f64,
        100.0 * padding / (padding + tokens)
    );
    for (name, seconds) in [("fastest", seconds[0]), ("middle", seconds[ROUNDS / 2])] {
        let rate = prepared.len() as f64 / seconds;
        println!(
            "{name} of {ROUNDS}: {rate:.0} passages/s, {:.0} tokens/s",
            tokens / seconds
        );
    }
    Ok(())
}

/// Prints the rate of products of square matrices in the precision of the encoder.
fn time_product(device: &Device, encoder: &BertEncoder, n: usize) -> Result<(), Box<dyn Error>> {
    let dtype = match encoder.description().precision.name() {
        "f16" => DType::F16,
        "bf16" => DType::BF16,
        _ => DType::F32,
    };
    let matrix = Tensor::randn(0.0_f32, 1.0, (n, n), device)?.to_dtype(dtype)?;
    matrix.matmul(&matrix)?;
    device.synchronize()?;
    let started = Instant::now();
    for _ in 0..PRODUCTS {
        matrix.matmul(&matrix)?;
    }
    device.synchronize()?;
    let seconds = started.elapsed().as_secs_f64() / PRODUCTS as f64;
    let rate = 2.0 * (n as f64).powi(3) / seconds / 1e12;
    println!("product of {n} x {n} matrices: {rate:.2} TFLOP/s");
    Ok(())
}
