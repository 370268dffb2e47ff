//! An encoder at its real size against the vectors that `parity_reference.py` wrote.
//!
//! ```text
//! cargo run --release -p ragdex-models --example parity -- CHECKPOINT REFERENCE
//! ```
//!
//! `REFERENCE` is the folder with `texts.json` and `expected.safetensors`. A checkpoint that names no
//! pooling gets CLS. For each precision this prints the largest difference of a component, and mean and
//! least cosine.

#![expect(clippy::print_stdout, reason = "a report")]

use std::error::Error;
use std::fs;
use std::path::Path;

use ragdex_models::{
    BertEncoder, Checkpoint, EncodeOptions, Encoder, EncoderOptions, Error as ModelError, Pooling,
    Precision,
};
use safetensors::SafeTensors;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [checkpoint, reference] = &args[..] else {
        return Err("a checkpoint and the folder of a reference expected".into());
    };
    let reference = Path::new(reference);
    let texts: Vec<String> = serde_json::from_slice(&fs::read(reference.join("texts.json"))?)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let expected = read_vectors(&reference.join("expected.safetensors"))?;
    let checkpoint = Checkpoint::from_folder(checkpoint)?;
    println!("{} texts", texts.len());
    println!("precision  largest difference  cosine: mean, least");
    for precision in Precision::ALL {
        let encoder = open(&checkpoint, precision)?;
        let found = encoder.encode_questions(&texts, &EncodeOptions::default())?;
        report(precision, encoder.dim(), &found, &expected);
    }
    Ok(())
}

fn open(checkpoint: &Checkpoint, precision: Precision) -> Result<BertEncoder, ModelError> {
    let mut options = EncoderOptions::default();
    options.precision = precision.into();
    match BertEncoder::open(checkpoint, &options) {
        Err(ModelError::PoolingUnknown { .. }) => {
            options.pooling = Some(Pooling::Cls);
            BertEncoder::open(checkpoint, &options)
        }
        result => result,
    }
}

fn read_vectors(path: &Path) -> Result<Vec<f32>, Box<dyn Error>> {
    let file = fs::read(path)?;
    let tensors = SafeTensors::deserialize(&file)?;
    let bytes = tensors.tensor("vectors")?.data().as_chunks().0;
    Ok(bytes
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect())
}

fn report(precision: Precision, dim: usize, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "vectors of both sides");
    let distances = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let largest = distances.fold(0.0, f32::max);
    let rows = found.chunks_exact(dim).zip(expected.chunks_exact(dim));
    let cosines: Vec<f64> = rows
        .map(|(a, b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt())
        .collect();
    let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
    let least = cosines.iter().copied().fold(1.0, f64::min);
    println!(
        "{:9}  {largest:18.2e}  {mean:.7}  {least:.7}",
        precision.name()
    );
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| f64::from(a) * f64::from(b))
        .sum()
}
