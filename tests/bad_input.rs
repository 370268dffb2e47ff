//! Mistakes: one clear message with the remedy, the right exit code, nothing left to trip over.

use std::path::Path;

use crate::util::{Dir, Printed, repository};

const NOTE: &str = "The heron is a bird that eats fish.";

/// Checks that the message names what is wrong and offers a remedy.
#[track_caller]
fn explains(printed: &Printed, words: &[&str]) {
    for word in words.iter().chain(&["error:", "hint:"]) {
        assert!(
            printed.stderr.contains(word),
            "{word} in: {}",
            printed.stderr
        );
    }
    assert_eq!(printed.stdout, "");
}

/// Builds from `source` and expects exit code 3 and no knowledge base.
#[track_caller]
fn refused(dir: &Dir, source: &[&str], words: &[&str]) {
    let arguments = ["build", "kb"].iter().chain(source);
    explains(&dir.ragdex(arguments).exits(3), words);
    assert!(!dir.path("kb/CURRENT").exists());
    // What was left behind must not stop the corrected command.
    dir.write("good.txt", NOTE);
    dir.ragdex(["build", "kb", "good.txt", "--restart"])
        .succeeds();
    std::fs::remove_dir_all(dir.path("kb")).unwrap();
}

fn dump() -> Vec<u8> {
    std::fs::read(repository("crates/sample/data/ragdex-sample.xml.bz2")).unwrap()
}

#[test]
fn a_missing_source_is_named() {
    refused(&Dir::new(), &["nowhere.txt"], &["nowhere.txt"]);
}

#[test]
fn a_truncated_bzip2_is_an_error_with_its_place() {
    let dir = Dir::new();
    let whole = dump();
    dir.write("cut.xml.bz2", &whole[..whole.len() / 2]);
    refused(&dir, &["cut.xml.bz2"], &["cut.xml.bz2", "byte"]);
}

#[test]
fn xml_cut_in_the_middle_is_an_error_with_its_place() {
    let dir = Dir::new();
    let page = "<page><title>A</title><ns>0</ns><id>1</id><revision><id>2</id><text>Herons eat fish.</text></revision></page>";
    let xml = format!("<mediawiki><siteinfo></siteinfo>{page}<page><title>B</ti");
    dir.write("cut.xml", xml);
    refused(&dir, &["cut.xml"], &["cut.xml", "byte"]);
}

#[test]
fn an_empty_corpus_is_refused() {
    let dir = Dir::new();
    dir.write("empty.jsonl", "");
    refused(&dir, &["empty.jsonl"], &["empty.jsonl"]);
    dir.write("blank.jsonl", r#"{"title": "A", "text": " "}"#);
    refused(&dir, &["blank.jsonl"], &["no document"]);
    std::fs::create_dir(dir.path("folder")).unwrap();
    refused(&dir, &["folder"], &["folder"]);
}

#[test]
fn a_key_that_most_documents_share_is_refused() {
    let dir = Dir::new();
    let line = |n: usize, title: &str| {
        format!(r#"{{"place": "{n}", "title": "{title}", "text": "Note {n} is about herons."}}"#)
    };
    let lines: Vec<String> = (0..9)
        .map(|n| line(n, ["A", "B", "C", "D"][n % 4]))
        .collect();
    dir.write("notes.jsonl", lines.join("\n"));
    refused(
        &dir,
        &["notes.jsonl"],
        &["5 of 9 documents", "--key-column"],
    );
    dir.ragdex(["build", "kb", "notes.jsonl", "--key-column", "place"])
        .succeeds();
}

#[test]
fn a_folder_that_is_no_knowledge_base_is_named() {
    let dir = Dir::new();
    dir.write("notes/a.txt", NOTE);
    for command in ["search", "answer"] {
        explains(
            &dir.ragdex([command, "notes", "x"]).exits(3),
            &["notes", "build"],
        );
        explains(
            &dir.ragdex([command, "nowhere", "x"]).exits(3),
            &["nowhere"],
        );
    }
    for command in ["info", "verify"] {
        explains(&dir.ragdex([command, "notes"]).exits(3), &["notes"]);
    }
}

#[test]
fn a_build_into_a_folder_of_other_files_is_refused() {
    let dir = Dir::new();
    dir.write("notes/a.txt", NOTE);
    let printed = dir.ragdex(["build", "notes", "notes/a.txt"]).exits(3);
    explains(&printed, &["notes"]);
    assert_eq!(
        std::fs::read_to_string(dir.path("notes/a.txt")).unwrap(),
        NOTE
    );
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let dir = Dir::new();
    dir.write("a.txt", NOTE);
    let printed = dir.ragdex(["build", "a.txt", "a.txt"]).exits(3);
    explains(&printed, &["a.txt", "folder"]);
}

#[test]
fn a_base_inside_its_own_source_can_be_built_again() {
    let dir = Dir::new();
    dir.write("notes/a.txt", NOTE);
    dir.ragdex(["build", "notes/kb", "notes"]).succeeds();
    let again = dir.ragdex(["build", "notes/kb", "notes", "--json"]);
    assert_eq!(again.succeeds().json()[0]["documents"]["unchanged"], 1);
}

#[test]
fn standard_input_is_not_taken_for_what_came_through_it_before() {
    let dir = Dir::new();
    let build = ["build", "kb", "-", "--format", "jsonl"];
    let row = |text: &str| format!("{{\"title\": \"A\", \"text\": \"{text}\"}}");
    dir.ragdex(build).exits_given(row(NOTE).as_bytes(), 0);
    let other = dir.ragdex(build).exits_given(row("Other.").as_bytes(), 3);
    explains(&other, &["kb"]);
}

#[test]
fn empty_questions_and_no_passages_are_refused() {
    let dir = Dir::new();
    dir.write("a.txt", NOTE);
    dir.ragdex(["build", "kb", "a.txt"]).succeeds();
    for command in ["search", "answer"] {
        explains(&dir.ragdex([command, "kb", " "]).exits(3), &["empty"]);
        explains(&dir.ragdex([command, "kb"]).exits(3), &["no question"]);
    }
    let zero = dir.ragdex(["answer", "kb", "x", "--n-docs", "0"]).exits(2);
    assert!(zero.stderr.contains("--n-docs"), "{}", zero.stderr);
    let zero = dir.ragdex(["search", "kb", "x", "-k", "0"]).exits(2);
    assert!(zero.stderr.contains("-k"), "{}", zero.stderr);
}

/// Copies a stored checkpoint so that a test can damage it.
fn checkpoint(dir: &Dir, name: &str) -> String {
    let from = repository("tests/data/golden/rag").join(name);
    copy_folder(&from, &dir.path("model"));
    "model".to_owned()
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::write(target, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

#[test]
fn damaged_models_are_refused() {
    let dir = Dir::new();
    dir.write("a.txt", NOTE);
    let build = |words: &[&str]| {
        let model = ["build", "kb", "a.txt", "--context-encoder", "model"];
        let printed = dir
            .ragdex(model.iter().chain(&["--question-encoder", "model"]))
            .exits(3);
        explains(&printed, words);
        assert!(!dir.path("kb/CURRENT").exists());
        std::fs::remove_dir_all(dir.path("model")).unwrap();
    };

    let remove = |names: &[&str]| {
        for name in names {
            std::fs::remove_file(dir.path("model").join(name)).unwrap();
        }
    };
    checkpoint(&dir, "dpr-ctx-encoder");
    remove(&["model.safetensors"]);
    build(&["model", "safetensors"]);

    checkpoint(&dir, "dpr-ctx-encoder");
    remove(&["tokenizer.json", "vocab.txt"]);
    build(&["tokenizer"]);

    checkpoint(&dir, "dpr-ctx-encoder");
    remove(&["config.json"]);
    build(&["config.json"]);

    checkpoint(&dir, "dpr-ctx-encoder");
    let mut weights = std::fs::read(dir.path("model/model.safetensors")).unwrap();
    weights[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    dir.write("model/model.safetensors", weights);
    build(&["model.safetensors"]);

    let missing = [
        "build",
        "kb",
        "a.txt",
        "--context-encoder",
        "nobody/nothing",
    ];
    explains(&dir.ragdex(missing).exits(3), &["nobody/nothing"]);
}

#[test]
fn a_question_encoder_of_another_width_is_refused() {
    let dir = Dir::new();
    dir.write("a.txt", NOTE);
    checkpoint(&dir, "dpr-question-encoder");
    let printed = dir
        .ragdex(["build", "kb", "a.txt", "--question-encoder", "model"])
        .exits(3);
    explains(&printed, &["384", "32"]);
    dir.ragdex(["build", "kb", "a.txt"]).succeeds();
    for command in ["search", "answer"] {
        let printed = dir
            .ragdex([command, "kb", "x", "--question-encoder", "model"])
            .exits(3);
        explains(&printed, &["384", "32"]);
    }
}

#[test]
fn a_damaged_knowledge_base_is_an_error_and_never_a_crash() {
    let dir = Dir::new();
    dir.write("a.txt", NOTE);
    dir.ragdex(["build", "kb", "a.txt"]).succeeds();
    for (name, content) in crate::util::files(&dir.path("kb")) {
        let path = dir.path("kb").join(&name);
        if name == "LOCK" {
            continue;
        }
        std::fs::write(&path, &content[..content.len() / 2]).unwrap();
        let printed = dir.ragdex(["verify", "kb"]).exits(3);
        explains(&printed, &[]);
        let mut flipped = content.clone();
        flipped[content.len() / 2] ^= 0x10;
        std::fs::write(&path, &flipped).unwrap();
        let verified = dir.ragdex(["verify", "kb"]).0.output().unwrap();
        assert_eq!(verified.status.code(), Some(3), "{name}: {verified:?}");
        std::fs::remove_file(&path).unwrap();
        explains(&dir.ragdex(["verify", "kb"]).exits(3), &[]);
        std::fs::write(&path, content).unwrap();
    }
    dir.ragdex(["verify", "kb"]).succeeds();
}

#[test]
fn a_second_build_into_a_finished_base_is_refused_unless_it_is_the_same() {
    let dir = Dir::new();
    dir.write("a.txt", NOTE);
    dir.write("b.txt", "The stork is another bird.");
    dir.ragdex(["build", "kb", "a.txt"]).succeeds();
    let again = dir.ragdex(["build", "kb", "a.txt", "--json"]).succeeds();
    assert_eq!(again.json()[0]["documents"]["unchanged"], 1);
    explains(&dir.ragdex(["build", "kb", "b.txt"]).exits(3), &["kb"]);
}

#[test]
fn bad_records_are_counted_and_skipped_and_strict_stops() {
    let dir = Dir::new();
    dir.write(
        "rows.jsonl",
        format!("{{\"title\": \"A\", \"text\": \"{NOTE}\"}}\nnot json\n"),
    );
    let printed = dir
        .ragdex(["build", "kb", "rows.jsonl", "--json"])
        .succeeds();
    let report = &printed.json()[0];
    assert_eq!(report["documents"]["added"], 1);
    assert_eq!(report["skipped"]["bad records"], 1);
    assert!(printed.stderr.contains("line 2"), "{}", printed.stderr);
    std::fs::remove_dir_all(dir.path("kb")).unwrap();
    refused(&dir, &["rows.jsonl", "--strict"], &["line 2"]);
}

#[test]
fn unknown_options_are_wrong_usage() {
    let dir = Dir::new();
    dir.ragdex(["bild", "kb"]).exits(2);
    dir.ragdex(["build"]).exits(2);
    dir.ragdex(["search", "kb", "x", "--device", "abacus"])
        .exits(2);
    dir.ragdex(["build", "kb", "a.txt", "--preset", "maxi"])
        .exits(2);
}

#[test]
fn dumps_of_two_wikis_are_refused_before_pages_are_taken_for_each_other() {
    let dir = Dir::new();
    for language in ["en", "de"] {
        let dump = format!(
            "<mediawiki><siteinfo><base>https://{language}.wikipedia.org/wiki/Main</base></siteinfo><page>\
             <title>T</title><ns>0</ns><id>1</id><revision><id>2</id><text>In {language}.</text></revision>\
             </page></mediawiki>"
        );
        dir.write(&format!("{language}.xml"), dump);
    }
    let refused = dir.ragdex(["build", "kb", "en.xml", "de.xml"]).exits(3);
    assert!(
        refused.stderr.contains("de.wikipedia.org"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("each wiki"), "{}", refused.stderr);
    dir.ragdex(["build", "kb", "en.xml"]).succeeds();
}

#[test]
fn verify_names_every_file_that_is_missing() {
    let dir = Dir::new();
    dir.write("a.jsonl", "{\"title\": \"a\", \"text\": \"An island.\"}\n");
    dir.ragdex(["build", "kb", "a.jsonl"]).succeeds();
    for folder in ["passages", "documents"] {
        std::fs::remove_file(dir.path(&format!("kb/{folder}/part-00000.parquet"))).unwrap();
    }
    let said = dir.ragdex(["verify", "kb"]).exits(3).stderr;
    for folder in ["passages", "documents"] {
        assert!(
            said.contains(&format!("{folder}/part-00000.parquet")),
            "{said}"
        );
    }
}
