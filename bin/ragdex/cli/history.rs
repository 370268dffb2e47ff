//! `history`, `diff`, `rollback`, `gc`.

use std::path::PathBuf;

use clap::Args;

/// Show what differs between two snapshots: documents and passages added, changed and removed.
///
/// Example:
///   ragdex diff enwiki 3 4 --documents
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Diff {
    /// The knowledge base.
    pub kb: PathBuf,
    /// The older snapshot.
    pub from: u64,
    /// The newer snapshot.
    pub to: u64,
    /// Name every document that differs.
    #[arg(long)]
    pub documents: bool,
}

/// Return to the state of an older snapshot.
///
/// That state becomes a new snapshot; nothing is deleted, so that a rollback can be rolled back.
/// `ragdex history` lists the snapshots.
///
/// Example:
///   ragdex rollback enwiki --to 3
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Rollback {
    /// The knowledge base.
    pub kb: PathBuf,
    /// The snapshot to return to.
    #[arg(long, value_name = "N")]
    pub to: u64,
    /// Throw away what another interrupted command left behind.
    #[arg(long)]
    pub restart: bool,
}

/// Delete old snapshots and the files that only they need.
///
/// The newest snapshots are kept, the current one always. Programs that are reading a deleted one go
/// on undisturbed.
///
/// Examples:
///   ragdex gc enwiki --dry-run
///   ragdex gc enwiki --keep 5
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Gc {
    /// The knowledge base.
    pub kb: PathBuf,
    /// How many snapshots to keep.
    #[arg(long, value_name = "N", default_value = "1")]
    pub keep: std::num::NonZeroUsize,
    /// Print what would go, and delete nothing.
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}
