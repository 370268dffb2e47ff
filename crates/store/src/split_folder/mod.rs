//! A folder of passages, as the stage `split` leaves it: files for others' tools, and for `embed`.
//!
//! ```text
//! DIR/
//!   split.json                     what was split and how, every file with length and checksum
//!   split.lock                     OS advisory lock, taken by whoever writes
//!   documents/part-00000.parquet   as in a knowledge base
//!   passages/part-00000.parquet    row for row what was cut from the documents
//!   passages.tsv                   in place of the Parquet files, where text was asked for
//! ```
//!
//! Several processes fill one folder, each a shard of its own: their names carry the shard, as in
//! `split-2-of-4.json` and `passages/part-2-of-4-00000.parquet`.

mod manifest;
mod names;
mod parts;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::error::Action;
use crate::files::{PassageRecord, TableFile};
use crate::manifest::{FileEntry, pretty_json};
use crate::storage::{Files, FolderStorage, Lock, PieceWriter, Storage};
use crate::writer::Holder;
use crate::{Error, KbPath, Result};

pub use manifest::{SplitManifest, SplitPart};
pub use names::SplitName;
pub use parts::PartsWriter;

/// A folder of passages as a place.
#[derive(Debug, Clone)]
pub struct SplitFolder {
    files: Files,
}

/// What there is to do for one shard of a folder.
#[derive(Debug)]
pub enum Begun {
    /// Nothing: an equal plan was carried out before.
    Finished(SplitManifest),
    /// Everything; what an interrupted run left is gone.
    Open(SplitRun),
}

impl SplitFolder {
    /// Opens a folder that is new, empty, or was made by this.
    ///
    /// # Errors
    /// [`Error::ForeignFolder`] when it holds something else.
    pub fn create_or_open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let storage = FolderStorage::create(path).map_err(|source| Error::Io {
            action: Action::Write,
            path: path.to_owned(),
            source,
        })?;
        Self::with_storage(Arc::new(storage))
    }

    /// Uses another storage than a folder.
    ///
    /// # Errors
    /// As [`SplitFolder::create_or_open`].
    pub fn with_storage(storage: Arc<dyn Storage>) -> Result<Self> {
        let folder = Self {
            files: Files::new(storage),
        };
        let names = folder.files.list(&KbPath::ROOT)?;
        match names.into_iter().find(|name| !names::is_ours(name)) {
            None => Ok(folder),
            Some(found) => Err(Error::ForeignFolder {
                path: folder.files.locate(&KbPath::ROOT),
                found,
            }),
        }
    }

    /// Takes the lock of a shard and finds out what is left to do for it.
    ///
    /// `plan` says everything that decides the result. With `restart` whatever another plan left is
    /// deleted first.
    ///
    /// # Errors
    /// [`Error::Locked`]; [`Error::OtherSplit`] when the folder holds the shard of another plan, or a
    /// division into another number of shards.
    pub fn begin(&self, name: SplitName, plan: &Value, restart: bool) -> Result<Begun> {
        let lock = self.lock(&name)?;
        self.refuse_other_division(&name)?;
        let found = manifest::read(&self.files, &name.manifest())?;
        match &found {
            Some(found) if found.finished && found.plan == *plan && !restart => {
                return Ok(Begun::Finished(found.clone()));
            }
            Some(found) if found.finished && !restart => {
                return Err(Error::OtherSplit {
                    path: self.files.locate(&KbPath::ROOT),
                    found: name.manifest().to_string(),
                });
            }
            _ => {}
        }
        let run = SplitRun {
            files: self.files.clone(),
            name,
            plan: plan.clone(),
            _lock: Guard(lock),
        };
        // Before any file goes: a manifest never names what is not there.
        run.write_manifest(&SplitManifest::unfinished(plan))?;
        run.remove_leftovers(found.as_ref())?;
        Ok(Begun::Open(run))
    }

    fn lock(&self, name: &SplitName) -> Result<Box<dyn Send + Sync>> {
        let holder = Holder::this_process("ragdex split");
        let path = name.lock();
        match self.files.lock(&path, &holder.to_json())? {
            Lock::Taken(lock) => Ok(lock),
            Lock::Held(note) => Err(Error::Locked {
                path: self.files.locate(&path),
                holder: serde_json::from_slice(&note).unwrap_or_default(),
            }),
        }
    }

    /// Two divisions of one source side by side would hold everything twice.
    fn refuse_other_division(&self, name: &SplitName) -> Result<()> {
        let names = self.files.list(&KbPath::ROOT)?;
        let other = names
            .into_iter()
            .find(|found| SplitName::of_manifest(found).is_some_and(|n| n.count() != name.count()));
        match other {
            None => Ok(()),
            Some(found) => Err(Error::OtherSplit {
                path: self.files.locate(&KbPath::ROOT),
                found,
            }),
        }
    }
}

/// One shard of a folder under way; whoever holds it is its only writer.
///
/// Dropping it before [`SplitRun::finish`] leaves a folder whose manifest says that it is not finished.
#[derive(Debug)]
pub struct SplitRun {
    files: Files,
    name: SplitName,
    plan: Value,
    /// Frees the lock when dropped.
    _lock: Guard,
}

struct Guard(#[expect(dead_code, reason = "held for its drop")] Box<dyn Send + Sync>);

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl SplitRun {
    /// The folder, for messages and temporary files.
    pub fn path(&self) -> PathBuf {
        self.files.locate(&KbPath::ROOT)
    }

    /// Begins to write Parquet files of at least `part_passages` passages; the first passage gets the
    /// id `first_passage`.
    pub fn parts(&self, part_passages: u64, first_passage: u64) -> PartsWriter<'_> {
        PartsWriter::new(self, part_passages, first_passage)
    }

    /// Begins a file of text named `stem.extension`, with the shard between the two.
    pub fn text_file(&self, stem: &str, extension: &str) -> Result<TextFile<'_>> {
        let path = self.name.text(stem, extension);
        Ok(TextFile {
            run: self,
            writer: self.files.create(&path)?,
            path,
        })
    }

    /// Writes the manifest: from now on the shard is finished.
    pub fn finish(
        self,
        parts: Vec<SplitPart>,
        files: Vec<FileEntry>,
        summary: Value,
    ) -> Result<SplitManifest> {
        let manifest = SplitManifest {
            finished: true,
            parts,
            files,
            summary,
            ..SplitManifest::unfinished(&self.plan)
        };
        self.write_manifest(&manifest)?;
        Ok(manifest)
    }

    fn write_manifest(&self, manifest: &SplitManifest) -> Result<()> {
        let path = self.name.manifest();
        self.files.replace(&path, &pretty_json(manifest))
    }

    /// Deletes the files of this shard that the plan before and an interrupted run left: who reads
    /// whole folders would take them for ours.
    fn remove_leftovers(&self, before: Option<&SplitManifest>) -> Result<()> {
        for file in before.iter().flat_map(|manifest| &manifest.files) {
            self.files.remove(&file.path)?;
        }
        for folder in names::FOLDERS.map(KbPath::known) {
            let names = self.files.list(&folder)?;
            let parts = names.iter().filter(|name| self.name.is_part(name));
            let mut n_removed = 0;
            for name in parts {
                let path = KbPath::known(format!("{folder}/{name}"));
                self.files.remove(&path)?;
                n_removed += 1;
            }
            if n_removed > 0 {
                self.files.sync_folder(&folder)?;
            }
        }
        self.files.sync_folder(&KbPath::ROOT)
    }
}

/// A file of text being written; its name appears when it is finished.
pub struct TextFile<'r> {
    run: &'r SplitRun,
    writer: PieceWriter,
    path: KbPath,
}

impl TextFile<'_> {
    /// Where the file will be, for messages.
    pub fn path(&self) -> PathBuf {
        self.run.files.locate(&self.path)
    }

    /// Makes the content and the name safe.
    pub fn finish(self) -> Result<FileEntry> {
        let name = self.path.clone();
        self.run.files.finish(self.writer, &self.path, name)
    }

    /// Names the file in an error of writing to it.
    pub fn error(&self, source: io::Error) -> Error {
        Error::Io {
            action: Action::Write,
            path: self.path(),
            source,
        }
    }
}

impl io::Write for TextFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl std::fmt::Debug for TextFile<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl SplitFolder {
    /// Reads the manifests of the shards that are finished, in order.
    pub fn manifests(&self) -> Result<Vec<(SplitName, SplitManifest)>> {
        let names = self.files.list(&KbPath::ROOT)?;
        let mut found = Vec::new();
        for name in names.iter().filter_map(|name| SplitName::of_manifest(name)) {
            if let Some(manifest) = manifest::read(&self.files, &name.manifest())?
                && manifest.finished
            {
                found.push((name, manifest));
            }
        }
        found.sort_by_key(|(name, _)| *name);
        Ok(found)
    }

    /// Streams the passages of a part, in row order.
    ///
    /// # Errors
    /// Those of a missing or damaged file.
    pub fn passages(
        &self,
        part: &SplitPart,
    ) -> Result<impl Iterator<Item = Result<PassageRecord>> + use<>> {
        let path = &part.passages.path;
        let content = self.files.open_entry(&part.passages, path)?;
        TableFile::open(content, self.files.locate(path), part.n_passages)?.stream()
    }

    /// Compares the checksums of all files that the manifests name.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Length`] or [`Error::Checksum`] for the first that differs.
    pub fn verify(&self) -> Result<()> {
        for (_, manifest) in self.manifests()? {
            for file in manifest.files() {
                let content = self.files.open_entry(file, &file.path)?;
                self.files.check_sum(file, &file.path, &content)?;
            }
        }
        Ok(())
    }
}
