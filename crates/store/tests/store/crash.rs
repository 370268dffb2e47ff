//! Every call to the storage fails in turn.

use std::sync::Arc;

use ragdex_core::{Cancel, Document, NoReporter};
use ragdex_store::{Draft, Error, Store};
use ragdex_testing::{After, FailingStorage, Failure, MemoryStorage, When, toy_documents};
use serde_json::json;

use crate::build::{SHAPE, build, built, embed, plan, split, store_of};

/// Every kind of failure at every call of a build that goes from `before`; then what the disk holds
/// is looked at, and the build is run again.
fn every_failure(before: &MemoryStorage, documents: &[Document], when: When, after: After) {
    let undisturbed = before.copy();
    let counting = FailingStorage::new(Arc::new(undisturbed.clone()), None);
    build(Arc::new(counting.clone()), documents).unwrap();
    let old_number = store_of(before).current_number().ok();
    for at in 0..counting.calls() {
        for power_loss in [false, true] {
            let storage = before.copy();
            let failure = Failure { at, when, after };
            let failing = FailingStorage::new(Arc::new(storage.clone()), Some(failure));
            let outcome = build(Arc::new(failing), documents);
            if power_loss {
                storage.power_loss();
            }
            let store = store_of(&storage);
            let number = store.current_number().ok();
            let new_number = Some(old_number.unwrap_or(0) + 1);
            assert!(
                number == old_number || number == new_number,
                "call {at}: {number:?}"
            );
            if outcome.is_ok() {
                assert_eq!(number, new_number, "call {at}: committed and lost");
            }
            if number.is_some() {
                assert_whole(&store, at);
            }
            build(Arc::new(storage.clone()), documents)
                .unwrap_or_else(|error| panic!("call {at}: {error}"));
            assert_same_files(&storage, &undisturbed, &format!("call {at}"));
        }
    }
}

fn assert_same_files(one: &MemoryStorage, other: &MemoryStorage, what: &str) {
    let (one, other) = (one.files(), other.files());
    assert!(
        one.keys().eq(other.keys()),
        "{what}: {:?} and {:?}",
        one.keys(),
        other.keys()
    );
    let differs = one.iter().find(|(path, content)| other[*path] != **content);
    assert!(differs.is_none(), "{what}: {differs:?}");
}

fn assert_whole(store: &Store, at: u64) {
    let snapshot = store
        .current()
        .unwrap_or_else(|error| panic!("call {at}: {error}"));
    let found = snapshot.verify(&NoReporter, &Cancel::default()).unwrap();
    assert!(found.problems.is_empty(), "call {at}: {:?}", found.problems);
}

#[test]
fn a_build_survives_a_refused_call() {
    every_failure(
        &MemoryStorage::default(),
        &toy_documents(1, 6),
        When::Before,
        After::GoOn,
    );
}

#[test]
fn a_build_survives_a_call_that_is_carried_out_and_not_confirmed() {
    every_failure(
        &MemoryStorage::default(),
        &toy_documents(1, 6),
        When::Afterwards,
        After::GoOn,
    );
}

#[test]
fn a_build_survives_its_end_before_any_call() {
    every_failure(
        &MemoryStorage::default(),
        &toy_documents(1, 6),
        When::Before,
        After::Stop,
    );
}

#[test]
fn a_build_survives_its_end_after_any_call() {
    every_failure(
        &MemoryStorage::default(),
        &toy_documents(1, 6),
        When::Afterwards,
        After::Stop,
    );
}

#[test]
fn a_second_build_leaves_the_first_snapshot_current_until_it_is_done() {
    let before = built(&toy_documents(1, 6));
    every_failure(&before, &toy_documents(2, 5), When::Afterwards, After::Stop);
    every_failure(&before, &toy_documents(2, 5), When::Before, After::GoOn);
}

#[test]
fn finished_pieces_are_not_made_again() {
    let documents = toy_documents(4, 40);
    let storage = MemoryStorage::default();
    let store = store_of(&storage);
    {
        let mut writer = store.writer("test").unwrap();
        let staging = writer.stage(&plan(&documents)).unwrap();
        split(&staging, &documents).unwrap();
    }
    assert!(matches!(store.current(), Err(Error::Unfinished { .. })));
    // A vector file in place of the encoder's: kept, if it is not computed again.
    {
        let mut writer = store.writer("test").unwrap();
        let staging = writer.stage(&plan(&documents)).unwrap();
        assert!(staging.is_resumed());
        assert_eq!(
            staging.split_summary().unwrap(),
            Some(json!({"skipped": 3}))
        );
        let part = &staging.parts().unwrap()[0];
        let mut vectors = staging.embeddings_writer(part, SHAPE);
        let ones = vec![1.0; part.n_passages() as usize * SHAPE.dim];
        vectors
            .push(ragdex_core::Vectors::f32(&ones, SHAPE.dim).unwrap())
            .unwrap();
        vectors.finish().unwrap();
    }
    let snapshot = build(Arc::new(storage), &documents).unwrap();
    let first = &snapshot.embeddings().unwrap()[0];
    let ones = |vectors: ragdex_core::Vectors<'_>| match vectors.rows() {
        ragdex_core::Rows::F32(values) => values.iter().all(|value| *value == 1.0),
        ragdex_core::Rows::F16(_) => false,
    };
    assert!(first.blocks().all(ones));
}

#[test]
fn a_piece_that_was_damaged_is_made_again() {
    let documents = toy_documents(4, 40);
    let undisturbed = built(&documents);
    for name in [
        "documents/part-00001.parquet",
        "passages/part-00000.parquet",
        "embeddings/part-00001.arrow",
    ] {
        let storage = MemoryStorage::default();
        {
            let mut writer = store_of(&storage).writer("test").unwrap();
            let staging = writer.stage(&plan(&documents)).unwrap();
            split(&staging, &documents).unwrap();
            embed(&staging, SHAPE).unwrap();
        }
        let path = format!("staging/{name}");
        let mut content = storage.take(&path).unwrap().to_vec();
        content[40] ^= 1;
        storage.put(&path, content);
        build(Arc::new(storage.clone()), &documents).unwrap();
        assert_same_files(&storage, &undisturbed, name);
    }
}

#[test]
fn pieces_of_another_plan_are_kept_until_they_are_discarded() {
    let storage = MemoryStorage::default();
    let store = store_of(&storage);
    let documents = toy_documents(4, 40);
    let mut writer = store.writer("test").unwrap();
    split(&writer.stage(&json!("one")).unwrap(), &documents).unwrap();
    let error = writer.stage(&json!("two")).unwrap_err();
    assert!(matches!(error, Error::OtherPlan { .. }));
    assert!(error.hint().is_some());
    assert!(
        writer
            .stage(&json!("one"))
            .unwrap()
            .split_summary()
            .unwrap()
            .is_some()
    );
    writer.discard().unwrap();
    assert!(storage.files().is_empty());
    assert!(!writer.stage(&json!("two")).unwrap().is_resumed());
}

#[test]
fn a_source_that_changed_meanwhile_is_noticed() {
    let mut documents = toy_documents(4, 40);
    let store = store_of(&MemoryStorage::default());
    let mut writer = store.writer("test").unwrap();
    let staging = writer.stage(&json!("plan")).unwrap();
    split(&staging, &documents).unwrap();
    documents[0].title.push('!');
    let mut again = staging.split_writer(crate::build::PART_PASSAGES).unwrap();
    let pushed: Result<Vec<_>, _> = documents
        .iter()
        .map(|document| again.push(&document.into(), &ragdex_testing::toy_passages(document)))
        .collect();
    assert!(matches!(pushed, Err(Error::SourceChanged { .. })));
}

#[test]
fn nothing_is_committed_before_every_part_has_vectors() {
    let documents = toy_documents(4, 40);
    let store = store_of(&MemoryStorage::default());
    let mut writer = store.writer("test").unwrap();
    let staging = writer.stage(&json!("plan")).unwrap();
    assert!(matches!(staging.parts(), Err(Error::Incomplete { .. })));
    split(&staging, &documents).unwrap();
    assert!(matches!(
        staging.prepare(Draft::default()),
        Err(Error::Incomplete { .. })
    ));
    assert!(matches!(store.current(), Err(Error::Unfinished { .. })));
}
