//! Answers in batches, from given passages, scored, with provenance; searching for given vectors.

use std::path::Path;

use serde_json::{Value, json};

use crate::json::check;
use crate::util::{Dir, Printed, repository};

fn golden(name: &str) -> String {
    let path = repository("tests/data/golden/rag").join(name);
    path.to_str().unwrap().to_owned()
}

fn stored(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(golden(name)).unwrap()).unwrap()
}

/// The stored questions, each with the passages that the reference retrieved and their scores.
fn questions() -> Vec<Value> {
    let (questions, passages) = (stored("questions.json"), stored("passages.json"));
    let found = &stored("expected/retrieval.json")["n_docs_5"];
    let questions = questions.as_array().unwrap().iter().enumerate();
    let with_passages = questions.map(|(i, question)| {
        let ids = found["doc_ids"][i].as_array().unwrap().iter();
        let own = ids.enumerate().map(|(rank, id)| {
            let passage = &passages[id.as_u64().unwrap() as usize];
            json!({"title": passage["title"], "text": passage["text"], "score": found["doc_scores"][i][rank]})
        });
        json!({"question": question["question"], "passages": own.collect::<Vec<_>>()})
    });
    with_passages.collect()
}

fn lines(values: &[Value]) -> String {
    let lines: Vec<String> = values.iter().map(Value::to_string).collect();
    lines.join("\n")
}

/// `ragdex answer --json` from the file of passages `given.jsonl`.
fn answer(dir: &Dir, model: &str, more: &[&str]) -> Printed {
    let generator = golden(model);
    let fixed = [
        "answer",
        "--json",
        "--passages",
        "given.jsonl",
        "--generator",
    ];
    let arguments = fixed.iter().copied().chain([&*generator]);
    dir.ragdex(arguments.chain(more.iter().copied())).succeeds()
}

/// An answer without its times.
fn without_times(mut answers: Vec<Value>) -> Vec<Value> {
    for answer in &mut answers {
        answer.as_object_mut().unwrap().remove("milliseconds");
    }
    answers
}

#[test]
fn given_passages_give_the_reference_s_tokens_whatever_the_batch() {
    let dir = Dir::new();
    dir.write("given.jsonl", lines(&questions()));
    for (model, file) in [
        ("rag-token", "expected/rag_token_generate.json"),
        ("rag-sequence", "expected/rag_sequence_generate.json"),
    ] {
        let runs = stored(file);
        let mut runs = runs.as_array().unwrap().iter();
        let run = runs.find(|run| run["name"] == "beam4_return4").unwrap();
        let beams = [
            "--num-beams=4",
            "--num-return-sequences=4",
            "--max-length=20",
        ];
        let mut former: Option<Vec<Value>> = None;
        for batch in ["--batch=1", "--batch=4", "--batch=100"] {
            let options = beams.iter().copied().chain([batch]);
            let answers = answer(&dir, model, &options.collect::<Vec<_>>()).json();
            let tokens = answers.iter().map(|answer| {
                let candidates = answer["candidates"].as_array().unwrap().iter();
                candidates.map(|c| c["tokens"].clone()).collect::<Value>()
            });
            assert_eq!(
                tokens.collect::<Value>(),
                run["sequences"],
                "{model} {batch}"
            );
            let answers: Vec<Value> = answers.iter().map(|a| a["answer"].clone()).collect();
            assert_eq!(*former.get_or_insert(answers.clone()), answers);
        }
    }
}

#[test]
fn batches_of_standard_input_answer_in_order() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.write("b.txt", "The trout is a fish.");
    dir.ragdex(["build", "kb", "a.txt", "b.txt"]).succeeds();
    let asked = ["what is the heron?", "what is the trout?", "who?"];
    let alone = dir.ragdex(["answer", "kb", "--json"]);
    let alone = alone.exits_given(asked.join("\n").as_bytes(), 0).json();
    for batch in ["2", "3", "9"] {
        let together = dir.ragdex(["answer", "kb", "--json", "--batch", batch]);
        let input = asked.join("\n\n") + "\n\n";
        let together = together.exits_given(input.as_bytes(), 0).json();
        let found: Vec<&Value> = together.iter().map(|a| &a["question"]).collect();
        assert_eq!(found, asked);
        for (a, b) in alone.iter().zip(&together) {
            assert_eq!(a["answer"], b["answer"]);
            assert_eq!(a["candidates"][0]["tokens"], b["candidates"][0]["tokens"]);
        }
    }
}

#[test]
fn common_passages_serve_every_question_and_need_no_scores() {
    let dir = Dir::new();
    let passages = [
        json!({"title": "Heron", "text": "The heron is a bird."}),
        json!({"text": "The trout is a fish.", "id": 9, "url": "https://example.org/t"}),
    ];
    dir.write("given.jsonl", lines(&passages));
    let arguments = [
        "answer",
        "--json",
        "--passages",
        "given.jsonl",
        "heron?",
        "trout?",
    ];
    let answers = dir.ragdex(arguments).succeeds().json();
    assert_eq!(answers.len(), 2);
    for answer in &answers {
        assert!(answer.get("snapshot").is_none());
        let passages = answer["passages"].as_array().unwrap();
        let priors: Vec<f64> = passages
            .iter()
            .map(|p| p["prior"].as_f64().unwrap())
            .collect();
        assert!(priors.iter().all(|prior| (prior - 0.5).abs() < 1e-6));
        assert_eq!(
            (&passages[0]["id"], &passages[1]["id"]),
            (&json!(0), &json!(9))
        );
    }
    let first = dir.ragdex(arguments.iter().copied().chain(["--n-docs", "1"]));
    assert_eq!(
        first.succeeds().json()[0]["passages"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn every_token_of_rag_token_says_where_it_comes_from() {
    let dir = Dir::new();
    dir.write("given.jsonl", lines(&questions()));
    for answer in answer(
        &dir,
        "rag-token",
        &["--num-beams=2", "--num-return-sequences=2"],
    )
    .json()
    {
        for candidate in answer["candidates"].as_array().unwrap() {
            let provenance = candidate["provenance"].as_array().unwrap();
            let tokens: Vec<&Value> = provenance.iter().map(|token| &token["token"]).collect();
            let expected: Vec<&Value> = candidate["tokens"].as_array().unwrap()[1..]
                .iter()
                .collect();
            assert_eq!(tokens, expected);
            for shares in provenance
                .iter()
                .map(|token| &token["passages"])
                .chain([&candidate["posterior"]])
            {
                let sum: f64 = shares
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|p| p.as_f64().unwrap())
                    .sum();
                assert!((sum - 1.0).abs() < 1e-5, "{shares}");
            }
        }
        let best = &answer["candidates"][0]["posterior"];
        for (place, passage) in answer["passages"].as_array().unwrap().iter().enumerate() {
            let difference = passage["posterior"].as_f64().unwrap() - best[place].as_f64().unwrap();
            assert!(difference.abs() < 1e-6);
        }
    }
    let generator = golden("rag-token");
    let arguments = [
        "answer",
        "-v",
        "--passages",
        "given.jsonl",
        "--generator",
        &generator,
    ];
    let text = dir.ragdex(arguments).succeeds().stdout;
    assert!(
        text.contains("\"<s>\"") && text.contains("posterior"),
        "{text}"
    );
}

#[test]
fn rag_sequence_scores_its_answer_as_it_returned_it() {
    let dir = Dir::new();
    dir.write("given.jsonl", lines(&questions()[1..2]));
    let found = answer(&dir, "rag-sequence", &["--num-beams=2"])
        .json()
        .remove(0);
    let best = &found["candidates"][0];
    let text = found["answer"].as_str().unwrap();
    let scored = answer(&dir, "rag-sequence", &["--score", text, "--score", "x"]).json();
    let scores = scored[0]["scores"].as_array().unwrap();
    assert_eq!(scores.len(), 2);
    assert_eq!(scores[0]["tokens"], best["tokens"]);
    let own = &scores[0]["rag_sequence"];
    let difference = own["log_prob"].as_f64().unwrap() - best["score"].as_f64().unwrap();
    assert!(difference.abs() < 1e-4);
    for (a, b) in own["posterior"]
        .as_array()
        .unwrap()
        .iter()
        .zip(best["posterior"].as_array().unwrap())
    {
        assert!((a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-5);
    }
    // The same from a file, whose lines bring passages, and with them from `--passages`.
    let mut line = questions()[1].clone();
    line["answers"] = json!([text, "x"]);
    dir.write("scored.jsonl", line.to_string());
    let from_file = answer(&dir, "rag-sequence", &["--score-file", "scored.jsonl"]).json();
    assert_eq!(without_times(from_file), without_times(scored));
}

#[test]
fn mistakes_in_given_files_are_told() {
    let dir = Dir::new();
    let told = |arguments: &[&str], words: &[&str]| {
        let printed = dir.ragdex(arguments).exits(3);
        for word in words.iter().chain(&["error:", "hint:"]) {
            assert!(printed.stderr.contains(word), "{word}: {}", printed.stderr);
        }
    };
    told(
        &["answer", "--passages", "nowhere.jsonl", "q"],
        &["nowhere.jsonl"],
    );
    dir.write("bad.jsonl", "{\"text\": \"a\"}\n{\"title\": 3}");
    told(
        &["answer", "--passages", "bad.jsonl", "q"],
        &["bad.jsonl", "line 2"],
    );
    dir.write("good.jsonl", lines(&questions()));
    told(
        &["answer", "--passages", "good.jsonl", "q"],
        &["good.jsonl", "questions"],
    );
    told(
        &["answer", "--passages", "good.jsonl", "--n-docs", "6"],
        &["6", "5"],
    );
    told(
        &["answer", "--passages", "good.jsonl", "--max-length", "0"],
        &["max_length"],
    );
    told(
        &[
            "answer",
            "--passages",
            "good.jsonl",
            "--score-file",
            "good.jsonl",
        ],
        &["answers"],
    );
    dir.ragdex(["answer"]).exits(2);
}

#[test]
fn a_question_longer_than_the_encoder_is_cut_with_a_warning() {
    let dir = Dir::new();
    dir.write("a.txt", "The heron is a bird.");
    dir.ragdex(["build", "kb", "a.txt"]).succeeds();
    let long = "which bird eats fish ".repeat(400);
    let mut line = questions()[0].clone();
    line["question"] = json!(long);
    dir.write("given.jsonl", line.to_string());
    let runs = [
        dir.ragdex(["search", "kb", &long]).succeeds(),
        dir.ragdex(["answer", "kb", &long]).succeeds(),
        answer(&dir, "rag-token", &[]),
    ];
    for printed in runs {
        let told = printed.stderr.matches("is left out").count();
        assert_eq!(told, 1, "{}", printed.stderr);
    }
    let short = dir.ragdex(["search", "kb", "which bird?"]).succeeds();
    assert!(!short.stderr.contains("left out"), "{}", short.stderr);
}

/// A NumPy file of the first version.
fn npy(element: &str, fortran: bool, shape: &str, numbers: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{element}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [
        b"\x93NUMPY\x01\x00",
        &length[..],
        header.as_bytes(),
        numbers,
    ]
    .concat()
}

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[test]
fn given_vectors_find_what_their_questions_find() {
    let dir = Dir::new();
    let row =
        |p: &Value| json!({"id": p["id"].to_string(), "title": p["title"], "text": p["text"]});
    let passages = stored("passages.json");
    let rows: Vec<Value> = passages.as_array().unwrap().iter().map(row).collect();
    dir.write("passages.jsonl", lines(&rows));
    let [context, question] = [golden("dpr-ctx-encoder"), golden("rag-token")];
    let models = [
        "--context-encoder",
        &context,
        "--question-encoder",
        &question,
    ];
    let build = [
        "build",
        "kb",
        "passages.jsonl",
        "--splitter",
        "hf",
        "--words",
        "10000",
    ];
    dir.ragdex(build.iter().copied().chain(models)).succeeds();
    let path = Path::new(&golden("expected/tensors.safetensors")).to_owned();
    let vectors = tensor(&std::fs::read(path).unwrap(), "question_embeddings");
    let wide: Vec<u8> = vectors
        .iter()
        .flat_map(|x| f64::from(*x).to_le_bytes())
        .collect();
    dir.write("f4.npy", npy("<f4", false, "(6, 32)", &bytes(&vectors)));
    dir.write("f8.npy", npy("<f8", false, "(6, 32)", &wide));
    let all_scores = stored("expected/retrieval.json")["all_scores"].clone();
    for file in ["f4.npy", "f8.npy"] {
        let found = dir.ragdex(["search", "kb", "--json", "-k", "20", "--vectors", file]);
        let found = found.succeeds().json();
        assert_eq!(found.len(), 6);
        for (i, result) in found.iter().enumerate() {
            assert_eq!(result["query"], format!("{file}[{i}]"));
            for passage in result["passages"].as_array().unwrap() {
                let place: usize = passage["document"].as_str().unwrap().parse().unwrap();
                let expected = all_scores[i][place].as_f64().unwrap();
                assert!((passage["score"].as_f64().unwrap() - expected).abs() < 1e-4);
            }
        }
    }
    let mut spoilt = vectors.clone();
    spoilt[40] = f32::NAN;
    for (content, words) in [
        (npy("<f4", false, "(8, 24)", &bytes(&vectors)), ["24", "32"]),
        (
            npy("<f4", true, "(6, 32)", &bytes(&vectors)),
            ["columns", "C order"],
        ),
        (
            npy("<f4", false, "(7, 32)", &bytes(&vectors)),
            ["7 vectors", "bytes"],
        ),
        (
            npy("<i4", false, "(6, 32)", &bytes(&vectors)),
            ["<i4", "<f4"],
        ),
        (
            npy("<f4", false, "(6, 32)", &bytes(&spoilt)),
            ["row 1", "bad.npy"],
        ),
    ] {
        dir.write("bad.npy", content);
        let printed = dir
            .ragdex(["search", "kb", "--vectors", "bad.npy"])
            .exits(3);
        for word in words {
            assert!(printed.stderr.contains(word), "{word}: {}", printed.stderr);
        }
    }
    dir.ragdex(["search", "kb", "x", "--vectors", "f4.npy"])
        .exits(2);
}

/// A tensor of single precision in a safetensors file.
fn tensor(file: &[u8], name: &str) -> Vec<f32> {
    let length = u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
    let place = |i: usize| header[name]["data_offsets"][i].as_u64().unwrap() as usize;
    let numbers = &file[8 + length..][place(0)..place(1)];
    let number = |bytes: &[u8]| f32::from_le_bytes(*bytes.first_chunk().unwrap());
    numbers.chunks_exact(4).map(number).collect()
}

/// Asks the bundled model about one passage.
fn ask_of_heron(dir: &Dir, more: &[&str]) -> Printed {
    let passage =
        json!({"title": "Heron", "text": "The heron is a bird that eats fish and frogs."});
    dir.write("heron.jsonl", lines(&[passage]));
    let arguments = [
        "answer",
        "--passages",
        "heron.jsonl",
        "what does the heron eat?",
    ];
    dir.ragdex(arguments.iter().chain(more)).succeeds()
}

#[test]
fn an_answer_that_the_model_is_not_sure_of_is_held_back_and_the_passages_are_not() {
    let dir = Dir::new();
    let ask = |least: &str| {
        let printed = ask_of_heron(&dir, &["--json", "--min-confidence", least]);
        printed.json().remove(0)
    };
    let (given, held) = (ask("0"), ask("1"));
    for line in [&given, &held] {
        check("answer", line);
    }
    assert_eq!(
        (&given["answered"], &held["answered"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(given["answer"], given["candidates"][0]["text"]);
    assert_eq!(held["answer"], "");
    assert_eq!(held["candidates"], given["candidates"]);
    assert_eq!(held["confidence"], given["confidence"]);
    assert_ne!(given["passages"][0]["answer_spans"], json!([]));
    assert_eq!(held["passages"][0]["answer_spans"], json!([]));
    assert_eq!(
        held["passages"][0]["posterior"],
        given["passages"][0]["posterior"]
    );

    let text = ask_of_heron(&dir, &["--min-confidence", "1"]).stdout;
    let guess = given["answer"].as_str().unwrap();
    for part in [
        "no answer found in these passages",
        guess,
        "below 1.00",
        "1. Heron",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn confidence_is_the_geometric_mean_of_the_probabilities_of_the_tokens() {
    let dir = Dir::new();
    let found = ask_of_heron(&dir, &["--json"]).json().remove(0);
    let provenance = found["candidates"][0]["provenance"].as_array().unwrap();
    // The first is the begin token, which says nothing.
    let logs = provenance[1..]
        .iter()
        .map(|token| token["probability"].as_f64().unwrap().ln());
    let mean = (logs.clone().sum::<f64>() / logs.count() as f64).exp();
    let confidence = found["confidence"].as_f64().unwrap();
    assert!((confidence - mean).abs() < 1e-5, "{confidence}, {mean}");
    assert_eq!(found["candidates"][0]["confidence"], found["confidence"]);
}

#[test]
fn models_that_are_not_the_bundled_one_give_every_answer() {
    let dir = Dir::new();
    dir.write("given.jsonl", lines(&questions()));
    for model in ["rag-token", "rag-sequence"] {
        for line in answer(&dir, model, &["--num-beams=2"]).json() {
            check("answer", &line);
            assert_eq!(
                (&line["answered"], &line["min_confidence"]),
                (&json!(true), &json!(0.0))
            );
            let confidence = line["confidence"].as_f64().unwrap();
            assert!(confidence > 0.0 && confidence <= 1.0, "{confidence}");
        }
    }
}

#[test]
fn a_confidence_is_a_number_from_0_to_1() {
    let dir = Dir::new();
    for wrong in ["1.5", "-0.1", "nan", "high"] {
        let option = format!("--min-confidence={wrong}");
        let printed = dir.ragdex(["answer", "kb", "who?", &option]).exits(2);
        assert!(
            printed.stderr.contains("a number from 0 to 1"),
            "{}",
            printed.stderr
        );
    }
}
