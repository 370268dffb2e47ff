//! `refresh`, `add`, `remove`, `compact`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use ragdex::presets::Preset;

use super::preset;

/// Bring a knowledge base up to date: SOURCE is the whole corpus as it is now.
///
/// Embeds only passages that are new or changed, drops documents that SOURCE no longer holds, and
/// commits the next snapshot; searching goes on meanwhile. How the source is read and cut, and the
/// models, are those of the build. When nothing changed, nothing is committed. After a crash or
/// Ctrl-C the same command goes on where it stopped. `ragdex rollback` undoes it.
///
/// With another `--context-encoder` every passage is embedded again, beside the former vectors, and
/// the next snapshot has the new ones alone. SOURCE may be left out then: the documents stay.
///
/// Examples:
///   ragdex refresh notes-kb ~/notes --dry-run
///   ragdex refresh notes-kb ~/notes
///   ragdex refresh enwiki enwiki-20261101-pages-articles.xml.bz2
///   ragdex refresh notes-kb --context-encoder sentence-transformers/all-MiniLM-L6-v2
///   ragdex refresh notes-kb ~/notes --preset minilm
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    group = ArgGroup::new("encoder").multiple(true).args(["preset", "context_encoder"])
)]
pub(crate) struct Refresh {
    #[command(flatten)]
    pub update: Update,
    /// Dumps, tables, folders, or `-` for standard input. Folders made by `split` are taken as they
    /// are, if they were cut as the knowledge base is.
    #[arg(required_unless_present = "context_encoder", value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    /// Drop documents that SOURCE lacks even when they are more than half of all.
    #[arg(long)]
    pub allow_shrink: bool,
    /// Another encoder of passages, and of questions when none is named: every passage is embedded
    /// again, and searched when all are done; older snapshots keep their vectors.
    #[arg(long, value_name = "ID_OR_DIR")]
    pub context_encoder: Option<String>,
    /// The same with the encoders of a named set of models, and their pooling, prompts and length; with
    /// `--context-encoder DIR` for a copy of its encoder.
    #[arg(long, value_name = "NAME", value_parser = preset::parser())]
    pub preset: Option<Preset>,
    /// The encoder of questions that belongs to `--context-encoder`.
    #[arg(long, value_name = "ID_OR_DIR", requires = "encoder")]
    pub question_encoder: Option<String>,
    /// What the new encoders compute in.
    #[arg(long, value_name = "KIND", default_value_t, requires = "encoder")]
    pub precision: ragdex::PrecisionChoice,
}

/// Add documents to a knowledge base, or replace those with the same keys.
///
/// What SOURCE does not hold stays as it is. Otherwise as `ragdex refresh`.
///
/// Examples:
///   ragdex add notes-kb todays-notes.md
///   generate-records | ragdex add records-kb - --format jsonl
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Add {
    #[command(flatten)]
    pub update: Update,
    /// Dumps, tables, folders, or `-` for standard input. Folders made by `split` are taken as they
    /// are, if they were cut as the knowledge base is.
    #[arg(required = true, value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
}

/// What `refresh` and `add` share.
#[derive(Debug, Clone, Args)]
pub(crate) struct Update {
    /// The knowledge base.
    pub kb: PathBuf,
    /// What the source is, if not what the build was told.
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ragdex::Format>,
    /// Print what would change and about how long it would take, and write nothing.
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Throw away what another interrupted command left behind.
    #[arg(long)]
    pub restart: bool,
}

/// Remove documents with their passages from a knowledge base.
///
/// Documents are named by key, as `document` in the results of `ragdex search --json`: a page id, a
/// path, the key of a record; or by title.
///
/// Examples:
///   ragdex remove enwiki 4815 1623
///   ragdex remove notes-kb --title "Meeting of 3 May"
///   ragdex remove enwiki --keys withdrawn.txt
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Remove {
    /// The knowledge base.
    pub kb: PathBuf,
    /// Keys of documents.
    #[arg(value_name = "KEY", required_unless_present_any = ["title", "keys_file"])]
    pub keys: Vec<String>,
    /// A title: every document that has it goes; repeatable.
    #[arg(long, value_name = "TITLE")]
    pub title: Vec<String>,
    /// A file of keys, one a line; `-` is standard input.
    #[arg(long = "keys", value_name = "FILE")]
    pub keys_file: Option<PathBuf>,
    /// Print what would go, and write nothing.
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Throw away what another interrupted command left behind.
    #[arg(long)]
    pub restart: bool,
}

/// Free the disk of deleted rows: write parts anew that hold many, and join small ones.
///
/// Passages and ids stay. A refresh does this by itself for parts that are more than half dead; after
/// `compact` none is more than a tenth dead. Run `ragdex gc` afterwards to delete the old files.
///
/// Example:
///   ragdex compact enwiki && ragdex gc enwiki
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Compact {
    /// The knowledge base.
    pub kb: PathBuf,
    /// Throw away what another interrupted command left behind.
    #[arg(long)]
    pub restart: bool,
}
