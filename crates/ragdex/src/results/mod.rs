//! What commands and callers get back, as it is written in JSON.
//!
//! The JSON Schemas in `schemas/` describe these types for others; fields may be added, never renamed
//! or removed.

mod answer;
mod build;
mod embed;
mod export;
mod history;
mod info;
mod score;
mod search;
mod split;

pub use self::answer::{AnswerResult, AnswerTimes, Candidate, SourcePassage, TokenProvenance};
pub use self::build::{BuildReport, BuildTimes, DocumentCounts, PassageCounts, UpdateReport};
pub use self::embed::{EmbedCounts, EmbedEstimate, EmbedReport, EmbedSample, EmbedTimes};
pub use self::export::{ExportReport, ExportedFile};
pub use self::history::{
    Change, ChangedDocument, DiffReport, GcReport, RollbackReport, SnapshotInfo,
};
pub use self::info::{EncoderPairInfo, IndexInfo, IndexReport, Info, VerifyReport};
pub use self::score::{CandidateScore, ModelScore, ScoreResult, ScoredPassage};
pub use self::search::{FoundPassage, SearchResult, SearchTimes, ShownPassage};
pub use self::split::{DuplicateCounts, SplitReport, SplitSummary, SplitTimes, TemplateCount};
