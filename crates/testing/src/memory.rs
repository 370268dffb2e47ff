//! Storage in memory, with power loss.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use ragdex_store::{KbPath, Lock, PendingFile, Storage};

/// [`Storage`] in memory that keeps its promises and nothing more: what was not synced is lost by
/// [`power_loss`](Self::power_loss).
///
/// Clones share the files.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What programs see.
    seen: BTreeMap<String, Bytes>,
    /// What the disk holds.
    kept: BTreeMap<String, Bytes>,
    locks: BTreeMap<String, Vec<u8>>,
}

impl MemoryStorage {
    /// Every file with its content.
    pub fn files(&self) -> BTreeMap<String, Bytes> {
        self.state().seen.clone()
    }

    /// Puts a file there, past all promises: to damage it.
    pub fn put(&self, path: &str, content: impl Into<Bytes>) {
        let content = content.into();
        let mut state = self.state();
        state.kept.insert(path.to_owned(), content.clone());
        state.seen.insert(path.to_owned(), content);
    }

    /// Takes a file away.
    pub fn take(&self, path: &str) -> Option<Bytes> {
        let mut state = self.state();
        state.kept.remove(path);
        state.seen.remove(path)
    }

    /// Makes an independent storage with the same files.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::default();
        for (path, content) in self.files() {
            copy.put(&path, content);
        }
        copy
    }

    /// Forgets every name that was made, changed or removed in a folder not synced since.
    pub fn power_loss(&self) {
        let mut state = self.state();
        state.seen = state.kept.clone();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no thread panics while it holds the lock")
    }
}

impl Storage for MemoryStorage {
    fn locate(&self, path: &KbPath) -> PathBuf {
        PathBuf::from("memory").join(path.as_str())
    }

    fn create(&self, path: &KbPath) -> io::Result<Box<dyn PendingFile>> {
        Ok(Box::new(MemoryFile {
            storage: self.clone(),
            path: path.to_string(),
            content: Vec::new(),
        }))
    }

    fn open(&self, path: &KbPath) -> io::Result<Bytes> {
        let content = self.state().seen.get(path.as_str()).cloned();
        content.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn length(&self, path: &KbPath) -> io::Result<u64> {
        Ok(self.open(path)?.len() as u64)
    }

    fn list(&self, folder: &KbPath) -> io::Result<Vec<String>> {
        let state = self.state();
        let names = state.seen.keys().filter_map(|path| below(path, folder));
        let mut names: Vec<String> = names
            .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
            .collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn rename(&self, from: &KbPath, to: &KbPath) -> io::Result<()> {
        let mut state = self.state();
        let content = state.seen.remove(from.as_str());
        let content = content.ok_or(io::ErrorKind::NotFound)?;
        state.seen.insert(to.to_string(), content);
        Ok(())
    }

    fn remove(&self, path: &KbPath) -> io::Result<()> {
        self.state().seen.remove(path.as_str());
        Ok(())
    }

    fn remove_folder(&self, folder: &KbPath) -> io::Result<()> {
        self.state()
            .seen
            .retain(|path, _| below(path, folder).is_none());
        Ok(())
    }

    fn sync_folder(&self, folder: &KbPath) -> io::Result<()> {
        let mut state = self.state();
        let directly = |path: &str| below(path, folder).is_some_and(|rest| !rest.contains('/'));
        state.kept.retain(|path, _| !directly(path));
        let seen: Vec<_> = state
            .seen
            .iter()
            .filter(|(path, _)| directly(path))
            .map(|(path, content)| (path.clone(), content.clone()))
            .collect();
        state.kept.extend(seen);
        Ok(())
    }

    fn replace(&self, path: &KbPath, content: &[u8]) -> io::Result<()> {
        let content = Bytes::copy_from_slice(content);
        self.state().seen.insert(path.to_string(), content);
        self.sync_folder(&path.folder())
    }

    fn lock(&self, path: &KbPath, holder: &[u8]) -> io::Result<Lock> {
        let mut state = self.state();
        if let Some(holder) = state.locks.get(path.as_str()) {
            return Ok(Lock::Held(holder.clone()));
        }
        state.locks.insert(path.to_string(), holder.to_vec());
        Ok(Lock::Taken(Box::new(MemoryLock {
            storage: self.clone(),
            path: path.to_string(),
        })))
    }
}

/// The path below a folder.
fn below<'a>(path: &'a str, folder: &KbPath) -> Option<&'a str> {
    if *folder == KbPath::ROOT {
        return Some(path);
    }
    path.strip_prefix(folder.as_str())?.strip_prefix('/')
}

struct MemoryFile {
    storage: MemoryStorage,
    path: String,
    content: Vec<u8>,
}

impl Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PendingFile for MemoryFile {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.storage
            .state()
            .seen
            .insert(self.path, self.content.into());
        Ok(())
    }
}

struct MemoryLock {
    storage: MemoryStorage,
    path: String,
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.storage.state().locks.remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_loss_takes_what_was_not_synced() {
        let storage = MemoryStorage::default();
        let path = |path: &str| KbPath::new(path).unwrap();
        storage.replace(&path("a/one"), b"1").unwrap();
        let mut file = storage.create(&path("a/two")).unwrap();
        file.write_all(b"2").unwrap();
        assert!(storage.open(&path("a/two")).is_err(), "not finished");
        file.finish().unwrap();
        storage.rename(&path("a/one"), &path("b/one")).unwrap();
        assert_eq!(storage.list(&KbPath::ROOT).unwrap(), ["a", "b"]);
        storage.power_loss();
        assert_eq!(storage.list(&path("a")).unwrap(), ["one"]);
        assert_eq!(storage.list(&path("b")).unwrap(), [""; 0]);
    }
}
