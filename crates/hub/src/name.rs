//! Names of models, revisions and files. All of them become parts of paths.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The revision taken when none is named.
const DEFAULT_REVISION: &str = "main";

/// The longest name of a file or folder that file systems take.
const MAX_NAME_BYTES: usize = 255;

/// A model of the hub: `name` or `organisation/name`, with `@revision` behind it where another one than
/// `main` is meant: a branch, a tag or a commit. Safe to become a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName {
    id: String,
    revision: Option<String>,
}

impl ModelName {
    /// The name without revision.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The revision; `main` when none is named.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(DEFAULT_REVISION)
    }

    /// The same model at another revision.
    ///
    /// # Errors
    /// [`Error::Revision`].
    pub fn at(&self, revision: &str) -> Result<Self, Error> {
        if !revision.split('/').all(is_part) {
            return Err(Error::Revision {
                id: self.id.clone(),
                revision: revision.to_owned(),
            });
        }
        Ok(Self {
            id: self.id.clone(),
            revision: Some(revision.to_owned()),
        })
    }

    /// The folder of the model in the cache.
    pub(crate) fn folder(&self) -> String {
        format!("models--{}", self.id.replace('/', "--"))
    }

    /// The name that a folder of the cache stands for.
    pub(crate) fn of_folder(folder: &str) -> Option<Self> {
        folder
            .strip_prefix("models--")?
            .replace("--", "/")
            .parse()
            .ok()
    }
}

impl FromStr for ModelName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (id, revision) = match text.split_once('@') {
            Some((id, revision)) => (id, Some(revision)),
            None => (text, None),
        };
        if id.split('/').count() > 2 || !id.split('/').all(is_part) || id.contains("--") {
            return Err(Error::ModelId {
                id: text.to_owned(),
            });
        }
        let name = Self {
            id: id.to_owned(),
            revision: None,
        };
        match revision {
            Some(revision) => name.at(revision),
            None => Ok(name),
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            Some(revision) => write!(f, "{}@{revision}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

/// Whether a text may be one folder of a path: letters, digits, `.`, `_` and `-`, no leading dot.
fn is_part(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !text.is_empty()
        && text.len() <= MAX_NAME_BYTES
        && !text.starts_with('.')
        && !text.contains("..")
        && text.bytes().all(allowed)
}

/// Whether a text is a commit: 40 hexadecimal digits.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a file of a model stays within its folder. Git has no names that do not.
pub(crate) fn is_inside(name: &str) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
    name.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_cache_are_refused() {
        for text in [
            "", "..", "../x", "a/../b", "a/b/c", "/etc", "a\\b", "a/", "a--b", "a/.git", "a:b",
            "a@", "a@../b", "a@b/../c", "a@/etc", "a@.x", "a b", "é",
        ] {
            assert!(text.parse::<ModelName>().is_err(), "{text}");
        }
        let long = "a".repeat(MAX_NAME_BYTES + 1);
        assert!(long.parse::<ModelName>().is_err());
    }

    #[test]
    fn a_name_comes_with_a_revision_or_means_main() {
        let name: ModelName = "facebook/dpr-ctx_encoder-single-nq-base".parse().unwrap();
        assert_eq!(
            (name.revision(), &*name.folder()),
            ("main", "models--facebook--dpr-ctx_encoder-single-nq-base")
        );
        assert_eq!(ModelName::of_folder(&name.folder()).as_ref(), Some(&name));
        let name: ModelName = "bert-base-uncased@refs/pr/1".parse().unwrap();
        assert_eq!(
            (name.id(), name.revision()),
            ("bert-base-uncased", "refs/pr/1")
        );
        assert_eq!(name.to_string(), "bert-base-uncased@refs/pr/1");
    }

    #[test]
    fn files_stay_in_their_folder() {
        for name in [
            "../x",
            "a/../x",
            "/etc/passwd",
            "a//b",
            "./a",
            "a\\..\\b",
            "",
            "a/",
            "a\0b",
        ] {
            assert!(!is_inside(name), "{name}");
        }
        for name in ["config.json", "1_Pooling/config.json", "runs/a:b", "..."] {
            assert!(is_inside(name), "{name}");
        }
    }
}
