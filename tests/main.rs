//! Tests of the program as a user runs it. One binary; a module a theme.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says what is wrong by failing and printing"
)]

mod answers;
mod architecture;
mod bad_input;
mod build;
mod convert;
mod damage;
mod demo;
mod devices;
mod embed;
mod export;
mod full_disk;
mod hot_swap;
mod index;
mod json;
mod kill;
mod models;
mod new_encoder;
mod parity;
mod presets;
mod readers;
mod refresh;
mod sample;
mod sequences;
mod split;
mod util;
mod vectors;
