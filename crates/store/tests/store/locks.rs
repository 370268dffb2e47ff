//! One writer, any number of readers, and folders that are no knowledge base.

use std::fs;
use std::sync::Arc;

use ragdex_store::{Error, FolderStorage, Store};
use ragdex_testing::toy_documents;

use crate::build::build;

#[test]
fn a_second_writer_is_told_who_holds_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(folder.path()).unwrap();
    let writer = store.writer("ragdex build kb corpus").unwrap();
    let error = Store::create_or_open(folder.path())
        .unwrap()
        .writer("other")
        .unwrap_err();
    let Error::Locked { holder, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(holder.command, "ragdex build kb corpus");
    assert_eq!(holder.pid, std::process::id());
    assert!(
        error
            .to_string()
            .contains("locked by `ragdex build kb corpus`, process ")
    );
    assert!(error.is_transient());
    drop(writer);
    store.writer("other").unwrap();
}

#[test]
fn readers_need_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let storage = FolderStorage::open(folder.path()).unwrap();
    build(Arc::new(storage), &toy_documents(1, 20)).unwrap();
    let store = Store::open(folder.path()).unwrap();
    let _writer = store.writer("test").unwrap();
    let snapshot = store.current().unwrap();
    // What is open stays readable, whatever is deleted.
    for folder in ["documents", "passages", "embeddings"].map(|name| folder.path().join(name)) {
        fs::remove_dir_all(folder).unwrap();
    }
    assert_eq!(
        snapshot.all_passages().count() as u64,
        snapshot.manifest().passages
    );
}

#[test]
fn a_folder_that_is_no_knowledge_base_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "dear").unwrap();
    let missing = folder.path().join("missing");
    for path in [folder.path(), &missing, &folder.path().join("thesis.txt")] {
        let error = Store::open(path).unwrap_err();
        assert!(matches!(error, Error::NotAKnowledgeBase { .. }), "{error}");
        assert!(error.hint().is_some());
    }
    let error = Store::create_or_open(folder.path()).unwrap_err();
    assert!(
        matches!(&error, Error::ForeignFolder { found, .. } if found == "thesis.txt"),
        "{error}"
    );
    assert!(!missing.exists());
}

#[test]
fn an_unfinished_build_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(folder.path()).unwrap();
    store
        .writer("test")
        .unwrap()
        .stage(&serde_json::json!("plan"))
        .unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, Error::Unfinished { .. }), "{error}");
    assert!(error.hint().unwrap().contains("run the same"));
    // Going on is possible: nothing in the folder is foreign.
    Store::create_or_open(folder.path()).unwrap();
}

#[cfg(unix)]
#[test]
fn symbolic_links_lead_nowhere_outside() {
    let outside = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let storage = FolderStorage::open(folder.path()).unwrap();
    build(Arc::new(storage), &toy_documents(1, 20)).unwrap();
    let passages = folder.path().join("passages");
    let moved = outside.path().join("passages");
    fs::rename(&passages, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &passages).unwrap();
    let store = Store::open(folder.path()).unwrap();
    let error = store.current().unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");

    let target = outside.path().join("LOCK");
    let lock = folder.path().join("LOCK");
    fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink(&target, &lock).unwrap();
    assert!(store.writer("test").is_err());
    assert!(!target.exists());
}
