//! Refreshing: what changes, what it costs, that the result is that of a fresh build.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::util::{Dir, files};

/// Documents by key: title and text.
type Corpus = BTreeMap<String, (String, String)>;

/// Words of a vocabulary, by a small generator that needs no crate.
struct Words(u64);

impl Words {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }

    fn text(&mut self, n: u64) -> String {
        let words = [
            "island", "river", "king", "tower", "sea", "bird", "tree", "law", "music", "stone",
        ];
        let word = |_| format!("{}{}", words[self.below(10) as usize], self.below(30));
        (0..n).map(word).collect::<Vec<_>>().join(" ")
    }
}

fn corpus(n: u64) -> Corpus {
    let mut words = Words(7);
    let document = |key: u64| {
        let n_words = 30 + words.below(400);
        (
            format!("k{key}"),
            (format!("Title {key}"), words.text(n_words)),
        )
    };
    (0..n).map(document).collect()
}

fn write(dir: &Dir, name: &str, corpus: &Corpus) {
    let line = |(key, (title, text)): (&String, &(String, String))| {
        format!("{}\n", json!({"key": key, "title": title, "text": text}))
    };
    dir.write(name, corpus.iter().map(line).collect::<String>());
}

/// What searching finds, without ids: document, words and score of every passage.
#[track_caller]
fn found(dir: &Dir, kb: &str, questions: &[&str]) -> Vec<Vec<(String, String, String)>> {
    let arguments = ["search", kb, "--json", "-k", "20"];
    let lines = dir
        .ragdex(arguments.iter().chain(questions))
        .succeeds()
        .json();
    let passage = |p: &Value| {
        let text = |name: &str| p[name].as_str().unwrap().to_owned();
        (text("document"), text("text"), p["score"].to_string())
    };
    let passages = |line: &Value| {
        let passages = line["passages"].as_array().unwrap().iter();
        let mut found: Vec<_> = passages.map(passage).collect();
        // Equal scores come by ascending id, and ids differ.
        found.sort_by(|a, b| {
            b.2.parse::<f64>()
                .unwrap()
                .total_cmp(&a.2.parse().unwrap())
                .then(a.cmp(b))
        });
        found
    };
    lines.iter().map(passages).collect()
}

const QUESTIONS: [&str; 3] = [
    "the king of the island",
    "music of birds",
    "an axolotl in the sea",
];

#[track_caller]
fn assert_like_a_fresh_build(dir: &Dir, source: &str) {
    let fresh = format!("fresh-{}", source.replace('.', "-"));
    dir.ragdex(["build", &fresh, source]).succeeds();
    assert_eq!(found(dir, "kb", &QUESTIONS), found(dir, &fresh, &QUESTIONS));
    dir.ragdex(["verify", "kb"]).succeeds();
}

#[track_caller]
fn updated(dir: &Dir, arguments: &[&str]) -> Value {
    dir.ragdex(arguments.iter().chain(&["--json"]))
        .succeeds()
        .json()
        .remove(0)
}

#[test]
fn a_refresh_embeds_only_what_is_new_and_answers_like_a_fresh_build() {
    let dir = Dir::new();
    let mut now = corpus(40);
    write(&dir, "a.jsonl", &now);
    dir.ragdex(["build", "kb", "a.jsonl"]).succeeds();
    let moved = now.remove("k5").unwrap();
    now.insert("k5-renamed".into(), moved);
    now.remove("k9");
    now.get_mut("k12")
        .unwrap()
        .1
        .push_str(" and a few words more");
    now.insert(
        "new".into(),
        ("Axolotl".into(), "The axolotl lives in a lake.".into()),
    );
    write(&dir, "b.jsonl", &now);

    let before = files(&dir.path("kb"));
    let would = updated(&dir, &["refresh", "kb", "b.jsonl", "--dry-run"]);
    assert_eq!(files(&dir.path("kb")), before, "a dry run writes nothing");
    let report = updated(&dir, &["refresh", "kb", "b.jsonl"]);
    assert_eq!(report["snapshot"], 2);
    assert_eq!(
        report["documents"],
        json!({"added": 2, "changed": 1, "removed": 2, "unchanged": 37})
    );
    // The last passage of the changed document, and the new one; not those of the document that moved.
    assert_eq!(report["embedded"], 2);
    assert_eq!(report["passages"]["added"], 2);
    for field in ["documents", "passages", "embedded"] {
        assert_eq!(would[field], report[field], "{field}");
    }
    assert_like_a_fresh_build(&dir, "b.jsonl");

    let again = updated(&dir, &["refresh", "kb", "b.jsonl"]);
    assert_eq!(
        (&again["committed"], &again["snapshot"]),
        (&json!(false), &json!(2))
    );
    dir.write(
        "same-content.jsonl",
        std::fs::read(dir.path("b.jsonl")).unwrap(),
    );
    let again = updated(&dir, &["refresh", "kb", "same-content.jsonl"]);
    assert_eq!(
        (&again["committed"], &again["snapshot"]),
        (&json!(false), &json!(2))
    );
    assert!(!dir.path("kb/staging").exists(), "nothing is left behind");
}

#[test]
fn documents_are_added_replaced_and_removed() {
    let dir = Dir::new();
    let mut now = corpus(12);
    write(&dir, "a.jsonl", &now);
    dir.ragdex(["build", "kb", "a.jsonl"]).succeeds();
    let more = Corpus::from([
        ("k3".into(), ("Title 3".into(), "wholly other words".into())),
        ("extra".into(), ("Extra".into(), "one more document".into())),
    ]);
    write(&dir, "more.jsonl", &more);
    let report = updated(&dir, &["add", "kb", "more.jsonl"]);
    assert_eq!(
        report["documents"],
        json!({"added": 1, "changed": 1, "removed": 0, "unchanged": 11})
    );
    now.extend(more);
    write(&dir, "b.jsonl", &now);
    assert_like_a_fresh_build(&dir, "b.jsonl");

    dir.write("keys.txt", "k1\n\nno-such-key\n");
    let report = updated(
        &dir,
        &[
            "remove", "kb", "k2", "--keys", "keys.txt", "--title", "Title 7",
        ],
    );
    assert_eq!(report["documents"]["removed"], 3);
    assert_eq!(report["not_found"], json!(["no-such-key"]));
    for key in ["k1", "k2", "k7"] {
        now.remove(key);
    }
    write(&dir, "c.jsonl", &now);
    assert_like_a_fresh_build(&dir, "c.jsonl");
    let refused = dir.ragdex(["remove", "kb", "no-such-key"]).exits(3);
    assert!(
        refused.stderr.contains("no document `no-such-key`"),
        "{}",
        refused.stderr
    );
    dir.ragdex(["remove", "kb"]).exits(2);
}

#[test]
fn a_source_that_lacks_most_documents_is_refused_and_changes_nothing() {
    let dir = Dir::new();
    write(&dir, "a.jsonl", &corpus(10));
    write(&dir, "few.jsonl", &corpus(4));
    dir.ragdex(["build", "kb", "a.jsonl"]).succeeds();
    let before = files(&dir.path("kb"));
    let refused = dir.ragdex(["refresh", "kb", "few.jsonl"]).exits(3);
    assert!(
        refused.stderr.contains("6 of 10 documents"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("--allow-shrink"),
        "{}",
        refused.stderr
    );
    assert_eq!(files(&dir.path("kb")), before);
    let report = updated(&dir, &["refresh", "kb", "few.jsonl", "--allow-shrink"]);
    assert_eq!(report["documents"]["removed"], 6);
    assert_like_a_fresh_build(&dir, "few.jsonl");
}

#[test]
fn an_unchanged_page_of_a_dump_is_not_parsed() {
    let dir = Dir::new();
    let page = |id: u32, sha1: &str, text: &str| {
        format!(
            "<page><title>Page {id}</title><ns>0</ns><id>{id}</id><revision><id>{}</id><model>wikitext</model>\
             <text>{text}</text><sha1>{sha1}</sha1></revision></page>",
            100 + id
        )
    };
    let dump = |pages: &[String]| {
        let site = "<siteinfo><base>https://w.example.org/wiki/Main</base></siteinfo>";
        format!(
            "<mediawiki xml:lang=\"en\">{site}{}</mediawiki>",
            pages.concat()
        )
    };
    dir.write(
        "a.xml",
        dump(&[
            page(1, "aaa", "The heron is a bird."),
            page(2, "bbb", "The trout is a fish."),
        ]),
    );
    dir.ragdex(["build", "kb", "a.xml"]).succeeds();
    // Another text under the same checksum is not looked at; another checksum is.
    dir.write(
        "b.xml",
        dump(&[
            page(1, "aaa", "The heron is a plane."),
            page(2, "bbc", "The trout is a ship."),
        ]),
    );
    let report = updated(&dir, &["refresh", "kb", "b.xml"]);
    assert_eq!(
        report["documents"],
        json!({"added": 0, "changed": 1, "removed": 0, "unchanged": 1})
    );
    let texts = |line: &Value| line["passages"].to_string();
    let line = &dir
        .ragdex(["search", "kb", "--json", "heron trout"])
        .succeeds()
        .json()[0];
    assert!(texts(line).contains("heron is a bird") && texts(line).contains("trout is a ship"));

    let other = dump(&[page(3, "ccc", "A page of another wiki.")])
        .replace("w.example.org", "v.example.org");
    dir.write("other.xml", other);
    let refused = dir.ragdex(["add", "kb", "other.xml"]).exits(3);
    assert!(
        refused.stderr.contains("v.example.org"),
        "{}",
        refused.stderr
    );
}

#[test]
fn snapshots_are_listed_compared_rolled_back_and_collected() {
    let dir = Dir::new();
    let mut now = corpus(20);
    write(&dir, "a.jsonl", &now);
    dir.ragdex(["build", "kb", "a.jsonl"]).succeeds();
    let first = found(&dir, "kb", &QUESTIONS);
    now.get_mut("k1").unwrap().1 = "an axolotl".into();
    now.remove("k2");
    write(&dir, "b.jsonl", &now);
    updated(&dir, &["refresh", "kb", "b.jsonl"]);
    let second = found(&dir, "kb", &QUESTIONS);
    assert_ne!(first, second);

    let diff = updated(&dir, &["diff", "kb", "1", "2", "--documents"]);
    assert_eq!(
        diff["documents"],
        json!({"added": 0, "changed": 1, "removed": 1, "unchanged": 18})
    );
    let changes: Vec<String> = diff["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| {
            format!(
                "{} {}",
                c["change"].as_str().unwrap(),
                c["document"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(changes, ["changed k1", "removed k2"]);
    let back = updated(&dir, &["diff", "kb", "2", "1"]);
    assert_eq!(
        (&back["passages"]["added"], &back["documents"]["added"]),
        (&diff["passages"]["removed"], &json!(1))
    );

    let old = dir
        .ragdex(["search", "kb", "--json", "--snapshot", "1", QUESTIONS[0]])
        .succeeds()
        .json();
    assert_eq!(old[0]["snapshot"], 1);
    let report = updated(&dir, &["rollback", "kb", "--to", "1"]);
    assert_eq!(report, json!({"snapshot": 3, "from": 2, "to": 1}));
    assert_eq!(found(&dir, "kb", &QUESTIONS), first);
    dir.ragdex(["verify", "kb"]).succeeds();
    // Going on from the older state counts ids on: none is used again.
    updated(&dir, &["refresh", "kb", "b.jsonl"]);
    assert_eq!(found(&dir, "kb", &QUESTIONS), second);
    let history = dir.ragdex(["history", "kb", "--json"]).succeeds().json();
    let commands: Vec<&str> = history
        .iter()
        .map(|line| line["command"].as_str().unwrap())
        .collect();
    assert_eq!(commands, ["build", "refresh", "rollback --to 1", "refresh"]);
    assert_eq!(history[3]["current"], true);

    let gc = updated(&dir, &["gc", "kb", "--keep", "2"]);
    assert_eq!(
        (&gc["kept"], &gc["deleted"]),
        (&json!([3, 4]), &json!([1, 2]))
    );
    dir.ragdex(["verify", "kb"]).succeeds();
    assert_eq!(found(&dir, "kb", &QUESTIONS), second);
    dir.ragdex(["search", "kb", "--snapshot", "1", "x"])
        .exits(3);
    dir.ragdex(["rollback", "kb", "--to", "4"]).exits(3);
    updated(&dir, &["compact", "kb"]);
    updated(&dir, &["gc", "kb"]);
    dir.ragdex(["verify", "kb"]).succeeds();
    assert_eq!(found(&dir, "kb", &QUESTIONS), second);
}

#[test]
fn a_text_that_comes_several_times_is_embedded_once() {
    let dir = Dir::new();
    let mut now = corpus(6);
    write(&dir, "a.jsonl", &now);
    dir.ragdex(["build", "kb", "a.jsonl"]).succeeds();
    let notice = ("Notice".to_owned(), "This page was moved.".to_owned());
    for key in ["x", "y", "z"] {
        now.insert(key.into(), notice.clone());
    }
    now.insert("w".into(), ("Other".into(), "Of its own.".into()));
    write(&dir, "b.jsonl", &now);
    let would = updated(&dir, &["refresh", "kb", "b.jsonl", "--dry-run"]);
    let report = updated(&dir, &["refresh", "kb", "b.jsonl"]);
    assert_eq!(report["passages"]["added"], 4);
    assert_eq!(
        (&would["embedded"], &report["embedded"]),
        (&json!(2), &json!(2))
    );
    assert_like_a_fresh_build(&dir, "b.jsonl");
}

#[test]
fn removing_again_changes_nothing_and_says_that_the_documents_are_not_there() {
    let dir = Dir::new();
    write(&dir, "a.jsonl", &corpus(4));
    dir.ragdex(["build", "kb", "a.jsonl"]).succeeds();
    let first = updated(&dir, &["remove", "kb", "k1", "k2"]);
    assert_eq!(first["documents"]["removed"], 2);
    assert_eq!(first["not_found"], Value::Null);
    let again = updated(&dir, &["remove", "kb", "k1", "k2"]);
    assert_eq!(
        (&again["committed"], &again["snapshot"]),
        (&json!(false), &json!(2))
    );
    assert_eq!(again["not_found"], json!(["k1", "k2"]));
}

/// Runs `split` and gives the folder's vectors of the bundled encoder besides.
fn split(dir: &Dir, source: &str, folder: &str, more: &[&str]) {
    let arguments = ["split", source, "-o", folder, "--part-passages", "9"];
    dir.ragdex(arguments.iter().chain(more)).succeeds();
}

#[test]
fn folders_of_a_split_are_sources_of_a_refresh_as_of_a_build() {
    let dir = Dir::new();
    let mut now = corpus(12);
    write(&dir, "a.jsonl", &now);
    split(&dir, "a.jsonl", "a", &["--words", "60"]);
    dir.ragdex(["build", "kb", "a"]).succeeds();
    let info = dir.ragdex(["info", "kb", "--json"]).succeeds().json();
    assert_eq!(
        info[0]["splitter"]["words"], 60,
        "the folder says how it was cut"
    );

    now.remove("k3");
    now.get_mut("k5").unwrap().1.push_str(" and more");
    now.insert("new".into(), ("Axolotl".into(), "In a lake.".into()));
    write(&dir, "b.jsonl", &now);
    split(&dir, "b.jsonl", "b", &["--words", "60"]);
    let would = updated(&dir, &["refresh", "kb", "b", "--dry-run"]);
    let report = updated(&dir, &["refresh", "kb", "b"]);
    assert_eq!(
        report["documents"],
        json!({"added": 1, "changed": 1, "removed": 1, "unchanged": 10})
    );
    assert_eq!(report["embedded"], 2);
    for field in ["documents", "passages", "embedded"] {
        assert_eq!(would[field], report[field], "{field}");
    }
    assert_like_a_fresh_build(&dir, "b");
    // What was split gives the same documents, cut alike.
    let same = updated(&dir, &["refresh", "kb", "b.jsonl"]);
    assert_eq!(same["committed"], false);

    let more = Corpus::from([("k5".into(), ("Title 5".into(), "Wholly other.".into()))]);
    write(&dir, "more.jsonl", &more);
    split(&dir, "more.jsonl", "more", &["--words", "60"]);
    let report = updated(&dir, &["add", "kb", "more"]);
    assert_eq!(report["documents"]["changed"], 1);
    now.extend(more);
    write(&dir, "c.jsonl", &now);
    split(&dir, "c.jsonl", "c", &["--words", "60"]);
    assert_like_a_fresh_build(&dir, "c");
}

#[test]
fn passages_cut_otherwise_are_refused_and_nothing_is_left_to_trip_over() {
    let dir = Dir::new();
    write(&dir, "a.jsonl", &corpus(4));
    dir.ragdex(["build", "kb", "a.jsonl"]).succeeds();
    split(&dir, "a.jsonl", "short", &["--words", "60"]);
    for command in ["refresh", "add"] {
        let refused = dir.ragdex([command, "kb", "short"]).exits(3);
        for told in ["--words 100", "--words 60", "hint:"] {
            assert!(refused.stderr.contains(told), "{}", refused.stderr);
        }
    }
    dir.ragdex(["refresh", "kb", "short", "a.jsonl"]).exits(3);
    assert!(!dir.path("kb/staging").exists());
    split(&dir, "a.jsonl", "alike", &["--tail", "keep"]);
    assert_eq!(
        updated(&dir, &["refresh", "kb", "alike"])["committed"],
        false
    );
}

#[test]
fn a_source_of_an_answer_can_be_looked_up_as_long_as_its_snapshot_is_kept() {
    let dir = Dir::new();
    let mut now = corpus(10);
    write(&dir, "a.jsonl", &now);
    dir.ragdex(["build", "kb", "a.jsonl"]).succeeds();
    let answer = ["answer", "kb", "--json", QUESTIONS[0]];
    let answer = dir.ragdex(answer).succeeds().json().remove(0);
    assert_eq!(answer["snapshot"], 1);
    for (_, text) in now.values_mut() {
        *text = "Other.".into();
    }
    write(&dir, "b.jsonl", &now);
    updated(&dir, &["refresh", "kb", "b.jsonl"]);
    updated(&dir, &["compact", "kb"]);
    let passages = answer["passages"].as_array().unwrap();
    for passage in passages {
        let id = passage["id"].to_string();
        let shown = updated(&dir, &["show", "kb", &id, "--snapshot", "1"]);
        for field in ["id", "title", "text", "document", "section"] {
            assert_eq!(shown[field], passage[field], "{field}");
        }
        let gone = dir.ragdex(["show", "kb", &id]).exits(3);
        assert!(gone.stderr.contains("hint:"), "{}", gone.stderr);
    }
    updated(&dir, &["gc", "kb"]);
    dir.ragdex(["show", "kb", "0", "--snapshot", "1"]).exits(3);
}
