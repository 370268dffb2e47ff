//! What can go wrong, sorted by what the caller can do.

mod hints;

use std::path::PathBuf;

use ragdex_core::Cancelled;
use ragdex_corpus::SplitOptions;

use crate::IndexKind;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input or the configuration is bad: trying again cannot help.
    BadInput,
    /// Something outside failed: the same call may succeed later.
    Failed,
    /// The caller asked for the stop.
    Cancelled,
}

/// Why a knowledge base could not be built, opened, searched or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading the sources.
    #[error(transparent)]
    Corpus(#[from] ragdex_corpus::Error),
    /// A splitting rule that cannot work.
    #[error(transparent)]
    Split(#[from] ragdex_corpus::SplitOptionsError),
    /// Reading or writing the knowledge base.
    #[error(transparent)]
    Store(#[from] ragdex_store::Error),
    /// Reading a folder of passages, or writing their vectors into it.
    #[error(transparent)]
    SplitFolder(ragdex_store::Error),
    /// Loading or running an encoder.
    #[error(transparent)]
    Models(#[from] ragdex_models::Error),
    /// Finding or fetching a model.
    #[error(transparent)]
    Hub(#[from] ragdex_hub::Error),
    /// A folder was named where a model of the hub is fetched.
    #[error("`{}` is a folder: there is nothing to fetch", path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A folder that is to be made is there.
    #[error("`{}`: is there already", path.display())]
    TargetExists {
        /// The folder.
        path: PathBuf,
    },
    /// A folder that is to be replaced holds something else than a model.
    #[error("`{}`: holds no model that could be replaced", path.display())]
    TargetNoModel {
        /// The folder.
        path: PathBuf,
    },
    /// Searching.
    #[error(transparent)]
    Index(#[from] ragdex_index::Error),
    /// Generating.
    #[error(transparent)]
    Rag(#[from] ragdex_rag::Error),
    /// Reading or writing files of others.
    #[error(transparent)]
    Exchange(#[from] ragdex_exchange::Error),
    /// A folder to write into that holds something already.
    #[error("`{}`: a new or empty folder expected, found files", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A folder to be replaced that no export made.
    #[error("`{}`: an earlier export expected, found other files", path.display())]
    NoExport {
        /// The folder.
        path: PathBuf,
    },
    /// A folder to write into that is the knowledge base, or inside it, or around it.
    #[error("`{}`: a folder apart from the knowledge base expected", path.display())]
    ExportOntoBase {
        /// The folder.
        path: PathBuf,
    },
    /// Passages of a split that were cut otherwise than those of the knowledge base.
    #[error("`{}`: passages cut by {} expected, found those cut by {}", path.display(), told(expected), told(found))]
    OtherSplitting {
        /// The folder of the split.
        path: PathBuf,
        /// How the knowledge base was cut.
        expected: SplitOptions,
        /// How the folder was.
        found: SplitOptions,
    },
    /// A snapshot without passages.
    #[error("snapshot {snapshot} holds no passage")]
    NoVectors {
        /// Its number.
        snapshot: u64,
    },
    /// The sources gave no passage.
    #[error("the sources hold no document with text: {}", display_paths(sources))]
    EmptyCorpus {
        /// The sources read.
        sources: Vec<PathBuf>,
    },
    /// Most documents have the key of an earlier one: what was taken for a key is none.
    #[error(
        "{repeated} of {documents} documents have the key of an earlier one: what the sources give as key does not \
         tell them apart"
    )]
    RepeatedKeys {
        /// Documents whose key an earlier one had.
        repeated: u64,
        /// Documents read.
        documents: u64,
    },
    /// Dumps of more than one wiki.
    #[error("dumps of `{first}` and of `{found}`: pages of two wikis share their ids")]
    SeveralWikis {
        /// The host of the first wiki.
        first: String,
        /// The host of another.
        found: String,
    },
    /// The source lacks most of the documents.
    #[error(
        "`{}`: {removed} of {before} documents are not in the source and would be dropped", path.display()
    )]
    Shrinks {
        /// The knowledge base.
        path: PathBuf,
        /// Documents in the current snapshot.
        before: u64,
        /// Those that would go.
        removed: u64,
    },
    /// Nothing of what is to be removed is there.
    #[error("`{}`: no document `{}`{}", path.display(), name.escape_debug(), and_more(*more))]
    NoSuchDocument {
        /// The knowledge base.
        path: PathBuf,
        /// The first key or title that was asked for.
        name: String,
        /// How many others were asked for.
        more: usize,
    },
    /// Going back to where one is.
    #[error("`{}`: snapshot {snapshot} is the current one", path.display())]
    IsCurrent {
        /// The knowledge base.
        path: PathBuf,
        /// The snapshot.
        snapshot: u64,
    },
    /// Documents that give no passage.
    #[error("{documents} documents gave no passage by the rule `{rule}`")]
    NoPassages {
        /// How many were read.
        documents: u64,
        /// The splitting rule.
        rule: String,
    },
    /// Folders of a split beside sources that are to be read.
    #[error("`{}`: a folder of `ragdex split` expected, as the other sources are", other.display())]
    MixedSources {
        /// A source that is none.
        other: PathBuf,
    },
    /// A split that wrote text, which cannot be embedded.
    #[error("`{}`: Parquet files of passages expected, found none", path.display())]
    NoParquet {
        /// The folder.
        path: PathBuf,
    },
    /// Passages with ids of their own and others for one table.
    #[error("`{}`: passages that have ids and documents that have none cannot share a table", path.display())]
    MixedIds {
        /// The table.
        path: PathBuf,
    },
    /// A file where the folder of a knowledge base is to be.
    #[error("`{}`: a folder expected, found a file", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// More shards than there are ranges of ids.
    #[error("at most {most} shards expected, found {count}")]
    TooManyShards {
        /// How many were asked for.
        count: u64,
        /// How many there can be.
        most: u64,
    },
    /// The folder holds a knowledge base made by another command.
    #[error("`{}`: holds a knowledge base already, snapshot {snapshot}", path.display())]
    AlreadyBuilt {
        /// The knowledge base.
        path: PathBuf,
        /// Its current snapshot.
        snapshot: u64,
    },
    /// Vectors that were to be taken over and cannot be.
    #[error(transparent)]
    Vectors(ragdex_exchange::Error),
    /// More or fewer vectors to be taken over than there are passages.
    #[error("{}: {} expected, found {found}", display_paths(files), display_counts(*passages, *records))]
    VectorCount {
        /// The files of vectors.
        files: Vec<PathBuf>,
        /// Records of the sources.
        records: u64,
        /// Passages made of them.
        passages: u64,
        /// Vectors found.
        found: u64,
    },
    /// Vectors to be taken over that are not those of the encoder that was named.
    #[error(
        "`{}`: the vectors are not those of `{encoder}`: cosine {cosine:.3} with its own for the passage \"{title}\"", path.display()
    )]
    ForeignVectors {
        /// The first file of vectors.
        path: PathBuf,
        /// The encoder that was named.
        encoder: String,
        /// How near the two vectors are; 1 for equal directions.
        cosine: f32,
        /// The title of the passage.
        title: String,
    },
    /// A file of passages, questions or answers that cannot be read.
    #[error("`{}`: cannot be read", path.display())]
    OpenGiven {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line of a file of passages, questions or answers that is not as it should be.
    #[error("`{}`: line {line}: {what}", path.display())]
    Given {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is expected, and what was found.
        what: String,
    },
    /// Vectors to search for that are not as wide as those of the knowledge base.
    #[error("{expected}-dimensional vectors expected, found {found}")]
    VectorWidth {
        /// The width in the knowledge base.
        expected: usize,
        /// The width found.
        found: usize,
    },
    /// Encoders of different vector spaces.
    #[error(
        "the question encoder `{question}` gives {question_dim}-dimensional vectors, the passages have {passage_dim} dimensions (`{context}`)"
    )]
    EncoderPair {
        /// The encoder of passages.
        context: String,
        /// The width of their vectors.
        passage_dim: usize,
        /// The encoder of questions.
        question: String,
        /// The width of its vectors.
        question_dim: usize,
    },
    /// The weights recorded in a knowledge base are no longer what the name stands for.
    #[error("encoder `{id}`: weights with SHA-256 {expected} expected, found {found}")]
    OtherWeights {
        /// The encoder.
        id: String,
        /// The hash recorded.
        expected: String,
        /// The hash found.
        found: String,
    },
    /// An encoder that reads texts otherwise than when the passages were embedded.
    #[error("encoder `{id}`: its settings are not those recorded with the passages")]
    OtherSettings {
        /// The encoder.
        id: String,
    },
    /// The bundled models were asked for by a program that does not bundle them.
    #[error("the bundled models `{id}` are not part of this program")]
    NotBundled {
        /// The id asked for.
        id: String,
    },
    /// A knowledge base of vectors that were given, without an encoder.
    #[error("`{}`: no question encoder is recorded", path.display())]
    NoEncoder {
        /// The knowledge base.
        path: PathBuf,
    },
    /// No preset of this name.
    #[error("no preset is called `{name}`")]
    UnknownPreset {
        /// The name.
        name: String,
    },
    /// The generator reads more passages than there are.
    #[error("{n_docs} passages for each question asked for, there are {passages}")]
    TooFewPassages {
        /// Passages asked for.
        n_docs: usize,
        /// Passages there are.
        passages: u64,
    },
    /// Files of a knowledge base that do not check.
    #[error("{} problems in the knowledge base, the first: {first}", 1 + more.len())]
    Damaged {
        /// The first problem.
        first: Box<ragdex_store::Error>,
        /// The others.
        more: Vec<ragdex_store::Error>,
    },
    /// A scan copy that is not that of the vectors beside it, or vectors that do not go with their copy.
    #[error("`{}`: {source}", path.display())]
    ScanCopy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ragdex_index::CodesError,
    },
    /// No kind of index of this name.
    #[error("`exact` or `hnsw` expected, found `{name}`")]
    UnknownIndex {
        /// The name.
        name: String,
    },
    /// A kind of index that a knowledge base does not have.
    #[error("`{}`: no index of kind `{kind}`; it has {}", path.display(), kinds.join(", "))]
    NoSuchIndex {
        /// The knowledge base.
        path: PathBuf,
        /// The kind asked for.
        kind: IndexKind,
        /// The kinds there are.
        kinds: Vec<String>,
    },
    /// Candidates of an approximate search were asked for where the search is exact.
    #[error("`{}`: an index that weighs candidates expected, the one searched is `{kind}`", path.display())]
    NothingToExpand {
        /// The knowledge base.
        path: PathBuf,
        /// The kind that is searched.
        kind: IndexKind,
    },
    /// Every index would be dropped.
    #[error("`{}`: at least one index expected, found none left", path.display())]
    NoIndexLeft {
        /// The knowledge base.
        path: PathBuf,
    },
    /// A file of an index.
    #[error("`{}`: {source}", path.display())]
    IndexFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ragdex_index::Error,
    },
    /// What a manifest says of an index contradicts itself.
    #[error("`{}`: parameters of the index `{kind}` that fit its files and the parts expected in snapshot {snapshot}, found others", path.display())]
    IndexParameters {
        /// The knowledge base.
        path: PathBuf,
        /// The snapshot.
        snapshot: u64,
        /// The kind of index.
        kind: IndexKind,
    },
    /// The thread pool could not be set up.
    #[error("{threads} threads could not be started")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the pool says.
        source: rayon::ThreadPoolBuildError,
    },
    /// A thread could not be started.
    #[error("a thread could not be started")]
    Thread {
        /// What the system says.
        source: std::io::Error,
    },
    /// The work was stopped.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Error {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Cancelled(_)
            | Self::Corpus(ragdex_corpus::Error::Cancelled(_))
            | Self::Store(ragdex_store::Error::Cancelled(_))
            | Self::SplitFolder(ragdex_store::Error::Cancelled(_))
            | Self::Models(ragdex_models::Error::Cancelled(_))
            | Self::Hub(ragdex_hub::Error::Cancelled(_))
            | Self::Index(ragdex_index::Error::Cancelled(_))
            | Self::IndexFile {
                source: ragdex_index::Error::Cancelled(_),
                ..
            }
            | Self::Rag(ragdex_rag::Error::Cancelled(_)) => ErrorKind::Cancelled,
            Self::Store(ragdex_store::Error::Unfinished { .. }) => ErrorKind::BadInput,
            Self::Store(error) | Self::SplitFolder(error) if error.is_transient() => {
                ErrorKind::Failed
            }
            Self::Hub(error) if error.is_transient() => ErrorKind::Failed,
            Self::Models(ragdex_models::Error::Write { .. })
            | Self::Rag(ragdex_rag::Error::Models(ragdex_models::Error::Write { .. })) => {
                ErrorKind::Failed
            }
            Self::Corpus(ragdex_corpus::Error::Read { .. })
            | Self::Models(
                ragdex_models::Error::Threads(_)
                | ragdex_models::Error::Candle(_)
                | ragdex_models::Error::DeviceFailed { .. }
                | ragdex_models::Error::DeviceMemory { .. },
            )
            | Self::Store(ragdex_store::Error::Arrow { .. })
            | Self::SplitFolder(ragdex_store::Error::Arrow { .. })
            | Self::Thread { .. }
            | Self::Index(ragdex_index::Error::Library { .. })
            | Self::IndexFile {
                source: ragdex_index::Error::Library { .. },
                ..
            }
            | Self::Threads { .. } => ErrorKind::Failed,
            Self::Exchange(error) | Self::Vectors(error) if !error.is_bad_input() => {
                ErrorKind::Failed
            }
            _ => ErrorKind::BadInput,
        }
    }
}

/// A rule of splitting in a few words.
fn told(splitting: &SplitOptions) -> String {
    let SplitOptions {
        rule,
        words,
        overlap,
        tail,
    } = splitting;
    let tail = tail.map_or(String::new(), |tail| format!(" --tail {tail}"));
    format!("`--splitter {rule} --words {words} --overlap {overlap}{tail}`")
}

fn and_more(more: usize) -> String {
    match more {
        0 => String::new(),
        more => format!(", nor {more} others"),
    }
}

fn display_paths(paths: &[PathBuf]) -> String {
    let quoted = paths.iter().map(|path| format!("`{}`", path.display()));
    quoted.collect::<Vec<_>>().join(", ")
}

/// How many vectors fit.
fn display_counts(passages: u64, records: u64) -> String {
    let of_passages = format!("{passages} vectors, one for each passage,");
    if records == passages {
        return of_passages.trim_end_matches(',').to_owned();
    }
    format!("{of_passages} or {records}, one for each record,")
}
