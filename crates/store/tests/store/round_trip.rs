//! What goes in comes out.

use std::sync::Arc;

use proptest::prelude::*;
use ragdex_core::{Cancel, Document, Element, NoReporter, PassageId, Rows};
use ragdex_store::{DocumentMeta, Draft, EmbeddingShape, Error, PassageRecord, Snapshot, Store};
use ragdex_testing::{MemoryStorage, toy_documents, toy_passages};

use crate::build::{SHAPE, build, built, embed, plan, split, store_of, toy_vector};

/// The passages that a build of these documents gives.
fn expected(documents: &[Document]) -> Vec<PassageRecord> {
    let passages = documents.iter().flat_map(|document| {
        let passages = toy_passages(document).into_iter();
        passages.map(|passage| (document.key.clone(), passage))
    });
    let record = |(id, (document, passage)): (u64, _)| {
        let passage: ragdex_core::Passage = passage;
        PassageRecord {
            id: PassageId(id),
            document,
            hash: passage.content_hash(),
            passage,
        }
    };
    (0..).zip(passages).map(record).collect()
}

fn streamed(snapshot: &Snapshot) -> Vec<PassageRecord> {
    snapshot.all_passages().collect::<Result<_, _>>().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_gives_what_was_written(seed: u64, n in 0_usize..40, picks: Vec<prop::sample::Index>) {
        let documents = toy_documents(seed, n);
        let snapshot = store_of(&built(&documents)).current().unwrap();
        let expected = expected(&documents);
        prop_assert_eq!(streamed(&snapshot), expected.clone());
        prop_assert_eq!(snapshot.manifest().passages, expected.len() as u64);
        prop_assert_eq!(snapshot.manifest().documents, n as u64);

        if !expected.is_empty() {
            let picked: Vec<_> = picks.iter().map(|pick| pick.get(&expected).clone()).collect();
            let ids: Vec<PassageId> = picked.iter().map(|record| record.id).collect();
            prop_assert_eq!(snapshot.passages(&ids).unwrap(), picked.clone());
            for (found, record) in snapshot.documents_of(&ids).unwrap().iter().zip(&picked) {
                prop_assert_eq!(&found.meta.key, &record.document);
                prop_assert!(found.first_passage <= record.id);
            }
        }
        let beyond = PassageId(expected.len() as u64);
        let is_refused = matches!(
            snapshot.passages(&[beyond]),
            Err(Error::NoSuchPassage { id, .. }) if id == beyond
        );
        prop_assert!(is_refused);

        let metas = documents.iter().map(DocumentMeta::from);
        let records: Vec<_> = snapshot.all_documents().collect::<Result<_, _>>().unwrap();
        prop_assert!(metas.eq(records.into_iter().map(|record| record.meta)));
        let found = snapshot.verify(&NoReporter, &Cancel::default()).unwrap();
        prop_assert!(found.problems.is_empty(), "{:?}", found.problems);
    }
}

#[test]
fn vectors_lie_row_for_row_beside_their_passages() {
    let documents = toy_documents(5, 30);
    for element in [Element::F32, Element::F16] {
        let store = store_of(&MemoryStorage::default());
        let mut writer = store.writer("test").unwrap();
        let staging = writer.stage(&plan(&documents)).unwrap();
        split(&staging, &documents).unwrap();
        embed(&staging, EmbeddingShape { element, ..SHAPE }).unwrap();
        let snapshot = staging.prepare(Draft::default()).unwrap().commit().unwrap();
        let mut found = Vec::new();
        for part in snapshot.embeddings().unwrap() {
            let mut row = 0;
            for block in part.blocks() {
                let values: Vec<f32> = match block.rows() {
                    Rows::F32(values) => values.to_vec(),
                    Rows::F16(values) => values.iter().map(|value| value.to_f32()).collect(),
                };
                for vector in values.chunks(block.dim()) {
                    found.push((part.ids().of(row), vector.to_vec()));
                    row += 1;
                }
            }
        }
        let passages = streamed(&snapshot);
        let expected = passages
            .iter()
            .map(|record| (record.id, toy_vector(record).to_vec()));
        assert!(found.into_iter().eq(expected));
    }
}

#[test]
fn equal_documents_give_equal_files() {
    let documents = toy_documents(1, 30);
    assert_eq!(built(&documents).files(), built(&documents).files());
}

#[test]
fn a_document_is_found_by_its_key() {
    let snapshot = store_of(&built(&toy_documents(2, 30))).current().unwrap();
    let found = snapshot.document("17").unwrap().unwrap();
    assert_eq!(found.meta.key, "17");
    assert_eq!(snapshot.document("no such key").unwrap(), None);
}

#[test]
fn a_folder_on_disk_holds_the_same_files_as_memory() {
    let documents = toy_documents(3, 300);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/kb");
    Store::create_or_open(&path).unwrap();
    let storage = ragdex_store::FolderStorage::open(&path).unwrap();
    build(Arc::new(storage), &documents).unwrap();
    for (name, content) in built(&documents).files() {
        assert_eq!(std::fs::read(path.join(&name)).unwrap(), content, "{name}");
    }
    assert!(!path.join("staging").exists());
    let snapshot = Store::open(&path).unwrap().current().unwrap();
    assert_eq!(streamed(&snapshot), expected(&documents));
    assert!(
        snapshot
            .verify(&NoReporter, &Cancel::default())
            .unwrap()
            .problems
            .is_empty()
    );
}

#[test]
fn a_second_snapshot_goes_on_with_numbers_and_ids() {
    let storage = built(&toy_documents(1, 20));
    let store = store_of(&storage);
    let first = store.current().unwrap();
    let more = toy_documents(2, 10);
    let mut writer = store.writer("test add").unwrap();
    let staging = writer.stage(&plan(&more)).unwrap();
    split(&staging, &more).unwrap();
    embed(&staging, SHAPE).unwrap();
    let draft = Draft {
        keep: first.manifest().parts.clone(),
        ..Draft::default()
    };
    let second = staging.prepare(draft).unwrap().commit().unwrap();
    let (before, after) = (first.manifest(), second.manifest());
    assert_eq!((after.snapshot, after.parent), (2, Some(1)));
    assert_eq!(after.parts[..before.parts.len()], before.parts);
    assert_eq!(
        after.parts[before.parts.len()].first_passage,
        before.next_passage
    );
    assert_eq!(after.parts[before.parts.len()].number, before.next_part);
    assert_eq!(
        streamed(&second)[..before.passages as usize],
        streamed(&first)
    );
    assert_eq!(store.snapshots().unwrap(), [1, 2]);
    assert_eq!(store.snapshot(1).unwrap().manifest(), before);
    assert!(matches!(
        store.snapshot(3),
        Err(Error::NoSuchSnapshot { newest: 2, .. })
    ));
}
