//! Passages and documents in the forms that other tools read.
//!
//! Three writers, each over any [`Write`](std::io::Write): [`PsgsTsvWriter`], [`JsonlWriter`] and
//! [`DocumentsWriter`]. What they are given differs, so there is no trait above them. Each puts a
//! record together in memory that it keeps, and hands it over in one write: a file wants a
//! [`BufWriter`](std::io::BufWriter) around it.

mod documents;
mod jsonl;
mod psgs;

pub use documents::DocumentsWriter;
pub use jsonl::JsonlWriter;
pub use psgs::PsgsTsvWriter;
