//! `--json` against the schemas in `schemas/`.

use serde_json::Value;

use crate::util::{Dir, repository};

/// Holds a value against a schema, and the schema against the value's fields.
#[track_caller]
pub(crate) fn check(schema: &str, value: &Value) {
    let path = repository(&format!("schemas/{schema}.schema.json"));
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?}\n{value:#}");
    for key in value.as_object().unwrap().keys() {
        assert!(
            schema["properties"].get(key).is_some(),
            "`{key}` is in no schema"
        );
    }
}

#[test]
fn every_result_fits_its_schema() {
    let dir = Dir::new();
    let rows = concat!(
        r#"{"title": "Ohre", "text": "The Ohre is a river. It flows into the Elbe at Litomerice.", "url": "https://example.org/o"}"#,
        "\n",
        r#"{"title": "Elbe", "text": "The Elbe is a river that flows to the North Sea near Cuxhaven."}"#,
    );
    dir.write("rivers.jsonl", rows);
    let build = dir
        .ragdex(["build", "kb", "rivers.jsonl", "--json"])
        .succeeds()
        .json();
    check("build", &build[0]);
    let export = ["export", "kb", "-o", "out", "--to", "jsonl", "--json"];
    check("export", &dir.ragdex(export).succeeds().json()[0]);
    let search = dir.ragdex([
        "search",
        "kb",
        "--json",
        "-k",
        "5",
        "which river reaches the sea?",
        "x",
    ]);
    let search = search.succeeds().json();
    assert_eq!(search.len(), 2);
    for line in &search {
        check("search", line);
    }
    assert_eq!(search[0]["passages"].as_array().unwrap().len(), 2);
    for model in ["rag-token", "rag-sequence"] {
        let beams = ["--num-beams", "3", "--num-return-sequences", "2"];
        let arguments = [
            "answer",
            "kb",
            "--json",
            "Into what does the Ohre flow?",
            "--model",
            model,
        ];
        let answer = dir.ragdex(arguments.iter().chain(&beams)).succeeds().json();
        check("answer", &answer[0]);
        assert_eq!(answer[0]["model"], model);
        let sum = |field: &str| {
            let passages = answer[0]["passages"].as_array().unwrap();
            passages
                .iter()
                .map(|p| p[field].as_f64().unwrap())
                .sum::<f64>()
        };
        assert!((sum("prior") - 1.0).abs() < 1e-5 && (sum("posterior") - 1.0).abs() < 1e-5);
    }
    let scored = [
        "answer",
        "kb",
        "--json",
        "Into what?",
        "--score",
        "the Elbe",
    ];
    let scored = dir.ragdex(scored).succeeds().json();
    check("score", &scored[0]);
    assert_eq!(scored[0]["passages"].as_array().unwrap().len(), 2);
    let info = dir.ragdex(["info", "kb", "--json"]).succeeds().json();
    check("info", &info[0]);
    assert_eq!(info[0]["documents"], 2);
    let verify = dir.ragdex(["verify", "kb", "--json"]).succeeds().json();
    check("verify", &verify[0]);
    let models = dir.ragdex(["models", "list", "--json"]).succeeds().json();
    assert_eq!(models.len(), 9);
    for preset in &models {
        check("models", preset);
    }
    dir.write(
        "more.jsonl",
        r#"{"title": "Vltava", "text": "The Vltava flows into the Elbe."}"#,
    );
    for (schema, arguments) in [
        ("refresh", vec!["add", "kb", "more.jsonl", "--dry-run"]),
        ("refresh", vec!["add", "kb", "more.jsonl"]),
        ("refresh", vec!["remove", "kb", "Vltava", "nothing"]),
        ("refresh", vec!["refresh", "kb", "rivers.jsonl"]),
        ("refresh", vec!["compact", "kb"]),
        ("diff", vec!["diff", "kb", "1", "2", "--documents"]),
        ("show", vec!["show", "kb", "0", "--snapshot", "1"]),
        ("rollback", vec!["rollback", "kb", "--to", "1"]),
        ("history", vec!["history", "kb"]),
        ("gc", vec!["gc", "kb", "--keep", "9", "--dry-run"]),
    ] {
        let lines = dir
            .ragdex(arguments.iter().chain(&["--json"]))
            .succeeds()
            .json();
        check(schema, &lines[0]);
    }
    let manifest = std::fs::read(dir.path("kb/snapshots/00000001.json")).unwrap();
    check("manifest", &serde_json::from_slice(&manifest).unwrap());
}

#[test]
fn splits_and_their_manifests_fit_their_schemas() {
    let dir = Dir::new();
    let dump = repository("tests/data/wiki/enwiki-pages-articles-shortened.xml.bz2");
    let dump = dump.to_str().unwrap();
    for to in ["parquet", "psgs-tsv", "jsonl", "documents"] {
        let arguments = ["split", dump, "-o", to, "--to", to, "--json", "--report"];
        let report = dir.ragdex(arguments).succeeds().json();
        check("split", &report[0]);
        assert_eq!(report[0]["unknown_templates"].as_array().unwrap().len(), 30);
        let manifest = std::fs::read(dir.path(to).join("split.json")).unwrap();
        check(
            "split-manifest",
            &serde_json::from_slice(&manifest).unwrap(),
        );
    }
}

#[test]
fn embeddings_and_what_vouches_for_them_fit_their_schemas() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.ragdex(["split", "a.txt", "-o", "out"]).succeeds();
    let embed = |more: &[&str]| {
        let arguments = ["embed", "out", "--json"];
        let arguments = arguments.iter().chain(more);
        dir.ragdex(arguments).succeeds().json().remove(0)
    };
    check("embed-estimate", &embed(&["--dry-run"]));
    check("embed", &embed(&[]));
    check("embed-estimate", &embed(&["--dry-run"]));
    for (schema, file) in [
        ("embed-manifest", "embed.json"),
        ("embed-receipt", "receipts/part-00000.json"),
    ] {
        let content = std::fs::read(dir.path("out").join(file)).unwrap();
        check(schema, &serde_json::from_slice(&content).unwrap());
    }
}

#[test]
fn questions_from_standard_input_are_answered_in_order() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.write("b.txt", "The trout is a fish.");
    dir.ragdex(["build", "kb", "a.txt", "b.txt"]).succeeds();
    let found = dir
        .ragdex(["search", "kb", "--json", "-k", "1"])
        .exits_given(b"bird\n\nfish\n", 0);
    let titles: Vec<String> = found
        .json()
        .iter()
        .map(|l| l["passages"][0]["title"].to_string())
        .collect();
    assert_eq!(titles, [r#""a""#, r#""b""#]);
}

#[test]
fn a_question_behind_a_switch_is_a_question() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.ragdex(["build", "kb", "a.txt"]).succeeds();
    for switch in ["--grounded", "--grounded=false"] {
        let arguments = ["answer", "kb", "--json", switch, "what is the heron?"];
        let answers = dir.ragdex(arguments).succeeds().json();
        assert_eq!(answers[0]["question"], "what is the heron?");
    }
}
