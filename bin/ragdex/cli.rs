//! The command line as types. Parsing touches no file and no device.

mod answer;
mod embed;
mod export;
mod history;
mod index;
mod models;
mod preset;
mod refresh;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ragdex::presets::Preset;

pub(crate) use self::answer::{Answer, RagKind};
pub(crate) use self::embed::Embed;
pub(crate) use self::export::{Export, ExportTarget};
pub(crate) use self::history::{Diff, Gc, Rollback};
pub(crate) use self::index::{Hnsw, Index, IndexKind, Searched};
pub(crate) use self::models::{Convert, ModelInfo, Models, Pull};
pub(crate) use self::refresh::{Add, Compact, Refresh, Remove, Update};

/// Build, search and ask retrieval indexes over Wikipedia or your own documents.
///
/// A knowledge base is a folder made by `build` from a dump, a table or a folder of files: passages,
/// their vectors and an index. `search` finds passages, `answer` generates an answer from them and
/// names its sources. Try `ragdex demo` first: it needs no network and no model of your own.
///
/// Exit codes: 0 done, 1 failed and may be tried again, 2 wrong usage, 3 the input or the
/// configuration is bad, 130 stopped by Ctrl-C (the same command finishes the work).
#[derive(Debug, Parser)]
#[command(
    name = "ragdex",
    version,
    max_term_width = 100,
    disable_help_subcommand = false
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Threads to work with [default: all cores]. Results do not depend on it.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Where models run: `cpu`; `cuda` or `cuda:1` for a GPU of NVIDIA, `cuda:0,1` or `cuda:all` for
    /// several, which share the passages; `metal` for that of an Apple machine; `auto` for the first GPU,
    /// else the processor. GPUs need a program that was built with `--features cuda` or `metal`.
    #[arg(long, global = true, value_name = "DEVICE", default_value_t)]
    pub device: ragdex::DeviceChoice,
    /// Print results as JSON, one object a line, and nothing else on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// How progress is shown on standard error.
    #[arg(long, global = true, value_enum, default_value_t = Progress::Auto)]
    pub progress: Progress,
    /// Say nothing but errors on standard error.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; passages are printed whole.
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// Bars on a terminal, lines elsewhere.
    Auto,
    /// A line every few seconds.
    Plain,
    /// Nothing.
    None,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Build(Box<Build>),
    Refresh(Refresh),
    Add(Add),
    Remove(Remove),
    Split(Box<Split>),
    Export(Export),
    Embed(Box<Embed>),
    Index(Index),
    Search(Search),
    Show(Show),
    Answer(Box<Answer>),
    /// Show what a knowledge base holds: snapshot, counts, models, indexes, size.
    ///
    /// Examples:
    ///   ragdex info enwiki
    ///   ragdex info enwiki --json
    #[command(verbatim_doc_comment)]
    Info(Kb),
    /// List the snapshots of a knowledge base, the current one marked.
    ///
    /// A line for each: number, when and by which command it was made, what it holds. Every command that
    /// changes a knowledge base makes one; `ragdex gc` deletes old ones.
    ///
    /// Example:
    ///   ragdex history enwiki
    #[command(verbatim_doc_comment)]
    History(Kb),
    Diff(Diff),
    Rollback(Rollback),
    Gc(Gc),
    Compact(Compact),
    /// Check every checksum and every reference between the files of a knowledge base.
    ///
    /// Reads all of the current snapshot and names every damaged or missing file; exit code 3 if there is
    /// one. Changes nothing.
    ///
    /// Example:
    ///   ragdex verify enwiki
    #[command(verbatim_doc_comment)]
    Verify(Kb),
    #[command(subcommand)]
    Models(Models),
    Demo(Demo),
    Completions(Completions),
}

impl Command {
    /// Whether it may run passages through an encoder, which takes long.
    pub(crate) fn embeds(&self) -> bool {
        matches!(
            self,
            Self::Build(_) | Self::Refresh(_) | Self::Add(_) | Self::Embed(_)
        )
    }
}

/// Read, split, embed, index: make a knowledge base.
///
/// After a crash or Ctrl-C the same command goes on where it stopped.
///
/// Examples:
///   ragdex build notes-kb ~/notes
///   ragdex build notes-kb ~/notes --preset bge-base
///   ragdex build enwiki enwiki-latest-pages-articles.xml.bz2 --splitter dpr \
///       --context-encoder facebook/dpr-ctx_encoder-multiset-base \
///       --question-encoder facebook/dpr-question_encoder-multiset-base
///   ragdex build wiki passages.tsv --embeddings shard-{0..49}.pickle --preset dpr-multiset
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Build {
    /// The folder to make.
    pub kb: PathBuf,
    /// Dumps, tables, folders, or `-` for standard input. Folders made by `split` are taken as they are,
    /// with the vectors that `embed` made, if they are the encoder's own.
    #[arg(required = true)]
    pub sources: Vec<PathBuf>,
    /// Throw away what an interrupted build left behind.
    #[arg(long)]
    pub restart: bool,
    /// Passages of a part: what an interruption costs at most.
    #[arg(long, value_name = "N", default_value_t = ragdex::BuildOptions::DEFAULT_PART_PASSAGES,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub part_passages: u64,
    /// Vectors that exist already, taken over instead of embedding: NumPy `(n, dim)`, flat FAISS indexes, Parquet
    /// and Arrow with a column of lists, pickled shards of DPR (nothing in them is executed). All files together
    /// have a row for each record of the sources, in order, or, where records are cut, for each passage; a row
    /// that has an id must have that of its record, such as `wiki:12`. The encoder that made them is the one of
    /// `--context-encoder` or `--preset`, and a few are compared with its own; where none is named it counts as
    /// unknown, nothing is loaded, and `search` takes `--vectors` or `--question-encoder`.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub embeddings: Vec<PathBuf>,
    /// The column of Parquet and Arrow files that holds vectors. Those of a Parquet source are taken over
    /// instead of embedding again where an encoder is named, if they are its own; `none` embeds anew.
    #[arg(long, value_name = "NAME", default_value = "embeddings")]
    pub embeddings_column: String,
    /// How vectors are stored.
    #[arg(long, value_enum, default_value_t = VectorFormat::F32)]
    pub vectors: VectorFormat,
    /// Tokens computed together: more need more memory, and help where the device idles [default: what
    /// suits the device]. Results do not depend on it.
    #[arg(long, value_name = "N")]
    pub batch_tokens: Option<std::num::NonZeroUsize>,
    /// An index to make; repeatable, the first is searched by default: `exact` finds the true nearest
    /// passages, `hnsw` nearly all of them in a fraction of the time [default: exact].
    #[arg(long, value_enum, value_name = "KIND")]
    pub index: Vec<IndexKind>,
    #[command(flatten)]
    pub hnsw: Hnsw,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub splitting: Splitting,
    #[command(flatten)]
    pub models: ModelOptions,
}

/// Read and split only: turn a dump, a table or a folder of files into passages for other tools.
///
/// Writes Parquet that other tools read as it is (`DIR/passages`, `DIR/documents`), or with `--to`
/// the TSV of DPR, JSON lines, or whole articles. `DIR/split.json` names every file with its
/// checksum and says what was left out and why. After a crash or Ctrl-C the same command begins
/// anew and ends with the same files.
///
/// Examples:
///   ragdex split enwiki-latest-pages-articles-multistream.xml.bz2 -o enwiki
///   ragdex split enwiki-latest-pages-articles.xml.bz2 -o dpr --splitter dpr --to psgs-tsv
///   ragdex split dewiki-latest-pages-articles.xml.bz2 -o articles --to documents --report
///   ragdex split enwiki-latest-pages-articles.xml.bz2 -o enwiki --shard 3/16
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Split {
    /// Dumps, tables, folders, or `-` for standard input.
    #[arg(required = true)]
    pub sources: Vec<PathBuf>,
    /// The folder to write into.
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// What to write.
    #[arg(long, value_enum, default_value_t = SplitTarget::Parquet, value_name = "FORM")]
    pub to: SplitTarget,
    /// Take one of several shards, such as `3/16`. Which documents it holds depends on their keys
    /// alone; all shards together hold each document once.
    #[arg(long, value_name = "I/N", default_value_t)]
    pub shard: ragdex::Shard,
    /// Leave out passages (with `--to documents`: documents) that equal an earlier one of the shard in
    /// title and text; otherwise they are counted only.
    #[arg(long)]
    pub dedup: bool,
    /// List what was dropped from wikitext, and the N most frequent templates without a rule [default
    /// without a number: 30].
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "30")]
    pub report: Option<usize>,
    /// The column of a Parquet source that holds vectors: rows of a file that has it are passages
    /// already, and are not cut.
    #[arg(long, value_name = "NAME", default_value = "embeddings")]
    pub embeddings_column: String,
    /// Replace what an earlier split left in the folder.
    #[arg(long)]
    pub restart: bool,
    /// Passages of a Parquet file, at least.
    #[arg(long, value_name = "N", default_value_t = ragdex::SplitJob::DEFAULT_PART_PASSAGES,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub part_passages: u64,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub splitting: Splitting,
}

/// The form of the files that `split` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitTarget {
    /// Parquet files of documents and of passages.
    Parquet,
    /// `passages.tsv`: id, text, title, as DPR's `psgs_w100.tsv`.
    PsgsTsv,
    /// `passages.jsonl`: an object a passage.
    Jsonl,
    /// `documents.jsonl`: an object a document, with its sections, not cut.
    Documents,
}

/// How sources are read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct Reading {
    /// What the source is: `auto` looks at it and says what it took it for; `mediawiki`, `jsonl`, `csv`
    /// (tabs too), `parquet`, `text` (plain, Markdown, HTML), `psgs-tsv`, `wikiextractor`, `kilt`,
    /// `cirrus`, `enterprise`.
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub format: ragdex::Format,
    /// Column or field that holds the title.
    #[arg(long, value_name = "NAME")]
    pub title_column: Option<String>,
    /// Column or field that holds the text.
    #[arg(long, value_name = "NAME")]
    pub text_column: Option<String>,
    /// Column or field that names a document for ever; without one the title is the key.
    #[arg(long, value_name = "NAME")]
    pub key_column: Option<String>,
    /// Column or field that holds the address.
    #[arg(long, value_name = "NAME")]
    pub url_column: Option<String>,
    /// Column or field that holds the version of a document.
    #[arg(long, value_name = "NAME")]
    pub revision_column: Option<String>,
    /// Take quotation marks in tables for themselves.
    #[arg(long)]
    pub literal_quotes: bool,
    /// Read at most this many documents.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Stop at the first bad record instead of counting and skipping it.
    #[arg(long, conflicts_with = "keep_going")]
    pub strict: bool,
    /// Go on behind a damaged place of a dump, at the next page or stream, instead of stopping.
    #[arg(long)]
    pub keep_going: bool,
    #[command(flatten)]
    pub wiki: Wiki,
}

/// How dumps of wikis are read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reading dumps")]
pub(crate) struct Wiki {
    /// Kinds of pages to take [default: all three; with `--splitter dpr` what its authors took].
    #[arg(long, value_enum, value_name = "KIND,…", value_delimiter = ',')]
    pub pages: Option<Vec<PageKind>>,
    /// Namespaces to take, by number [default: 0].
    #[arg(
        long,
        value_name = "N,…",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub namespaces: Option<Vec<i32>>,
    /// File with rules for templates that carry text, such as `unité = "{1} {2}"`, before the built-in
    /// ones; repeatable. `split --report` names candidates.
    #[arg(long, value_name = "FILE")]
    pub templates: Vec<PathBuf>,
    /// File with words of a language, a list under each name in brackets: `[dropped sections]`,
    /// `[redirect words]`, `[list titles]`, `[disambiguation titles]`, `[disambiguation categories]`,
    /// `[disambiguation switches]`, `[switches]`, `[months]`; one entry a line; repeatable.
    #[arg(long, value_name = "FILE")]
    pub words_file: Vec<PathBuf>,
    /// Read the dump twice, first for the other names of templates.
    #[arg(long)]
    pub template_redirects: bool,
    /// Keep sections such as *References* and *See also*.
    #[arg(long)]
    pub keep_all_sections: bool,
}

/// Kinds of wiki pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PageKind {
    /// Articles.
    Articles,
    /// Pages that tell apart what shares a name.
    Disambiguation,
    /// Pages that are lists.
    Lists,
}

/// How documents are cut into passages.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Splitting")]
pub(crate) struct Splitting {
    /// The rule: `plain` cuts runs of words, keeps the title apart and short documents whole;
    /// `section` also begins anew at each heading; `dpr` is that of the Wikipedia passages of DPR, the
    /// title leads and the last passage wraps round, shorter documents are left out; `hf` cuts at single
    /// spaces as the RAG example of Hugging Face; `kilt` keeps sentences whole; `whole` cuts nothing.
    /// Rows that are passages already, as those of `psgs-tsv`, are never cut.
    #[arg(long, value_name = "RULE", default_value = "plain")]
    pub splitter: ragdex::SplitRule,
    /// Words in a passage.
    #[arg(long, value_name = "N", default_value = "100")]
    pub words: std::num::NonZeroUsize,
    /// Words that a passage repeats of the one before it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub overlap: usize,
    /// What becomes of a short last passage: `keep`, `merge` (into the one before, with fewer than half
    /// of the words), `wrap` (filled from the beginning) or `drop` [default: `wrap` for `dpr`, else
    /// `keep`].
    #[arg(long, value_name = "WHAT")]
    pub tail: Option<ragdex::Tail>,
}

/// Which models work.
#[derive(Debug, Clone, Args)]
#[command(
    next_help_heading = "Models (hub id such as `facebook/dpr-ctx_encoder-single-nq-base`, or a folder)"
)]
pub(crate) struct ModelOptions {
    /// A named set of models, with their pooling, prompts and length [default: mini]. Models that are not on
    /// this machine are fetched. With `--context-encoder DIR`, how the set reads texts holds for a copy of its
    /// encoder, or one tuned from it.
    #[arg(long, value_name = "NAME", value_parser = preset::parser())]
    pub preset: Option<Preset>,
    /// The encoder of passages; also of questions when none is named.
    #[arg(long, value_name = "ID_OR_DIR")]
    pub context_encoder: Option<String>,
    /// The encoder of questions.
    #[arg(long, value_name = "ID_OR_DIR")]
    pub question_encoder: Option<String>,
    /// The model that writes answers: BART, or a whole RAG checkpoint.
    #[arg(long, value_name = "ID_OR_DIR")]
    pub generator: Option<String>,
    /// What the encoders compute in: `f32`, `f16`, `bf16` or `int8`; `auto` is the fastest on this
    /// machine that finds the same passages. Recorded: questions are encoded alike.
    #[arg(long, value_name = "KIND", default_value_t)]
    pub precision: ragdex::PrecisionChoice,
}

/// Number formats of stored vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum VectorFormat {
    /// 4 bytes a number.
    F32,
    /// 2 bytes a number; exact search is then exact over the rounded vectors.
    F16,
}

/// Find the passages nearest to a question.
///
/// Examples:
///   ragdex search kb "birds that cannot fly"
///   ragdex search kb -k 100 --json < questions.txt > found.jsonl
///   ragdex search kb --vectors questions.npy --json   # vectors of your own encoder
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Search {
    /// The knowledge base.
    pub kb: PathBuf,
    /// Questions; without any, one a line from standard input.
    #[arg(conflicts_with = "vectors")]
    pub queries: Vec<String>,
    /// Search for the rows of a file in place of questions: NumPy `(n, dim)` in f16, f32 or f64, in C order; a flat
    /// FAISS index; Parquet or Arrow with a column `embeddings` of lists; a pickled shard of DPR, of which nothing is
    /// executed. No encoder is loaded; the vectors must come from the one that belongs to the encoder of the passages.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["question_encoder", "preset"])]
    pub vectors: Option<PathBuf>,
    /// How many passages to show for each.
    #[arg(short, default_value = "10", value_name = "K")]
    pub k: std::num::NonZeroUsize,
    /// Search an older snapshot.
    #[arg(long, value_name = "N")]
    pub snapshot: Option<u64>,
    /// The encoder of questions, in place of the recorded one.
    #[arg(long, value_name = "ID_OR_DIR", conflicts_with = "preset")]
    pub question_encoder: Option<String>,
    /// Take the encoder of questions of a named set of models, which is fetched when it is not on this machine:
    /// for knowledge bases that were built elsewhere.
    #[arg(long, value_name = "NAME", value_parser = preset::parser(), hide_possible_values = true)]
    pub preset: Option<Preset>,
    #[command(flatten)]
    pub searched: Searched,
}

/// Show passages by id, as search results and answers name them.
///
/// An id stands for the same passage for ever, and is found as long as a snapshot that holds it is
/// kept: name the `snapshot` of an answer to look up its sources after the documents changed.
///
/// Examples:
///   ragdex show enwiki 4711 4712
///   ragdex show enwiki 4711 --snapshot 3 --json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Show {
    /// The knowledge base.
    pub kb: PathBuf,
    /// Ids of passages, `id` in the results of `search` and `answer`.
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<u64>,
    /// Look in an older snapshot.
    #[arg(long, value_name = "N")]
    pub snapshot: Option<u64>,
}

/// A knowledge base and nothing else.
#[derive(Debug, Args)]
pub(crate) struct Kb {
    /// The knowledge base.
    pub kb: PathBuf,
}

/// Build, search and answer on the bundled sample: the main job, offline, in one go.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The folder to make; a second run uses what is there.
    #[arg(default_value = "ragdex-demo")]
    pub kb: PathBuf,
}

/// Print a completion script for a shell.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    pub shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Lines of a verbatim help that are longer than a terminal is wide are broken once more, into rags.
    #[test]
    fn every_help_fits_a_terminal_of_100_columns() {
        fn check(command: &clap::Command) {
            let about = command.get_long_about().map(ToString::to_string);
            // A paragraph of one line is not verbatim: it is broken where it must be.
            let about = about.unwrap_or_default();
            let verbatim = about.split("\n\n").filter(|text| text.contains('\n'));
            for line in verbatim.flat_map(str::lines) {
                let n_columns = line.chars().count();
                assert!(n_columns <= 100, "{}: {line}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
