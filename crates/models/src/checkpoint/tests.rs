use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use half::f16;
use serde_json::json;

use super::*;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/golden/rag")
        .join(name)
}

fn read_golden(name: &str) -> Vec<u8> {
    fs::read(golden(name)).unwrap()
}

fn in_memory(files: Vec<(&str, Vec<u8>)>) -> Result<Checkpoint, Error> {
    Checkpoint::from_files("memory", files)
}

/// A safetensors file with one tensor of any header.
fn safetensors(header: &serde_json::Value, data: &[u8]) -> Vec<u8> {
    let header = header.to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(data);
    file
}

fn one_tensor(shape: &[u64], data: &[u8]) -> Vec<u8> {
    let header = json!({"x": {"dtype": "F32", "shape": shape, "data_offsets": [0, data.len()]}});
    safetensors(&header, data)
}

fn message(result: Result<Checkpoint, Error>) -> String {
    use std::error::Error as _;
    let error = result.expect_err("the checkpoint is refused");
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn tensors(checkpoint: &Checkpoint) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let tensor = |name: &str| {
        let shape = checkpoint.shape(name).unwrap().to_vec();
        (name.to_owned(), (shape, checkpoint.read(name).unwrap()))
    };
    checkpoint.tensor_names().map(tensor).collect()
}

#[test]
fn a_pickle_stream_gives_the_tensors_of_the_safetensors_file() {
    let folder = "dpr-ctx-encoder";
    let stream = in_memory(vec![
        ("config.json", read_golden(&format!("{folder}/config.json"))),
        (
            "pytorch_model.bin",
            read_golden(&format!("{folder}/pytorch_model.prezip.bin")),
        ),
    ]);
    let safetensors = Checkpoint::from_folder(golden(folder)).unwrap();
    assert_eq!(tensors(&stream.unwrap()), tensors(&safetensors));
}

#[test]
fn a_zip_archive_gives_the_tensors_of_the_safetensors_file() {
    let folder = "rag-token";
    let archive = in_memory(vec![
        ("config.json", read_golden(&format!("{folder}/config.json"))),
        (
            "pytorch_model.bin",
            read_golden(&format!("{folder}/pytorch_model.bin")),
        ),
    ])
    .unwrap();
    let safetensors = Checkpoint::from_folder(golden(folder)).unwrap();
    for (name, (shape, values)) in tensors(&safetensors) {
        assert_eq!(archive.shape(&name), Some(&*shape), "{name}");
        assert_eq!(archive.read(&name).unwrap(), values, "{name}");
    }
    let position_ids = archive
        .tensor_names()
        .find(|name| name.ends_with("position_ids"));
    let error = archive.read(position_ids.unwrap()).unwrap_err();
    assert!(error.to_string().contains("found integers"), "{error}");
}

#[test]
fn shards_are_one_checkpoint() {
    let index = json!({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}});
    let shard = |name: &str, value: f32| {
        let header = json!({name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}});
        safetensors(&header, &value.to_le_bytes())
    };
    let (one, two) = (shard("a", 1.0), shard("b", 2.0));
    let joined = [one.clone(), two.clone()].concat();
    let checkpoint = in_memory(vec![
        ("config.json", b"{}".to_vec()),
        (
            "model.safetensors.index.json",
            index.to_string().into_bytes(),
        ),
        ("two.safetensors", two),
        ("one.safetensors", one),
    ])
    .unwrap();
    assert_eq!(checkpoint.read("a").unwrap(), [1.0]);
    assert_eq!(checkpoint.read("b").unwrap(), [2.0]);
    assert_eq!(checkpoint.sha256(), Sha256::of(&joined));
}

#[test]
fn shards_stay_in_their_folder() {
    for name in ["../x.safetensors", "/etc/passwd", "a\\b", "C:x"] {
        let index = json!({"weight_map": {"a": name}}).to_string().into_bytes();
        let files = vec![("model.safetensors.index.json", index)];
        assert!(
            message(in_memory(files)).contains("plain file name expected"),
            "{name}"
        );
    }
}

#[test]
fn packed_weights_are_multiplied_by_their_scales() {
    let header = json!({
        "__metadata__": {"config": "{\"model_type\": \"bert\"}"},
        "x": {"dtype": "I8", "shape": [1, 32], "data_offsets": [0, 32]},
        "x.scale": {"dtype": "F16", "shape": [1, 1], "data_offsets": [32, 34]},
    });
    let mut data: Vec<u8> = (0..32).collect();
    data.extend(f16::from_f32(-0.5).to_le_bytes());
    let files = vec![("model.safetensors", safetensors(&header, &data))];
    let checkpoint = in_memory(files).unwrap();
    let expected: Vec<f32> = (0..32_u8).map(|i| f32::from(i) * -0.5).collect();
    assert_eq!(checkpoint.read("x").unwrap(), expected);
    assert_eq!(checkpoint.tensor_names().collect::<Vec<_>>(), ["x"]);
    assert_eq!(checkpoint.config(), &json!({"model_type": "bert"}));
}

#[test]
fn scales_of_another_shape_are_refused() {
    let header = json!({
        "x": {"dtype": "I8", "shape": [1, 32], "data_offsets": [0, 32]},
        "x.scale": {"dtype": "F16", "shape": [1, 2], "data_offsets": [32, 36]},
    });
    let files = vec![("model.safetensors", safetensors(&header, &[0; 36]))];
    assert!(message(in_memory(files)).contains("`x.scale`"));
}

#[test]
fn damaged_safetensors_files_are_refused() {
    let whole = one_tensor(&[2], &[0; 8]);
    let cases = [
        Vec::new(),
        whole[..4].to_vec(),
        whole[..whole.len() - 1].to_vec(),
        [u64::MAX.to_le_bytes().as_slice(), b"{}"].concat(),
        [1000_u64.to_le_bytes().as_slice(), b"{}"].concat(),
        one_tensor(&[u64::MAX, u64::MAX], &[0; 8]),
        one_tensor(&[1 << 62, 4], &[0; 8]),
        one_tensor(&[3], &[0; 8]),
    ];
    for (i, bytes) in cases.into_iter().enumerate() {
        let files = vec![
            ("config.json", b"{}".to_vec()),
            ("model.safetensors", bytes),
        ];
        let message = message(in_memory(files));
        assert!(
            message.contains("damaged safetensors file: "),
            "case {i}: {message}"
        );
    }
}

#[test]
fn weights_that_hold_nan_are_refused_by_name() {
    let data = [1.0_f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat();
    let files = vec![
        ("config.json", b"{}".to_vec()),
        ("model.safetensors", one_tensor(&[2], &data)),
    ];
    let error = in_memory(files).unwrap().read("x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`memory/model.safetensors`: weights hold NaN: tensor `x`"
    );
}

#[test]
fn all_missing_tensors_are_named_at_once() {
    let files = vec![
        ("config.json", b"{}".to_vec()),
        ("model.safetensors", one_tensor(&[2], &[0; 8])),
    ];
    let checkpoint = in_memory(files).unwrap();
    let expected = |names: &[&str]| -> Vec<(String, Vec<usize>)> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), vec![3]))
            .collect()
    };
    let error = checkpoint.require(&expected(&["x", "y", "z"])).unwrap_err();
    let missing = "`memory/model.safetensors`: missing tensors (2): `y`, `z`";
    assert_eq!(error.to_string(), missing);
    let error = checkpoint.require(&expected(&["x"])).unwrap_err();
    let shape = "`memory/model.safetensors`: tensor `x`: shape [3] expected, found [2]";
    assert_eq!(error.to_string(), shape);
}

#[test]
fn old_names_of_layer_normalisation_are_understood() {
    let header = json!({
        "a.LayerNorm.gamma": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        "a.LayerNorm.beta": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
    });
    let files = vec![
        ("config.json", b"{}".to_vec()),
        ("model.safetensors", safetensors(&header, &[0; 8])),
    ];
    let checkpoint = in_memory(files).unwrap();
    let names: Vec<&str> = checkpoint.tensor_names().collect();
    assert_eq!(names, ["a.LayerNorm.bias", "a.LayerNorm.weight"]);
}

/// Writes all tensors of a checkpoint and opens the file.
fn rewritten(checkpoint: &Checkpoint) -> Checkpoint {
    let mut weights = WeightsFile::default();
    weights.add(checkpoint, |name| Some(name.to_owned()));
    let name = format!(
        "ragdex-weights-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let path = std::env::temp_dir().join(name);
    weights.write(&path).unwrap();
    let file = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    in_memory(vec![
        ("config.json", b"{}".to_vec()),
        ("model.safetensors", file),
    ])
    .unwrap()
}

#[test]
fn a_pickle_is_written_with_every_tensor_but_tied_copies() {
    let file = |name: &str| read_golden(&format!("rag-token/{name}"));
    let files = ["config.json", "pytorch_model.bin"].map(|name| (name, file(name)));
    let pickle = in_memory(files.to_vec()).unwrap();
    let written = rewritten(&pickle);
    let left_out = pickle
        .tensor_names()
        .filter(|name| written.shape(name).is_none());
    assert_eq!(
        left_out.collect::<Vec<_>>(),
        [
            "rag.generator.lm_head.weight",
            "rag.generator.model.decoder.embed_tokens.weight",
            "rag.generator.model.encoder.embed_tokens.weight",
        ]
    );
    for name in written.tensor_names() {
        assert_eq!(written.shape(name), pickle.shape(name), "{name}");
        assert_eq!(written.read(name).ok(), pickle.read(name).ok(), "{name}");
    }
    assert!(pickle.formats().contains("I64") && written.formats().contains("I64"));
}

#[test]
fn tied_tables_that_the_configuration_unties_are_written() {
    let mut config: serde_json::Value =
        serde_json::from_slice(&read_golden("rag-token/config.json")).unwrap();
    config["generator"]["tie_word_embeddings"] = json!(false);
    let weights = read_golden("rag-token/pytorch_model.bin");
    let config = config.to_string().into_bytes();
    let pickle = in_memory(vec![
        ("config.json", config),
        ("pytorch_model.bin", weights),
    ])
    .unwrap();
    assert!(rewritten(&pickle).tensor_names().eq(pickle.tensor_names()));
}

#[test]
fn packed_weights_are_written_as_the_numbers_that_they_stand_for() {
    let header = json!({
        "x": {"dtype": "I8", "shape": [2, 32], "data_offsets": [0, 64]},
        "x.scale": {"dtype": "F16", "shape": [2, 1], "data_offsets": [64, 68]},
        "y": {"dtype": "F16", "shape": [1], "data_offsets": [68, 70]},
    });
    let mut data: Vec<u8> = (0..64).collect();
    for number in [-0.5, 2.0, 1.5] {
        data.extend(f16::from_f32(number).to_le_bytes());
    }
    let files = vec![
        ("config.json", b"{}".to_vec()),
        ("model.safetensors", safetensors(&header, &data)),
    ];
    let packed = in_memory(files).unwrap();
    let written = rewritten(&packed);
    assert_eq!(tensors(&written), tensors(&packed));
    assert_eq!(
        written.formats().into_iter().collect::<Vec<_>>(),
        ["F16", "F32"]
    );
    assert_eq!(written.n_parameters(), 65);
}

/// An encoder's file with an 8-bit table of two rows, and one that borrows it.
fn lender_and_borrower(borrowed: &serde_json::Value) -> [(&'static str, Vec<u8>); 3] {
    let integers: Vec<u8> = (0..64).collect();
    let scales = [f16::from_f32(0.5), f16::from_f32(2.0)].map(f16::to_le_bytes);
    let table = json!({
        "words": {"dtype": "I8", "shape": [2, 32], "data_offsets": [0, 64]},
        "words.scale": {"dtype": "F16", "shape": [2, 1], "data_offsets": [64, 68]},
    });
    let lender = safetensors(&table, &[&integers[..], scales.as_flattened()].concat());
    let own = json!({
        "__metadata__": {"borrowed": borrowed.to_string()},
        "own": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    });
    [
        ("config.json", b"{}".to_vec()),
        ("model.safetensors", safetensors(&own, &1f32.to_le_bytes())),
        ("lender.safetensors", lender),
    ]
}

#[test]
fn a_table_of_another_file_is_read_as_an_own_one() {
    let borrowed = json!({"file": "lender.safetensors", "tensors": {"shared": "words"}});
    let files = lender_and_borrower(&borrowed);
    let own = Sha256::of(&files[1].1);
    let lender = in_memory(vec![
        ("config.json", b"{}".to_vec()),
        ("model.safetensors", files[2].1.clone()),
    ]);
    let checkpoint = in_memory(files.into()).unwrap();
    assert_eq!(checkpoint.shape("shared"), Some(&[2, 32][..]));
    let numbers = checkpoint.read("shared").unwrap();
    assert_eq!(numbers, lender.unwrap().read("words").unwrap());
    assert_eq!((numbers[1], numbers[33]), (0.5, 66.0));
    assert_eq!(checkpoint.read("own").unwrap(), [1.0]);
    assert_eq!(checkpoint.sha256(), own, "that of the own file");
    assert_eq!(checkpoint.shape("words"), None);
}

#[test]
fn rows_of_a_stored_table_are_those_of_the_whole() {
    let borrowed = json!({"file": "lender.safetensors", "tensors": {"shared": "words"}});
    let checkpoint = in_memory(lender_and_borrower(&borrowed).into()).unwrap();
    let table = checkpoint.table("shared").unwrap();
    assert!(
        matches!(table, EmbeddingTable::Rows(_)),
        "it stays as stored"
    );
    let whole = checkpoint.read("shared").unwrap();
    assert_eq!(table.numbers(32), whole);
    let mut row = [0.0; 32];
    table.read(1, &mut row);
    assert_eq!(row, whole[32..]);
    assert!(matches!(
        checkpoint.table("own").unwrap(),
        EmbeddingTable::Numbers(_)
    ));
}

#[test]
fn scales_that_are_no_numbers_are_refused_as_ever() {
    let borrowed = json!({"file": "lender.safetensors", "tensors": {"shared": "words"}});
    let mut files = lender_and_borrower(&borrowed);
    let end = files[2].1.len();
    files[2].1[end - 2..].copy_from_slice(&f16::NAN.to_le_bytes());
    let checkpoint = in_memory(files.into()).unwrap();
    let error = checkpoint.table("shared").unwrap_err();
    assert!(matches!(error, Error::NotANumber { .. }), "{error}");
}

#[test]
fn what_cannot_be_borrowed_is_named() {
    let refused =
        |borrowed: serde_json::Value| message(in_memory(lender_and_borrower(&borrowed).into()));
    for file in ["../x", "/etc/passwd", ".hidden", "a\\b", "C:x", ""] {
        let found = refused(json!({"file": file, "tensors": {}}));
        assert!(found.contains("a plain file name expected"), "{found}");
    }
    let missing = refused(json!({"file": "none.safetensors", "tensors": {"a": "words"}}));
    assert!(missing.contains("none.safetensors"), "{missing}");
    let tensor = refused(json!({"file": "lender.safetensors", "tensors": {"a": "other"}}));
    assert!(
        tensor.contains("lender.safetensors") && tensor.contains("`other`"),
        "{tensor}"
    );
    let malformed = refused(json!(["lender.safetensors"]));
    assert!(malformed.contains("malformed JSON"), "{malformed}");
}
