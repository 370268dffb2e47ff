//! The command line as types. Parsing touches no file and no device.

mod export;
mod index;
mod models;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::export::{Export, ExportTarget};
pub(crate) use self::index::{Hnsw, Index, IndexKind, Searched};
pub(crate) use self::models::{Convert, ModelInfo, Models, Pull};

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
    /// Where models run: `cpu`, or `auto` for the best there is.
    #[arg(long, global = true, value_name = "DEVICE", default_value = "auto")]
    pub device: ragdex::Device,
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
    Split(Box<Split>),
    Index(Index),
    Export(Export),
    Search(Search),
    Answer(Box<Answer>),
    /// Show what a knowledge base holds: snapshot, counts, models, indexes, size.
    Info(Kb),
    /// Check every checksum and every reference between the files of a knowledge base.
    Verify(Kb),
    #[command(subcommand)]
    Models(Models),
    Demo(Demo),
    Completions(Completions),
}

/// Read, split, embed, index: make a knowledge base.
///
/// After a crash or Ctrl-C the same command goes on where it stopped.
///
/// Examples:
///   ragdex build notes-kb ~/notes
///   ragdex build enwiki enwiki-latest-pages-articles.xml.bz2 --splitter dpr \
///       --context-encoder facebook/dpr-ctx_encoder-multiset-base \
///       --question-encoder facebook/dpr-question_encoder-multiset-base
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Build {
    /// The folder to make.
    pub kb: PathBuf,
    /// Dumps, tables, folders, or `-` for standard input.
    #[arg(required = true)]
    pub sources: Vec<PathBuf>,
    /// Throw away what an interrupted build left behind.
    #[arg(long)]
    pub restart: bool,
    /// Passages of a part: what an interruption costs at most.
    #[arg(long, value_name = "N", default_value_t = ragdex::BuildOptions::DEFAULT_PART_PASSAGES,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub part_passages: u64,
    /// The column of a Parquet source that holds vectors. Where an encoder is named, they are taken over
    /// instead of embedding again, if they are its own; `none` embeds anew.
    #[arg(long, value_name = "NAME", default_value = "embeddings")]
    pub embeddings_column: String,
    /// How vectors are stored.
    #[arg(long, value_enum, default_value_t = VectorFormat::F32)]
    pub vectors: VectorFormat,
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
    /// A named set of models [default: mini, the bundled one].
    #[arg(long, value_enum)]
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

/// Named sets of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// The bundled models: small, Apache-2.0.
    Mini,
    /// DPR trained on Natural Questions (CC BY-NC 4.0).
    DprSingleNq,
    /// DPR trained on several question sets (CC BY-NC 4.0).
    DprMultiset,
    /// RAG-Token trained on Natural Questions, with its question encoder.
    RagTokenNq,
    /// RAG-Sequence trained on Natural Questions, with its question encoder.
    RagSequenceNq,
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
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// The knowledge base.
    pub kb: PathBuf,
    /// Questions; without any, one a line from standard input.
    pub queries: Vec<String>,
    /// How many passages to show for each.
    #[arg(short, default_value = "10", value_name = "K")]
    pub k: std::num::NonZeroUsize,
    /// Search an older snapshot.
    #[arg(long, value_name = "N")]
    pub snapshot: Option<u64>,
    /// The encoder of questions, in place of the recorded one.
    #[arg(long, value_name = "ID_OR_DIR")]
    pub question_encoder: Option<String>,
    #[command(flatten)]
    pub searched: Searched,
}

/// Answer questions from the passages found, with the sources.
///
/// `prior` is how likely the retriever finds a passage, `posterior` how much the answer rests on it.
#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// The knowledge base.
    pub kb: PathBuf,
    /// Questions; without any, one a line from standard input.
    pub questions: Vec<String>,
    /// How passages are combined [default: the checkpoint's own, else rag-token].
    #[arg(long, value_enum)]
    pub(crate) model: Option<RagKind>,
    /// How many passages the model reads [default: the checkpoint's own, else 5].
    #[arg(long, value_name = "N")]
    pub n_docs: Option<std::num::NonZeroUsize>,
    /// Answer from an older snapshot.
    #[arg(long, value_name = "N")]
    pub snapshot: Option<u64>,
    /// The model that writes answers, in place of the recorded one.
    #[arg(long, value_name = "ID_OR_DIR")]
    pub generator: Option<String>,
    /// The encoder of questions, in place of the recorded one.
    #[arg(long, value_name = "ID_OR_DIR")]
    pub question_encoder: Option<String>,
    /// Only words that continue a run of words of a passage, in its own spelling [default: true for the
    /// bundled model, false for others].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub grounded: Option<bool>,
    /// RAG-Sequence: score every hypothesis under every passage [default: true]; false is the faster way of
    /// the paper, which asks only the passages that proposed it.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub thorough: Option<bool>,
    /// RAG-Sequence: drop repeated hypotheses before scoring [default: the checkpoint's own].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub do_deduplication: Option<bool>,
    #[command(flatten)]
    pub generation: Generation,
}

/// How passages are combined into one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RagKind {
    /// Every token may rest on another passage.
    RagToken,
    /// The whole answer rests on one passage, summed over all.
    RagSequence,
}

/// Settings of generation, by the names of the reference; the checkpoint's own hold otherwise. Values
/// are read by the library, which knows what each may be.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Generation (defaults: the checkpoint's own; `none` unsets one)")]
pub(crate) struct Generation {
    /// Beams; 1 is greedy search.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub num_beams: Option<String>,
    /// Answers to return for each question, at most `--num-beams`.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub num_return_sequences: Option<String>,
    /// Longest answer in tokens, the start token included.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub max_length: Option<String>,
    /// The same without the start token; RAG-Sequence only, as in the reference.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub max_new_tokens: Option<String>,
    /// Shortest answer in tokens, the start token included.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub min_length: Option<String>,
    /// Above 0 favours long answers, below 0 short ones.
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub length_penalty: Option<String>,
    /// `true`: stop when enough beams are finished; `false`: when open ones are worse; `never`: when none can become better.
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub early_stopping: Option<String>,
    /// Let no run of this many tokens occur twice; 0 lets all.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub no_repeat_ngram_size: Option<String>,
    /// Above 1 makes tokens that occurred less likely.
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub repetition_penalty: Option<String>,
    /// Token sequences that must not occur, such as `[[0,0]]`.
    #[arg(long, value_name = "IDS", allow_hyphen_values = true)]
    pub bad_words_ids: Option<String>,
    /// The token that must come first.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub forced_bos_token_id: Option<String>,
    /// The token that must come last at full length.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub forced_eos_token_id: Option<String>,
    /// The token that decoding starts with.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub decoder_start_token_id: Option<String>,
}

impl Generation {
    /// The settings given, by name.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("num_beams", &self.num_beams),
            ("num_return_sequences", &self.num_return_sequences),
            ("max_length", &self.max_length),
            ("max_new_tokens", &self.max_new_tokens),
            ("min_length", &self.min_length),
            ("length_penalty", &self.length_penalty),
            ("early_stopping", &self.early_stopping),
            ("no_repeat_ngram_size", &self.no_repeat_ngram_size),
            ("repetition_penalty", &self.repetition_penalty),
            ("bad_words_ids", &self.bad_words_ids),
            ("forced_bos_token_id", &self.forced_bos_token_id),
            ("forced_eos_token_id", &self.forced_eos_token_id),
            ("decoder_start_token_id", &self.decoder_start_token_id),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
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

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
