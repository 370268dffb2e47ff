//! Deleting what no kept snapshot names.

use std::collections::HashSet;

use serde_json::Value;

use crate::store::read_manifest;
use crate::{KbPath, Result, Writer, names};

/// What [`Writer::collect`] deletes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Garbage {
    /// The snapshots, ascending.
    pub snapshots: Vec<u64>,
    /// The files that no kept snapshot names, manifests included, sorted.
    pub files: Vec<KbPath>,
    /// Their length together.
    pub bytes: u64,
}

impl Writer {
    /// Tells what keeping the newest `keep` snapshots leaves over; at least the current one is kept.
    ///
    /// A manifest behind the current one, left by a commit that was interrupted, is garbage too. Pieces of
    /// unfinished work are none: the command that makes them goes on with them.
    ///
    /// # Errors
    /// Those of reading the manifests that are kept.
    pub fn garbage(&self, keep: usize) -> Result<Garbage> {
        if self.base().is_none() {
            return Ok(Garbage::default());
        }
        let snapshots = self.store().snapshots()?;
        let n_old = snapshots.len().saturating_sub(keep.max(1));
        let (old, kept) = snapshots.split_at(n_old);
        let mut named = self.staged_files()?;
        for number in kept {
            let manifest = read_manifest(self.files(), *number)?;
            named.extend(manifest.files().map(|file| file.path.clone()));
            named.insert(names::snapshot(*number));
        }
        let mut garbage = Garbage {
            snapshots: old.to_vec(),
            ..Garbage::default()
        };
        for folder in std::iter::once(names::SNAPSHOTS).chain(names::DATA_FOLDERS) {
            for name in self.files().list(&KbPath::known(folder))? {
                // A name that we could not have given is somebody else's.
                let path = KbPath::new(format!("{folder}/{name}"));
                let Some(path) = path.ok().filter(|_| names::is_ours(folder, &name)) else {
                    continue;
                };
                if !named.contains(&path) {
                    garbage.bytes += self.files().length(&path)?;
                    garbage.files.push(path);
                }
            }
        }
        garbage.files.sort();
        Ok(garbage)
    }

    /// Deletes garbage: the manifests first and for good, so that a snapshot is listed only as long as
    /// all of its files are there. Interrupted anywhere, the next call deletes the rest.
    ///
    /// Readers that have opened a deleted snapshot go on reading it.
    pub fn collect(&mut self, garbage: &Garbage) -> Result<()> {
        let snapshots = KbPath::known(names::SNAPSHOTS);
        let (manifests, files): (Vec<_>, Vec<_>) = garbage
            .files
            .iter()
            .partition(|path| path.folder() == snapshots);
        self.remove_all(&manifests)?;
        self.remove_all(&files)
    }

    fn remove_all(&self, paths: &[&KbPath]) -> Result<()> {
        for path in paths {
            self.files().remove(path)?;
        }
        let folders: HashSet<KbPath> = paths.iter().map(|path| path.folder()).collect();
        for folder in names::DATA_FOLDERS.into_iter().chain([names::SNAPSHOTS]) {
            let folder = KbPath::known(folder);
            if folders.contains(&folder) {
                self.files().sync_folder(&folder)?;
            }
        }
        Ok(())
    }

    /// Files that receipts of unfinished work name: an interrupted commit may have moved them already.
    fn staged_files(&self) -> Result<HashSet<KbPath>> {
        let mut named = HashSet::new();
        let folder = KbPath::known(names::RECEIPTS);
        let receipts = folder.below(&names::staging());
        for name in self.files().list(&receipts)? {
            let path = KbPath::known(format!("{receipts}/{name}"));
            let content = self.files().open_if_there(&path)?.unwrap_or_default();
            if let Ok(receipt) = serde_json::from_slice(&content) {
                collect_paths(&receipt, &mut named);
            }
        }
        Ok(named)
    }
}

/// Gathers every `path` that a receipt names. Receipts are small and one level deep.
fn collect_paths(receipt: &Value, named: &mut HashSet<KbPath>) {
    let values = receipt.as_object().into_iter().flat_map(|map| map.values());
    let paths = values.filter_map(|value| value.get("path")?.as_str());
    named.extend(paths.filter_map(|path| KbPath::new(path).ok()));
}
