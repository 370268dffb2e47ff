//! The words that every part of ragdex shares.
//!
//! A [`Document`] is one article, file or record of a source. It is split into [`Passage`]s, runs of
//! about 100 words that are retrieved as a whole. An encoder gives each passage a vector; a block of
//! such vectors is borrowed as [`Vectors`]. Work that takes long tells its progress to a
//! [`Reporter`] and can be stopped through a [`Cancel`].
//!
//! ```
//! use ragdex_core::{Document, Section};
//!
//! let document = Document {
//!     key: "12".into(),
//!     title: "Aruba".into(),
//!     sections: vec![Section::lead(vec!["Aruba is an island.".into()])],
//!     ..Document::default()
//! };
//! assert_eq!(document.text(), "Aruba is an island.");
//! ```

mod caught;
mod document;
mod hash;
mod progress;
mod vectors;

pub use caught::{caught, is_catching};
pub use document::{Document, Passage, PassageId, Section};
pub use hash::{ContentHash, ContentHashSet, FirstBytes, Sha256, Sha256Hasher};
pub use progress::{Cancel, Cancelled, NoReporter, Reporter, Stage, Unit};
pub use vectors::{DimensionError, Element, Rows, Vectors};
