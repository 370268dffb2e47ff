//! The files of a checkpoint, in a folder or in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::mapping::Mapping;
use crate::Error;

/// Small files (configurations, vocabularies) are read whole up to this length. The largest
/// `tokenizer.json` in use, of vocabularies of 250,000 pieces, is about 35 MB.
const MAX_SMALL_FILE_BYTES: u64 = 256 << 20;

/// Where the files of a checkpoint are. Names are relative, with `/` between folders.
#[derive(Debug)]
pub(crate) enum Files {
    Folder(PathBuf),
    Memory {
        id: String,
        files: BTreeMap<String, Cow<'static, [u8]>>,
    },
}

impl Files {
    /// Names a file for messages.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let root = match self {
            Self::Folder(folder) => folder.as_path(),
            Self::Memory { id, .. } => Path::new(id),
        };
        if name.is_empty() {
            root.to_owned()
        } else {
            root.join(name)
        }
    }

    /// The names of all files down to one level of folders, in order.
    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::Folder(folder) => {
                let mut names = Vec::new();
                list(folder, "", &mut names)?;
                names.sort();
                Ok(names)
            }
            Self::Memory { files, .. } => Ok(files.keys().cloned().collect()),
        }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(name).is_file(),
            Self::Memory { files, .. } => files.contains_key(name),
        }
    }

    /// Reads a small file; `None` when there is none of that name.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>, Error> {
        match self {
            Self::Folder(folder) => Ok(read_small(&folder.join(name))?.map(Cow::Owned)),
            Self::Memory { files, .. } => Ok(files.get(name).map(|bytes| Cow::Borrowed(&**bytes))),
        }
    }

    /// Reads a JSON file; `None` when there is none of that name.
    pub(crate) fn json(&self, name: &str) -> Result<Option<Value>, Error> {
        let Some(bytes) = self.read(name)? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&bytes).map_err(|source| Error::Json {
            path: self.path(name),
            source,
        })?;
        Ok(Some(value))
    }

    /// Opens a file of any length.
    pub(super) fn open(&self, name: &str) -> Result<Bytes, Error> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                let mapping = Mapping::open(&path).map_err(|source| Error::Io { path, source })?;
                Ok(Bytes::Mapped(mapping))
            }
            Self::Memory { files, .. } => match files.get(name) {
                Some(bytes) => Ok(Bytes::Owned(bytes.clone())),
                None => Err(Error::Io {
                    path: self.path(name),
                    source: ErrorKind::NotFound.into(),
                }),
            },
        }
    }
}

/// The bytes of one weights file.
#[derive(Debug)]
pub(crate) enum Bytes {
    Mapped(Mapping),
    Owned(Cow<'static, [u8]>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(mapping) => mapping,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// Adds the names of files in a folder, and of those in its folders.
fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), Error> {
    let io_error = |source| Error::Io {
        path: folder.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(io_error)? {
        let entry = entry.map_err(io_error)?;
        let (name, path) = (entry.file_name(), entry.path());
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        if path.is_file() {
            names.push(format!("{prefix}{name}"));
        } else if path.is_dir() && prefix.is_empty() {
            list(&path, &format!("{name}/"), names)?;
        }
    }
    Ok(())
}

fn read_small(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let io_error = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let length = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(error)),
    };
    if length > MAX_SMALL_FILE_BYTES {
        let what = format!("at most {MAX_SMALL_FILE_BYTES} bytes expected, found {length}");
        return Err(Error::malformed(path, what));
    }
    std::fs::read(path).map(Some).map_err(io_error)
}
