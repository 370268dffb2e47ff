//! Another encoder: its vectors are made beside the former ones, and searched once all are there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ragdex::results::FoundPassage;
use ragdex::{
    BuildOptions, Cancel, Context, KnowledgeBase, ModelNames, RefreshOptions, Reporter, Stage, Unit,
};
use serde_json::{Value, json};

use crate::readers::context;
use crate::util::{Dir, repository};

const QUESTIONS: [&str; 2] = ["which river has the heron?", "a stone"];
const DOCUMENTS: u64 = 30;

fn source(dir: &Dir) -> PathBuf {
    let line = |key: u64| {
        let text = format!("The heron of river {key} stands on {} stones.", key % 7);
        format!(
            "{}\n",
            json!({"key": key.to_string(), "title": format!("Heron {key}"), "text": text})
        )
    };
    dir.write("a.jsonl", (0..DOCUMENTS).map(line).collect::<String>())
}

/// A pair of another width than the bundled encoder's.
fn other() -> ModelNames {
    let folder = |name: &str| {
        let path = repository("tests/data/golden/rag").join(name);
        path.to_str().unwrap().to_owned()
    };
    ModelNames {
        context_encoder: folder("dpr-ctx-encoder"),
        question_encoder: folder("dpr-question-encoder"),
        ..ModelNames::default()
    }
}

/// Everything that a search for everything finds in a snapshot, and its number.
fn found(kb: &Path, snapshot: Option<u64>) -> (u64, Vec<(u64, String, String)>) {
    let cancel = Cancel::default();
    let kb = KnowledgeBase::open(kb, snapshot).unwrap();
    let searcher = kb.searcher(None, &context(&cancel)).unwrap();
    let results = searcher.search(&QUESTIONS, 100, &context(&cancel)).unwrap();
    let plain = |p: FoundPassage| (p.id, p.score.to_string(), p.text);
    let passages = results.into_iter().flat_map(|result| result.passages);
    (kb.snapshot(), passages.map(plain).collect())
}

/// Searches whenever a stage begins or ends, as a reader would meanwhile.
struct Searching<'a> {
    kb: &'a Path,
    before: (u64, Vec<(u64, String, String)>),
    stages: Mutex<BTreeSet<String>>,
}

impl Searching<'_> {
    fn search(&self, stage: Stage) {
        assert_eq!(found(self.kb, None), self.before, "while {stage}");
        self.stages.lock().unwrap().insert(stage.to_string());
    }
}

impl Reporter for Searching<'_> {
    fn start(&self, stage: Stage, _: Unit, _: Option<u64>) {
        self.search(stage);
    }

    fn finish(&self, stage: Stage) {
        self.search(stage);
    }
}

#[test]
fn the_former_vectors_are_searched_until_all_new_ones_are_there_and_stay_in_their_snapshot() {
    let dir = Dir::new();
    let cancel = Cancel::default();
    let build = |kb: &str, models: ModelNames| {
        let options = BuildOptions {
            sources: vec![source(&dir)],
            models,
            part_passages: 8,
            ..BuildOptions::default()
        };
        ragdex::build(&dir.path(kb), &options, &context(&cancel)).unwrap();
        found(&dir.path(kb), None)
    };
    let before = build("kb", ModelNames::default());
    let (_, fresh) = build("fresh", other());
    let kb = dir.path("kb");
    let searching = Searching {
        kb: &kb,
        before,
        stages: Mutex::default(),
    };
    let options = RefreshOptions {
        models: Some(other()),
        ..RefreshOptions::default()
    };
    let meanwhile = Context {
        reporter: &searching,
        ..context(&cancel)
    };
    let report = ragdex::refresh(&kb, &options, &meanwhile).unwrap();
    assert!(searching.stages.lock().unwrap().contains("embed"));
    assert_eq!((report.snapshot, report.embedded), (2, DOCUMENTS));
    assert_eq!(report.documents.unchanged, DOCUMENTS);
    // The same passages under the same ids, found by the other vectors.
    assert_eq!(found(&kb, None), (2, fresh));
    assert_eq!(found(&kb, Some(1)), searching.before);
    let again = ragdex::refresh(&kb, &options, &context(&cancel)).unwrap();
    assert!(!again.committed);
    ragdex::rollback(&kb, 1, false).unwrap();
    assert_eq!(found(&kb, None), (3, searching.before.1));
    for snapshot in 1..=3 {
        let kb = KnowledgeBase::open(&kb, Some(snapshot)).unwrap();
        kb.verify(&context(&cancel)).unwrap();
    }
}

#[test]
fn a_change_of_encoder_takes_the_source_too_and_tells_its_cost_before() {
    let dir = Dir::new();
    source(&dir);
    dir.ragdex([
        "build", "kb", "a.jsonl", "--index", "exact", "--index", "hnsw",
    ])
    .succeeds();
    let ModelNames {
        context_encoder,
        question_encoder,
        ..
    } = other();
    let encoders = [
        "--context-encoder",
        &*context_encoder,
        "--question-encoder",
        &*question_encoder,
    ];
    let more = json!({"key": "more", "title": "More", "text": "One more heron."});
    let more = format!(
        "{}{more}\n",
        std::fs::read_to_string(dir.path("a.jsonl")).unwrap()
    );
    dir.write("b.jsonl", more);
    let refresh = |rest: &[&str]| -> Value {
        let arguments = ["refresh", "kb", "--json"]
            .iter()
            .chain(&encoders)
            .chain(rest);
        dir.ragdex(arguments).succeeds().json().remove(0)
    };
    let would = refresh(&["--dry-run"]);
    assert_eq!(would["embedded"], DOCUMENTS);
    assert!(would["estimated_embed_seconds"].as_f64().unwrap() > 0.0);
    let report = refresh(&["b.jsonl"]);
    assert_eq!(report["embedded"], DOCUMENTS + 1);
    assert_eq!(report["documents"]["added"], 1);
    let info = dir.ragdex(["info", "kb", "--json"]).succeeds().json();
    assert_eq!(info[0]["dimension"], 32);
    let kinds: Vec<&Value> = info[0]["indexes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| &i["kind"])
        .collect();
    assert_eq!(kinds, ["exact", "hnsw"]);
    dir.ragdex(["search", "kb", "--index", "hnsw", "heron"])
        .succeeds();
    dir.ragdex(["verify", "kb"]).succeeds();
    // Without sources and without an encoder there is nothing to do.
    dir.ragdex(["refresh", "kb"]).exits(2);
}
