//! What can go wrong between a name and a folder.

use std::io;
use std::path::{Path, PathBuf};

use ragdex_core::Cancelled;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text cannot name a model.
    #[error("`{id}` names no model: `name` or `organisation/name` expected")]
    ModelId {
        /// The text.
        id: String,
    },
    /// A text cannot name a revision.
    #[error("`{id}`: `{revision}` names no revision: a branch, a tag or a commit expected")]
    Revision {
        /// The model.
        id: String,
        /// The text.
        revision: String,
    },
    /// A variable of the environment says something that cannot be used.
    #[error("`{name}`: {expected} expected, found `{found}`")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it may say.
        expected: &'static str,
        /// What it says; `(hidden)` for secrets.
        found: String,
    },
    /// A model is not in the cache, and may not be fetched.
    #[error("`{name}` is no folder, and the model cache `{}` does not hold it", cache.display())]
    NotCached {
        /// The model, with its revision where one was named.
        name: String,
        /// The cache folder.
        cache: PathBuf,
        /// Whether the network was not to be used.
        is_offline: bool,
    },
    /// The hub does not know a model, or does not show it.
    #[error("`{id}`: the hub {endpoint} has no such model, or does not show it to this account")]
    UnknownModel {
        /// The model.
        id: String,
        /// The hub.
        endpoint: String,
        /// Whether a token was sent.
        has_token: bool,
    },
    /// The hub has the model, but not the revision.
    #[error("`{id}`: the hub has no revision `{revision}` of it")]
    UnknownRevision {
        /// The model.
        id: String,
        /// The revision.
        revision: String,
    },
    /// The hub lists a file and does not give it.
    #[error("{url}: the hub lists this file and does not have it")]
    UnknownFile {
        /// The address.
        url: String,
    },
    /// The hub gives a model only to those who accepted its terms.
    #[error("`{id}`: its publisher gives it only to accounts that accepted the terms")]
    Gated {
        /// The model.
        id: String,
        /// The hub.
        endpoint: String,
        /// Whether a token was sent.
        has_token: bool,
    },
    /// The hub does not accept the token.
    #[error("{endpoint}: the hub does not accept the token")]
    TokenRefused {
        /// The hub.
        endpoint: String,
    },
    /// The hub answered with another status than expected.
    #[error("{url}: status {status}{}", message.as_deref().map(|m| format!(", {m}")).unwrap_or_default())]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// What the hub says about it.
        message: Option<String>,
        /// How many seconds the hub asks to wait.
        retry_after: Option<u64>,
    },
    /// The hub cannot be reached, or the connection broke.
    #[error("{url}: the connection failed")]
    Connection {
        /// The address.
        url: String,
        /// What the network says.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// Whether no connection came about at all.
        is_unreachable: bool,
    },
    /// A connection gave nothing for too long.
    #[error("{url}: nothing came for {seconds} s")]
    Stalled {
        /// The address.
        url: String,
        /// How long.
        seconds: u64,
    },
    /// A hub sends from address to address, or to one that cannot be followed.
    #[error("{url}: {what}")]
    Redirect {
        /// The address.
        url: String,
        /// What is wrong.
        what: String,
    },
    /// A hub answers with something that is no description of a model.
    #[error("{url}: a description of a model expected, found {found}")]
    Answer {
        /// The address.
        url: String,
        /// What was found.
        found: String,
    },
    /// A hub lists a file outside the folder of its model.
    #[error("`{id}`: the hub lists `{name}`, which lies outside the model")]
    FileName {
        /// The model.
        id: String,
        /// The name.
        name: String,
    },
    /// A model without the files that an encoder or a generator is read from.
    #[error("`{id}`: {missing} expected among its files, none found")]
    NothingUsable {
        /// The model.
        id: String,
        /// What is missing.
        missing: &'static str,
    },
    /// A file ended early or goes on too long.
    #[error("{url}: {expected} bytes expected, found {found}")]
    Length {
        /// The address.
        url: String,
        /// The length by the hub's list.
        expected: u64,
        /// The length of what came.
        found: u64,
    },
    /// A file is not the one that the hub lists.
    #[error("{url}: checksum {expected} expected, found {found}")]
    Checksum {
        /// The address.
        url: String,
        /// By the hub's list.
        expected: String,
        /// Of what came.
        found: String,
    },
    /// A file of the cache cannot be read or written.
    #[error("`{}`: cannot be {}", path.display(), action)]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The disk is full.
    #[error("`{}`: no space left on the disk", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The work was stopped.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl Error {
    /// Whether the same call may succeed later without a change by the user's hand.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, .. } => *status >= 500 || matches!(status, 408 | 416 | 429),
            Self::Connection { .. }
            | Self::Stalled { .. }
            | Self::Answer { .. }
            | Self::UnknownFile { .. }
            | Self::Length { .. }
            | Self::Checksum { .. }
            | Self::Io { .. }
            | Self::DiskFull { .. } => true,
            _ => false,
        }
    }

    /// Tells what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::ModelId { .. } => {
                "name a folder, or a model of the hub such as `facebook/dpr-ctx_encoder-multiset-base`".into()
            }
            Self::Revision { .. } | Self::UnknownRevision { .. } => {
                "without `@revision` or `--revision` the branch `main` is taken".into()
            }
            Self::Variable { name, .. } => format!("correct or unset `{name}`"),
            Self::NotCached { name, is_offline: true, .. } => format!(
                "`HF_HUB_OFFLINE` forbids to fetch it: unset it, or run `ragdex models pull {name}` where there is a \
                 network and copy the cache, or name a folder"
            ),
            Self::NotCached { name, .. } => {
                format!("fetch it with `ragdex models pull {name}`, or name a folder that holds config.json and weights")
            }
            Self::UnknownModel { has_token: false, .. } => {
                "check the spelling; for a private model set `HF_TOKEN` to a token of an account that may read it".into()
            }
            Self::UnknownModel { .. } => {
                "check the spelling, and that the account of the token may read the model".into()
            }
            Self::Gated { id, endpoint, has_token: false } => format!(
                "accept the terms at {endpoint}/{id}, then set `HF_TOKEN` to a token of that account ({endpoint}/settings/tokens)"
            ),
            Self::Gated { id, endpoint, .. } => {
                format!("accept the terms at {endpoint}/{id} with the account of the token in `HF_TOKEN`")
            }
            Self::TokenRefused { endpoint } => {
                format!("set `HF_TOKEN` to a valid token ({endpoint}/settings/tokens), or unset it for public models")
            }
            Self::Status { retry_after: Some(seconds), .. } => {
                format!("the hub asks to wait {seconds} s; then run the same command again")
            }
            Self::Connection { .. } | Self::Stalled { .. } | Self::Status { .. } | Self::Length { .. } => {
                "check the network and `HF_ENDPOINT`, then run the same command again: it goes on where it stopped".into()
            }
            Self::Checksum { .. } | Self::UnknownFile { .. } => {
                "run the same command again; if it stays so, the hub or a mirror holds a damaged file".into()
            }
            Self::Redirect { .. } | Self::Answer { .. } | Self::FileName { .. } => {
                "check `HF_ENDPOINT` and proxies: this is not how a hub answers".into()
            }
            Self::NothingUsable { .. } => {
                "name a model with weights as model.safetensors or pytorch_model.bin".into()
            }
            Self::Io { .. } => "check the path and its permissions; `HF_HOME` or `HF_HUB_CACHE` moves the cache".into(),
            Self::DiskFull { .. } => {
                "free some space, or move the cache with `HF_HOME`, and run the same command again: it goes on where \
                 it stopped"
                    .into()
            }
            Self::Cancelled(_) => return None,
        })
    }

    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            path,
            action: "read",
            source,
        }
    }

    pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull => Self::DiskFull { path },
            _ => Self::Io {
                path,
                action: "written",
                source,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_from_other_failures() {
        let failed = |kind: io::ErrorKind| Error::writing(Path::new("x"))(kind.into());
        let full = failed(io::ErrorKind::StorageFull);
        assert_eq!(full.to_string(), "`x`: no space left on the disk");
        let denied = failed(io::ErrorKind::PermissionDenied);
        assert_eq!(denied.to_string(), "`x`: cannot be written");
    }
}
