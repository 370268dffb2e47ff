//! Random sequences of commands against a plain model: after every step the knowledge base holds what the
//! model holds, and answers as a fresh build of it does.

use std::collections::BTreeMap;
use std::path::Path;

use ragdex::results::FoundPassage;
use ragdex::{
    BuildOptions, Bundled, Cancel, CompactOptions, Context, KnowledgeBase, NoReporter,
    RefreshOptions, RemoveOptions,
};
use serde_json::json;

use crate::util::Dir;

/// Sequences, and steps of each.
const SEQUENCES: u64 = 3;
const STEPS: u64 = 14;

/// What the corpus is: texts by key.
type Model = BTreeMap<u64, String>;

/// A small generator: the same sequences in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }

    /// A text of up to 60 words; of 8, so that texts of several documents are equal now and then.
    fn text(&mut self) -> String {
        const WORDS: [&str; 8] = [
            "island", "river", "king", "music", "stone", "bird", "law", "sea",
        ];
        let n = if self.below(4) == 0 {
            1
        } else {
            1 + self.below(60)
        };
        (0..n)
            .map(|_| WORDS[self.below(8) as usize])
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn key(&mut self) -> u64 {
        self.below(14)
    }
}

struct Bench {
    dir: Dir,
    cancel: Cancel,
}

impl Bench {
    fn context(&self) -> Context<'_> {
        Context {
            bundled: Some(Bundled {
                encoder: ragdex_sample::MINI_ENCODER,
                generator: ragdex_sample::MINI_GENERATOR,
                tokenizer: ragdex_sample::MINI_TOKENIZER,
                tokenizer_config: ragdex_sample::MINI_TOKENIZER_CONFIG,
            }),
            threads: std::num::NonZeroUsize::MIN,
            ..Context::new(&NoReporter, &self.cancel)
        }
    }

    fn source(&self, model: &Model) -> Vec<std::path::PathBuf> {
        let line = |(key, text): (&u64, &String)| {
            format!(
                "{}\n",
                json!({"key": format!("k{key}"), "title": format!("T{}", key % 3), "text": text})
            )
        };
        vec![
            self.dir
                .write("source.jsonl", model.iter().map(line).collect::<String>()),
        ]
    }

    fn build(&self, kb: &str, model: &Model) {
        let mut options = BuildOptions {
            sources: self.source(model),
            part_passages: 4,
            ..BuildOptions::default()
        };
        options.splitting.words = 10;
        ragdex::build(&self.dir.path(kb), &options, &self.context()).unwrap();
    }

    fn update(&self, model: &Model) -> RefreshOptions {
        RefreshOptions {
            sources: self.source(model),
            allow_shrink: true,
            ..RefreshOptions::default()
        }
    }

    /// Everything that a search for everything finds: scores with document and text.
    fn found(&self, path: &Path, snapshot: Option<u64>) -> Vec<(String, String, String)> {
        let kb = KnowledgeBase::open(path, snapshot).unwrap();
        let searcher = kb.searcher(None, &self.context()).unwrap();
        let results = searcher
            .search(&["the king hears music", "a stone"], 1000, &self.context())
            .unwrap();
        let plain = |p: FoundPassage| (p.score.to_string(), p.document, p.text);
        let mut found: Vec<_> = results
            .into_iter()
            .flat_map(|r| r.passages)
            .map(plain)
            .collect();
        found.sort();
        found
    }

    fn assert_like(&self, model: &Model, what: &str) {
        let kb = self.dir.path("kb");
        KnowledgeBase::open(&kb, None)
            .unwrap()
            .verify(&self.context())
            .unwrap();
        let fresh = self.dir.path("fresh");
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh).unwrap();
        }
        self.build("fresh", model);
        assert_eq!(self.found(&kb, None), self.found(&fresh, None), "{what}");
    }
}

/// One random step on the knowledge base and on the model; `past` has the model of every snapshot.
fn step(
    bench: &Bench,
    random: &mut Random,
    model: &mut Model,
    past: &mut BTreeMap<u64, Model>,
) -> String {
    let kb = bench.dir.path("kb");
    let context = bench.context();
    let (what, snapshot) = match random.below(10) {
        0..4 => {
            for _ in 0..random.below(6) {
                let key = random.key();
                match random.below(3) {
                    0 if model.len() > 2 => drop(model.remove(&key)),
                    1 => {
                        let moved = model.remove(&key).unwrap_or_default() + " " + &random.text();
                        model.insert(random.key(), moved);
                    }
                    _ => drop(model.insert(key, random.text())),
                }
            }
            let report = ragdex::refresh(&kb, &bench.update(model), &context).unwrap();
            (format!("refresh {:?}", report.documents), report.snapshot)
        }
        4..6 => {
            let more: Model = (0..=random.below(3))
                .map(|_| (random.key(), random.text()))
                .collect();
            let report = ragdex::add(&kb, &bench.update(&more), &context).unwrap();
            model.extend(more);
            (format!("add {:?}", report.documents), report.snapshot)
        }
        6 if model.len() > 3 => {
            let key = *model
                .keys()
                .nth(random.below(model.len() as u64) as usize)
                .unwrap();
            model.remove(&key);
            let options = RemoveOptions {
                keys: vec![format!("k{key}")],
                ..RemoveOptions::default()
            };
            let report = ragdex::remove(&kb, &options, &context).unwrap();
            (format!("remove k{key}"), report.snapshot)
        }
        7 => {
            let current = *past.keys().next_back().unwrap();
            let to = *past
                .keys()
                .nth(random.below(past.len() as u64) as usize)
                .unwrap();
            if to == current {
                return "nothing".into();
            }
            model.clone_from(&past[&to]);
            let report = ragdex::rollback(&kb, to, false).unwrap();
            (format!("rollback to {to}"), report.snapshot)
        }
        8 => {
            let report = ragdex::compact(&kb, CompactOptions::default(), &context).unwrap();
            (
                format!("compact {}", report.rewritten_parts),
                report.snapshot,
            )
        }
        _ => {
            let report = ragdex::gc(&kb, 1 + random.below(3) as usize, false).unwrap();
            past.retain(|number, _| report.kept.contains(number));
            return format!("gc {:?}", report.deleted);
        }
    };
    past.insert(snapshot, model.clone());
    what
}

#[test]
fn any_sequence_of_commands_leads_to_what_a_fresh_build_gives() {
    for seed in 1..=SEQUENCES {
        let mut random = Random(seed);
        let bench = Bench {
            dir: Dir::new(),
            cancel: Cancel::default(),
        };
        let mut model: Model = (0..8).map(|key| (key, random.text())).collect();
        bench.build("kb", &model);
        let mut past = BTreeMap::from([(1, model.clone())]);
        let mut steps = Vec::new();
        for _ in 0..STEPS {
            steps.push(step(&bench, &mut random, &mut model, &mut past));
            bench.assert_like(&model, &format!("seed {seed}: {steps:#?}"));
        }
        // Every snapshot that is kept still gives its own state.
        for (number, model) in &past {
            bench
                .dir
                .path("fresh")
                .exists()
                .then(|| std::fs::remove_dir_all(bench.dir.path("fresh")).unwrap());
            bench.build("fresh", model);
            let kb = bench.dir.path("kb");
            let fresh = bench.found(&bench.dir.path("fresh"), None);
            assert_eq!(
                bench.found(&kb, Some(*number)),
                fresh,
                "seed {seed}, snapshot {number}: {steps:#?}"
            );
        }
    }
}

#[test]
fn the_disk_that_many_refreshes_need_is_bounded() {
    let bench = Bench {
        dir: Dir::new(),
        cancel: Cancel::default(),
    };
    let mut random = Random(3);
    let mut model: Model = (0..40).map(|key| (key, random.text())).collect();
    bench.build("kb", &model);
    let kb = bench.dir.path("kb");
    for _ in 0..40 {
        for _ in 0..4 {
            model.insert(random.below(40), random.text());
        }
        ragdex::refresh(&kb, &bench.update(&model), &bench.context()).unwrap();
        ragdex::gc(&kb, 1, false).unwrap();
        let manifest = std::fs::read_dir(kb.join("snapshots"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let manifest: serde_json::Value =
            serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
        let parts = manifest["parts"].as_array().unwrap();
        let sum = |field: &str| {
            parts
                .iter()
                .map(|part| part[field].as_u64().unwrap())
                .sum::<u64>()
        };
        let rows = sum("n_passages") + sum("n_documents");
        let live = manifest["passages"].as_u64().unwrap() + manifest["documents"].as_u64().unwrap();
        assert!(rows <= 2 * live, "{rows} rows for {live} that live");
        // Files on disk are those of the one snapshot, and parts are few: those needed, 16 more, and one
        // for each part that is at least half full.
        let n_files = std::fs::read_dir(kb.join("passages")).unwrap().count();
        assert_eq!(n_files, parts.len());
        let needed = manifest["passages"].as_u64().unwrap().div_ceil(2) as usize;
        assert!(parts.len() <= needed + 17, "{} parts", parts.len());
    }
    bench.assert_like(&model, "after 40 refreshes");
}
