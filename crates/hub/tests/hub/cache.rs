//! What is fetched, and what lies where afterwards.

use std::fs;
use std::sync::Mutex;

use ragdex_core::{Cancel, NoReporter, Reporter, Stage, Unit};
use ragdex_hub::{Cache, Error, pull};

use crate::place::{ID, Place, WEIGHTS, files, weights};

#[test]
fn a_model_is_fetched_once_and_then_taken_from_the_cache() {
    let place = Place::new();
    let first = place.pulls_whole();
    let total: usize = place.expected.values().map(Vec::len).sum();
    assert_eq!(
        (first.bytes, first.fetched, first.files),
        (total as u64, total as u64, 5)
    );
    assert_eq!(first.licence.as_deref(), Some("apache-2.0"));
    assert!(
        !place
            .hub
            .requests()
            .iter()
            .any(|request| request.target.contains("tf_model"))
    );
    let sent = place.hub.sent();
    assert_eq!(place.pulls_whole().fetched, 0);
    let listing = place.hub.requests()[0].sent;
    assert_eq!(place.hub.sent() - sent, listing, "only the list came again");
}

#[cfg(unix)]
#[test]
fn the_cache_has_the_layout_that_python_shares() {
    let place = Place::new();
    place.pull().unwrap();
    let model = place.settings.cache.join("models--org--model");
    assert_eq!(
        fs::read_to_string(model.join("refs/main")).unwrap(),
        place.commit
    );
    let snapshot = model.join("snapshots").join(&place.commit);
    // The checksums by `git hash-object` of `{}`.
    let empty = "9e26dfeeb6e641a33dae4961196235bdb965b21b";
    let link = |name: &str| fs::read_link(snapshot.join(name)).unwrap();
    assert_eq!(
        link("tokenizer.json").to_str(),
        Some(&*format!("../../blobs/{empty}"))
    );
    assert!(link("1_Pooling/config.json").starts_with("../../../blobs"));
    let large = link(WEIGHTS);
    assert_eq!(large.file_name().unwrap().len(), 64);
    assert!(
        fs::read_dir(model.join("blobs"))
            .unwrap()
            .flatten()
            .all(|blob| { !blob.file_name().to_string_lossy().contains("incomplete") })
    );
}

#[test]
fn a_new_commit_shares_what_did_not_change() {
    let place = Place::new();
    let first = place.pull().unwrap();
    let mut changed = place.expected.clone();
    changed.insert(
        "config.json".into(),
        b"{\"model_type\": \"roberta\"}".to_vec(),
    );
    let published: Vec<(&str, &[u8])> = changed
        .iter()
        .map(|(name, content)| (&**name, &**content))
        .collect();
    let commit = place.hub.publish(ID, &published);
    let second = place.pull().unwrap();
    assert_eq!(
        (second.commit, second.fetched),
        (commit, changed["config.json"].len() as u64)
    );
    assert_eq!(files(&second.folder), changed);
    assert_eq!(
        files(&first.folder),
        place.expected,
        "the earlier commit stays"
    );
    let cache = Cache::new(&place.settings.cache);
    let old = format!("{ID}@{}", place.commit);
    assert_eq!(
        cache.find(&old.parse().unwrap()).unwrap().unwrap().folder,
        first.folder
    );
    assert_eq!(cache.list().unwrap().len(), 2);
}

#[test]
fn a_commit_can_be_named() {
    let place = Place::new();
    let name = format!("{ID}@{}", place.commit);
    let pulled = place.pull_as(&name).unwrap();
    assert_eq!(pulled.commit, place.commit);
    let cache = Cache::new(&place.settings.cache);
    assert!(cache.find(&name.parse().unwrap()).unwrap().is_some());
    assert!(
        cache.find(&ID.parse().unwrap()).unwrap().is_none(),
        "no branch was asked for"
    );
}

#[test]
fn two_at_once_share_the_work() {
    let place = Place::new();
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| place.pull().unwrap()))
            .collect();
        let fetched: u64 = calls
            .into_iter()
            .map(|call| call.join().unwrap().fetched)
            .sum();
        let total: usize = place.expected.values().map(Vec::len).sum();
        assert_eq!(fetched, total as u64, "every byte came once");
    });
    place.pulls_whole();
}

#[test]
fn a_list_without_checksums_is_made_up_by_asking_for_each_file() {
    let place = Place::new();
    place.hub.describe(ID, |description| {
        for file in description["siblings"].as_array_mut().unwrap() {
            let name = file["rfilename"].clone();
            *file = serde_json::json!({ "rfilename": name });
        }
    });
    place.pulls_whole();
    assert_eq!(
        place
            .hub
            .requests()
            .iter()
            .filter(|request| request.method == "HEAD")
            .count(),
        5
    );
}

/// Remembers what a person would see.
#[derive(Default)]
struct Heard(Mutex<Vec<(u64, Option<u64>)>>);

impl Reporter for Heard {
    fn start(&self, stage: Stage, unit: Unit, total: Option<u64>) {
        assert_eq!((stage, unit), (Stage::Download, Unit::Bytes));
        self.0.lock().unwrap().push((0, total));
    }

    fn advance(&self, _: Stage, done: u64) {
        self.0.lock().unwrap().push((done, None));
    }
}

#[test]
fn progress_counts_every_byte_up_to_the_total() {
    let place = Place::new();
    let heard = Heard::default();
    let pulled = pull(
        &ID.parse().unwrap(),
        &place.settings,
        &heard,
        &Cancel::default(),
    )
    .unwrap();
    let heard = heard.0.into_inner().unwrap();
    assert_eq!(heard[0], (0, Some(pulled.bytes)));
    assert!(
        heard.windows(2).all(|pair| pair[0].0 <= pair[1].0),
        "{heard:?}"
    );
    assert_eq!(heard.last().unwrap().0, pulled.bytes);
}

#[test]
fn shards_come_with_their_index() {
    let place = Place::new();
    let shards = [weights(1000), weights(2000)];
    let files: [(&str, &[u8]); 5] = [
        ("config.json", b"{}"),
        ("vocab.txt", b"[PAD]"),
        ("pytorch_model.bin.index.json", b"{}"),
        ("pytorch_model-00001-of-00002.bin", &shards[0]),
        ("pytorch_model-00002-of-00002.bin", &shards[1]),
    ];
    place.hub.publish("org/sharded", &files);
    let pulled = place.pull_as("org/sharded").unwrap();
    assert_eq!(super::place::files(&pulled.folder).len(), 5);
    assert!(Cache::new(&place.settings.cache).list().unwrap()[0].is_usable);
}

#[test]
fn offline_nothing_is_asked_for() {
    let mut place = Place::new();
    place.settings.is_offline = true;
    let error = place.fails();
    assert!(matches!(
        error,
        Error::NotCached {
            is_offline: true,
            ..
        }
    ));
    assert!(error.hint().unwrap().contains("HF_HUB_OFFLINE"));
    assert!(place.hub.requests().is_empty());
}

#[test]
fn a_stop_before_the_first_request_is_heeded() {
    let place = Place::new();
    let cancel = Cancel::default();
    cancel.cancel();
    let stopped = pull(&ID.parse().unwrap(), &place.settings, &NoReporter, &cancel);
    assert!(matches!(stopped, Err(Error::Cancelled(_))));
}
