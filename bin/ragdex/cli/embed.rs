//! The command line of `ragdex embed`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use ragdex::presets::Preset;

use super::{VectorFormat, preset};

/// Embed only: compute the vectors of the passages that `split` wrote, on one machine or many.
///
/// Writes an Arrow file for each Parquet file of passages (`DIR/embeddings/part-00000.arrow`, row
/// for row), its receipt with checksums, and `DIR/embed.json`, which says which encoder made
/// them. After a crash or Ctrl-C the same command goes on: finished files are checked and not
/// made again, and all come out as if nothing had happened. `ragdex build KB DIR` makes a
/// knowledge base of the folder and takes the vectors over.
///
/// Several processes may work on one folder at once, each on a shard of the files or all on the
/// same; folders that were copied to several machines are joined by copying `embeddings` and
/// `receipts` back into one.
///
/// Examples:
///   ragdex split enwiki-latest-pages-articles.xml.bz2 -o enwiki
///   ragdex embed enwiki --preset dpr-multiset --dry-run
///   ragdex embed enwiki --preset dpr-multiset --vectors f16 --shard 3/16
///   ragdex build kb enwiki --preset dpr-multiset --vectors f16
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Embed {
    /// The folder that `split` wrote.
    pub dir: PathBuf,
    /// Embed a few passages only, tell how long all would take and how large the vectors would be, and
    /// write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Make one of several shards of the files, such as `3/16`: every sixteenth file from the third on.
    #[arg(long, value_name = "I/N", default_value_t)]
    pub shard: ragdex::Shard,
    /// Make the files of the shard anew, and throw away what another encoder made.
    #[arg(long)]
    pub restart: bool,
    /// How vectors are stored.
    #[arg(long, value_enum, default_value_t = VectorFormat::F32)]
    pub vectors: VectorFormat,
    /// Tokens computed together: more need more memory, and help where the device idles [default: what
    /// suits the device]. Results do not depend on it.
    #[arg(long, value_name = "N")]
    pub batch_tokens: Option<NonZeroUsize>,
    #[command(flatten)]
    pub encoder: EncoderOptions,
}

/// Which encoder works.
#[derive(Debug, Clone, Args)]
#[command(
    next_help_heading = "Encoder (hub id such as `facebook/dpr-ctx_encoder-single-nq-base`, or a folder)"
)]
pub(crate) struct EncoderOptions {
    /// A named set of models, whose encoder of passages is taken with its pooling, prompt and length [default:
    /// mini]. It is fetched when it is not on this machine. With `--context-encoder DIR`, how the set reads texts
    /// holds for a copy of its encoder, or one tuned from it.
    #[arg(long, value_name = "NAME", value_parser = preset::parser())]
    pub preset: Option<Preset>,
    /// The encoder of passages.
    #[arg(long, value_name = "ID_OR_DIR")]
    pub context_encoder: Option<String>,
    /// What the encoder computes in: `f32`, `f16`, `bf16` or `int8`; `auto` is the fastest on this
    /// machine that finds the same passages. Recorded: all machines must take the same.
    #[arg(long, value_name = "KIND", default_value_t)]
    pub precision: ragdex::PrecisionChoice,
}
