//! Checkpoints that are damaged, contradict themselves or mean harm: an error that says where and
//! what, never a panic, never vectors that are wrong in silence.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use ragdex_models::{
    BertEncoder, Checkpoint, EncodeOptions, Encoder, EncoderOptions, Error, Pooling, Precision,
};
use safetensors::SafeTensors;
use serde_json::{Value, json};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/golden")
        .join(name)
}

fn read(name: &str) -> Vec<u8> {
    fs::read(golden(name)).unwrap()
}

fn read_json(name: &str) -> Value {
    serde_json::from_slice(&read(name)).unwrap()
}

/// The golden RoBERTa with a few files in place of its own.
fn roberta(files: Vec<(&str, Vec<u8>)>) -> Result<Checkpoint, Error> {
    let own = ["config.json", "model.safetensors", "tokenizer.json"];
    let own = own.map(|name| (name, read(&format!("encoders/roberta/{name}"))));
    Checkpoint::from_files("memory", own.into_iter().chain(files))
}

fn open(checkpoint: &Checkpoint) -> Result<BertEncoder, Error> {
    let mut options = EncoderOptions::default();
    options.pooling = Some(Pooling::Mean);
    BertEncoder::open(checkpoint, &options)
}

/// The message, with its sources, of opening the golden RoBERTa with these files.
fn refusal(files: Vec<(&str, Vec<u8>)>) -> String {
    let error = match roberta(files) {
        Ok(checkpoint) => open(&checkpoint).expect_err("the encoder is refused"),
        Err(error) => error,
    };
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// The golden weights with the first number of a tensor replaced.
fn weights_with(tensor: &str, number: f32) -> Vec<u8> {
    let mut file = read("encoders/roberta/model.safetensors");
    let (header, metadata) = SafeTensors::read_metadata(&file).unwrap();
    let place = size_of::<u64>() + header + metadata.info(tensor).unwrap().data_offsets.0;
    file[place..place + 4].copy_from_slice(&number.to_le_bytes());
    file
}

#[test]
fn configurations_that_no_model_has_are_refused_by_key() {
    for (key, value, expected) in [
        ("num_hidden_layers", json!(0), "1 to 1000 expected, found 0"),
        (
            "num_hidden_layers",
            json!(u64::MAX / 2),
            "1 to 1000 expected",
        ),
        (
            "num_attention_heads",
            json!(0),
            "a divisor of `hidden_size` 32 expected, found 0",
        ),
        (
            "num_attention_heads",
            json!(5),
            "a divisor of `hidden_size` 32 expected, found 5",
        ),
        (
            "intermediate_size",
            json!(0),
            "at least 1 expected, found 0",
        ),
        ("vocab_size", json!(0), "at least 1 expected, found 0"),
        ("type_vocab_size", json!(0), "at least 1 expected, found 0"),
        ("max_position_embeddings", json!(2), "more than 2 expected"),
        ("layer_norm_eps", json!(-1e-5), "a positive number expected"),
        (
            "model_type",
            json!("mpnet"),
            "`camembert` expected, found `mpnet`",
        ),
        ("hidden_act", json!("relu"), "`gelu` expected, found `relu`"),
        (
            "position_embedding_type",
            json!("relative_key"),
            "`absolute` expected",
        ),
    ] {
        let mut config = read_json("encoders/roberta/config.json");
        config[key] = value;
        let message = refusal(vec![("config.json", config.to_string().into_bytes())]);
        let start = format!("`memory/config.json`: `{key}`: ");
        assert!(
            message.starts_with(&start) && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn a_padding_id_beyond_the_positions_is_refused() {
    let mut config = read_json("encoders/roberta/config.json");
    config["pad_token_id"] = json!(u32::MAX);
    let message = refusal(vec![("config.json", config.to_string().into_bytes())]);
    assert_eq!(
        message,
        "`memory/config.json`: `max_position_embeddings`: more than 4294967296 expected, the first \
         position of this model, found 50"
    );
}

#[test]
fn sizes_beyond_the_weights_are_refused_by_tensor() {
    for (key, value) in [
        ("hidden_size", json!(1_u64 << 60)),
        ("intermediate_size", json!(u64::MAX / 2)),
        ("vocab_size", json!(1_u64 << 62)),
        ("max_position_embeddings", json!(51)),
    ] {
        let mut config = read_json("encoders/roberta/config.json");
        config[key] = value;
        let message = refusal(vec![("config.json", config.to_string().into_bytes())]);
        assert!(message.contains("tensor `roberta."), "{message}");
        assert!(message.contains("expected, found ["), "{message}");
    }
}

#[test]
fn numbers_of_the_wrong_kind_are_malformed() {
    for value in [json!(-3), json!("32"), json!(1.5), json!(null)] {
        let mut config = read_json("encoders/roberta/config.json");
        config["hidden_size"] = value;
        let message = refusal(vec![("config.json", config.to_string().into_bytes())]);
        assert!(
            message.starts_with("`memory/config.json`: malformed JSON: "),
            "{message}"
        );
    }
}

#[test]
fn weights_that_are_no_numbers_are_refused_by_name() {
    let tensor = "roberta.encoder.layer.1.output.dense.weight";
    for (number, what) in [(f32::NAN, "NaN"), (f32::INFINITY, "infinite numbers")] {
        let files = vec![("model.safetensors", weights_with(tensor, number))];
        let message = refusal(files);
        assert!(
            message.ends_with(&format!("weights hold {what}: tensor `{tensor}`")),
            "{message}"
        );
    }
}

#[test]
fn vectors_that_overflow_are_refused_by_text() {
    let tensor = "roberta.encoder.layer.1.output.LayerNorm.weight";
    let mut weights = weights_with(tensor, f32::MAX);
    let norm = weights_with("roberta.encoder.layer.1.output.LayerNorm.bias", f32::MAX);
    let changed = weights
        .iter_mut()
        .zip(norm)
        .zip(read("encoders/roberta/model.safetensors"));
    changed.for_each(|((byte, other), plain)| *byte = if *byte == plain { other } else { *byte });
    let checkpoint = roberta(vec![("model.safetensors", weights)]).unwrap();
    for precision in Precision::ALL {
        let mut options = EncoderOptions::default();
        options.pooling = Some(Pooling::Mean);
        options.precision = precision.into();
        let encoder = BertEncoder::open(&checkpoint, &options).unwrap();
        let texts = ["a lamp", "a lighthouse on a shelf of granite"];
        let error = encoder
            .encode_questions(&texts, &EncodeOptions::default())
            .unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("`memory`: the vector of text "),
            "{message}"
        );
    }
}

#[test]
fn a_tokenizer_of_a_larger_vocabulary_is_noticed() {
    let mut tokenizer = read_json("encoders/roberta/tokenizer.json");
    tokenizer["model"]["vocab"]["x"] = json!(5000);
    let tokenizer = tokenizer.to_string().into_bytes();
    let checkpoint = roberta(vec![("tokenizer.json", tokenizer)]).unwrap();
    let encoder = open(&checkpoint).unwrap();
    let error = encoder
        .encode_questions(&["x"], &EncodeOptions::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "token id 5000: the model has 340 embeddings"
    );
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("different models"))
    );
}

fn set_charsmap(tokenizer: &mut Value, map: &str) {
    tokenizer["normalizer"]["normalizers"][0]["precompiled_charsmap"] = json!(map);
}

#[test]
fn damaged_unigram_tokenizers_are_refused() {
    let whole = read_json("encoders/sentence-xlmr/tokenizer.json");
    for change in [
        |json: &mut Value| json["model"]["unk_id"] = json!(5000),
        |json: &mut Value| json["model"]["vocab"] = json!([]),
        |json: &mut Value| json["model"]["vocab"][3] = json!(["only a piece"]),
        |json: &mut Value| set_charsmap(json, "?"),
        |json: &mut Value| set_charsmap(json, "AAAA"),
        // A trie of one unit, which every text leaves.
        |json: &mut Value| set_charsmap(json, "BAAAAAAAAAA="),
        |json: &mut Value| json["model"]["type"] = json!("Bigram"),
    ] {
        let mut tokenizer = whole.clone();
        change(&mut tokenizer);
        let message = refusal(vec![("tokenizer.json", tokenizer.to_string().into_bytes())]);
        assert!(
            message.starts_with("`memory/tokenizer.json`: "),
            "{message}"
        );
    }
}

#[test]
fn modules_outside_the_checkpoint_are_refused() {
    let module = |kind: &str, path: &str| json!({"type": format!("sentence_transformers.models.{kind}"), "path": path});
    for folder in ["../0_Transformer", "/etc", "a/b", "a\\b", "C:x", "..", "."] {
        for modules in [
            json!([
                module("Transformer", folder),
                module("Pooling", "1_Pooling")
            ]),
            json!([module("Transformer", ""), module("Pooling", folder)]),
        ] {
            let message = refusal(vec![("modules.json", modules.to_string().into_bytes())]);
            assert_eq!(
                message,
                format!("`memory/modules.json`: `{folder}`: a plain folder name expected")
            );
        }
    }
    let modules = json!([module("Transformer", ""), module("Pooling", "")]);
    let message = refusal(vec![("modules.json", modules.to_string().into_bytes())]);
    assert!(
        message.contains("a folder expected for `Pooling`, found none"),
        "{message}"
    );
}

#[test]
fn modules_that_are_not_computed_are_refused() {
    let module = |kind: &str, path: &str| json!({"type": format!("x.{kind}"), "path": path});
    let encoder = json!([module("Transformer", ""), module("Pooling", "1_Pooling")]);
    let prompts = json!({"prompts": {"query": "query: "}});
    for (name, file, expected) in [
        (
            "1_Pooling/config.json",
            json!({"pooling_mode": "lasttoken"}),
            "found `lasttoken`",
        ),
        (
            "1_Pooling/config.json",
            json!({"pooling_mode": ["cls", "mean"]}),
            "found `cls, mean`",
        ),
        (
            "1_Pooling/config.json",
            json!({"pooling_mode": "mean", "include_prompt": false}),
            "prompts that count as text expected",
        ),
        (
            "sentence_bert_config.json",
            json!({"transformer_task": "fill-mask"}),
            "`feature-extraction` expected, found `fill-mask`",
        ),
    ] {
        let files = vec![
            (
                "1_Pooling/config.json",
                br#"{"pooling_mode": "mean"}"#.to_vec(),
            ),
            ("modules.json", encoder.to_string().into_bytes()),
            (
                "config_sentence_transformers.json",
                prompts.to_string().into_bytes(),
            ),
            (name, file.to_string().into_bytes()),
        ];
        let message = refusal(files);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_pickle_with_code_in_an_old_layout_is_refused_by_name() {
    let mut pickle = read("encoders/sentence-old/0_Transformer/pytorch_model.bin");
    let name = b"torch._utils\n_rebuild_tensor_v2";
    let place = pickle
        .windows(name.len())
        .position(|bytes| bytes == name)
        .unwrap();
    pickle[place..place + name.len()].copy_from_slice(b"builtins.ev\n_rebuild_tensor_v2a");
    let files = ["config.json", "tokenizer.json"].map(|name| {
        let path = format!("0_Transformer/{name}");
        let bytes = read(&format!("encoders/sentence-old/{path}"));
        (path, bytes)
    });
    let modules = (
        "modules.json".to_owned(),
        read("encoders/sentence-old/modules.json"),
    );
    let weights = ("0_Transformer/pytorch_model.bin".to_owned(), pickle);
    let error = Checkpoint::from_files("old", files.into_iter().chain([modules, weights]))
        .expect_err("the pickle is refused");
    let message = error.to_string();
    assert!(
        message.starts_with("`old/0_Transformer/pytorch_model.bin`: "),
        "{message}"
    );
    assert!(
        message.contains("the pickle names `builtins.ev"),
        "{message}"
    );
}
