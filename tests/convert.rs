//! Models in other forms: the same tensors, the same answers, whole or not at all.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::json::check;
use crate::util::{Dir, files, repository};

fn golden(name: &str) -> String {
    repository("tests/data/golden/rag")
        .join(name)
        .to_str()
        .unwrap()
        .to_owned()
}

/// Format, shape and bytes of each tensor of a safetensors file.
fn tensors(path: impl AsRef<Path>) -> BTreeMap<String, (Value, Value, Vec<u8>)> {
    let file = std::fs::read(path).unwrap();
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let (header, data) = file[8..].split_at(length);
    let header: BTreeMap<String, Value> = serde_json::from_slice(header).unwrap();
    let tensors = header
        .into_iter()
        .filter(|(name, _)| name != "__metadata__");
    let tensor = |(name, info): (String, Value)| {
        let at = |i: usize| info["data_offsets"][i].as_u64().unwrap() as usize;
        (
            name,
            (
                info["dtype"].clone(),
                info["shape"].clone(),
                data[at(0)..at(1)].to_vec(),
            ),
        )
    };
    tensors.map(tensor).collect()
}

fn json_file(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_pickle_becomes_safetensors_with_the_same_tensors() {
    let dir = Dir::new();
    let model = dir.path("model");
    for (name, content) in files(Path::new(&golden("rag-token"))) {
        if name != "model.safetensors" {
            dir.write(&format!("model/{name}"), content);
        }
    }
    let report = dir
        .ragdex(["models", "convert", "model", "--to", "out", "--json"])
        .succeeds();
    check("models-convert", &report.json()[0]);
    let expected = tensors(golden("rag-token/model.safetensors"));
    let mut found = tensors(dir.path("out/model.safetensors"));
    let head = std::fs::read(dir.path("out/model.safetensors")).unwrap();
    let format = br#"{"__metadata__":{"format":"pt"}"#;
    assert!(head[8..].starts_with(format), "transformers asks for it");
    // The pickle holds some tensors more, none of which the reference reads.
    found.retain(|name, _| {
        expected.contains_key(name) || !name.ends_with("position_ids") && !name.contains("pooler")
    });
    assert_eq!(found, expected);
    let copied = files(&dir.path("out"));
    for (name, content) in files(&model)
        .iter()
        .filter(|(name, _)| name != "pytorch_model.bin")
    {
        assert!(copied.contains(&(name.clone(), content.clone())), "{name}");
    }
    assert!(
        copied
            .iter()
            .all(|(name, _)| !name.contains("pytorch_model"))
    );
}

#[test]
fn safetensors_and_the_folders_of_sentence_transformers_stay_what_they_are() {
    let dir = Dir::new();
    let from = repository("tests/data/golden/encoders/sentence-roberta");
    dir.ragdex(["models", "convert", from.to_str().unwrap(), "--to", "out"])
        .succeeds();
    for (name, content) in files(&from) {
        let made = dir.path("out").join(&name);
        if name.ends_with(".safetensors") {
            assert_eq!(tensors(made), tensors(from.join(&name)), "{name}");
        } else {
            assert_eq!(std::fs::read(made).unwrap(), content, "{name}");
        }
    }
}

/// Builds from the stored passages and answers the stored questions.
fn answers(dir: &Dir, kb: &str, question_encoder: &str, generator: &str) -> Vec<Value> {
    let passages = json_file(golden("passages.json"));
    let row =
        |p: &Value| json!({"id": p["id"].to_string(), "title": p["title"], "text": p["text"]});
    let rows: Vec<String> = passages
        .as_array()
        .unwrap()
        .iter()
        .map(|p| row(p).to_string())
        .collect();
    dir.write("passages.jsonl", rows.join("\n"));
    let questions = json_file(golden("questions.json"));
    let questions = questions
        .as_array()
        .unwrap()
        .iter()
        .map(|q| q["question"].as_str().unwrap());
    let questions: Vec<&str> = questions.collect();
    let context_encoder = golden("dpr-ctx-encoder");
    let build = [
        "build",
        kb,
        "passages.jsonl",
        "--context-encoder",
        &context_encoder,
    ];
    let models = [
        "--question-encoder",
        question_encoder,
        "--generator",
        generator,
    ];
    dir.ragdex(build.iter().chain(&models)).succeeds();
    let answered = dir.ragdex(["answer", kb, "--json", "--num-beams", "3"]);
    let answered = answered
        .exits_given(questions.join("\n").as_bytes(), 0)
        .json();
    let told = |answer: Value| json!([answer["answer"], answer["candidates"], answer["passages"]]);
    answered.into_iter().map(told).collect()
}

#[test]
fn a_question_encoder_and_a_generator_become_one_and_two_again() {
    let dir = Dir::new();
    let (encoder, generator) = (golden("dpr-question-encoder"), golden("bart"));
    let convert = ["models", "convert", "--to", "rag"];
    let parts = ["--question-encoder", &encoder, "--generator", &generator];
    dir.ragdex(convert.iter().chain(&parts)).succeeds();
    let whole = tensors(dir.path("rag/model.safetensors"));
    assert_eq!(
        whole,
        tensors(golden("rag-token/model.safetensors")),
        "as the reference names them"
    );
    assert_eq!(
        answers(&dir, "kb1", "rag", "rag"),
        answers(&dir, "kb2", &encoder, &generator)
    );

    dir.ragdex(["models", "convert", "rag", "--split", "--to", "parts"])
        .succeeds();
    for (part, source) in [("question_encoder", &encoder), ("generator", &generator)] {
        let (part, source) = (dir.path("parts").join(part), Path::new(source));
        assert_eq!(
            tensors(part.join("model.safetensors")),
            tensors(source.join("model.safetensors"))
        );
        assert_eq!(
            json_file(part.join("config.json")),
            json_file(source.join("config.json"))
        );
        for name in [
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
        ] {
            let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
            assert_eq!(read(&part), read(source), "{name}");
        }
    }
    let (encoder, generator) = ("parts/question_encoder", "parts/generator");
    assert_eq!(
        answers(&dir, "kb3", encoder, generator),
        answers(&dir, "kb4", "rag", "rag")
    );
}

#[test]
fn the_kind_of_a_new_checkpoint_is_that_asked_for() {
    let dir = Dir::new();
    let (encoder, generator) = (golden("dpr-question-encoder"), golden("bart"));
    let parts = ["--question-encoder", &encoder, "--generator", &generator];
    let convert = ["models", "convert", "--to", "rag", "--kind", "rag-sequence"];
    dir.ragdex(convert.iter().chain(&parts)).succeeds();
    let config = json_file(dir.path("rag/config.json"));
    assert_eq!(config["architectures"], json!(["RagSequenceForGeneration"]));
    assert_eq!(config["generator"]["model_type"], "bart");
}

#[test]
fn parts_of_other_kinds_are_refused() {
    let dir = Dir::new();
    let convert = |encoder: &str, generator: &str, words: &[&str]| {
        let (encoder, generator) = (golden(encoder), golden(generator));
        let parts = ["--question-encoder", &encoder, "--generator", &generator];
        let convert = ["models", "convert", "--to", "rag"];
        let printed = dir.ragdex(convert.iter().chain(&parts)).exits(3);
        for word in words.iter().chain(&["hint:"]) {
            assert!(
                printed.stderr.contains(word),
                "{word} in {}",
                printed.stderr
            );
        }
    };
    convert("bart", "bart", &["dpr", "bart"]);
    convert("dpr-question-encoder", "rag-token", &["bart", "rag"]);
    convert("dpr-ctx-encoder", "bart", &["question_encoder."]);
    let split = dir
        .ragdex([
            "models",
            "convert",
            &golden("bart"),
            "--split",
            "--to",
            "rag",
        ])
        .exits(3);
    for word in ["`rag` expected", "hint:", "leave `--split` out"] {
        assert!(split.stderr.contains(word), "{word} in {}", split.stderr);
    }
    assert!(files(&dir.path("")).is_empty(), "nothing is left behind");
}

#[test]
fn the_bundled_models_become_folders_that_find_and_answer_the_same() {
    let dir = Dir::new();
    dir.ragdex(["models", "convert", "--preset", "mini", "--to", "mini"])
        .succeeds();
    let formats = tensors(dir.path("mini/encoder/model.safetensors"));
    assert!(formats.values().all(|(dtype, ..)| dtype == "F32"));
    let rows = concat!(
        r#"{"title": "Ohre", "text": "The Ohre is a river. It flows into the Elbe at Litomerice."}"#,
        "\n",
        r#"{"title": "Elbe", "text": "The Elbe is a river that flows to the North Sea near Cuxhaven."}"#,
    );
    dir.write("rivers.jsonl", rows);
    dir.ragdex(["build", "bundled", "rivers.jsonl"]).succeeds();
    let models = [
        "--context-encoder",
        "mini/encoder",
        "--generator",
        "mini/generator",
    ];
    dir.ragdex(["build", "folders", "rivers.jsonl"].iter().chain(&models))
        .succeeds();
    let question = "Into what does the Ohre flow?";
    let ask = |kb: &str| {
        let answer = dir
            .ragdex([
                "answer",
                kb,
                question,
                "--json",
                "--grounded",
                "--min-confidence",
                "0",
            ])
            .succeeds()
            .json()
            .remove(0);
        json!([answer["answer"], answer["candidates"], answer["passages"]])
    };
    assert_eq!(ask("folders"), ask("bundled"));
}

#[test]
fn a_folder_that_is_there_is_replaced_only_by_force_and_only_if_it_is_a_model() {
    let dir = Dir::new();
    dir.write("out/precious.txt", "not a model");
    let model = golden("bart");
    let convert = ["models", "convert", &model, "--to", "out"];
    let refused = dir.ragdex(convert).exits(3);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    let refused = dir.ragdex(convert.iter().chain(&["--force"])).exits(3);
    assert!(refused.stderr.contains("no model"), "{}", refused.stderr);
    let left: Vec<String> = files(&dir.path(""))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(left, ["out/precious.txt"]);
    std::fs::remove_file(dir.path("out/precious.txt")).unwrap();
    dir.ragdex(convert).succeeds();
    dir.write("out/old.txt", "of the former model");
    dir.ragdex(convert.iter().chain(&["--force"])).succeeds();
    assert!(!dir.path("out/old.txt").exists() && dir.path("out/config.json").exists());
    assert_eq!(
        std::fs::read_dir(dir.path("")).unwrap().count(),
        1,
        "no folder in the making is left"
    );
}
