//! The checksums by which hubs name files.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ragdex_core::Cancel;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::Error;

/// What a file must hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The SHA-256 of the content: large files.
    Sha256,
    /// The SHA-1 of a Git blob, which is its length and its content: small files.
    GitBlob,
}

impl Kind {
    /// The kind of a checksum by its length; `None` for a text that is none.
    pub(crate) fn of(checksum: &str) -> Option<Self> {
        if !checksum.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        match checksum.len() {
            64 => Some(Self::Sha256),
            40 => Some(Self::GitBlob),
            _ => None,
        }
    }

    /// Hashes a file, in hexadecimal digits.
    pub(crate) fn hash(self, path: &Path, cancel: &Cancel) -> Result<String, Error> {
        let hashed = match self {
            Self::Sha256 => read(path, Sha256::new(), cancel),
            Self::GitBlob => {
                let length = std::fs::metadata(path).map(|file| file.len());
                let length = length.map_err(Error::reading(path))?;
                let hasher = Sha1::new().chain_update(format!("blob {length}\0"));
                read(path, hasher, cancel)
            }
        };
        let hashed = hashed.map_err(Error::reading(path))?;
        cancel.check()?;
        Ok(hashed)
    }
}

/// Hashes a file behind what `hasher` has seen; cut short once the work is stopped.
fn read<H: sha1::Digest>(path: &Path, mut hasher: H, cancel: &Cancel) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    while !cancel.is_cancelled() {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
    }
    let digest = hasher.finalize();
    Ok(digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_git_and_of_sha256sum() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hello\n").unwrap();
        let hash = |kind: Kind| kind.hash(file.path(), &Cancel::default()).unwrap();
        // `git hash-object` and `sha256sum` of the same file.
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(
            (hash(Kind::GitBlob), hash(Kind::Sha256)),
            (git.into(), sha256.into())
        );
        assert_eq!(
            (Kind::of(git), Kind::of(sha256)),
            (Some(Kind::GitBlob), Some(Kind::Sha256))
        );
        for text in ["", "../../x", "W/\"1\"", &"g".repeat(40)] {
            assert_eq!(Kind::of(text), None, "{text}");
        }
    }
}
