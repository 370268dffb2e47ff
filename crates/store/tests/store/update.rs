//! Snapshots made from snapshots: deletions, parts written anew, going back, collecting garbage; whole, and
//! with every call to the storage failing in turn.

use std::sync::Arc;

use ragdex_core::{Cancel, NoReporter, PassageId, Vectors};
use ragdex_store::{DocumentMeta, Draft, Error, Result, Snapshot, Storage, Store};
use ragdex_testing::{
    After, FailingStorage, Failure, MemoryStorage, When, toy_documents, toy_passages,
};
use serde_json::json;

use crate::build::{SHAPE, built, embed, store_of, toy_vector};

/// Deletes every second document, writes the first part anew and adds three documents.
fn update(storage: Arc<dyn Storage>) -> Result<()> {
    let store = Store::with_storage(storage);
    let mut writer = store.writer("test update")?;
    let plan = json!("update");
    if writer.committed(&plan)?.is_some() {
        return Ok(());
    }
    let base = store.current()?;
    let staging = writer.stage(&plan)?;
    let mut keep = Vec::new();
    let mut parts = staging.split_writer(10)?;
    for document in toy_documents(9, 3) {
        let passages = toy_passages(&document);
        parts.push(
            &DocumentMeta {
                key: format!("new {}", document.key),
                ..(&document).into()
            },
            &passages,
        )?;
    }
    parts.cut()?;
    for (number, rows) in base.rows().enumerate() {
        let mut documents = rows.deleted_documents();
        (0..documents.len())
            .step_by(2)
            .for_each(|row| documents.delete(row));
        let passages = rows.passages_of(&documents)?;
        if number > 0 {
            parts.cut()?;
            keep.push(staging.delete(rows.part(), &documents, &passages)?);
            continue;
        }
        let mut all = rows.passages()?;
        for (row, document) in rows.documents()?.enumerate() {
            let document = document?;
            let own = all.by_ref().take(document.n_passages as usize);
            let own = own
                .map(|record| Ok(record?.passage))
                .collect::<Result<Vec<_>>>()?;
            if !documents.is_deleted(row) {
                parts.push_again(&document.meta, &own, document.first_passage)?;
            }
        }
    }
    parts.finish(&json!(null))?;
    embed(&staging, SHAPE)?;
    let draft = Draft {
        command: "update".into(),
        keep,
        ..Draft::repeating(base.manifest())
    };
    staging
        .prepare(Draft {
            indexes: Vec::new(),
            ..draft
        })?
        .commit()?;
    Ok(())
}

/// Makes snapshot 1 current again.
fn roll_back(storage: Arc<dyn Storage>) -> Result<()> {
    let store = Store::with_storage(storage);
    let mut writer = store.writer("test rollback")?;
    let plan = json!("rollback");
    if writer.committed(&plan)?.is_some() {
        return Ok(());
    }
    let old = store.snapshot(1)?;
    let staging = writer.stage(&plan)?;
    staging.split_writer(1)?.finish(&json!(null))?;
    staging
        .prepare(Draft::repeating(old.manifest()))?
        .commit()?;
    Ok(())
}

fn collect(storage: Arc<dyn Storage>) -> Result<()> {
    let mut writer = Store::with_storage(storage).writer("test gc")?;
    let garbage = writer.garbage(1)?;
    writer.collect(&garbage)
}

/// Every kind of failure at every call of `act`; then what the disk holds is looked at, and `act` is done
/// again, which must lead to the files of an undisturbed run.
fn every_failure(before: &MemoryStorage, act: fn(Arc<dyn Storage>) -> Result<()>) {
    let undisturbed = before.copy();
    let counting = FailingStorage::new(Arc::new(undisturbed.clone()), None);
    act(Arc::new(counting.clone())).unwrap();
    let old = store_of(before).current_number().unwrap();
    let new = store_of(&undisturbed).current_number().unwrap();
    for at in 0..counting.calls() {
        for (when, after) in [
            (When::Before, After::GoOn),
            (When::Before, After::Stop),
            (When::Afterwards, After::GoOn),
            (When::Afterwards, After::Stop),
        ] {
            for power_loss in [false, true] {
                let storage = before.copy();
                let failing = FailingStorage::new(
                    Arc::new(storage.clone()),
                    Some(Failure { at, when, after }),
                );
                let outcome = act(Arc::new(failing));
                if power_loss {
                    storage.power_loss();
                }
                let what = format!("call {at} {when:?} {after:?} {power_loss}");
                let store = store_of(&storage);
                let number = store.current_number().unwrap();
                assert!([old, new].contains(&number), "{what}");
                if outcome.is_ok() {
                    assert_eq!(number, new, "{what}: committed and lost");
                }
                for number in store.snapshots().unwrap() {
                    assert_whole(&store.snapshot(number).unwrap(), &what);
                }
                act(Arc::new(storage.clone())).unwrap_or_else(|error| panic!("{what}: {error}"));
                let (one, other) = (storage.files(), undisturbed.files());
                assert!(
                    one.keys().eq(other.keys()),
                    "{what}: {:?} and {:?}",
                    one.keys(),
                    other.keys()
                );
                assert!(
                    one.iter().all(|(path, content)| other[path] == *content),
                    "{what}"
                );
            }
        }
    }
}

fn assert_whole(snapshot: &Snapshot, what: &str) {
    let found = snapshot.verify(&NoReporter, &Cancel::default()).unwrap();
    assert!(found.problems.is_empty(), "{what}: {:?}", found.problems);
}

fn updated() -> MemoryStorage {
    let storage = built(&toy_documents(1, 12));
    update(Arc::new(storage.clone())).unwrap();
    storage
}

#[test]
fn rows_written_anew_keep_their_ids_and_deleted_ones_are_gone() {
    let storage = updated();
    let store = store_of(&storage);
    let (first, second) = (store.snapshot(1).unwrap(), store.current().unwrap());
    assert_whole(&second, "updated");
    assert!(second.manifest().next_passage > first.manifest().next_passage);
    let texts =
        |snapshot: &Snapshot| -> Vec<_> { snapshot.all_passages().map(Result::unwrap).collect() };
    let before = texts(&first);
    let new = PassageId(first.manifest().next_passage);
    let (mut n_old, mut n_new) = (0, 0);
    for record in texts(&second) {
        if record.id < new {
            assert!(before.contains(&record));
            n_old += 1;
        } else {
            n_new += 1;
        }
        let read = second.passages(&[record.id]).unwrap();
        assert_eq!(read, std::slice::from_ref(&record));
        assert_eq!(
            second.documents_of(&[record.id]).unwrap()[0].meta.key,
            record.document
        );
    }
    assert!(n_old > 0 && n_old < before.len() && n_new > 0);
    // Vectors stand beside the passages that they were made of.
    for rows in second.rows() {
        let vectors = rows.embeddings().unwrap();
        for (row, record) in rows.passages().unwrap().enumerate() {
            let record = record.unwrap();
            let expected = toy_vector(&record);
            let expected = format!("{:?}", Vectors::f32(&expected, 4).unwrap());
            assert_eq!(format!("{:?}", vectors.vector(row)), expected);
            assert_eq!(vectors.row_of(record.id), Some(row));
        }
    }
}

#[test]
fn an_update_survives_every_failure() {
    every_failure(&built(&toy_documents(1, 12)), update);
}

#[test]
fn a_rollback_survives_every_failure_and_gives_the_state_that_was() {
    let storage = updated();
    every_failure(&storage, roll_back);
    roll_back(Arc::new(storage.clone())).unwrap();
    let store = store_of(&storage);
    let (old, now) = (store.snapshot(1).unwrap(), store.current().unwrap());
    assert_eq!((now.number(), now.manifest().parent), (3, Some(2)));
    assert_eq!(now.manifest().parts, old.manifest().parts);
    // Ids and numbers that the snapshot between gave out stay given out.
    let between = store.snapshot(2).unwrap();
    assert_eq!(now.manifest().next_passage, between.manifest().next_passage);
    assert_eq!(now.manifest().next_part, between.manifest().next_part);
}

#[test]
fn collecting_garbage_survives_every_failure_and_leaves_what_is_named() {
    let storage = updated();
    every_failure(&storage, collect);
    let reader = store_of(&storage).snapshot(1).unwrap();
    collect(Arc::new(storage.clone())).unwrap();
    let store = store_of(&storage);
    assert_eq!(store.snapshots().unwrap(), [2]);
    assert_whole(&store.current().unwrap(), "collected");
    let error = store.snapshot(1).unwrap_err();
    assert!(matches!(error, Error::NoSuchSnapshot { .. }), "{error}");
    // Who had opened it reads on.
    assert_whole(&reader, "open reader");
    let named = store.current().unwrap();
    let named: Vec<String> = named
        .manifest()
        .files()
        .map(|file| file.path.to_string())
        .collect();
    let known = ["CURRENT", "LOCK", "snapshots/00000002.json"];
    for path in storage.files().keys() {
        assert!(
            named.contains(path) || known.contains(&path.as_str()),
            "{path}"
        );
    }
}

#[test]
fn pieces_of_unfinished_work_are_no_garbage() {
    let storage = built(&toy_documents(1, 12));
    let counting = FailingStorage::new(Arc::new(storage.copy()), None);
    update(Arc::new(counting.clone())).unwrap();
    // Stopped in the commit, when pieces are already under their final names.
    for at in counting.calls() / 2..counting.calls() {
        let storage = storage.copy();
        let failure = Failure {
            at,
            when: When::Before,
            after: After::Stop,
        };
        let failing = FailingStorage::new(Arc::new(storage.clone()), Some(failure));
        assert!(
            update(Arc::new(failing)).is_err() || store_of(&storage).current_number().unwrap() == 2
        );
        let before = storage.files();
        collect(Arc::new(storage.clone())).unwrap();
        if store_of(&storage).current_number().unwrap() == 1 {
            let gone: Vec<_> = before
                .keys()
                .filter(|path| !storage.files().contains_key(*path))
                .collect();
            assert!(
                gone.iter().all(|path| path.starts_with("snapshots/")),
                "{gone:?}"
            );
        }
        update(Arc::new(storage.clone())).unwrap();
        assert_whole(&store_of(&storage).current().unwrap(), "after all");
    }
}

#[test]
fn names_that_are_not_ours_stay() {
    let storage = updated();
    storage.put("passages/notes.txt", b"mine".to_vec());
    storage.put("snapshots/notes.json", b"mine".to_vec());
    let writer = store_of(&storage).writer("test gc").unwrap();
    let garbage = writer.garbage(5).unwrap();
    assert_eq!(garbage.snapshots, [] as [u64; 0]);
    assert_eq!(garbage.files, []);
}
