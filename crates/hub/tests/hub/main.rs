//! Models fetched from a hub on this machine that fails in every way.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod access;
mod cache;
mod faults;
mod hostile;
mod place;
