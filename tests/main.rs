//! Tests of the program as a user runs it. One binary; a module a theme.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says what is wrong by failing and printing"
)]

mod architecture;
mod bad_input;
mod build;
mod demo;
mod json;
mod kill;
mod parity;
mod refresh;
mod sample;
mod sequences;
mod split;
mod util;
mod vectors;
