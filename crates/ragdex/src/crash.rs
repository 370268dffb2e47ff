//! Commands that change a knowledge base, with every call to the storage failing in turn: the current snapshot
//! stays whole, and the same command then ends with the files of an undisturbed run. Builds and refreshes are
//! tried so in `crates/store/tests`, with a stand-in for the encoder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ragdex_store::{Storage, Store};
use ragdex_testing::{After, FailingStorage, Failure, MemoryStorage, When};
use serde_json::{Value, json};

use crate::build::build_in;
use crate::history::{gc_in, rollback_in};
use crate::refresh::{compact_in, remove_in, run};
use crate::{
    BuildOptions, Cancel, CompactOptions, Context, ModelNames, NoReporter, RefreshOptions,
    RemoveOptions, Result,
};

/// Sources in a folder of their own; the knowledge base is in memory.
struct Place(tempfile::TempDir);

impl Place {
    /// Nine documents, of which the second edition lacks one, changes every third and has two more.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let line = |key: usize, edition: usize| {
            let text = (0..12).map(|word| format!("w{}", (key * 7 + word * 3 + edition) % 41));
            let text = text.collect::<Vec<_>>().join(" ");
            let title = format!("T {key}");
            format!(
                "{}\n",
                json!({"key": key.to_string(), "title": title, "text": text})
            )
        };
        let first = (0..9).map(|key| line(key, 0)).collect::<String>();
        let second = (1..11).map(|key| line(key, usize::from(key % 3 == 0)));
        fs::write(place.source("first"), first).unwrap();
        fs::write(place.source("second"), second.collect::<String>()).unwrap();
        place
    }

    fn source(&self, name: &str) -> PathBuf {
        self.0.path().join(format!("{name}.jsonl"))
    }

    fn kb(&self) -> PathBuf {
        self.0.path().join("kb")
    }
}

/// A stored encoder of 32 dimensions.
fn encoder() -> ModelNames {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/golden/rag/dpr-ctx-encoder");
    let folder = folder.to_str().unwrap().to_owned();
    ModelNames {
        context_encoder: folder.clone(),
        question_encoder: folder,
        ..ModelNames::default()
    }
}

/// One command on a storage.
type Act<'a> = &'a dyn Fn(&Place, Arc<dyn Storage>) -> Result<()>;

fn with_context<T>(act: impl FnOnce(&Context<'_>) -> Result<T>) -> Result<()> {
    let cancel = Cancel::default();
    let context = Context {
        threads: std::num::NonZeroUsize::MIN,
        ..Context::new(&NoReporter, &cancel)
    };
    act(&context).map(drop)
}

fn build(place: &Place, storage: Arc<dyn Storage>) -> Result<()> {
    let mut options = BuildOptions {
        sources: vec![place.source("first")],
        models: encoder(),
        part_passages: 3,
        ..BuildOptions::default()
    };
    options.splitting.words = 8;
    let open = || Ok(Store::with_storage(storage));
    with_context(|context| build_in(open, &place.kb(), &options, context))
}

fn refresh(place: &Place, storage: Arc<dyn Storage>) -> Result<()> {
    let options = RefreshOptions {
        sources: vec![place.source("second")],
        ..RefreshOptions::default()
    };
    let open = || Ok(Store::with_storage(storage));
    with_context(|context| run(open, &place.kb(), &options, true, context))
}

fn remove(_: &Place, storage: Arc<dyn Storage>) -> Result<()> {
    let options = RemoveOptions {
        keys: vec!["1".into(), "4".into()],
        ..RemoveOptions::default()
    };
    with_context(|context| remove_in(&Store::with_storage(storage), &options, context))
}

fn compact(_: &Place, storage: Arc<dyn Storage>) -> Result<()> {
    let store = Store::with_storage(storage);
    with_context(|context| compact_in(&store, CompactOptions::default(), context))
}

fn rollback(_: &Place, storage: Arc<dyn Storage>) -> Result<()> {
    rollback_in(&Store::with_storage(storage), 1, false).map(drop)
}

fn gc(_: &Place, storage: Arc<dyn Storage>) -> Result<()> {
    gc_in(&Store::with_storage(storage), 1, false).map(drop)
}

/// A knowledge base after some commands.
fn after(place: &Place, acts: &[Act<'_>]) -> MemoryStorage {
    let storage = MemoryStorage::default();
    for act in acts {
        act(place, Arc::new(storage.clone())).unwrap();
    }
    storage
}

/// Every file, manifests without what tells when they were made.
fn state(storage: &MemoryStorage) -> Vec<(String, Vec<u8>)> {
    let files = storage.files().into_iter();
    let timeless = files.map(|(name, content)| {
        if !name.starts_with("snapshots/") {
            return (name, content.to_vec());
        }
        let mut manifest: Value = serde_json::from_slice(&content).unwrap();
        manifest["created"] = Value::Null;
        manifest["checksum"] = Value::Null;
        (name, manifest.to_string().into_bytes())
    });
    timeless.collect()
}

/// The number of the current snapshot, once every snapshot that is listed is found whole.
fn checked(storage: &MemoryStorage, what: &str) -> Option<u64> {
    let store = Store::with_storage(Arc::new(storage.clone()));
    let number = store.current_number().ok()?;
    for number in store.snapshots().unwrap() {
        let snapshot = store.snapshot(number);
        let snapshot = snapshot.unwrap_or_else(|error| panic!("{what}: {error}"));
        let found = snapshot.verify(&NoReporter, &Cancel::default()).unwrap();
        assert!(found.problems.is_empty(), "{what}: {:?}", found.problems);
    }
    Some(number)
}

/// Fails every call of `act` in turn, as a refused call and as the end of the process before and after it, with
/// and without loss of power; then looks at what is left, and lets `act` go on.
fn every_failure(place: &Place, before: &MemoryStorage, act: Act<'_>) {
    let undisturbed = before.copy();
    let counting = FailingStorage::new(Arc::new(undisturbed.clone()), None);
    act(place, Arc::new(counting.clone())).unwrap();
    let expected = state(&undisturbed);
    let (old, new) = (checked(before, "before"), checked(&undisturbed, "after"));
    assert!(counting.calls() > 5);
    let failures = [
        (When::Before, After::GoOn),
        (When::Before, After::Stop),
        (When::Afterwards, After::Stop),
    ];
    for at in 0..counting.calls() {
        for (when, after) in failures {
            for power_loss in [false, true] {
                let what = format!("call {at} {when:?} {after:?} {power_loss}");
                let storage = before.copy();
                let failure = Failure { at, when, after };
                let failing = FailingStorage::new(Arc::new(storage.clone()), Some(failure));
                let outcome = act(place, Arc::new(failing));
                if power_loss {
                    storage.power_loss();
                }
                let number = checked(&storage, &what);
                assert!(number == old || number == new, "{what}: {number:?}");
                assert!(
                    outcome.is_err() || number == new,
                    "{what}: committed and lost"
                );
                act(place, Arc::new(storage.clone()))
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                let found = state(&storage);
                let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
                    files.iter().map(|file| file.0.clone()).collect()
                };
                assert_eq!(names(&found), names(&expected), "{what}");
                assert!(found == expected, "{what}: other bytes");
            }
        }
    }
}

#[test]
fn a_removal_survives_every_failure() {
    let place = Place::new();
    every_failure(&place, &after(&place, &[&build]), &remove);
}

#[test]
fn a_rollback_survives_every_failure() {
    let place = Place::new();
    every_failure(&place, &after(&place, &[&build, &refresh]), &rollback);
}

#[test]
fn a_compaction_survives_every_failure() {
    let place = Place::new();
    every_failure(&place, &after(&place, &[&build, &refresh]), &compact);
}

#[test]
fn collecting_garbage_survives_every_failure() {
    let place = Place::new();
    every_failure(&place, &after(&place, &[&build, &refresh]), &gc);
}
