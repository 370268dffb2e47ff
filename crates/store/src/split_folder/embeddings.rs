//! The vectors of a folder of passages, as the stage `embed` leaves them.
//!
//! ```text
//! DIR/
//!   embed.json                      which encoder made the vectors, and their form
//!   embed.lock                      held while `embed.json` is compared or written
//!   embeddings/part-00000.arrow     row for row beside passages/part-00000.parquet
//!   receipts/part-00000.json        length and checksum of the vectors, and of the passages they are for
//!   receipts/part-00000.lock        held by whoever computes the part
//! ```
//!
//! A part is finished when its receipt is there. A receipt is written after its vectors are safe, so it
//! vouches for them whatever happened; one of other passages or of another encoder vouches for nothing. No
//! file names the division of the work: any process may make any part that no other process is making.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use ragdex_core::{Sha256, Vectors};
use serde::{Deserialize, Serialize};

use super::{Guard, SplitFolder, SplitPart, names};
use crate::files::{EmbeddingShape, EmbeddingsFile, EmbeddingsFileWriter, RowIds};
use crate::manifest::{Encoder, FileEntry, check_sum, sealed};
use crate::snapshot::PartEmbeddings;
use crate::storage::{Files, Lock, PieceWriter};
use crate::writer::Holder;
use crate::{Error, KbPath, Result};

/// The form of `embed.json` and of the receipts.
const FORMAT: u32 = 1;

/// How long another process may hold `embed.lock`; it reads and writes one small file under it.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// How often the lock is tried.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// What the vectors of a folder are: `embed.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbedManifest {
    /// The form of this file and of the receipts.
    pub format: u32,
    /// The version that wrote it.
    pub ragdex: String,
    /// The encoder of the vectors, under the name that it had where the work began.
    pub encoder: Encoder,
    /// The form of the vectors.
    pub embedding: EmbeddingShape,
}

impl EmbedManifest {
    fn new(encoder: Encoder, embedding: EmbeddingShape) -> Self {
        Self {
            format: FORMAT,
            ragdex: env!("CARGO_PKG_VERSION").into(),
            encoder,
            embedding,
        }
    }

    /// Everything that decides the vectors, by name, the weightiest first: the encoder but for its own
    /// name, which may be a folder of one machine.
    fn identity(&self) -> Vec<(&str, String)> {
        let sha256 = self.encoder.sha256.map(|sum| sum.to_string());
        let mut fields = vec![
            ("sha256 of the weights", sha256.unwrap_or_default()),
            ("dimensions", self.embedding.dim.to_string()),
            ("vectors", self.embedding.element.to_string()),
        ];
        let settings = self.encoder.settings.iter();
        let settings = settings.map(|(name, value)| (&**name, value.to_string()));
        fields.extend(settings.collect::<BTreeMap<_, _>>());
        fields
    }

    /// Names what receipts stand for.
    fn fingerprint(&self) -> Sha256 {
        Sha256::of(&serde_json::to_vec(&self.identity()).expect("texts"))
    }

    /// The first thing that other vectors have otherwise: its name, ours and theirs.
    fn difference(&self, other: &Self) -> Option<[String; 3]> {
        let (ours, theirs) = (self.identity(), other.identity());
        let value = |fields: &[(&str, String)], name: &str| {
            let found = fields.iter().find(|field| field.0 == name);
            found.map_or("none".to_owned(), |field| field.1.clone())
        };
        let names = ours.iter().chain(&theirs).map(|field| field.0);
        names
            .map(|name| [name.to_owned(), value(&ours, name), value(&theirs, name)])
            .find(|[_, ours, theirs]| ours != theirs)
    }
}

/// The vectors of one part are finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Receipt {
    format: u32,
    /// Of everything that decided the vectors.
    encoder: Sha256,
    /// The passages file that they were computed from.
    passages: FileEntry,
    embeddings: FileEntry,
    n_passages: u64,
}

/// The vectors of a folder, made or to be made.
#[derive(Debug, Clone)]
pub struct SplitEmbeddings {
    folder: SplitFolder,
    manifest: EmbedManifest,
    fingerprint: Sha256,
}

/// What there is to do for the vectors of a part.
#[derive(Debug)]
pub enum EmbedPart {
    /// Nothing: they are there.
    Finished,
    /// Another process is computing them.
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who holds it.
        holder: Holder,
    },
    /// Everything; nobody else will, as long as this lives.
    Open(Box<SplitPartWriter>),
}

impl SplitFolder {
    /// Finds the vectors that were made of a folder, finished or not; `None` when the work never began.
    ///
    /// # Errors
    /// [`Error::DamagedSplit`], [`Error::Checksum`].
    pub fn embeddings(&self) -> Result<Option<SplitEmbeddings>> {
        let found = read_manifest(&self.files)?;
        Ok(found.map(|manifest| self.with_manifest(manifest)))
    }

    /// Begins the vectors of a folder, or goes on with them: writes `embed.json` unless it is there.
    ///
    /// With `restart` one of another encoder or form is replaced, and the vectors made for it count no
    /// longer.
    ///
    /// # Errors
    /// [`Error::OtherEmbeddings`] when the folder holds vectors of another encoder or form;
    /// [`Error::Locked`] when another process does not let go of `embed.lock`.
    pub fn begin_embeddings(
        &self,
        encoder: Encoder,
        shape: EmbeddingShape,
        restart: bool,
    ) -> Result<SplitEmbeddings> {
        let wanted = EmbedManifest::new(encoder, shape);
        let _lock = self.lock_embed()?;
        let found = match read_manifest(&self.files) {
            Err(_) if restart => None,
            found => found?,
        };
        if let Some(found) = found {
            match wanted.difference(&found) {
                None => return Ok(self.with_manifest(found)),
                Some(difference) if !restart => return Err(self.other_embeddings(difference)),
                Some(_) => {}
            }
        }
        self.files.replace(&names::embed(), &sealed(&wanted))?;
        Ok(self.with_manifest(wanted))
    }

    fn with_manifest(&self, manifest: EmbedManifest) -> SplitEmbeddings {
        SplitEmbeddings {
            folder: self.clone(),
            fingerprint: manifest.fingerprint(),
            manifest,
        }
    }

    fn other_embeddings(&self, [what, wanted, found]: [String; 3]) -> Error {
        Error::OtherEmbeddings {
            path: self.files.locate(&names::embed()),
            what,
            wanted,
            found,
        }
    }

    /// Takes the lock of `embed.json`, which several processes that begin together want.
    fn lock_embed(&self) -> Result<Box<dyn Send + Sync>> {
        let started = Instant::now();
        loop {
            match take_lock(&self.files, &names::embed_lock())? {
                Ok(lock) => return Ok(lock),
                Err(_) if started.elapsed() < LOCK_PATIENCE => thread::sleep(LOCK_INTERVAL),
                Err((path, holder)) => return Err(Error::Locked { path, holder }),
            }
        }
    }
}

impl SplitEmbeddings {
    /// What the vectors are.
    pub fn manifest(&self) -> &EmbedManifest {
        &self.manifest
    }

    /// Checks that the vectors are those that this encoder would make, in this form.
    ///
    /// # Errors
    /// [`Error::OtherEmbeddings`].
    pub fn check_same(&self, encoder: Encoder, shape: EmbeddingShape) -> Result<()> {
        match EmbedManifest::new(encoder, shape).difference(&self.manifest) {
            None => Ok(()),
            Some(difference) => Err(self.folder.other_embeddings(difference)),
        }
    }

    /// Whether the vectors of a part are there, byte for byte as they were written. Reads all of them.
    pub fn is_finished(&self, part: &SplitPart) -> Result<bool> {
        let Some(receipt) = self.receipt(part)? else {
            return Ok(false);
        };
        let files = &self.folder.files;
        let file = &receipt.embeddings;
        let checked = files
            .open_entry(file, &file.path)
            .and_then(|content| files.check_sum(file, &file.path, &content));
        match checked {
            Ok(()) => Ok(true),
            Err(Error::Missing { .. } | Error::Length { .. } | Error::Checksum { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the vectors of a part were finished, as far as their receipt and length tell.
    pub fn is_recorded(&self, part: &SplitPart) -> Result<bool> {
        let Some(receipt) = self.receipt(part)? else {
            return Ok(false);
        };
        let file = &receipt.embeddings;
        match self.folder.files.open_entry(file, &file.path) {
            Ok(_) => Ok(true),
            Err(Error::Missing { .. } | Error::Length { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes a part to make its vectors, unless they are there or another process makes them.
    ///
    /// # Errors
    /// Those of a damaged passages file: [`Error::Missing`], [`Error::Length`], [`Error::Checksum`].
    pub fn begin(&self, part: &SplitPart) -> Result<EmbedPart> {
        let files = &self.folder.files;
        let lock = match take_lock(files, &names::part_lock(&part.passages.path))? {
            Ok(lock) => Guard(lock),
            Err((path, holder)) => return Ok(EmbedPart::Held { path, holder }),
        };
        // Looked at under the lock: whoever held it before may just have finished.
        if self.is_finished(part)? {
            return Ok(EmbedPart::Finished);
        }
        let content = files.open_entry(&part.passages, &part.passages.path)?;
        files.check_sum(&part.passages, &part.passages.path, &content)?;
        Ok(EmbedPart::Open(Box::new(SplitPartWriter {
            embeddings: self.clone(),
            part: part.clone(),
            file: None,
            _lock: lock,
        })))
    }

    /// Deletes the vectors of a part, finished or not.
    ///
    /// # Errors
    /// [`Error::Locked`] while another process makes them.
    pub fn discard(&self, part: &SplitPart) -> Result<()> {
        let files = &self.folder.files;
        let lock = take_lock(files, &names::part_lock(&part.passages.path))?;
        let _lock = lock.map_err(|(path, holder)| Error::Locked { path, holder })?;
        // The receipt goes first, so that none vouches for what is not there.
        for path in [
            names::receipt(&part.passages.path),
            names::vectors(&part.passages.path),
        ] {
            if files.is_there(&path)? {
                files.remove(&path)?;
                files.sync_folder(&path.folder())?;
            }
        }
        files.remove(&names::part_lock(&part.passages.path))
    }

    /// Borrows the vectors of a finished part from the memory map, row for row with its passages.
    ///
    /// # Errors
    /// [`Error::Incomplete`] when they are not made; those of a damaged file.
    pub fn vectors(&self, part: &SplitPart) -> Result<PartEmbeddings> {
        let files = &self.folder.files;
        let Some(receipt) = self.receipt(part)? else {
            return Err(Error::Incomplete {
                path: files.locate(&names::vectors(&part.passages.path)),
            });
        };
        let file = &receipt.embeddings;
        let content = files.open_entry(file, &file.path)?;
        let path = files.locate(&file.path);
        let file = EmbeddingsFile::open(content, &path, part.n_passages, self.manifest.embedding)?;
        let first = part.first_passage;
        Ok(PartEmbeddings::new(
            file,
            RowIds::Contiguous { first },
            None,
        ))
    }

    /// The receipt of these passages and this encoder; one that cannot be understood counts as not there.
    fn receipt(&self, part: &SplitPart) -> Result<Option<Receipt>> {
        let path = names::receipt(&part.passages.path);
        let content = self.folder.files.open_if_there(&path)?;
        let receipt = content.and_then(|content| {
            let receipt: Option<Receipt> = serde_json::from_slice(&content).ok();
            receipt.filter(|_| is_sealed(&content, &self.folder.files, &path))
        });
        let vouches = |receipt: &Receipt| {
            receipt.format == FORMAT
                && receipt.encoder == self.fingerprint
                && receipt.passages == part.passages
                && receipt.n_passages == part.n_passages
        };
        Ok(receipt.filter(vouches))
    }
}

/// Writes the vectors of one part as they come; whoever holds it is the only one who does.
///
/// Memory: 8,192 vectors in f32, and once more while they are written. Dropping it unfinished leaves
/// nothing under the name.
pub struct SplitPartWriter {
    embeddings: SplitEmbeddings,
    part: SplitPart,
    /// Begun with the first vector.
    file: Option<EmbeddingsFileWriter<PieceWriter>>,
    /// Frees the lock when dropped.
    _lock: Guard,
}

impl SplitPartWriter {
    /// The part whose vectors are made.
    pub fn part(&self) -> &SplitPart {
        &self.part
    }

    /// Adds the vectors of the next passages, in row order.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`]; [`Error::Rows`] when there are more than passages.
    pub fn push(&mut self, vectors: Vectors<'_>) -> Result<()> {
        let mut file = self.take_file()?;
        file.push(vectors)?;
        self.file = Some(file);
        Ok(())
    }

    /// Finishes the file and writes its receipt. Gives the length of the file in bytes.
    ///
    /// # Errors
    /// [`Error::Rows`] when there are fewer vectors than passages.
    pub fn finish(mut self) -> Result<u64> {
        let file = self.take_file()?.into_file()?;
        let files = &self.embeddings.folder.files;
        let passages = &self.part.passages;
        let named = names::vectors(&passages.path);
        let receipt = Receipt {
            format: FORMAT,
            encoder: self.embeddings.fingerprint,
            passages: passages.clone(),
            embeddings: files.finish(file, &named, named.clone())?,
            n_passages: self.part.n_passages,
        };
        files.replace(&names::receipt(&passages.path), &sealed(&receipt))?;
        // Who waits for the lock finds the receipt; a system that keeps open files keeps this one.
        let _ = files.remove(&names::part_lock(&passages.path));
        Ok(receipt.embeddings.bytes)
    }

    /// The file that is being written, begun if need be.
    fn take_file(&mut self) -> Result<EmbeddingsFileWriter<PieceWriter>> {
        if let Some(file) = self.file.take() {
            return Ok(file);
        }
        let files = &self.embeddings.folder.files;
        let place = names::vectors(&self.part.passages.path);
        let (file, path) = (files.create(&place)?, files.locate(&place));
        let shape = self.embeddings.manifest.embedding;
        EmbeddingsFileWriter::create(file, path, shape, self.part.n_passages)
    }
}

impl fmt::Debug for SplitPartWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SplitPartWriter")
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

/// Takes a lock, or tells who holds it.
fn take_lock(
    files: &Files,
    path: &KbPath,
) -> Result<std::result::Result<Box<dyn Send + Sync>, (PathBuf, Holder)>> {
    let holder = Holder::this_process("ragdex embed");
    Ok(match files.lock(path, &holder.to_json())? {
        Lock::Taken(lock) => Ok(lock),
        Lock::Held(note) => {
            let holder = serde_json::from_slice(&note).unwrap_or_default();
            Err((files.locate(path), holder))
        }
    })
}

fn read_manifest(files: &Files) -> Result<Option<EmbedManifest>> {
    let path = names::embed();
    let Some(content) = files.open_if_there(&path)? else {
        return Ok(None);
    };
    let damaged = |source| Error::DamagedSplit {
        path: files.locate(&path),
        kind: "embeddings",
        source,
    };
    let manifest: EmbedManifest = serde_json::from_slice(&content).map_err(damaged)?;
    if manifest.format != FORMAT {
        return Err(Error::malformed(
            files.locate(&path),
            format!("format {FORMAT}"),
            format!("format {}", manifest.format),
        ));
    }
    check_sealed(&content, files, &path)?;
    Ok(Some(manifest))
}

fn is_sealed(content: &[u8], files: &Files, path: &KbPath) -> bool {
    check_sealed(content, files, path).is_ok()
}

/// Holds a file against its own checksum, which it must have.
fn check_sealed(content: &[u8], files: &Files, path: &KbPath) -> Result<()> {
    #[derive(Deserialize)]
    struct Seal {
        checksum: Sha256,
    }
    let damaged = |source| Error::DamagedSplit {
        path: files.locate(path),
        kind: "embeddings",
        source,
    };
    let seal: Seal = serde_json::from_slice(content).map_err(damaged)?;
    check_sum(content, seal.checksum, &files.locate(path))
}
