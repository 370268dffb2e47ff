//! Files that others wrote, read; files written for others, held against theirs.

#![allow(clippy::unwrap_used, reason = "what tests share panics as tests do")]

mod dataset;
mod graph;
mod hostile;
mod usearch;
mod vectors;

use std::path::PathBuf;

/// A file made by `tests/data/make.py`.
fn data(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    PathBuf::from(folder).join(name)
}

/// The five vectors that every file of vectors there holds.
fn five() -> Vec<Vec<f32>> {
    let numbers: Vec<f32> = (0..20_u8).map(|n| (f32::from(n) - 7.0) / 4.0).collect();
    numbers.chunks(4).map(<[f32]>::to_vec).collect()
}
