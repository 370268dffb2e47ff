//! Readers beside a writer, and writers beside each other.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ragdex::{Bundled, Cancel, Context, KnowledgeBase, NoReporter, RefreshOptions};
use serde_json::json;

use crate::util::{Dir, files};

const READERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(250);
const REFRESHES: u64 = 20;
const DOCUMENTS: u64 = 12;

/// Documents that all say which edition they are of; it is the number of the snapshot.
fn edition(number: u64) -> String {
    let line = |key: u64| {
        let text = format!("The heron of edition{number} stands in river {key}.");
        format!(
            "{}\n",
            json!({"key": key.to_string(), "title": format!("Heron {key}"), "text": text})
        )
    };
    (0..DOCUMENTS).map(line).collect()
}

/// The bundled models on one thread.
pub(crate) fn context(cancel: &Cancel) -> Context<'_> {
    Context {
        bundled: Some(Bundled {
            encoder: ragdex_sample::MINI_ENCODER,
            generator: ragdex_sample::MINI_GENERATOR,
            tokenizer: ragdex_sample::MINI_TOKENIZER,
            tokenizer_config: ragdex_sample::MINI_TOKENIZER_CONFIG,
        }),
        threads: std::num::NonZeroUsize::MIN,
        ..Context::new(&NoReporter, cancel)
    }
}

#[test]
fn readers_see_one_whole_snapshot_during_refreshes() {
    let dir = Dir::new();
    let source = dir.write("source.jsonl", edition(1));
    dir.ragdex(["build", "kb", "source.jsonl"]).succeeds();
    let kb = dir.path("kb");
    let (done, searches) = (AtomicBool::new(false), AtomicU64::new(0));
    let read = || {
        let cancel = Cancel::default();
        let mut newest = 0;
        while !done.load(Ordering::Relaxed) {
            let opened = KnowledgeBase::open(&kb, None).unwrap();
            let number = opened.snapshot();
            assert!(number >= newest, "snapshot {number} after {newest}");
            newest = number;
            let searcher = opened.searcher(None, &context(&cancel)).unwrap();
            for _ in 0..3 {
                let found = searcher
                    .search(&["which river has the heron?"], 100, &context(&cancel))
                    .unwrap();
                assert_eq!(found[0].passages.len() as u64, DOCUMENTS);
                let mark = format!("edition{number} ");
                assert!(
                    found[0]
                        .passages
                        .iter()
                        .all(|passage| passage.text.contains(&mark)),
                    "mixed"
                );
                searches.fetch_add(1, Ordering::Relaxed);
            }
            // Loading the encoder keeps a core busy; the writer is to get its share.
            std::thread::sleep(PAUSE);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(read);
        }
        let cancel = Cancel::default();
        for number in 2..=1 + REFRESHES {
            dir.write("source.jsonl", edition(number));
            let options = RefreshOptions {
                sources: vec![source.clone()],
                ..RefreshOptions::default()
            };
            let report = ragdex::refresh(&kb, &options, &context(&cancel)).unwrap();
            assert_eq!(report.snapshot, number);
            // What readers may have open goes too.
            ragdex::gc(&kb, 1, false).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(searches.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_second_writer_is_told_who_writes_and_searching_writes_nothing() {
    let dir = Dir::new();
    dir.write("source.jsonl", edition(1));
    dir.ragdex(["build", "kb", "source.jsonl"]).succeeds();
    let mut add = dir.ragdex(["add", "kb", "-", "--format", "jsonl"]);
    let pipes = add
        .0
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut waiting = pipes.spawn().unwrap();
    while !dir.path("kb/staging/plan.json").exists() {
        assert!(
            waiting.try_wait().unwrap().is_none(),
            "it waits for its input"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let refused = dir.ragdex(["remove", "kb", "3"]).exits(1);
    let told = format!("locked by `ragdex add`, process {}", waiting.id());
    assert!(refused.stderr.contains(&told), "{}", refused.stderr);
    let before = files(&dir.path("kb"));
    dir.ragdex(["search", "kb", "heron"]).succeeds();
    assert_eq!(files(&dir.path("kb")), before);
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    // The killed command left its work; another one says so and can throw it away.
    let refused = dir.ragdex(["remove", "kb", "3"]).exits(3);
    assert!(refused.stderr.contains("--restart"), "{}", refused.stderr);
    dir.ragdex(["remove", "kb", "3", "--restart"]).succeeds();
    dir.ragdex(["verify", "kb"]).succeeds();
}
