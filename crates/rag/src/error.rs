//! What can go wrong with RAG models and their input.

use std::path::PathBuf;

use ragdex_core::Cancelled;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A checkpoint, a tokenizer or a tensor operation failed.
    #[error(transparent)]
    Models(#[from] ragdex_models::Error),
    /// A configuration is no RAG or BART configuration, or has a value of another type.
    #[error("`{}`: {what}", path.display())]
    Config {
        /// The configuration file.
        path: PathBuf,
        /// What is expected, and what was found.
        what: String,
    },
    /// A checkpoint of another kind than is wanted.
    #[error("`{}`: `model_type`: `{expected}` expected, found `{found}`", path.display())]
    Kind {
        /// The configuration file.
        path: PathBuf,
        /// The kind wanted: `rag`, `dpr` or `bart`.
        expected: &'static str,
        /// The kind found; `none` where the file names none.
        found: String,
    },
    /// A generation setting is unknown.
    #[error("no generation setting is called `{name}`")]
    UnknownSetting {
        /// The name.
        name: String,
    },
    /// A generation setting has a value that cannot be used.
    #[error("`{name}`: {what}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What is expected, and what was found.
        what: String,
    },
    /// The question has no words that the question tokenizer knows.
    #[error("the question is empty")]
    EmptyQuestion,
    /// More passages are asked for than there are.
    #[error("`n_docs`: between 1 and {passages} expected, the number of passages, found {n_docs}")]
    NDocs {
        /// The number asked for.
        n_docs: usize,
        /// The number of passages.
        passages: usize,
    },
    /// A passage's score is no number.
    #[error("passage {position}: its score is not a finite number")]
    Score {
        /// The place in the list of passages, from 0.
        position: usize,
    },
    /// Labels are too short or hold ids that the generator lacks.
    #[error("labels: {what}")]
    Labels {
        /// What is expected, and what was found.
        what: String,
    },
    /// The generator computes NaN: its weights or the scores are damaged.
    #[error("the generator's output is not a number")]
    NotANumber,
    /// The settings and the passages leave no sequence that may be returned.
    #[error("no answer is possible under these settings")]
    NoAnswer,
    /// The checkpoint holds no question encoder.
    #[error("the model has no question encoder")]
    NoQuestionEncoder,
    /// The work was stopped.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Error {
    /// Tells what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Models(error) => return error.hint(),
            Self::Config { .. } => {
                "compare the file with the one that the model was published with".into()
            }
            Self::Kind { expected, .. } => of_kind(expected).into(),
            Self::NDocs { .. } => "give more passages, or ask for fewer documents".into(),
            Self::NotANumber => "the weights may be damaged: get them again".into(),
            Self::NoAnswer => {
                "loosen `min_length`, `bad_words_ids` or `no_repeat_ngram_size`".into()
            }
            Self::NoQuestionEncoder => "name a question encoder beside the generator".into(),
            Self::Setting { .. } | Self::UnknownSetting { .. } => {
                "see the generation options in `ragdex answer --help`".into()
            }
            _ => return None,
        })
    }

    /// An error about a generation setting.
    pub(crate) fn setting(name: &'static str, what: impl Into<String>) -> Self {
        Self::Setting {
            name,
            what: what.into(),
        }
    }
}

/// What to name where a checkpoint of this kind is wanted.
fn of_kind(expected: &str) -> &'static str {
    match expected {
        "rag" => {
            "only a RAG checkpoint, such as `facebook/rag-token-nq`, has two parts: leave `--split` out to convert \
             any other"
        }
        "dpr" => {
            "name a DPR question encoder, such as `facebook/dpr-question_encoder-single-nq-base`"
        }
        _ => "name a BART, such as `facebook/bart-large`",
    }
}
