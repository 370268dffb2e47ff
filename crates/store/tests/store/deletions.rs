//! Files of deletions that were damaged.

use ragdex_core::{Cancel, NoReporter};
use ragdex_store::{Error, RowMask};
use ragdex_testing::{MemoryStorage, toy_documents};
use serde_json::json;

use crate::build::{SHAPE, built, embed, store_of};

/// A knowledge base of which every part has deleted documents.
fn with_deletions() -> MemoryStorage {
    let storage = built(&toy_documents(1, 30));
    let store = store_of(&storage);
    let base = store.current().unwrap();
    let mut writer = store.writer("test").unwrap();
    let staging = writer.stage(&json!("delete")).unwrap();
    staging
        .split_writer(10)
        .unwrap()
        .finish(&json!(null))
        .unwrap();
    embed(&staging, SHAPE).unwrap();
    let keep = base.rows().map(|rows| {
        let mut documents: RowMask = rows.deleted_documents();
        documents.delete(0);
        let passages = rows.passages_of(&documents).unwrap();
        staging.delete(rows.part(), &documents, &passages).unwrap()
    });
    let draft = ragdex_store::Draft {
        keep: keep.collect(),
        ..ragdex_store::Draft::default()
    };
    staging.prepare(draft).unwrap().commit().unwrap();
    storage
}

fn masks(storage: &MemoryStorage) -> Vec<String> {
    let files = storage.files();
    files
        .keys()
        .filter(|path| path.ends_with(".deleted"))
        .cloned()
        .collect()
}

#[test]
fn every_flipped_bit_is_found_and_no_cut_file_is_read() {
    let whole = with_deletions();
    assert!(masks(&whole).len() > 1);
    for path in masks(&whole) {
        let content = whole.files()[&path].to_vec();
        for bit in 0..content.len() * 8 {
            let storage = whole.copy();
            let mut damaged = content.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            storage.put(&path, damaged);
            // Refused when opened, since the counts do not fit, or else found by the checksum.
            if let Ok(snapshot) = store_of(&storage).current() {
                let found = snapshot.verify(&NoReporter, &Cancel::default()).unwrap();
                assert!(!found.problems.is_empty(), "{path}, bit {bit}");
            }
        }
        for length in 0..content.len() {
            let storage = whole.copy();
            storage.put(&path, content[..length].to_vec());
            let error = store_of(&storage).current().unwrap_err();
            assert!(matches!(error, Error::Length { .. }), "{error}");
        }
        let storage = whole.copy();
        storage.take(&path);
        let error = store_of(&storage).current().unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error}");
    }
}

#[test]
fn a_document_deleted_without_its_passages_is_found() {
    let storage = built(&toy_documents(1, 30));
    let store = store_of(&storage);
    let base = store.current().unwrap();
    let mut writer = store.writer("test").unwrap();
    let staging = writer.stage(&json!("delete")).unwrap();
    staging
        .split_writer(10)
        .unwrap()
        .finish(&json!(null))
        .unwrap();
    let rows = base.rows().next().unwrap();
    let mut passages = rows.deleted_passages();
    passages.delete(0);
    let mut keep = base.manifest().parts.clone();
    keep[0] = staging
        .delete(&keep[0], &rows.deleted_documents(), &passages)
        .unwrap();
    let draft = ragdex_store::Draft {
        keep,
        ..ragdex_store::Draft::default()
    };
    let snapshot = staging.prepare(draft).unwrap().commit().unwrap();
    let found = snapshot.verify(&NoReporter, &Cancel::default()).unwrap();
    let told = found.problems[0].to_string();
    assert!(
        told.contains("all passages of a document deleted or none"),
        "{told}"
    );
}
