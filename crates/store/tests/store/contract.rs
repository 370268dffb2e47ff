//! What `Storage` promises, of every implementation.

use std::io::{ErrorKind, Write as _};

use ragdex_store::{FolderStorage, KbPath, Lock, Storage};
use ragdex_testing::MemoryStorage;

fn every_storage(promise: impl Fn(&dyn Storage)) {
    promise(&MemoryStorage::default());
    let folder = tempfile::tempdir().unwrap();
    promise(&FolderStorage::create(folder.path().join("kb")).unwrap());
}

fn path(path: &str) -> KbPath {
    KbPath::new(path).unwrap()
}

#[test]
fn a_file_is_whole_or_not_there() {
    every_storage(|storage| {
        let name = path("folder/file");
        let mut file = storage.create(&name).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(storage.open(&name).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(storage.list(&path("folder")).unwrap().is_empty());
        drop(file);
        let mut file = storage.create(&name).unwrap();
        file.write_all(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(storage.open(&name).unwrap(), "whole");
        assert_eq!(storage.length(&name).unwrap(), 5);
    });
}

#[test]
fn what_is_open_stays() {
    every_storage(|storage| {
        // Long enough to be mapped.
        let content = vec![7; 100_000];
        let name = path("folder/file");
        storage.replace(&name, &content).unwrap();
        let open = storage.open(&name).unwrap();
        storage.replace(&name, b"other").unwrap();
        storage.remove_folder(&path("folder")).unwrap();
        assert_eq!(open, content);
        assert_eq!(storage.open(&name).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn names_are_listed_in_order() {
    every_storage(|storage| {
        assert!(storage.list(&path("none")).unwrap().is_empty());
        for name in ["b", "a/one", "a/two", "c/deep/one", "empty"] {
            storage.replace(&path(name), b"").unwrap();
        }
        assert_eq!(
            storage.list(&KbPath::ROOT).unwrap(),
            ["a", "b", "c", "empty"]
        );
        assert_eq!(storage.list(&path("a")).unwrap(), ["one", "two"]);
        assert_eq!(storage.open(&path("empty")).unwrap(), "");
    });
}

#[test]
fn renaming_replaces_and_removing_twice_is_no_error() {
    every_storage(|storage| {
        storage.replace(&path("a/one"), b"1").unwrap();
        storage.replace(&path("b/two"), b"2").unwrap();
        storage.rename(&path("a/one"), &path("b/two")).unwrap();
        storage.rename(&path("b/two"), &path("new/three")).unwrap();
        assert_eq!(storage.open(&path("new/three")).unwrap(), "1");
        let missing = storage.rename(&path("a/one"), &path("b/two")).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        storage.remove(&path("new/three")).unwrap();
        storage.remove(&path("new/three")).unwrap();
        storage.remove_folder(&path("never")).unwrap();
        storage.sync_folder(&path("new")).unwrap();
    });
}

#[test]
fn a_lock_is_held_by_one() {
    every_storage(|storage| {
        let name = path("LOCK");
        let Lock::Taken(guard) = storage.lock(&name, b"me").unwrap() else {
            panic!("nobody holds it");
        };
        let Lock::Held(holder) = storage.lock(&name, b"you").unwrap() else {
            panic!("it is held");
        };
        assert_eq!(holder, b"me");
        drop(guard);
        assert!(matches!(
            storage.lock(&name, b"you").unwrap(),
            Lock::Taken(_)
        ));
    });
}
