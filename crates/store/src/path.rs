//! Paths of files inside a knowledge base.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest path that a manifest may name, in bytes. Ours are under 60.
const MAX_PATH_BYTES: usize = 200;

/// The path of a file or folder inside a knowledge base, such as `passages/part-00000.parquet`.
///
/// A manifest may come from anybody, so what it names is checked where it is read: parts of ASCII
/// letters, digits, `.`, `-` and `_`, joined by `/`, none of them empty or starting with a dot. Such
/// a path cannot be absolute, cannot climb with `..`, and means the same on every system. That no
/// symbolic link leads outside is checked by [`Storage`](crate::Storage) when the file is opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KbPath(String);

impl KbPath {
    /// The knowledge base itself.
    pub const ROOT: Self = Self(String::new());

    /// Checks a path.
    ///
    /// # Errors
    /// [`PathError`] when it might leave the folder or is not portable.
    pub fn new(path: impl Into<String>) -> Result<Self, PathError> {
        let path = path.into();
        if path.len() <= MAX_PATH_BYTES && path.split('/').all(is_portable_name) {
            Ok(Self(path))
        } else {
            Err(PathError(path))
        }
    }

    /// Names a path that is written in this crate or made of numbers.
    ///
    /// # Panics
    /// When the path is not allowed, which is a bug in ragdex.
    pub(crate) fn known(path: impl Into<String>) -> Self {
        Self::new(path).expect("paths made by ragdex are portable")
    }

    /// The path as text; empty for [`KbPath::ROOT`].
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder that the path lies in; [`KbPath::ROOT`] for a top-level name.
    #[must_use]
    pub fn folder(&self) -> Self {
        match self.0.rsplit_once('/') {
            Some((folder, _)) => Self(folder.to_owned()),
            None => Self::ROOT,
        }
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or("")
    }

    /// The same path below `folder`.
    pub(crate) fn below(&self, folder: &Self) -> Self {
        Self::known(format!("{}/{}", folder.0, self.0))
    }
}

fn is_portable_name(name: &str) -> bool {
    let portable = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && !name.ends_with('.') && name.bytes().all(portable)
}

impl fmt::Display for KbPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<KbPath> for String {
    fn from(path: KbPath) -> Self {
        path.0
    }
}

impl TryFrom<String> for KbPath {
    type Error = PathError;

    fn try_from(path: String) -> Result<Self, Self::Error> {
        Self::new(path)
    }
}

/// A path that a knowledge base must not name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("relative path inside the knowledge base expected, found `{}`", .0.escape_debug())]
pub struct PathError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_leave_the_folder_are_refused() {
        let long = "a".repeat(MAX_PATH_BYTES + 1);
        for path in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            "C:\\x",
            "a\\b",
            "c:",
            "a/.hidden",
            "a\0b",
            "ä",
            "a b",
            "name.",
            long.as_str(),
        ] {
            assert!(KbPath::new(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_path_knows_its_folder_and_name() {
        let path = KbPath::known("passages/part-00000.parquet");
        assert_eq!(path.folder(), KbPath::known("passages"));
        assert_eq!(path.name(), "part-00000.parquet");
        assert_eq!(path.folder().folder(), KbPath::ROOT);
        let staged = path.below(&KbPath::known("staging"));
        assert_eq!(staged.as_str(), "staging/passages/part-00000.parquet");
    }
}
