//! How fast an encoder is by itself, against which the whole stage of embedding is measured.
//!
//! ```text
//! cargo run --release -p ragdex-models --example throughput -- MODEL PASSAGES.jsonl [PRECISION]
//! ```
//!
//! A line of the file is a passage: `{"title": "…", "text": "…"}`. All are tokenised, then computed, on one
//! thread; prints one JSON object with the CPU seconds of both. A model without `modules.json` is taken for
//! the bundled one. Linux only: elsewhere no CPU time is told.

#![expect(clippy::print_stdout, reason = "a report")]

use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;

use ragdex_models::{
    BertEncoder, Checkpoint, EncodeOptions, Encoder, EncoderOptions, PassageText, Precision,
};
use serde::Deserialize;
use serde_json::json;

/// Passages computed in one call, as the stage does.
const BATCH: usize = 2048;

/// Ticks of the clock in a second, as Linux counts them for programs.
const TICKS: f64 = 100.0;

/// A line of the input.
#[derive(Deserialize)]
struct Record {
    title: String,
    text: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (model, path, precision) = match &args[..] {
        [model, path] => (model, path, Precision::F32),
        [model, path, precision] => (model, path, precision.parse()?),
        _ => return Err("a model and a file of passages expected".into()),
    };
    let records: Vec<Record> = fs::read_to_string(path)?
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let texts: Vec<PassageText<'_>> = records.iter().map(text).collect();
    let checkpoint = Checkpoint::from_folder(model)?;
    let is_bundled = !fs::exists(format!("{model}/modules.json"))?;
    let mut options = if is_bundled {
        EncoderOptions::bundled()
    } else {
        EncoderOptions::default()
    };
    options.precision = precision.into();
    let encoder = BertEncoder::open(&checkpoint, &options)?;
    println!("{}", measure(&encoder, &texts)?);
    Ok(())
}

fn measure(
    encoder: &BertEncoder,
    texts: &[PassageText<'_>],
) -> Result<serde_json::Value, Box<dyn Error>> {
    let mut options = EncodeOptions::default();
    options.threads = NonZeroUsize::new(1);
    let started = cpu_seconds()?;
    let batches = texts.chunks(BATCH);
    let batches: Vec<_> = batches
        .map(|texts| encoder.prepare_passages(texts, &options))
        .collect::<Result<_, _>>()?;
    let tokenised = cpu_seconds()?;
    for batch in &batches {
        encoder.encode(batch, &options)?;
    }
    let computed = cpu_seconds()?;
    let n_tokens: usize = batches.iter().map(ragdex_models::Prepared::n_tokens).sum();
    Ok(json!({
        "passages": texts.len(),
        "tokens": n_tokens,
        "tokenise": tokenised - started,
        "encode": computed - tokenised,
    }))
}

/// CPU seconds of this process.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program, in brackets, may hold spaces; times are the 14th and 15th field.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

fn text(record: &Record) -> PassageText<'_> {
    PassageText {
        title: &record.title,
        text: &record.text,
    }
}
