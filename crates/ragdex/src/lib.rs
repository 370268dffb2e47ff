//! Knowledge bases for retrieval-augmented generation: build, search, answer.
//!
//! [`build()`] turns sources into a knowledge base, a folder. [`KnowledgeBase`] opens one; its
//! [`Searcher`] finds passages and its [`Answerer`] writes answers from them, with provenance. What
//! they return is in [`results`], in the form that the program prints as JSON.
//!
//! [`refresh()`] makes a knowledge base hold what its sources hold now, at the cost of what changed; [`add`]
//! and [`remove`] change single documents. Each commits a snapshot: [`history()`] lists them, [`diff()`] compares
//! two, [`rollback`] returns to one, [`gc`] and [`compact`] free the disk.
//!
//! [`split()`] does the first half alone: sources to files of passages that others read; [`embed()`] computes
//! their vectors, on one machine or many, and [`build()`] takes both over. [`index()`] adds
//! and rebuilds ways to search a knowledge base.
//!
//! Every call takes a [`Context`]: who hears of progress, what may stop the work, where models run.
//!
//! ```no_run
//! use ragdex::{AnswerOptions, BuildOptions, Cancel, Context, KnowledgeBase, NoReporter};
//!
//! # fn main() -> Result<(), ragdex::Error> {
//! let cancel = Cancel::default();
//! let context = Context::new(&NoReporter, &cancel);
//! let options = BuildOptions {
//!     sources: vec!["notes".into()],
//!     models: "dpr-single-nq".parse::<ragdex::presets::Preset>()?.into(),
//!     ..BuildOptions::default()
//! };
//! ragdex::build("notes-kb".as_ref(), &options, &context)?;
//!
//! let kb = KnowledgeBase::open("notes-kb".as_ref(), None)?;
//! let answerer = kb.answerer(&AnswerOptions::default(), &context)?;
//! for answer in answerer.answer(&["who owns the billing service?"], &context)? {
//!     println!("{}", answer.answer);
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod build;
pub mod checkpoints;
mod context;
#[cfg(test)]
mod crash;
mod diff;
mod embed;
mod error;
mod export;
mod feed;
mod given;
mod history;
mod indexes;
mod kb;
mod models;
mod options;
mod plan;
pub mod presets;
mod question_vectors;
mod reader;
mod recorded;
mod refresh;
mod replacement;
pub mod results;
mod search;
mod split;
mod split_source;
mod vectors;

pub use answer::Answerer;
pub use build::build;
pub use context::{Bundled, Context, set_threads};
pub use diff::diff;
pub use embed::{EmbedJob, embed, estimate_embed};
pub use error::{Error, ErrorKind, Result};
pub use export::{ExportJob, ExportTarget, export};
pub use given::{GivenPassages, GivenQuestion};
pub use history::{gc, history, rollback};
pub use indexes::{IndexJob, IndexKind, IndexOptions, SEGMENT_ROWS, index};
pub use kb::KnowledgeBase;
pub use options::{BuildOptions, GivenEmbeddings, ModelNames, Reading};
pub use question_vectors::QuestionVectors;
pub use ragdex_core::{Cancel, Cancelled, Element, NoReporter, Reporter, Stage, Unit, is_catching};
pub use ragdex_corpus::{
    Columns, Format, KindRules, PageKinds, Shard, SplitOptions, SplitRule, Splitter, Tail,
    WikiOptions,
};
pub use ragdex_index::HnswOptions;
pub use ragdex_models::{
    CudaDevices, DeviceChoice, Devices, PassageForm, Pooling, Precision, PrecisionChoice,
    UnknownDevice,
};
pub use ragdex_rag::{GenerationOptions, RagKind};
pub use reader::{AnswerOptions, Reader, Reading as PassageReading};
pub use refresh::{CompactOptions, RefreshOptions, RemoveOptions, add, compact, refresh, remove};
pub use search::Searcher;
pub use split::{SplitJob, SplitTarget, split};
