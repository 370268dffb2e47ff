//! What is in the cache. Uses no network.

use std::fs;
use std::path::{Path, PathBuf};

use crate::model_folder::ModelFolder;
use crate::{Error, ModelName, choice, licence_of_card};

/// How deep folders of a model are looked into; models of sentence-transformers have one level.
const MAX_DEPTH: usize = 4;

/// The model cache.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// One commit of a model in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedModel {
    /// The model, without revision.
    pub id: String,
    /// The commit, 40 hexadecimal digits.
    pub commit: String,
    /// The branches and tags that led to it when they were last fetched, in order.
    pub revisions: Vec<String>,
    /// Its files.
    pub folder: PathBuf,
    /// The length of its files together. Files that commits share are counted for each.
    pub bytes: u64,
    /// Whether nothing that ragdex reads is missing.
    pub is_usable: bool,
    /// The licence on its model card, if the card is there and names one.
    pub licence: Option<String>,
}

impl Cache {
    /// The cache in a folder, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Finds a model at its revision, whole or not; `None` when it was never fetched.
    ///
    /// # Errors
    /// [`Error::Io`] when its folder cannot be read.
    pub fn find(&self, name: &ModelName) -> Result<Option<CachedModel>, Error> {
        let model = ModelFolder::new(&self.folder, name);
        match model.commit(name.revision()) {
            Some(commit) if model.snapshot(&commit).is_dir() => {
                cached(name, commit, &model).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Lists every commit of every model, by name and commit; empty when there is no cache.
    ///
    /// # Errors
    /// [`Error::Io`] when a folder cannot be read.
    pub fn list(&self) -> Result<Vec<CachedModel>, Error> {
        let mut found = Vec::new();
        if !self.folder.is_dir() {
            return Ok(found);
        }
        let entries = fs::read_dir(&self.folder).map_err(Error::reading(&self.folder))?;
        let names = entries.flatten().map(|entry| entry.file_name());
        let names = names.filter_map(|name| name.into_string().ok());
        for name in names.filter_map(|name| ModelName::of_folder(&name)) {
            let model = ModelFolder::new(&self.folder, &name);
            for commit in model.commits() {
                found.push(cached(&name, commit, &model)?);
            }
        }
        found.sort_by(|a, b| (&a.id, &a.commit).cmp(&(&b.id, &b.commit)));
        Ok(found)
    }
}

fn cached(name: &ModelName, commit: String, model: &ModelFolder) -> Result<CachedModel, Error> {
    let folder = model.snapshot(&commit);
    let files = files(&folder)?;
    let names: Vec<&str> = files.iter().map(|(name, _)| &**name).collect();
    let revisions = model.revisions().into_iter();
    let revisions = revisions
        .filter(|(_, to)| *to == commit)
        .map(|(revision, _)| revision);
    let card = fs::read_to_string(folder.join("README.md")).ok();
    Ok(CachedModel {
        id: name.id().to_owned(),
        revisions: revisions.collect(),
        bytes: files.iter().map(|(_, bytes)| bytes).sum(),
        is_usable: choice::is_usable(&names),
        licence: card.as_deref().and_then(licence_of_card),
        commit,
        folder,
    })
}

/// The files below a folder with their lengths, by name. Links that lead nowhere are left out.
fn files(root: &Path) -> Result<Vec<(String, u64)>, Error> {
    let mut found = Vec::new();
    let mut pending = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = pending.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::reading(&folder))? {
            let path = entry.map_err(Error::reading(&folder))?.path();
            let Ok(metadata) = path.metadata() else {
                continue;
            };
            if metadata.is_dir() && depth < MAX_DEPTH {
                pending.push((path, depth + 1));
            } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) {
                found.push((name.replace('\\', "/"), metadata.len()));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(digit: char) -> String {
        digit.to_string().repeat(40)
    }

    fn write(path: &Path, content: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[test]
    fn a_model_is_found_by_branch_and_by_commit() {
        let cache = tempfile::tempdir().unwrap();
        let model = cache.path().join("models--org--name");
        let snapshot = model.join("snapshots").join(commit('a'));
        write(&snapshot.join("config.json"), "{}");
        write(&model.join("refs/main"), &format!("{}\n", commit('a')));
        let cache = Cache::new(cache.path());
        let find = |name: &str| cache.find(&name.parse().unwrap()).unwrap();
        let found = find("org/name").unwrap();
        assert_eq!(
            (&found.folder, &found.commit, found.bytes),
            (&snapshot, &commit('a'), 2)
        );
        assert!(!found.is_usable);
        assert!(find(&format!("org/name@{}", commit('a'))).is_some());
        assert!(find(&format!("org/name@{}", commit('b'))).is_none());
        assert!(find("org/other").is_none() && find("org/name@dev").is_none());
        write(&model.join("refs/main"), "../../../x");
        assert!(find("org/name").is_none());
    }

    #[test]
    fn every_commit_is_listed_with_its_revisions() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("models--name");
        for digit in ['a', 'b'] {
            let snapshot = model.join("snapshots").join(commit(digit));
            write(&snapshot.join("config.json"), "{}");
            write(&snapshot.join("tokenizer.json"), "{}");
            write(&snapshot.join("model.safetensors"), "weights");
            write(&snapshot.join("README.md"), "---\nlicense: mit\n---\n");
        }
        write(&model.join("refs/main"), &commit('b'));
        write(&model.join("refs/refs/pr/1"), &commit('b'));
        write(&folder.path().join("datasets--x/snapshots/y"), "");
        write(&folder.path().join("version.txt"), "1");
        let listed = Cache::new(folder.path()).list().unwrap();
        let told: Vec<_> = listed
            .iter()
            .map(|m| (&*m.id, &m.commit, &*m.revisions))
            .collect();
        let revisions = ["main".to_owned(), "refs/pr/1".to_owned()];
        assert_eq!(
            told,
            [
                ("name", &commit('a'), &[][..]),
                ("name", &commit('b'), &revisions)
            ]
        );
        assert!(
            listed
                .iter()
                .all(|m| m.is_usable && m.licence.as_deref() == Some("mit"))
        );
        assert!(Cache::new("/nowhere").list().unwrap().is_empty());
    }
}
