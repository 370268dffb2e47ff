//! The options of `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Write a knowledge base into files that other tools open: Hugging Face, FAISS, DPR, databases.
///
/// Every passage of the snapshot is written, by ascending id, in the same order in every form:
/// label `i` of a FAISS index is row `i` of a dataset, and `ids.npy` beside an index says which
/// passage that is. Text of Wikipedia carries its attribution and the date of the dump. The
/// folder appears when it is whole.
///
/// Examples:
///   ragdex export kb -o dataset --to hf-dataset
///   ragdex export kb -o index --to faiss-flat
///       (then, in Python: `RagConfig(index_name="custom", passages_path="dataset",
///       index_path="index/index.faiss")` for `RagRetriever`)
///   ragdex export kb -o hub --to parquet && huggingface-cli upload me/kb hub --repo-type dataset
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Export {
    /// The knowledge base.
    pub kb: PathBuf,
    /// The folder to make.
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// The form of the files.
    #[arg(long, value_enum, value_name = "FORM")]
    pub to: ExportTarget,
    /// Export an older snapshot.
    #[arg(long, value_name = "N")]
    pub snapshot: Option<u64>,
    #[command(flatten)]
    pub hnsw: super::Hnsw,
    /// Replace an earlier export; a folder that holds anything else stays.
    #[arg(long)]
    pub force: bool,
}

/// The forms that `export` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportTarget {
    /// Arrow files for `datasets.load_from_disk` and `RagRetriever(index_name="custom")`.
    HfDataset,
    /// `data/train-*.parquet` and a card, as the hub expects a dataset; vectors as f32.
    Parquet,
    /// `passages.jsonl`: an object a passage.
    Jsonl,
    /// `passages.tsv`: id, text, title, as DPR's `psgs_w100.tsv`.
    PsgsTsv,
    /// `index.faiss`: an `IndexFlatIP`, exact, and `ids.npy`.
    FaissFlat,
    /// `index.faiss`: an `IndexHNSWFlat`, approximate, built for it on one thread, and `ids.npy`.
    FaissHnsw,
}
