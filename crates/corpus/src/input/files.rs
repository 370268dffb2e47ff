//! What a list of paths stands for.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::{BadRecord, Error, Format, Place};

/// Ends of names of files that are read as text.
const TEXT: [&str; 7] = ["txt", "text", "md", "markdown", "mdown", "html", "htm"];

/// Ends of names of compressed files.
const COMPRESSED: [&str; 4] = ["bz2", "gz", "zst", "zstd"];

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputFile {
    pub(crate) path: PathBuf,
    /// The path relative to the folder that was named, with `/`; the bare name of a single file.
    pub(crate) name: String,
    /// The length; unknown for standard input and pipes.
    pub(crate) bytes: Option<u64>,
}

impl InputFile {
    /// The end of the name, without the one that tells of compression; lower case.
    pub(crate) fn extension(&self) -> String {
        extension(&self.name)
    }

    /// Whether the last end of a name tells of compression.
    pub(crate) fn is_compressed(name: &str) -> bool {
        let end = name.rsplit_once('.').map_or("", |(_, end)| end);
        COMPRESSED
            .iter()
            .any(|known| known.eq_ignore_ascii_case(end))
    }
}

/// What was found under the paths.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: Vec<InputFile>,
    /// Entries of folders that cannot be read.
    pub(crate) bad: Vec<BadRecord>,
    /// Files in folders that are of no kind that is read.
    pub(crate) other_files: u64,
}

/// Lists files in the order given, folders recursively and sorted by name.
///
/// In a folder, hidden entries are skipped and symbolic links followed; a link that leads back to a
/// folder above it is reported. If the format is to be found out and a folder has text files, the
/// other files in it are left alone.
pub(crate) fn list(paths: &[impl AsRef<Path>], format: Format) -> Result<Listing, Error> {
    let mut listing = Listing::default();
    if paths.is_empty() {
        return Err(Error::NoInput);
    }
    for path in paths.iter().map(AsRef::as_ref) {
        if path == Path::new("-") {
            listing.files.push(InputFile {
                path: path.to_owned(),
                name: "-".into(),
                bytes: None,
            });
            continue;
        }
        let metadata = fs::metadata(path).map_err(|source| Error::Open {
            path: path.to_owned(),
            source,
        })?;
        if metadata.is_dir() {
            listing.add_folder(path, format)?;
        } else {
            listing.files.push(InputFile {
                path: path.to_owned(),
                name: file_name(path),
                bytes: metadata.is_file().then_some(metadata.len()),
            });
        }
    }
    Ok(listing)
}

impl Listing {
    fn add_folder(&mut self, root: &Path, format: Format) -> Result<(), Error> {
        let walk = WalkDir::new(root).follow_links(true).sort_by_file_name();
        let mut found = Vec::new();
        for entry in walk.into_iter().filter_entry(|entry| !is_hidden(entry)) {
            match entry {
                Ok(entry) if entry.file_type().is_file() => found.push(input_file(root, &entry)),
                Ok(_) => {}
                Err(error) => self.bad.push(BadRecord {
                    path: error.path().unwrap_or(root).to_owned(),
                    place: Place::File,
                    problem: error.to_string(),
                }),
            }
        }
        let text_only = match format {
            Format::Text => true,
            Format::Auto => found.iter().any(is_text),
            _ => false,
        };
        let all = found.len();
        if text_only {
            found.retain(is_text);
            self.other_files += (all - found.len()) as u64;
        }
        if found.is_empty() {
            return Err(Error::Empty {
                path: root.to_owned(),
            });
        }
        self.files.append(&mut found);
        Ok(())
    }
}

fn input_file(root: &Path, entry: &DirEntry) -> InputFile {
    let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    InputFile {
        path: entry.path().to_owned(),
        name: parts.join("/"),
        bytes: entry.metadata().ok().map(|metadata| metadata.len()),
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn is_text(file: &InputFile) -> bool {
    TEXT.contains(&&*file.extension())
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn extension(name: &str) -> String {
    let lower = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let mut parts = lower.rsplit('.');
    let last = parts.next().unwrap_or_default();
    let extension = if COMPRESSED.contains(&last) {
        parts.next().unwrap_or_default()
    } else {
        last
    };
    if extension.len() == lower.len() {
        return String::new();
    }
    extension.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_stands_before_that_of_the_compression() {
        assert_eq!(extension("a/b.TXT"), "txt");
        assert_eq!(extension("a.xml.bz2"), "xml");
        assert_eq!(extension("Makefile"), "");
        assert_eq!(extension("x.d/Makefile"), "");
    }

    #[test]
    fn a_folder_is_listed_sorted_without_hidden_files() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("b/.git")).unwrap();
        for name in ["b/z.txt", "b/.git/x.txt", "a.md", ".hidden.md", "c.pdf"] {
            fs::write(root.join(name), "x").unwrap();
        }
        let listing = list(&[root], Format::Auto).unwrap();
        let names: Vec<_> = listing.files.iter().map(|file| &*file.name).collect();
        assert_eq!(names, ["a.md", "b/z.txt"]);
        assert_eq!(listing.other_files, 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_a_circle_is_reported_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "x").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        let listing = list(&[folder.path()], Format::Auto).unwrap();
        assert_eq!(listing.files.len(), 1);
        assert_eq!(listing.bad.len(), 1);
    }

    #[test]
    fn a_folder_without_anything_to_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = list(&[folder.path()], Format::Auto).unwrap_err();
        assert!(matches!(error, Error::Empty { .. }));
        let missing = folder.path().join("missing");
        assert!(matches!(
            list(&[missing], Format::Auto),
            Err(Error::Open { .. })
        ));
    }
}
