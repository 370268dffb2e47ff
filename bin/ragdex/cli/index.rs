//! `ragdex index`, and the options of indexes that other commands share.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Add, rebuild or drop indexes of a knowledge base, without embedding again.
///
/// Makes them from the stored vectors and commits a further snapshot with the same passages. With no
/// option, every index that is there is built anew. Where nothing would change, nothing is committed.
/// After a crash or Ctrl-C the same command goes on where it stopped.
///
/// `exact` finds the true nearest passages. `hnsw` finds nearly all of them in a fraction of the time,
/// for about a kilobyte a passage; how many it finds is measured against `exact`, printed, and shown by
/// `ragdex info`. The first index that a knowledge base names is the one that is searched; others are
/// asked for with `ragdex search --index KIND`.
///
/// Examples:
///   ragdex index enwiki --index hnsw
///   ragdex index enwiki --index hnsw --connectivity 16
///   ragdex index enwiki --drop hnsw
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Index {
    /// The knowledge base.
    pub kb: PathBuf,
    /// An index to add, or to build anew; repeatable.
    #[arg(long = "index", value_enum, value_name = "KIND")]
    pub kinds: Vec<IndexKind>,
    /// An index to drop; repeatable.
    #[arg(long, value_enum, value_name = "KIND")]
    pub drop: Vec<IndexKind>,
    /// Throw away what an interrupted command with other options left behind, and build again what the last
    /// command built, such as a damaged index.
    #[arg(long)]
    pub restart: bool,
    #[command(flatten)]
    pub hnsw: Hnsw,
}

/// How graphs are built.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Options of `hnsw`")]
pub(crate) struct Hnsw {
    /// Links of a passage in the graph; twice as many on its lowest level. More finds more, and takes 8
    /// bytes a passage each [default: 32, or as recorded].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=512))]
    pub connectivity: Option<u16>,
    /// Candidates weighed for the links of a new passage. More finds more and builds slower [default:
    /// 160, or as recorded].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10000))]
    pub expansion_add: Option<u16>,
}

/// Which index is searched.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Searched {
    /// The index to search [default: the first that the knowledge base names].
    #[arg(long, value_enum, value_name = "KIND")]
    pub index: Option<IndexKind>,
    /// `hnsw`: candidates weighed for each question, at least two for each passage asked for. More finds
    /// more and is slower [default: as recorded: 256, and more in graphs of over 40,000 passages].
    #[arg(long, value_name = "N")]
    pub expansion_search: Option<NonZeroUsize>,
}

/// Kinds of index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IndexKind {
    /// Compares a question with every passage.
    Exact,
    /// Follows links between near passages.
    Hnsw,
}

impl From<IndexKind> for ragdex::IndexKind {
    fn from(kind: IndexKind) -> Self {
        match kind {
            IndexKind::Exact => Self::Exact,
            IndexKind::Hnsw => Self::Hnsw,
        }
    }
}
