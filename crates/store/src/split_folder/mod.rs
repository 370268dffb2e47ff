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
//!
//! The stage `embed` adds the vectors, see `embeddings.rs`.

mod embeddings;
mod manifest;
mod names;
mod parts;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::error::Action;
use crate::files::{DocumentRecord, PassageRecord, TableFile};
use crate::manifest::{FileEntry, pretty_json};
use crate::storage::{Files, FolderStorage, Lock, PieceWriter, Storage, TEMPORARY_SUFFIX};
use crate::writer::Holder;
use crate::{Error, KbPath, Result};

pub use embeddings::{EmbedManifest, EmbedPart, SplitEmbeddings, SplitPartWriter};
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
    /// Everything, beginning with [`SplitRun::start`].
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
                expected: "folder of an earlier split",
                found,
            }),
        }
    }

    /// Takes the lock of a shard and finds out what is left to do for it; changes nothing yet.
    ///
    /// `plan` says everything that decides the result. With `restart` whatever the folder holds may go.
    ///
    /// # Errors
    /// [`Error::Locked`]; without `restart` [`Error::OtherSplit`] when the folder holds the shard of another
    /// plan or a division into another number of shards, and [`Error::DamagedSplit`].
    pub fn begin(&self, name: SplitName, plan: &Value, restart: bool) -> Result<Begun> {
        // The whole folder's, so that no other division begins at the same time.
        let whole = self.lock(SplitName::default())?;
        let lock = match name.count() {
            1 => whole,
            _ => self.lock(name)?,
        };
        let others = self.other_divisions(name)?;
        let found = match manifest::read(&self.files, &name.manifest()) {
            Err(_) if restart => None,
            found => found?,
        };
        if let Some(other) = others.first().filter(|_| !restart) {
            return Err(self.other_split(*other));
        }
        if let Some(found) = found.filter(|found| found.finished && !restart) {
            if found.plan != *plan {
                return Err(self.other_split(name));
            }
            if self.is_whole(&found)? {
                return Ok(Begun::Finished(found));
            }
        }
        Ok(Begun::Open(SplitRun {
            folder: self.clone(),
            name,
            plan: plan.clone(),
            others,
            _lock: Guard(lock),
        }))
    }

    /// Whether every file is there in its length.
    fn is_whole(&self, manifest: &SplitManifest) -> Result<bool> {
        for file in manifest.files() {
            match self.files.open_entry(file, &file.path) {
                Ok(_) => {}
                Err(Error::Missing { .. } | Error::Length { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn other_split(&self, found: SplitName) -> Error {
        Error::OtherSplit {
            path: self.files.locate(&KbPath::ROOT),
            found: found.manifest().to_string(),
        }
    }

    fn lock(&self, name: SplitName) -> Result<Box<dyn Send + Sync>> {
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

    /// Shards of other divisions: two divisions of one source side by side would hold everything twice.
    fn other_divisions(&self, name: SplitName) -> Result<Vec<SplitName>> {
        let names = self.files.list(&KbPath::ROOT)?;
        let found = names.iter().filter_map(|name| SplitName::of_manifest(name));
        Ok(found
            .filter(|found| found.count() != name.count())
            .collect())
    }

    /// Deletes every file of a shard, finished or not: who reads whole folders would take them for those of
    /// the next split.
    fn remove_shard(&self, name: SplitName) -> Result<()> {
        for path in name.texts() {
            self.remove_with_temporary(&path)?;
        }
        for folder in names::PART_FOLDERS.map(KbPath::known) {
            let names = self.files.list(&folder)?;
            let mut numbers: Vec<u32> = names.iter().filter_map(|n| name.number_of(n)).collect();
            // The one that was being written shows under its temporary name only.
            numbers.push(numbers.iter().max().map_or(0, |last| last + 1));
            for number in &numbers {
                self.remove_with_temporary(&name.part_in(&folder, *number))?;
            }
            if numbers.len() > 1 {
                self.files.sync_folder(&folder)?;
            }
        }
        self.files.sync_folder(&KbPath::ROOT)
    }

    fn remove_with_temporary(&self, path: &KbPath) -> Result<()> {
        self.files.remove(path)?;
        let temporary = KbPath::known(format!("{path}{TEMPORARY_SUFFIX}"));
        self.files.remove(&temporary)
    }
}

/// One shard of a folder under way; whoever holds it is its only writer.
///
/// Dropping it before [`SplitRun::finish`] leaves a folder whose manifest says that it is not finished.
#[derive(Debug)]
pub struct SplitRun {
    folder: SplitFolder,
    name: SplitName,
    plan: Value,
    /// Shards of other divisions, which go when this one starts.
    others: Vec<SplitName>,
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
        self.files().locate(&KbPath::ROOT)
    }

    /// Deletes what the plan before, another division or an interrupted run left. To be called once, before
    /// anything is written, and not before it is known that there is something to write.
    ///
    /// # Errors
    /// [`Error::Locked`] while another process writes one of the shards that have to go.
    pub fn start(&self) -> Result<()> {
        // Before any file goes: a finished manifest never names what is not there.
        self.write_manifest(&SplitManifest::unfinished(&self.plan))?;
        for other in &self.others {
            let _lock = self.folder.lock(*other)?;
            self.folder.remove_shard(*other)?;
            self.files().remove(&other.manifest())?;
            self.files().remove(&other.lock())?;
        }
        self.folder.remove_shard(self.name)
    }

    fn files(&self) -> &Files {
        &self.folder.files
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
            writer: self.files().create(&path)?,
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
        self.files().replace(&path, &pretty_json(manifest))
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
        self.run.files().locate(&self.path)
    }

    /// Makes the content and the name safe.
    pub fn finish(self) -> Result<FileEntry> {
        let name = self.path.clone();
        self.run.files().finish(self.writer, &self.path, name)
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
    /// Whether a folder on disk is one that a split made or began.
    pub fn is_one(path: impl AsRef<Path>) -> bool {
        let storage = FolderStorage::open(path.as_ref());
        let names = storage.and_then(|storage| storage.list(&KbPath::ROOT));
        let mut names = names.into_iter().flatten();
        names.any(|name| SplitName::of_manifest(&name).is_some())
    }

    /// Opens a folder that a split has finished, to read it or to embed its passages.
    ///
    /// # Errors
    /// [`Error::NotASplit`]; [`Error::UnfinishedSplit`] while a shard in it is under way or was
    /// interrupted.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let none = || Error::NotASplit {
            path: path.to_owned(),
        };
        if !Self::is_one(path) {
            return Err(none());
        }
        let storage = FolderStorage::open(path).map_err(|_| none())?;
        let folder = Self {
            files: Files::new(Arc::new(storage)),
        };
        folder.refuse_unfinished()?;
        Ok(folder)
    }

    fn refuse_unfinished(&self) -> Result<()> {
        for name in self.files.list(&KbPath::ROOT)? {
            let Some(name) = SplitName::of_manifest(&name) else {
                continue;
            };
            let found = manifest::read(&self.files, &name.manifest())?;
            if found.is_some_and(|manifest| !manifest.finished) {
                return Err(Error::UnfinishedSplit {
                    path: self.files.locate(&name.manifest()),
                });
            }
        }
        Ok(())
    }

    /// The folder, for messages.
    pub fn path(&self) -> PathBuf {
        self.files.locate(&KbPath::ROOT)
    }

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

    /// Streams the documents of a part, in row order.
    ///
    /// # Errors
    /// Those of a missing or damaged file.
    pub fn documents(
        &self,
        part: &SplitPart,
    ) -> Result<impl Iterator<Item = Result<DocumentRecord>> + use<>> {
        let path = &part.documents.path;
        let content = self.files.open_entry(&part.documents, path)?;
        TableFile::open(content, self.files.locate(path), part.n_documents)?.stream()
    }

    /// Compares the checksums of the documents and passages of a part.
    ///
    /// # Errors
    /// As [`SplitFolder::verify`].
    pub fn check_part(&self, part: &SplitPart) -> Result<()> {
        for file in [&part.documents, &part.passages] {
            let content = self.files.open_entry(file, &file.path)?;
            self.files.check_sum(file, &file.path, &content)?;
        }
        Ok(())
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
