//! Seeded vectors, toy corpora, a brute-force oracle, failing storage and a hub with faults for tests; never
//! published.
//!
//! Everything follows from a seed: no clock, no thread order, no system randomness.

mod corpus;
mod dpr_like;
mod failing;
mod hub;
mod memory;
mod oracle;
mod random;

pub use corpus::{toy_document, toy_documents, toy_passages};
pub use dpr_like::DprLike;
pub use failing::{After, FailingStorage, Failure, When};
pub use hub::{HubFault, HubRequest, HubServer};
pub use memory::MemoryStorage;
pub use oracle::{Hit, top_k};
pub use random::Random;
