//! Models in the local cache of the Hugging Face hub. Nothing is downloaded here.
//!
//! This is the one place of the libraries that reads environment variables: the hub's own.

use std::env;
use std::path::{Path, PathBuf};

use crate::Error;

/// The revision taken when none is named.
const DEFAULT_REVISION: &str = "main";

/// A model found in the cache.
pub(super) struct CachedModel {
    pub(super) folder: PathBuf,
    /// The commit, as 40 hexadecimal digits.
    pub(super) revision: String,
}

/// Gives the cache folder: `HF_HUB_CACHE`, else `HF_HOME/hub`, else `huggingface/hub` in
/// `XDG_CACHE_HOME` or in `.cache` of the home folder.
pub(super) fn cache_folder() -> PathBuf {
    let variable = |name: &str| {
        env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    if let Some(cache) = variable("HF_HUB_CACHE") {
        return cache;
    }
    let home = variable("HF_HOME").unwrap_or_else(|| {
        variable("XDG_CACHE_HOME")
            .unwrap_or_else(|| env::home_dir().unwrap_or_default().join(".cache"))
            .join("huggingface")
    });
    home.join("hub")
}

/// Finds a model in a cache folder. `revision` is a commit or a branch.
pub(super) fn find(cache: &Path, id: &str, revision: Option<&str>) -> Result<CachedModel, Error> {
    if !is_model_id(id) {
        return Err(Error::ModelId { id: id.into() });
    }
    let revision = revision.unwrap_or(DEFAULT_REVISION);
    if !is_name(revision) {
        return Err(Error::ModelId {
            id: format!("{id}@{revision}"),
        });
    }
    let model = cache.join(format!("models--{}", id.replace('/', "--")));
    let reference = std::fs::read_to_string(model.join("refs").join(revision));
    let commit = reference.map_or_else(|_| revision.to_owned(), |text| text.trim().to_owned());
    let folder = model.join("snapshots").join(&commit);
    if !is_name(&commit) || !folder.is_dir() {
        return Err(Error::NotCached {
            id: id.into(),
            cache: cache.to_owned(),
        });
    }
    Ok(CachedModel {
        folder,
        revision: commit,
    })
}

/// Tells whether a text is `name` or `organisation/name`, safe to become a folder name.
fn is_model_id(id: &str) -> bool {
    let mut parts = id.split('/');
    parts.by_ref().take(2).all(is_name) && parts.next().is_none() && !id.contains("--")
}

fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_leave_the_cache_are_refused() {
        for id in [
            "", "..", "../x", "a/../b", "a/b/c", "/etc", "a\\b", "a/", "a--b",
        ] {
            assert!(!is_model_id(id), "{id}");
        }
        for id in [
            "bert-base-uncased",
            "facebook/dpr-ctx_encoder-single-nq-base",
        ] {
            assert!(is_model_id(id), "{id}");
        }
    }
}
