//! What a list of paths stands for.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::made::{Made, SplitFiles};
use super::{Archive, Decoding, Position};
use crate::detect::detect;
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
    /// The length; unknown for standard input and pipes, which can be read once.
    pub(crate) bytes: Option<u64>,
    /// It was found in a folder, so that it may be of no kind that is read.
    pub(crate) in_folder: bool,
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
    /// What was left alone, in words.
    pub(crate) notes: Vec<String>,
}

/// Lists files in the order given, folders recursively and sorted by name.
///
/// In a folder, hidden entries are skipped and symbolic links followed; a link that leads back to a
/// folder above it is reported. If the format is to be found out and a folder has text files, the
/// other files in it are left alone. Files that describe others, such as `README.md` beside data,
/// make no folder of texts.
///
/// The folders `exclude` are not read when they are met, under whichever path. What splitting or
/// building left in a folder is no part of it; of the folder of a split that is itself named, the
/// passages are read, not the documents beside them.
pub(crate) fn list(
    paths: &[impl AsRef<Path>],
    format: Format,
    exclude: &[PathBuf],
) -> Result<Listing, Error> {
    // One that is not there yet cannot be met.
    let exclude: Vec<_> = exclude.iter().flat_map(fs::canonicalize).collect();
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
                in_folder: false,
            });
            continue;
        }
        let metadata = fs::metadata(path).map_err(|source| Error::Open {
            path: path.to_owned(),
            source,
        })?;
        if metadata.is_dir() {
            listing.add_folder(path, format, &exclude)?;
        } else {
            listing.files.push(InputFile {
                path: path.to_owned(),
                name: file_name(path),
                bytes: metadata.is_file().then_some(metadata.len()),
                in_folder: false,
            });
        }
    }
    Ok(listing)
}

impl Listing {
    fn add_folder(
        &mut self,
        root: &Path,
        format: Format,
        exclude: &[PathBuf],
    ) -> Result<(), Error> {
        let mut found = self.walk(root, exclude);
        if Made::of(root) == Some(Made::Split) {
            let files = SplitFiles::of(root);
            let others = found.extract_if(.., |file| !files.holds(&file.name));
            self.other_files += others.count() as u64;
            let path = root.display();
            let note = format!("`{path}` is the folder of a split: what it was cut into is read");
            self.notes.push(note);
        }
        let kept = Kept::of(format, &found);
        let others: Vec<_> = found.extract_if(.., |file| !kept.holds(file)).collect();
        self.note(root, kept, &others);
        if found.is_empty() {
            return Err(Error::Empty {
                path: root.to_owned(),
            });
        }
        self.files.append(&mut found);
        Ok(())
    }

    /// Collects the files under a folder.
    fn walk(&mut self, root: &Path, exclude: &[PathBuf]) -> Vec<InputFile> {
        let walk = WalkDir::new(root).follow_links(true).sort_by_file_name();
        let mut walk = walk.into_iter();
        let mut found = Vec::new();
        while let Some(entry) = walk.next() {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {
                    if is_hidden(&entry) || self.leaves_folder(&entry, exclude) {
                        walk.skip_current_dir();
                    }
                }
                Ok(entry) if entry.file_type().is_file() && !is_hidden(&entry) => {
                    found.push(input_file(root, &entry));
                }
                Ok(_) => {}
                Err(error) => self.bad.push(BadRecord {
                    path: error.path().unwrap_or(root).to_owned(),
                    place: Place::File,
                    problem: error.to_string(),
                }),
            }
        }
        found
    }

    /// Whether a folder that was met is left alone; says so.
    fn leaves_folder(&mut self, entry: &DirEntry, exclude: &[PathBuf]) -> bool {
        let path = entry.path();
        let is_excluded = !exclude.is_empty()
            && fs::canonicalize(path).is_ok_and(|canonical| exclude.contains(&canonical));
        if is_excluded {
            let note = format!("`{}` is left alone: it is not to be read", path.display());
            self.notes.push(note);
            return true;
        }
        let made = (entry.depth() > 0).then(|| Made::of(path)).flatten();
        let Some(made) = made else {
            return false;
        };
        let files = WalkDir::new(path).into_iter().flatten();
        let n = files.filter(|file| file.file_type().is_file()).count();
        self.other_files += n as u64;
        self.notes.push(format!(
            "`{}` is left alone: {}; name it itself to read it",
            path.display(),
            made.description()
        ));
        true
    }

    /// Says what of a folder is left alone.
    fn note(&mut self, root: &Path, kept: Kept, others: &[InputFile]) {
        let Some(first) = others.first() else {
            return;
        };
        self.other_files += others.len() as u64;
        let what = match kept {
            Kept::Texts => "files that are no text",
            Kept::Parquet => "files that are no Parquet",
            Kept::Data => "files that describe others",
        };
        self.notes.push(format!(
            "`{}`: {} {what} are left alone, such as `{}`",
            root.display(),
            others.len(),
            first.name
        ));
    }
}

/// Which files of a folder are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Texts,
    Parquet,
    /// Whatever describes no others. What each is shows when it is opened.
    Data,
}

impl Kept {
    fn of(format: Format, found: &[InputFile]) -> Self {
        match format {
            Format::Text => Self::Texts,
            Format::Parquet => Self::Parquet,
            Format::Auto
                if found
                    .iter()
                    .any(|file| is_text(file) && !is_companion(file)) =>
            {
                Self::Texts
            }
            Format::Auto if found.iter().any(is_text) && !found.iter().any(is_data) => Self::Texts,
            _ => Self::Data,
        }
    }

    fn holds(self, file: &InputFile) -> bool {
        match self {
            Self::Texts => is_text(file) && !is_dump_index(file),
            Self::Parquet => file.extension() == "parquet",
            Self::Data => !is_companion(file),
        }
    }
}

/// Whether a file describes others or lists their checksums, by its name.
pub(crate) fn is_companion(file: &InputFile) -> bool {
    let name = bare_name(file);
    let starts = ["readme", "license", "licence", "notice", "changelog"];
    let whole = [
        "dataset_info.json",
        "dataset_infos.json",
        "dataset_dict.json",
        "state.json",
        "_success",
    ];
    starts.iter().any(|start| name.starts_with(start))
        || whole.contains(&&*name)
        || name.ends_with("sums.txt")
        || is_dump_index(file)
}

/// Whether a file says where the pages of a multistream dump are, by its name.
pub(crate) fn is_dump_index(file: &InputFile) -> bool {
    let name = bare_name(file);
    name.contains("-multistream-index") && file.extension() == "txt"
}

fn bare_name(file: &InputFile) -> String {
    let name = file.name.rsplit('/').next().unwrap_or(&file.name);
    name.to_lowercase()
}

/// Whether a file is of a kind that is read, told from its first bytes.
fn is_data(file: &InputFile) -> bool {
    if is_text(file) || is_companion(file) {
        return false;
    }
    super::is_parquet(file).unwrap_or(false)
        || super::open(&file.path, Decoding::PLAIN, &Position::default())
            .is_ok_and(|opened| Archive::is_one(&opened.head) || detect(file, &opened).is_ok())
}

fn input_file(root: &Path, entry: &DirEntry) -> InputFile {
    let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    InputFile {
        path: entry.path().to_owned(),
        name: parts.join("/"),
        bytes: entry.metadata().ok().map(|metadata| metadata.len()),
        in_folder: true,
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.depth() > 0 && has_hidden_name(entry.path())
}

fn has_hidden_name(path: &Path) -> bool {
    let name = path.file_name();
    name.is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
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
        let listing = list(&[root], Format::Auto, &[]).unwrap();
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
        let listing = list(&[folder.path()], Format::Auto, &[]).unwrap();
        assert_eq!(listing.files.len(), 1);
        assert_eq!(listing.bad.len(), 1);
    }

    #[test]
    fn a_folder_without_anything_to_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = list(&[folder.path()], Format::Auto, &[]).unwrap_err();
        assert!(matches!(error, Error::Empty { .. }));
        let missing = folder.path().join("missing");
        assert!(matches!(
            list(&[missing], Format::Auto, &[]),
            Err(Error::Open { .. })
        ));
    }
}
