//! What the user can do about an error.

use super::{Error, ErrorKind};

impl Error {
    /// What the user can do, where there is anything to do.
    pub fn hint(&self) -> Option<String> {
        if self.kind() == ErrorKind::Cancelled {
            return Some("run the same command again: what is finished is kept".into());
        }
        match self {
            Self::Corpus(error) => error.hint(),
            Self::Store(ragdex_store::Error::OtherPlan { .. }) => Some(
                "run that command again to finish it, or add `--restart` to throw its work away"
                    .into(),
            ),
            Self::Store(ragdex_store::Error::SourceChanged { .. }) => {
                Some("add `--restart` to begin anew with the source as it is now".into())
            }
            Self::Store(error) => error.hint(),
            Self::SplitFolder(error) => split_folder_hint(error),
            Self::Models(error) => error.hint(),
            Self::Index(error) | Self::IndexFile { source: error, .. } => error.hint(),
            Self::Hub(error) => error.hint(),
            Self::Rag(error) => error.hint(),
            Self::Exchange(error) => error.hint(),
            Self::Cancelled(_) => None,
            own => own.own_hint(),
        }
    }

    /// The remedy of what no library below knows.
    fn own_hint(&self) -> Option<String> {
        Some(match self {
            Self::Split(_) => "choose fewer `--overlap` words than `--words`".into(),
            Self::UnknownIndex { .. } => "see `ragdex index --help`".into(),
            Self::NoSuchIndex { kind, .. } => {
                format!("make it: `ragdex index KB --index {kind}`")
            }
            Self::NoIndexLeft { .. } => "add `--index exact`, which takes no space".into(),
            Self::IndexParameters { kind, .. } => {
                format!("build it anew: `ragdex index KB --index {kind} --restart`")
            }
            Self::IsFolder { .. } => "take the folder as it is wherever a model is named".into(),
            Self::TargetExists { .. } => "name a new folder, or add `--force` to replace it".into(),
            Self::TargetNoModel { .. } => "name a new folder: `--force` replaces models only".into(),
            Self::NotEmpty { .. } => {
                "name another folder, or add `--force` to replace an earlier export".into()
            }
            Self::NoExport { .. } | Self::ExportOntoBase { .. } | Self::NotAFolder { .. } => {
                "name a new folder".into()
            }
            Self::OtherSplitting { .. } => {
                "name what was split, which is cut like the rest; or split it again by that rule".into()
            }
            Self::NoVectors { .. } => "export a snapshot that has passages: see `ragdex info`".into(),
            Self::EmptyCorpus { .. } => {
                "check the path and `--format`; a document needs a text".into()
            }
            Self::RepeatedKeys { .. } => {
                "name the column that tells documents apart with `--key-column NAME`; without one the title is the key. \
                 Of several wikis or folders, make a knowledge base each"
                    .into()
            }
            Self::SeveralWikis { .. } => "build a knowledge base for each wiki".into(),
            Self::Shrinks { .. } => {
                "check that the source is the whole corpus; `--allow-shrink` drops them, `ragdex add` keeps all \
                 that the source lacks"
                    .into()
            }
            Self::NoSuchDocument { .. } => {
                "name documents by key, as `document` in the results of `ragdex search --json`, or with `--title`"
                    .into()
            }
            Self::IsCurrent { .. } => "see `ragdex history` for the others".into(),
            Self::NoPassages { .. } => {
                "`dpr` leaves out documents shorter than a passage, and `--tail drop` short ends: choose another \
                 `--splitter` or `--tail`, or fewer `--words`"
                    .into()
            }
            Self::MixedSources { .. } => {
                "split the other source too, or read all of them by naming a `--format`".into()
            }
            Self::NoParquet { .. } => "split the source again `--to parquet`".into(),
            Self::MixedIds { .. } => {
                "split them into tables of their own, or write `--to parquet` or `jsonl`".into()
            }
            Self::TooManyShards { .. } => "divide the work into fewer shards".into(),
            Self::AlreadyBuilt { .. } => {
                "search it as it is, or name a new folder for the new build".into()
            }
            Self::OpenGiven { .. } => "check the path and its permissions".into(),
            Self::Given { .. } => {
                "JSON lines expected: passages `{\"title\", \"text\", \"score\"}`, or questions \
                 `{\"question\", \"passages\": […], \"answers\": […]}`"
                    .into()
            }
            Self::EncoderPair { .. } => {
                "name the two encoders that were trained together, as a `--preset` does".into()
            }
            Self::OtherWeights { id, .. } | Self::OtherSettings { id } if id == crate::presets::MINI => {
                "the bundled models changed: build the knowledge base anew, or use the ragdex that built it"
                    .into()
            }
            Self::OtherWeights { .. } | Self::OtherSettings { .. } => {
                "restore the checkpoint that the knowledge base was built with, or build it anew"
                    .into()
            }
            Self::NotBundled { .. } => "name the models to use".into(),
            Self::UnknownPreset { .. } => "see `ragdex models list`".into(),
            Self::TooFewPassages { passages, .. } => {
                format!("ask with `--n-docs {passages}` or less")
            }
            Self::Damaged { .. } => {
                "copy the files named back from a backup, or build the knowledge base anew".into()
            }
            Self::ScanCopy { source, .. } => source.hint(),
            Self::Threads { .. } | Self::Thread { .. } => {
                "ask for fewer with `--threads`, or raise the limit of processes".into()
            }
            _ => return self.vectors_hint(),
        })
    }

    /// The remedy of what is about vectors.
    fn vectors_hint(&self) -> Option<String> {
        Some(match self {
            Self::Vectors(error) => match error.hint() {
                Some(hint) => hint,
                None => "every row needs a vector of the encoder's width, in the order of the passages; \
                         leave `--embeddings` out or name `--embeddings-column none` to embed anew"
                    .into(),
            },
            Self::VectorCount { .. } => {
                "give vectors for all records of the sources, in their order, or, where records are cut, for all \
                 passages, as `ragdex split` with the same options writes them"
                    .into()
            }
            Self::ForeignVectors { .. } => {
                "name the encoder that made the vectors, or embed anew with `--embeddings-column none`"
                    .into()
            }
            Self::VectorWidth { .. } => {
                "encode the questions with the encoder that belongs to the one of the passages: \
                 `ragdex info` names it"
                    .into()
            }
            Self::NoEncoder { .. } => {
                "search for vectors with `--vectors FILE`, or name the encoder that belongs to these: \
                 `--question-encoder`; a refresh needs `--context-encoder`, and embeds everything anew"
                    .into()
            }
            Self::NothingToExpand { .. } => {
                "search with `--index hnsw`, or leave `--expansion-search` out".into()
            }
            _ => return None,
        })
    }
}

/// What helps where a folder of passages is to blame, not a knowledge base.
fn split_folder_hint(error: &ragdex_store::Error) -> Option<String> {
    use ragdex_store::Error as Store;
    match error {
        Store::Checksum { path, .. } | Store::DamagedSplit { path, .. }
            if path.ends_with("embed.json") =>
        {
            Some("begin anew with `ragdex embed --restart`".into())
        }
        Store::Missing { .. }
        | Store::Length { .. }
        | Store::Checksum { .. }
        | Store::Malformed { .. }
        | Store::Json { .. }
        | Store::Parquet { .. }
        | Store::Rows { .. } => Some(
            "the folder is damaged: copy the file back, or split the source again with `--restart`; \
             `ragdex embed` makes lost vectors anew"
                .into(),
        ),
        Store::Locked { .. } => {
            Some("wait until it is done; all else was made, and is kept".into())
        }
        error => error.hint(),
    }
}
