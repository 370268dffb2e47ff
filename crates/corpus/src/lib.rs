//! Source formats to a stream of documents, and documents to passages.
//!
//! A [`Source`] reads dumps, tables, JSON lines and folders of texts, compressed or not, and gives
//! one [`Document`](ragdex_core::Document) after another; a [`Summary`] says what was left out and
//! why. A [`Splitter`] cuts each document into [`Passage`](ragdex_core::Passage)s by one of the
//! rules of the field. [`PsgsTsvWriter`], [`JsonlWriter`] and [`DocumentsWriter`] write passages and
//! documents for other tools.
//!
//! ```
//! use ragdex_corpus::{ReadOptions, Source, Splitter};
//!
//! let table = "Aruba\tAruba is an island.\nBonaire\tSo is Bonaire.\n";
//! let source = Source::from_reader("islands.tsv", table.as_bytes(), ReadOptions::default())?;
//! let splitter = Splitter::default();
//! for document in source {
//!     let document = document?;
//!     for passage in splitter.split(&document) {
//!         assert_eq!(passage.title, document.title);
//!     }
//! }
//! # Ok::<(), ragdex_corpus::Error>(())
//! ```

mod detect;
mod error;
mod input;
mod keys;
mod kinds;
mod known;
mod limited;
mod mediawiki;
mod options;
mod ordered;
mod outline;
mod records;
mod shard;
mod source;
mod split;
mod summary;
mod text;
mod write;

pub use error::{BadRecord, Error, Place};
pub use input::Compression;
pub use keys::KeySet;
pub use known::{Item, KnownVersions, Version};
pub use options::{Columns, Format, KindRules, PageKinds, ReadOptions, UnknownName, WikiOptions};
pub use shard::{Shard, ShardError};
pub use source::Source;
pub use split::{SplitOptions, SplitOptionsError, SplitRule, Splitter, Tail};
pub use summary::Summary;
pub use write::{DocumentsWriter, JsonlWriter, PsgsTsvWriter};
