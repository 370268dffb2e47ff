//! Tests of the program as a user runs it. One binary; a module a theme.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says what is wrong by failing and printing"
)]

mod architecture;
mod bad_input;
mod build;
mod convert;
mod demo;
mod export;
mod index;
mod json;
mod models;
mod parity;
mod sample;
mod split;
mod util;
mod vectors;
