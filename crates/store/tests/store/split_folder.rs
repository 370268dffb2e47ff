//! The folder that the stage `split` leaves.

use std::io::Write as _;
use std::sync::Arc;

use ragdex_core::Document;
use ragdex_store::{
    Begun, DocumentMeta, Error, PassageRecord, Result, SplitFolder, SplitManifest, SplitName,
    Storage,
};
use ragdex_testing::{
    After, FailingStorage, Failure, MemoryStorage, When, toy_documents, toy_passages,
};
use serde_json::{Value, json};

const PART_PASSAGES: u64 = 10;

fn plan(documents: &[Document]) -> Value {
    json!({"command": "split", "documents": documents.len()})
}

/// Splits the whole shard, with a file of text beside the parts.
fn split(
    storage: Arc<dyn Storage>,
    name: SplitName,
    documents: &[Document],
    restart: bool,
) -> Result<SplitManifest> {
    let folder = SplitFolder::with_storage(storage)?;
    let run = match folder.begin(name, &plan(documents), restart)? {
        Begun::Finished(manifest) => return Ok(manifest),
        Begun::Open(run) => run,
    };
    run.start()?;
    let mut parts = run.parts(PART_PASSAGES, 0);
    for document in documents {
        parts.push(&DocumentMeta::from(document), &toy_passages(document))?;
    }
    let parts = parts.finish()?;
    let mut text = run.text_file("passages", "tsv")?;
    text.write_all(b"id\ttext\ttitle\n")
        .map_err(|source| text.error(source))?;
    let files = vec![text.finish()?];
    run.finish(parts, files, json!({"documents": documents.len()}))
}

fn only(storage: &MemoryStorage, documents: &[Document]) -> Result<SplitManifest> {
    split(
        Arc::new(storage.clone()),
        SplitName::default(),
        documents,
        false,
    )
}

fn passages(storage: &MemoryStorage) -> Vec<PassageRecord> {
    let folder = SplitFolder::with_storage(Arc::new(storage.clone())).unwrap();
    let manifests = folder.manifests().unwrap();
    let parts = manifests.iter().flat_map(|(_, manifest)| &manifest.parts);
    let records = parts.flat_map(|part| folder.passages(part).unwrap());
    records.map(Result::unwrap).collect()
}

#[test]
fn passages_come_back_in_order_with_ids_that_follow_one_another() {
    let (storage, documents) = (MemoryStorage::default(), toy_documents(1, 30));
    let manifest = only(&storage, &documents).unwrap();
    assert!(manifest.parts.len() > 2);
    let found = passages(&storage);
    let expected: Vec<_> = documents.iter().flat_map(toy_passages).collect();
    assert!(found.iter().map(|record| &record.passage).eq(&expected));
    assert!(
        found
            .iter()
            .map(|record| record.id.0)
            .eq(0..found.len() as u64)
    );
}

#[test]
fn a_finished_folder_is_left_as_it_is() {
    let (storage, documents) = (MemoryStorage::default(), toy_documents(1, 8));
    let first = only(&storage, &documents).unwrap();
    let files = storage.files();
    assert_eq!(only(&storage, &documents).unwrap(), first);
    assert_eq!(storage.files(), files);
}

#[test]
fn another_plan_is_refused_unless_it_is_to_begin_anew() {
    let storage = MemoryStorage::default();
    only(&storage, &toy_documents(1, 30)).unwrap();
    let few = toy_documents(2, 2);
    let refused = only(&storage, &few).unwrap_err();
    assert!(matches!(refused, Error::OtherSplit { .. }), "{refused}");
    split(Arc::new(storage.clone()), SplitName::default(), &few, true).unwrap();
    let fresh = MemoryStorage::default();
    only(&fresh, &few).unwrap();
    assert!(storage.files().keys().eq(fresh.files().keys()));
}

#[test]
fn shards_of_one_division_share_a_folder_and_others_do_not() {
    let (storage, documents) = (MemoryStorage::default(), toy_documents(1, 6));
    let shard = |index, count| SplitName::new(index, count).unwrap();
    for index in 0..2 {
        split(
            Arc::new(storage.clone()),
            shard(index, 2),
            &documents,
            false,
        )
        .unwrap();
    }
    let folder = SplitFolder::with_storage(Arc::new(storage.clone())).unwrap();
    assert_eq!(folder.manifests().unwrap().len(), 2);
    folder.verify().unwrap();
    for other in [SplitName::default(), shard(0, 3)] {
        let refused = split(Arc::new(storage.clone()), other, &documents, false).unwrap_err();
        assert!(matches!(refused, Error::OtherSplit { .. }), "{refused}");
    }
    // Who asks for it gets the folder to himself.
    split(
        Arc::new(storage.clone()),
        SplitName::default(),
        &documents,
        true,
    )
    .unwrap();
    let fresh = MemoryStorage::default();
    only(&fresh, &documents).unwrap();
    assert_eq!(storage.files(), fresh.files());
}

#[test]
fn a_folder_of_something_else_is_refused() {
    let storage = MemoryStorage::default();
    storage.put("notes.txt", "mine");
    let refused = SplitFolder::with_storage(Arc::new(storage)).unwrap_err();
    assert!(matches!(refused, Error::ForeignFolder { .. }), "{refused}");
}

#[test]
fn two_writers_of_one_shard_exclude_each_other() {
    let folder = SplitFolder::with_storage(Arc::new(MemoryStorage::default())).unwrap();
    let name = SplitName::new(0, 2).unwrap();
    let held = folder.begin(name, &json!(1), false).unwrap();
    let refused = folder.begin(name, &json!(1), false).unwrap_err();
    assert!(matches!(refused, Error::Locked { .. }), "{refused}");
    let other = SplitName::new(1, 2).unwrap();
    folder.begin(other, &json!(1), false).unwrap();
    drop(held);
    folder.begin(name, &json!(1), false).unwrap();
}

#[test]
fn a_damaged_file_is_found() {
    let storage = MemoryStorage::default();
    only(&storage, &toy_documents(1, 8)).unwrap();
    let mut content = storage.take("passages.tsv").unwrap().to_vec();
    content[3] ^= 1;
    storage.put("passages.tsv", content);
    let folder = SplitFolder::with_storage(Arc::new(storage)).unwrap();
    let found = folder.verify().unwrap_err();
    assert!(matches!(found, Error::Checksum { .. }), "{found}");
}

/// Whatever call fails, a manifest that says it is finished names files that are whole, and the same
/// command again ends as if nothing had happened.
fn every_failure(when: When, after: After) {
    let before = MemoryStorage::default();
    only(&before, &toy_documents(1, 30)).unwrap();
    let documents = toy_documents(2, 12);
    let replace =
        |storage: Arc<dyn Storage>| split(storage, SplitName::default(), &documents, true);
    let undisturbed = before.copy();
    let counting = FailingStorage::new(Arc::new(undisturbed.clone()), None);
    replace(Arc::new(counting.clone())).unwrap();
    for at in 0..counting.calls() {
        for power_loss in [false, true] {
            let storage = before.copy();
            let failure = Failure { at, when, after };
            let failing = FailingStorage::new(Arc::new(storage.clone()), Some(failure));
            let outcome = replace(Arc::new(failing));
            if power_loss {
                storage.power_loss();
            }
            let folder = SplitFolder::with_storage(Arc::new(storage.clone())).unwrap();
            folder
                .verify()
                .unwrap_or_else(|error| panic!("call {at}: {error}"));
            if outcome.is_ok() {
                assert_eq!(storage.files(), undisturbed.files(), "call {at}");
            }
            replace(Arc::new(storage.clone())).unwrap();
            assert_eq!(storage.files(), undisturbed.files(), "call {at}, again");
        }
    }
}

#[test]
fn a_split_survives_a_refused_call() {
    every_failure(When::Before, After::GoOn);
}

#[test]
fn a_split_survives_its_end_at_any_call() {
    every_failure(When::Before, After::Stop);
    every_failure(When::Afterwards, After::Stop);
}

#[test]
fn parts_of_several_row_groups_are_read_back() {
    let storage = MemoryStorage::default();
    let folder = SplitFolder::with_storage(Arc::new(storage)).unwrap();
    let Begun::Open(run) = folder
        .begin(SplitName::default(), &json!(1), false)
        .unwrap()
    else {
        panic!("nothing was there");
    };
    let mut parts = run.parts(u64::MAX, 5);
    let text = |n: usize| format!("passage {n}");
    for n in 0..40_000 {
        let document = DocumentMeta {
            key: n.to_string(),
            ..DocumentMeta::default()
        };
        let passage = ragdex_core::Passage {
            text: text(n),
            ..ragdex_core::Passage::default()
        };
        parts.push(&document, &[passage]).unwrap();
    }
    let parts = parts.finish().unwrap();
    assert_eq!(parts.len(), 1);
    let found: Vec<_> = folder
        .passages(&parts[0])
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(
        found
            .iter()
            .enumerate()
            .all(|(n, record)| record.passage.text == text(n))
    );
    assert_eq!((found.len(), found[0].id.0), (40_000, 5));
}

#[test]
fn a_folder_that_lost_a_file_is_made_again() {
    let (storage, documents) = (MemoryStorage::default(), toy_documents(1, 30));
    let first = only(&storage, &documents).unwrap();
    let whole = storage.files();
    storage.take(first.parts[1].passages.path.as_str());
    assert_eq!(only(&storage, &documents).unwrap(), first);
    storage.put("passages.tsv", "cut");
    assert_eq!(only(&storage, &documents).unwrap(), first);
    assert_eq!(storage.files(), whole);
}

#[test]
fn nothing_goes_before_there_is_something_in_its_place() {
    let storage = MemoryStorage::default();
    only(&storage, &toy_documents(1, 30)).unwrap();
    let before = storage.files();
    let folder = SplitFolder::with_storage(Arc::new(storage.clone())).unwrap();
    // The source turned out to be unreadable.
    drop(
        folder
            .begin(SplitName::default(), &json!("other"), true)
            .unwrap(),
    );
    assert_eq!(storage.files(), before);
}

#[test]
fn a_damaged_manifest_is_replaced_when_asked() {
    let (storage, documents) = (MemoryStorage::default(), toy_documents(1, 8));
    only(&storage, &documents).unwrap();
    let whole = storage.files();
    storage.put("split.json", "{");
    let refused = only(&storage, &documents).unwrap_err();
    assert!(matches!(refused, Error::DamagedSplit { .. }), "{refused}");
    split(
        Arc::new(storage.clone()),
        SplitName::default(),
        &documents,
        true,
    )
    .unwrap();
    assert_eq!(storage.files(), whole);
}

#[test]
fn files_that_an_interrupted_run_left_go_whatever_they_are() {
    let (storage, documents) = (MemoryStorage::default(), toy_documents(1, 8));
    only(&storage, &documents).unwrap();
    let whole = storage.files();
    for name in [
        "documents.jsonl",
        "passages/part-00077.parquet",
        "embeddings/part-00000.arrow",
    ] {
        storage.put(name, "old");
    }
    split(
        Arc::new(storage.clone()),
        SplitName::default(),
        &documents,
        true,
    )
    .unwrap();
    assert_eq!(storage.files(), whole);
}
