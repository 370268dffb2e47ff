//! A snapshot in the files of others.

mod attribution;
mod rows;
mod target;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ragdex_core::{Stage, Unit};
use ragdex_store::Snapshot;
use serde_json::json;

use self::attribution::Attribution;
use self::rows::Batches;
use self::target::Target;
use crate::replacement::{Failure, Replacement};
use crate::results::{ExportReport, ExportedFile};
use crate::{Context, Error, KnowledgeBase, Result};

pub use self::target::ExportTarget;

/// Marks a folder as made by an export, so that another may replace it.
const MARK: &str = "export.json";

/// What to write, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportJob {
    /// The folder; it must not exist, or be empty, unless `force`.
    pub folder: PathBuf,
    /// The form of the files.
    pub target: ExportTarget,
    /// Replace what an earlier export left in the folder; nothing else is ever replaced.
    pub force: bool,
}

/// Writes every passage of the snapshot, by ascending id, into a folder.
///
/// All forms have the same order: label `i` of a FAISS index is row `i` of a dataset; `ids.npy` beside an index
/// says which passage that is. Text of Wikipedia carries its attribution with the date of the dump, in
/// `README.md`. The folder appears when it is whole; an interrupted export leaves nothing under its name, and
/// what a killed one leaves beside it goes with the next.
///
/// Memory: a thousand passages and their vectors.
///
/// # Errors
/// [`Error::NotEmpty`], [`Error::NoExport`], [`Error::ExportOntoBase`], [`Error::NotAFolder`]; what reading the
/// snapshot and writing give; [`Error::Cancelled`].
pub fn export(kb: &KnowledgeBase, job: &ExportJob, context: &Context<'_>) -> Result<ExportReport> {
    let started = Instant::now();
    let failed = |source| write_error(&job.folder, source);
    let folder = resolved(&job.folder).map_err(failed)?;
    refuse_others(&folder, kb.path(), job)?;
    let replacement = Replacement::begin(&folder).map_err(replace_error)?;
    let staging = replacement.new_folder();
    let snapshot = kb.stored();
    write(snapshot, kb.path(), &staging, &job.target, context)?;
    mark(&staging, job, snapshot.number())?;
    let files = list(&staging).map_err(failed)?;
    replacement.finish().map_err(replace_error)?;
    Ok(ExportReport {
        folder: job.folder.to_string_lossy().into_owned(),
        to: job.target.name().to_owned(),
        snapshot: snapshot.number(),
        passages: snapshot.manifest().passages,
        bytes: files.iter().map(|file| file.bytes).sum(),
        files,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn write(
    snapshot: &Snapshot,
    kb: &Path,
    folder: &Path,
    target: &ExportTarget,
    context: &Context<'_>,
) -> Result<()> {
    let reporter = context.reporter;
    let total = snapshot.manifest().passages;
    reporter.start(Stage::Export, Unit::Passages, Some(total));
    let mut attribution = Attribution::default();
    let mut writer = Target::create(target, folder, snapshot, context)?;
    let mut batches = Batches::new(snapshot, writer.wants_text())?;
    let mut done = 0;
    while let Some(batch) = batches.next()? {
        context.cancel.check()?;
        attribution.see(&batch);
        writer.push(&batch)?;
        done += batch.len() as u64;
        reporter.advance(Stage::Export, done);
    }
    writer.finish(&attribution.card(snapshot, kb))?;
    reporter.finish(Stage::Export);
    Ok(())
}

/// The folder by its own name, without links and `..`; its parent is made.
fn resolved(folder: &Path) -> io::Result<PathBuf> {
    if let Ok(folder) = folder.canonicalize() {
        return Ok(folder);
    }
    let parent = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent)?;
    let name = folder.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(parent.canonicalize()?.join(name))
}

/// Refuses every folder that holds something, but for exports that may be replaced; the knowledge base itself
/// and what is around it always.
fn refuse_others(folder: &Path, kb: &Path, job: &ExportJob) -> Result<()> {
    let path = || job.folder.clone();
    let kb = kb.canonicalize().unwrap_or_else(|_| kb.to_owned());
    if folder.starts_with(&kb) || kb.starts_with(folder) {
        return Err(Error::ExportOntoBase { path: path() });
    }
    let is_full = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::NotAFolder { path: path() });
        }
        Err(source) => return Err(write_error(folder, source)),
    };
    match is_full {
        true if !job.force => Err(Error::NotEmpty { path: path() }),
        true if !folder.join(MARK).is_file() => Err(Error::NoExport { path: path() }),
        _ => Ok(()),
    }
}

fn mark(folder: &Path, job: &ExportJob, snapshot: u64) -> Result<()> {
    let path = folder.join(MARK);
    let mark = json!({
        "ragdex": env!("CARGO_PKG_VERSION"),
        "to": job.target.name(),
        "snapshot": snapshot,
    });
    fs::write(&path, format!("{mark:#}\n")).map_err(|source| write_error(&path, source))
}

/// Every file of the folder with its length, by name.
fn list(folder: &Path) -> io::Result<Vec<ExportedFile>> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(io::Error::from)?;
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
            files.push(ExportedFile {
                path: path.to_string_lossy().into_owned(),
                bytes: entry.metadata().map_err(io::Error::from)?.len(),
            });
        }
    }
    Ok(files)
}

fn replace_error(failure: Failure) -> Error {
    write_error(&failure.path, failure.source)
}

fn write_error(path: &Path, source: io::Error) -> Error {
    Error::Exchange(ragdex_exchange::Error::Write {
        path: path.to_owned(),
        source,
    })
}
