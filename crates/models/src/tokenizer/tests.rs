use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;
use crate::checkpoint::Files;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/golden/rag")
        .join(name)
}

fn json_file(name: &str) -> Value {
    serde_json::from_slice(&fs::read(golden(name)).unwrap()).unwrap()
}

fn open(folder: &str, inner: &str) -> Tokenizer {
    Tokenizer::open(&Files::Folder(golden(folder)), inner).unwrap()
}

fn texts(file: &str, key: &str) -> Vec<String> {
    let rows = json_file(file);
    let text = |row: &Value| row[key].as_str().unwrap_or_default().to_owned();
    rows.as_array().unwrap().iter().map(text).collect()
}

/// The rows of a block of `tokenization.json`, without padding.
fn expected(block: &str, key: &str) -> Vec<Vec<u32>> {
    let block = &json_file("expected/tokenization.json")[block];
    let rows = |key: &str| -> Vec<Vec<u32>> { serde_json::from_value(block[key].clone()).unwrap() };
    let masks = rows("attention_mask");
    let unpadded = |(row, mask): (Vec<u32>, &Vec<u32>)| {
        row.into_iter()
            .zip(mask)
            .filter(|(_, keep)| **keep == 1)
            .map(|(id, _)| id)
            .collect()
    };
    rows(key).into_iter().zip(&masks).map(unpadded).collect()
}

#[test]
fn pairs_are_cut_longest_first_as_the_reference_cuts_them() {
    let (titles, texts) = (
        texts("passages.json", "title"),
        texts("passages.json", "text"),
    );
    for (folder, inner) in [
        ("dpr-ctx-encoder", ""),
        ("rag-token-legacy", "question_encoder_tokenizer"),
    ] {
        let tokenizer = open(folder, inner);
        let encode = |i: usize, length| tokenizer.encode_pair(&titles[i], &texts[i], length);
        let all = |block: &str, passages: &[usize], length: Option<usize>| {
            let encodings: Vec<Encoding> = passages
                .iter()
                .map(|&i| encode(i, length).unwrap())
                .collect();
            let ids: Vec<_> = encodings.iter().map(|e| e.ids.clone()).collect();
            let type_ids: Vec<_> = encodings.iter().map(|e| e.type_ids.clone()).collect();
            assert_eq!(ids, expected(block, "input_ids"), "{folder}");
            assert_eq!(type_ids, expected(block, "token_type_ids"), "{folder}");
        };
        all(
            "context",
            &(0..titles.len()).collect::<Vec<_>>(),
            tokenizer.max_length(),
        );
        all("context_max_length_24", &[14, 15], Some(24));
    }
}

#[test]
fn questions_are_encoded_and_decoded_as_the_reference_does() {
    let questions = texts("questions.json", "question");
    let block = &json_file("expected/tokenization.json")["question"];
    let without: Vec<String> =
        serde_json::from_value(block["decoded_without_clean_up"].clone()).unwrap();
    let with: Vec<String> = serde_json::from_value(block["decoded_skip_special"].clone()).unwrap();
    assert_ne!(with, without);
    for folder in ["rag-token", "rag-token-legacy"] {
        let tokenizer = open(folder, "question_encoder_tokenizer");
        let ids: Vec<Vec<u32>> = questions
            .iter()
            .map(|question| {
                tokenizer
                    .encode(question, tokenizer.max_length())
                    .unwrap()
                    .ids
            })
            .collect();
        assert_eq!(ids, expected("question", "input_ids"), "{folder}");
        let decode = |clean_up: Option<bool>| -> Vec<String> {
            let options = DecodeOptions {
                clean_up,
                ..DecodeOptions::default()
            };
            ids.iter()
                .map(|ids| tokenizer.decode(ids, options).unwrap())
                .collect()
        };
        assert_eq!(decode(Some(true)), with, "{folder}");
        assert_eq!(decode(Some(false)), without, "{folder}");
        assert_eq!(decode(None), with, "{folder}");
    }
}

#[test]
fn answers_are_encoded_as_the_reference_does() {
    let answers = texts("questions.json", "answer");
    for folder in ["rag-token", "rag-token-legacy"] {
        let tokenizer = open(folder, "generator_tokenizer");
        let encode = |text: &str| tokenizer.encode(text, None).unwrap().ids;
        let plain: Vec<_> = answers.iter().map(|answer| encode(answer)).collect();
        let spaced: Vec<_> = answers
            .iter()
            .map(|answer| encode(&format!(" {answer}")))
            .collect();
        assert_eq!(plain, expected("target", "input_ids"), "{folder}");
        assert_eq!(
            spaced,
            expected("target_leading_space", "input_ids"),
            "{folder}"
        );
        let decoded = tokenizer
            .decode(&spaced[0], DecodeOptions::default())
            .unwrap();
        assert_eq!(decoded, format!(" {}", answers[0]));
        assert!(!tokenizer.cleans_up());
    }
}

#[test]
fn the_flag_for_clean_up_depends_on_the_files() {
    let definition = fs::read(golden("dpr-ctx-encoder/tokenizer.json")).unwrap();
    let vocabulary = fs::read(golden("dpr-ctx-encoder/vocab.txt")).unwrap();
    let cleans_up = |files: Vec<(&str, Vec<u8>)>| {
        let files = files
            .into_iter()
            .map(|(name, bytes)| (name.to_owned(), bytes.into()));
        let files = Files::Memory {
            id: "memory".into(),
            files: files.collect(),
        };
        Tokenizer::open(&files, "").unwrap().cleans_up()
    };
    let json = || ("tokenizer.json", definition.clone());
    let vocab = || ("vocab.txt", vocabulary.clone());
    let key = |value: bool| {
        let config = json!({"clean_up_tokenization_spaces": value});
        ("tokenizer_config.json", config.to_string().into_bytes())
    };
    assert!(!cleans_up(vec![json(), vocab()]));
    assert!(cleans_up(vec![vocab()]));
    assert!(cleans_up(vec![json(), key(true)]));
    assert!(!cleans_up(vec![vocab(), key(false)]));
}

#[test]
fn pieces_know_their_bytes_in_the_text() {
    let tokenizer = open("dpr-ctx-encoder", "");
    let text = "The Márrow lighthouse";
    let words: Vec<&str> = tokenizer
        .split(text)
        .unwrap()
        .into_iter()
        .map(|(_, range)| &text[range])
        .collect();
    assert_eq!(words.concat(), "TheMárrowlighthouse");
}

#[test]
fn damaged_tokenizers_are_refused() {
    let refuse = |files: Vec<(&str, &str)>| {
        let files = files
            .into_iter()
            .map(|(n, text)| (n.to_owned(), text.as_bytes().to_vec().into()));
        let files = Files::Memory {
            id: "memory".into(),
            files: files.collect(),
        };
        Tokenizer::open(&files, "").unwrap_err().to_string()
    };
    let bpe = json!({"version": "1.0", "added_tokens": [], "model": {
        "type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"],
    }});
    let bpe = bpe.to_string();
    assert!(refuse(vec![("tokenizer.json", &bpe)]).contains("merge 1: "));
    assert!(refuse(vec![("tokenizer.json", "{")]).contains("tokenizer: "));
    assert!(refuse(vec![("vocab.txt", "a\nb")]).contains("the vocabulary lacks `[CLS]`"));
    let vocab = r#"{"<s>": 0, "</s>": 1, "a": 2, "b": 3}"#;
    let files = vec![
        ("vocab.json", vocab),
        ("merges.txt", "#version: 0.2\na b\n"),
    ];
    assert!(refuse(files).contains("line 2: two pieces"));
    assert!(refuse(vec![]).contains("expected, none found"));
}
