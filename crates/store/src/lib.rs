//! The knowledge base directory: files, snapshots, commit, lock, verify.
//!
//! * [`Store`] is a knowledge base as a place; [`Snapshot`] one immutable state of it, for reading.
//! * [`Writer`] is the right to write; [`Staging`] gathers finished pieces of the next snapshot;
//!   [`Prepared::commit`] makes it current, all at once.
//! * [`PartRows`] are the rows of a part with the deleted ones, for who makes the next snapshot;
//!   [`Writer::collect`] deletes what no kept snapshot names.
//! * [`SplitFolder`] is a folder of passages alone, for pipelines that go on elsewhere.
//! * [`Manifest`] is what a snapshot consists of. Its files are Parquet and Arrow, readable by others'
//!   tools: [`passages_schema`], [`documents_schema`], [`embeddings_schema`].
//! * [`Storage`] is where files lie; it states what a crash leaves.
//!
//! ```
//! use ragdex_core::{Element, Passage, PassageId, Vectors};
//! use ragdex_store::{DocumentMeta, Draft, EmbeddingShape, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("kb");
//! let plan = serde_json::json!({"command": "build", "source": "islands.jsonl"});
//! let mut writer = Store::create_or_open(&path)?.writer("ragdex build")?;
//! let staging = writer.stage(&plan)?;
//!
//! // Documents and passages, unless an earlier run was through with them.
//! if staging.split_summary()?.is_none() {
//!     let mut parts = staging.split_writer(ragdex_store::DEFAULT_PART_PASSAGES)?;
//!     let document = DocumentMeta { key: "12".into(), title: "Aruba".into(), ..Default::default() };
//!     let passage = Passage { text: "Aruba is an island.".into(), ..Default::default() };
//!     parts.push(&document, &[passage])?;
//!     parts.finish(&serde_json::json!({"skipped": 0}))?;
//! }
//! // Vectors, of the parts that have none.
//! let shape = EmbeddingShape { dim: 2, element: Element::F32 };
//! for part in staging.parts()?.iter().filter(|part| part.embedded().is_none()) {
//!     let mut vectors = staging.embeddings_writer(part, shape);
//!     for passage in staging.passages(part)? {
//!         let length = passage?.passage.text.len() as f32;
//!         vectors.push(Vectors::f32(&[1.0, length], 2)?)?;
//!     }
//!     vectors.finish()?;
//! }
//! let snapshot = staging.prepare(Draft::default())?.commit()?;
//!
//! assert_eq!(snapshot.number(), 1);
//! let passages = snapshot.passages(&[PassageId(0)])?;
//! assert_eq!(passages[0].passage.text, "Aruba is an island.");
//! # Ok(())
//! # }
//! ```

mod collect;
mod error;
mod files;
mod manifest;
mod names;
mod part;
mod path;
mod rows;
mod snapshot;
mod split_folder;
mod staging;
mod storage;
mod store;
mod timestamp;
mod verify;
mod writer;

pub use collect::Garbage;
pub use error::{Action, Error, Result};
pub use files::{
    DocumentMeta, DocumentRecord, EmbeddingShape, PassageRecord, RowIds, RowMask, documents_schema,
    embeddings_schema, passages_schema,
};
pub use manifest::{
    Deleted, Encoder, EncoderPair, FORMAT, FileEntry, Index, Manifest, Part, Reader,
};
pub use path::{KbPath, PathError};
pub use rows::PartRows;
pub use snapshot::{PartEmbeddings, Snapshot};
pub use split_folder::{
    Begun, EmbedManifest, EmbedPart, PartsWriter, SplitEmbeddings, SplitFolder, SplitManifest,
    SplitName, SplitPart, SplitPartWriter, SplitRun, TextFile,
};
pub use staging::{
    DEFAULT_PART_PASSAGES, Draft, EmbeddingsWriter, IndexWriter, Prepared, SplitWriter, StagedPart,
    Staging,
};
pub use storage::{FolderStorage, Lock, PendingFile, Storage, TEMPORARY_SUFFIX};
pub use store::Store;
pub use verify::Verification;
pub use writer::{Holder, Writer};
