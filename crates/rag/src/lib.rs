//! RAG-Token and RAG-Sequence: score, decode, marginalise, posterior.
//!
//! A [`RagModel`] reads a question with the passages retrieved for it, and answers by marginalising
//! a BART over them (Lewis et al. 2020). Sequences, scores and losses are those of Hugging Face
//! transformers 4.57.6 for the same checkpoint. Beside the answer come its provenance, how much
//! each passage carries it, and the places where it stands in them.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ragdex_models::Checkpoint;
//! use ragdex_rag::{AnswerOptions, PassageInput, RagModel};
//!
//! let rag = RagModel::load(&Checkpoint::from_folder("rag-token-nq")?)?;
//! let passages = [PassageInput {
//!     title: "Aruba".into(),
//!     text: "Aruba is an island in the south of the Caribbean Sea.".into(),
//!     score: 75.0,
//! }];
//! let answer = rag.answer("Where is Aruba?", &passages, &AnswerOptions::default())?;
//! println!("{} ({:.0} %)", answer.text, 100.0 * answer.passages[0].posterior);
//! # Ok(())
//! # }
//! ```

mod answer;
mod beam;
mod confidence;
mod config;
mod consolidation;
mod context;
mod error;
mod grounding;
mod locate;
mod loss;
mod model;
mod options;
mod prepared;
mod processors;
mod scorer;
mod scoring;
mod search;
mod sequence;
mod settings;
mod token;

pub use answer::{
    Answer, AnswerOptions, AnswerScore, Candidate, ModelScore, PassageEvidence, PassageInput,
    Query, RagKind, SequenceDecoding, TokenEvidence,
};
pub use config::RagConfig;
pub use consolidation::{consolidate, separate};
pub use error::Error;
pub use loss::{Example, LossOptions};
pub use model::RagModel;
pub use options::{EarlyStopping, GenerationOptions, TokenIds};
pub use settings::GenerationSettings;
