use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use safetensors::SafeTensors;
use serde_json::{Value, json};

use super::*;
use crate::bert::{BertConfig, BertModel, PackedSequences};
use crate::{Checkpoint, Device, Encoding};

/// The tolerance on every component. The golden data differs from `f64` by less.
const TOLERANCE: f32 = 1e-5;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/golden/rag")
        .join(name)
}

fn texts(file: &str, keys: [&str; 2]) -> Vec<[String; 2]> {
    let rows: Vec<Value> = serde_json::from_slice(&fs::read(golden(file)).unwrap()).unwrap();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.iter()
        .map(|row| keys.map(|key| text(row, key)))
        .collect()
}

fn golden_passages() -> Vec<[String; 2]> {
    texts("passages.json", ["title", "text"])
}

fn borrow(passages: &[[String; 2]]) -> Vec<PassageText<'_>> {
    passages
        .iter()
        .map(|[title, text]| PassageText { title, text })
        .collect()
}

fn expected(tensor: &str) -> Vec<f32> {
    let file = fs::read(golden("expected/tensors.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let bytes = tensors.tensor(tensor).unwrap().data();
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect()
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() < TOLERANCE,
            "{i}: {found}, {expected} expected"
        );
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn open_in(folder: &str, precision: impl Into<PrecisionChoice>) -> BertEncoder {
    let checkpoint = Checkpoint::from_folder(golden(folder)).unwrap();
    let options = EncoderOptions {
        precision: precision.into(),
        ..EncoderOptions::default()
    };
    BertEncoder::open(&checkpoint, &options).unwrap()
}

fn open(folder: &str) -> BertEncoder {
    let checkpoint = Checkpoint::from_folder(golden(folder)).unwrap();
    BertEncoder::open(&checkpoint, &EncoderOptions::default()).unwrap()
}

/// A bare BERT: the golden context encoder without its prefix, beside other files.
fn bare_bert(files: &[(&str, Value)]) -> Checkpoint {
    let file = fs::read(golden("dpr-ctx-encoder/model.safetensors")).unwrap();
    let (length, rest) = file.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header = str::from_utf8(header)
        .unwrap()
        .replace("ctx_encoder.bert_model.", "");
    let mut weights = (header.len() as u64).to_le_bytes().to_vec();
    weights.extend(header.as_bytes());
    weights.extend(data);
    let copied = ["config.json", "tokenizer.json", "tokenizer_config.json"];
    let copied = copied.map(|name| {
        (
            name,
            fs::read(golden(&format!("dpr-ctx-encoder/{name}"))).unwrap(),
        )
    });
    let written = files
        .iter()
        .map(|(name, json)| (*name, json.to_string().into_bytes()));
    let weights = [("model.safetensors", weights)];
    Checkpoint::from_files("bare", written.chain(weights).chain(copied)).unwrap()
}

fn module(kind: &str, path: &str) -> Value {
    json!({"type": format!("sentence_transformers.models.{kind}"), "path": path})
}

#[test]
fn context_embeddings_are_those_of_the_reference() {
    let passages = golden_passages();
    for (folder, tensor) in [
        ("dpr-ctx-encoder", "context_embeddings"),
        ("dpr-ctx-encoder-proj", "context_embeddings_proj"),
    ] {
        let encoder = open(folder);
        let vectors = encoder.encode_passages(&borrow(&passages), &EncodeOptions::default());
        assert_close(&vectors.unwrap(), &expected(tensor));
        assert_eq!(encoder.dim() * passages.len(), expected(tensor).len());
    }
}

#[test]
fn token_types_change_embeddings_as_in_the_reference() {
    let checkpoint = Checkpoint::from_folder(golden("dpr-ctx-encoder")).unwrap();
    let config = BertConfig::read(checkpoint.config(), Path::new("config.json")).unwrap();
    let weights = checkpoint
        .var_builder(&Device::Cpu)
        .pp("ctx_encoder.bert_model");
    let model = BertModel::load(&config, &weights, Some(0)).unwrap();
    let tokenizer = checkpoint.tokenizer("").unwrap();
    let encodings: Vec<_> = golden_passages()
        .iter()
        .map(|[title, text]| tokenizer.encode_pair(title, text, Some(128)).unwrap())
        .collect();
    let batch: PackedSequences = encodings.iter().collect();
    let hidden = model.forward(&batch).unwrap().to_vec2::<f32>().unwrap();
    let first: Vec<f32> = batch
        .ranges
        .iter()
        .flat_map(|rows| hidden[rows.start].clone())
        .collect();
    assert_close(&first, &expected("context_embeddings_with_token_types"));
}

#[test]
fn passages_are_cut_and_padded_as_dpr_does_it() {
    // DPR: the pair cut longest first, all token types 0, padded to a fixed length (256 there) and
    // masked where the id is that of padding.
    const LENGTH: usize = 24;
    let checkpoint = Checkpoint::from_folder(golden("dpr-ctx-encoder")).unwrap();
    let mut options = EncoderOptions::default();
    options.max_tokens = Some(LENGTH);
    let encoder = BertEncoder::open(&checkpoint, &options).unwrap();
    let config = BertConfig::read(checkpoint.config(), Path::new("config.json")).unwrap();
    let weights = checkpoint
        .var_builder(&Device::Cpu)
        .pp("ctx_encoder.bert_model");
    let padding = 0;
    let reference = BertModel::load(&config, &weights, Some(padding)).unwrap();
    let tokenizer = encoder.tokenizer();
    let separator = tokenizer.encode("", None).unwrap().ids[1];
    let mut passages = golden_passages();
    passages.push(["Lamp", "It is lit."].map(str::to_owned));
    let (mut cut, mut padded) = (0, 0);
    for [title, text] in &passages {
        let mut tokens = tokenizer.encode_pair(title, text, Some(LENGTH)).unwrap();
        assert_eq!(tokens.ids.last(), Some(&separator));
        cut += usize::from(tokenizer.encode_pair(title, text, None).unwrap().ids.len() > LENGTH);
        padded += usize::from(tokens.ids.len() < LENGTH);
        tokens.ids.resize(LENGTH, padding);
        tokens.type_ids = vec![0; LENGTH];
        let hidden = reference.forward(&[tokens].iter().collect()).unwrap();
        let expected = hidden.get(0).unwrap().to_vec1().unwrap();
        let passage = [PassageText { title, text }];
        let found = encoder.encode_passages(&passage, &EncodeOptions::default());
        assert_close(&found.unwrap(), &expected);
    }
    assert!(cut > 0 && padded > 0, "{cut} passages cut, {padded} padded");
}

#[test]
fn question_embeddings_are_those_of_the_reference() {
    let questions = texts("questions.json", ["question", "answer"]);
    let questions: Vec<&str> = questions.iter().map(|[question, _]| &**question).collect();
    for folder in ["dpr-question-encoder", "rag-token", "rag-token-legacy"] {
        let encoder = open(folder);
        let vectors = encoder
            .encode_questions(&questions, &EncodeOptions::default())
            .unwrap();
        assert_close(&vectors, &expected("question_embeddings"));
    }
}

#[test]
fn threads_and_neighbours_leave_no_trace() {
    let passages = golden_passages();
    // From `[CLS] [SEP] [SEP]` on: products of every small size.
    let short = (0..44).map(|i| [String::new(), "the lighthouse ".repeat(i % 9)]);
    let passages: Vec<[String; 2]> = passages.into_iter().chain(short).collect();
    let passages = borrow(&passages);
    let folders = ["dpr-ctx-encoder", "dpr-ctx-encoder-proj"];
    let cases = folders
        .into_iter()
        .flat_map(|folder| Precision::ALL.map(|precision| (folder, precision)));
    for (folder, precision) in cases {
        let encoder = open_in(folder, precision);
        let encode = |passages: &[PassageText<'_>], threads, batch_tokens| {
            let options = EncodeOptions {
                threads: NonZeroUsize::new(threads),
                batch_tokens: NonZeroUsize::new(batch_tokens),
                ..EncodeOptions::default()
            };
            bits(&encoder.encode_passages(passages, &options).unwrap())
        };
        let together = encode(&passages, 1, usize::MAX);
        assert_eq!(encode(&passages, 2, 256), together);
        assert_eq!(encode(&passages, 0, 100), together);
        assert_eq!(encode(&passages, 3, 1), together);
        for (passage, row) in passages.iter().zip(together.chunks(encoder.dim())) {
            assert_eq!(encode(&[*passage], 0, 512), row);
        }
    }
}

#[test]
fn a_passage_among_256_is_the_passage_alone_in_every_precision() {
    let texts: Vec<[String; 2]> = (0..256)
        .map(|i| {
            [
                "Marrow".to_owned(),
                "the lighthouse lamp ".repeat(1 + i % 29),
            ]
        })
        .collect();
    let passages = borrow(&texts);
    for precision in Precision::ALL {
        let encoder = open_in("dpr-ctx-encoder", precision);
        let encode = |passages: &[PassageText<'_>], threads| {
            let options = EncodeOptions {
                threads: NonZeroUsize::new(threads),
                ..EncodeOptions::default()
            };
            bits(&encoder.encode_passages(passages, &options).unwrap())
        };
        let together = encode(&passages, 1);
        assert_eq!(encode(&passages, 2), together, "{precision}");
        for i in [0, 28, 100, 255] {
            let row = &together[i * encoder.dim()..][..encoder.dim()];
            assert_eq!(encode(&passages[i..=i], 1), row, "{precision}");
        }
    }
}

#[test]
fn each_precision_keeps_the_direction_and_changes_the_bits() {
    let texts = golden_passages();
    let encode = |precision| {
        let encoder = open_in("dpr-ctx-encoder", precision);
        assert_eq!(encoder.description().precision, precision);
        encoder
            .encode_passages(&borrow(&texts), &EncodeOptions::default())
            .unwrap()
    };
    let exact = encode(Precision::F32);
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    for (precision, least) in [
        (Precision::F16, 0.999_99),
        (Precision::Bf16, 0.9999),
        (Precision::Int8, 0.998),
    ] {
        let found = encode(precision);
        assert_ne!(bits(&found), bits(&exact));
        for (a, b) in found.chunks(32).zip(exact.chunks(32)) {
            let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
            assert!(cosine >= least, "{precision}: {cosine}");
        }
    }
}

#[test]
fn precisions_have_the_names_of_the_manifest() {
    for precision in Precision::ALL {
        let json = serde_json::to_value(precision).unwrap();
        assert_eq!(json, precision.name());
        assert_eq!(precision.to_string().parse(), Ok(precision));
        assert_eq!(
            precision.name().parse(),
            Ok(PrecisionChoice::from(precision))
        );
    }
    assert_eq!("auto".parse(), Ok(PrecisionChoice::Auto));
    assert_eq!(PrecisionChoice::Auto.to_string(), "auto");
    assert_eq!(PrecisionChoice::default().to_string(), "f32");
    let error = "fp16".parse::<PrecisionChoice>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`f32`, `f16`, `bf16`, `int8` or `auto` expected, found `fp16`"
    );
}

#[test]
fn the_choice_of_auto_is_recorded_by_name() {
    let encoder = open_in("dpr-ctx-encoder", PrecisionChoice::Auto);
    let chosen = encoder.description().precision;
    assert!([Precision::F32, Precision::Bf16].contains(&chosen));
    let again = open_in("dpr-ctx-encoder", chosen);
    assert_eq!(again.description(), encoder.description());
}

#[test]
fn the_reference_computes_in_single_precision_only() {
    let checkpoint = Checkpoint::from_folder(golden("dpr-ctx-encoder")).unwrap();
    let open = |precision: PrecisionChoice| {
        let options = EncoderOptions {
            precision,
            kernels: false,
            ..EncoderOptions::default()
        };
        BertEncoder::open(&checkpoint, &options)
    };
    let error = open(Precision::Int8.into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "precision `int8`: candle on the processor computes in `f32` only"
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("`f32`")));
    let encoder = open(PrecisionChoice::Auto).unwrap();
    assert_eq!(encoder.description().precision, Precision::F32);
}

#[test]
fn weights_too_large_for_halves_are_refused_by_name() {
    let folder = golden("dpr-ctx-encoder");
    let mut weights = fs::read(folder.join("model.safetensors")).unwrap();
    let tensor = "ctx_encoder.bert_model.encoder.layer.0.output.dense.weight";
    let place = place_of(&weights, tensor);
    weights[place..place + 4].copy_from_slice(&70_000_f32.to_le_bytes());
    let files = ["config.json", "tokenizer.json"]
        .map(|name| (name, fs::read(folder.join(name)).unwrap()))
        .into_iter()
        .chain([("model.safetensors", weights)]);
    let checkpoint = Checkpoint::from_files("memory", files).unwrap();
    let open = |precision: Precision| {
        let options = EncoderOptions {
            precision: precision.into(),
            ..EncoderOptions::default()
        };
        BertEncoder::open(&checkpoint, &options)
    };
    let error = open(Precision::F16).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`memory`: tensor `{tensor}`: numbers up to 65504 expected by precision `f16`, found 70000"
        )
    );
    assert!(open(Precision::Bf16).is_ok());
}

/// Where the first number of a tensor lies in a safetensors file.
fn place_of(file: &[u8], tensor: &str) -> usize {
    let (length, metadata) = SafeTensors::read_metadata(file).unwrap();
    size_of::<u64>() + length + metadata.info(tensor).unwrap().data_offsets.0
}

#[test]
fn text_that_spells_the_padding_token_gets_no_attention() {
    let encoder = open("dpr-ctx-encoder");
    let encode = |text| {
        let passage = PassageText {
            title: "Marrow",
            text,
        };
        encoder
            .encode_passages(&[passage], &EncodeOptions::default())
            .unwrap()
    };
    // The token at the end moves `[SEP]` by one place, and nothing else.
    let difference = |a: Vec<f32>, b: Vec<f32>| {
        a.iter()
            .zip(&b)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
    };
    let padded = difference(encode("The lamp [PAD]"), encode("The lamp"));
    let masked = difference(encode("The lamp [MASK]"), encode("The lamp"));
    assert!(padded < masked, "{padded}, {masked}");
}

#[test]
fn a_bare_bert_needs_a_pooling() {
    let checkpoint = bare_bert(&[]);
    let error = BertEncoder::open(&checkpoint, &EncoderOptions::default()).unwrap_err();
    assert!(matches!(error, Error::PoolingUnknown { .. }), "{error}");
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("modules.json"))
    );
    let options = EncoderOptions {
        pooling: Some(Pooling::Cls),
        passage_form: Some(PassageForm::Pair),
        ..EncoderOptions::default()
    };
    let encoder = BertEncoder::open(&checkpoint, &options).unwrap();
    let passages = golden_passages();
    let vectors = encoder.encode_passages(&borrow(&passages), &EncodeOptions::default());
    assert_close(&vectors.unwrap(), &expected("context_embeddings"));
}

#[test]
fn sentence_encoders_pool_and_normalise_as_their_files_say() {
    let checkpoint = bare_bert(&[
        (
            "modules.json",
            json!([
                module("Transformer", ""),
                module("Pooling", "1_Pooling"),
                module("Normalize", "2")
            ]),
        ),
        (
            "1_Pooling/config.json",
            json!({"pooling_mode_mean_tokens": true, "include_prompt": true}),
        ),
        (
            "sentence_bert_config.json",
            json!({"max_seq_length": 40, "do_lower_case": false}),
        ),
        (
            "config_sentence_transformers.json",
            json!({"prompts": {"query": "when was ", "passage": "the "}}),
        ),
    ]);
    let encoder = BertEncoder::open(&checkpoint, &EncoderOptions::default()).unwrap();
    let description = encoder.description();
    assert_eq!(
        (description.pooling, description.normalize),
        (Pooling::Mean, true)
    );
    assert_eq!((description.max_tokens, description.dim), (40, 32));
    assert_eq!(description.passage_form, PassageForm::Joined);
    let options = EncodeOptions::default();
    let passage = PassageText {
        title: "Marrow",
        text: "lighthouse",
    };
    let vector = encoder.encode_passages(&[passage], &options).unwrap();
    let length: f32 = vector.iter().map(|x| x * x).sum();
    assert!((length - 1.0).abs() < 1e-6);
    let plain = EncoderOptions {
        normalize: Some(false),
        ..EncoderOptions::default()
    };
    let plain = BertEncoder::open(&checkpoint, &plain).unwrap();
    let question = plain
        .encode_questions(&["the Marrow lighthouse"], &options)
        .unwrap();
    let same = plain
        .encode_questions(&["the marrow lighthouse"], &options)
        .unwrap();
    assert_eq!(bits(&question), bits(&same));
    assert!(!plain.description().normalize);
}

#[test]
fn the_mean_is_over_all_tokens() {
    let options = EncoderOptions {
        pooling: Some(Pooling::Mean),
        ..EncoderOptions::default()
    };
    let encoder = BertEncoder::open(&bare_bert(&[]), &options).unwrap();
    let found = encoder
        .encode_questions(&["the lamp"], &EncodeOptions::default())
        .unwrap();
    let checkpoint = bare_bert(&[]);
    let config = BertConfig::read(checkpoint.config(), Path::new("config.json")).unwrap();
    let weights = checkpoint.var_builder(&Device::Cpu);
    let model = BertModel::load(&config, &weights, None).unwrap();
    let tokens = encoder.tokenizer().encode("the lamp", None).unwrap();
    let hidden = model
        .forward(&[tokens].iter().collect())
        .unwrap()
        .to_vec2::<f32>()
        .unwrap();
    let mean = |i: usize| hidden.iter().map(|row| row[i]).sum::<f32>() / hidden.len() as f32;
    assert_close(&found, &(0..encoder.dim()).map(mean).collect::<Vec<_>>());
}

#[test]
fn sentence_files_that_ask_for_more_are_refused() {
    let modules = |last: Value| {
        json!([
            module("Transformer", ""),
            module("Pooling", "1_Pooling"),
            last
        ])
    };
    let mean = json!({"pooling_mode_mean_tokens": true});
    let cases = [
        (modules(module("LSTM", "2")), mean.clone(), "found `LSTM`"),
        (
            modules(module("Normalize", "2")),
            json!({}),
            "one of cls, mean and max",
        ),
        (
            json!([module("Pooling", "1_Pooling"), module("Transformer", "")]),
            mean.clone(),
            "a Transformer expected first, found `Pooling`",
        ),
        (
            modules(module("Dense", "2_Dense")),
            mean,
            "Tanh or Identity expected",
        ),
    ];
    for (modules, pooling, expected) in cases {
        let files = [
            ("modules.json", modules),
            ("1_Pooling/config.json", pooling),
        ];
        let error = BertEncoder::open(&bare_bert(&files), &EncoderOptions::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn another_activation_is_refused() {
    let config = fs::read(golden("dpr-ctx-encoder/config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    config["hidden_act"] = "gelu_new".into();
    let error = BertConfig::read(&config, Path::new("config.json")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`config.json`: `hidden_act`: `gelu` expected, found `gelu_new`"
    );
}

#[test]
fn a_config_of_another_model_names_every_missing_tensor() {
    let folder = golden("dpr-ctx-encoder");
    let mut config: Value =
        serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap();
    config["num_hidden_layers"] = 3.into();
    let files = [
        ("config.json", config.to_string().into_bytes()),
        (
            "model.safetensors",
            fs::read(folder.join("model.safetensors")).unwrap(),
        ),
    ];
    let checkpoint = Checkpoint::from_files("memory", files).unwrap();
    let error = BertEncoder::open(&checkpoint, &EncoderOptions::default()).unwrap_err();
    let Error::MissingTensors { names, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(names.len(), 16);
    assert!(names.iter().all(|name| name.contains(".layer.2.")));
}

#[test]
fn progress_counts_every_text_and_cancelling_stops() {
    let encoder = open("dpr-ctx-encoder");
    let passages = golden_passages();
    let passages = borrow(&passages);
    let (done, tokens) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let options = EncodeOptions {
        batch_tokens: NonZeroUsize::new(64),
        on_progress: &|encoded| {
            done.fetch_add(encoded.texts, Ordering::Relaxed);
            tokens.fetch_add(encoded.tokens, Ordering::Relaxed);
            assert_eq!(encoded.padding, 0);
        },
        ..EncodeOptions::default()
    };
    encoder.encode_passages(&passages, &options).unwrap();
    assert_eq!(done.load(Ordering::Relaxed), passages.len());
    let prepared = encoder.prepare_passages(&passages, &EncodeOptions::default());
    assert_eq!(tokens.load(Ordering::Relaxed), prepared.unwrap().n_tokens());
    options.cancel.cancel();
    let error = encoder.encode_passages(&passages, &options).unwrap_err();
    assert!(matches!(error, Error::Cancelled(_)));
    let none = encoder
        .encode_passages(&[], &EncodeOptions::default())
        .unwrap();
    assert!(none.is_empty());
}

#[test]
fn the_two_steps_are_the_one() {
    let encoder = open("dpr-ctx-encoder");
    let texts = golden_passages();
    let options = EncodeOptions {
        threads: NonZeroUsize::new(1),
        ..EncodeOptions::default()
    };
    let prepared = encoder.prepare_passages(&borrow(&texts), &options).unwrap();
    assert_eq!(prepared.len(), texts.len());
    let once = encoder.encode_passages(&borrow(&texts), &EncodeOptions::default());
    let twice = encoder.encode(&prepared, &options).unwrap();
    assert_eq!(bits(&twice), bits(&once.unwrap()));
}

#[test]
fn texts_that_were_prepared_for_another_model_are_refused() {
    let encoder = open("dpr-ctx-encoder");
    let of = |ids: Vec<u32>| -> Prepared {
        let type_ids = vec![0; ids.len()];
        [Encoding { ids, type_ids }].into_iter().collect()
    };
    let error = encoder.encode(&of(vec![2, 1_000_000, 3]), &EncodeOptions::default());
    assert!(matches!(error, Err(Error::TokenId { id: 1_000_000, .. })));
    let error = encoder.encode(&of(vec![2; 5000]), &EncodeOptions::default());
    assert!(matches!(error, Err(Error::TooLong { tokens: 5000, .. })));
}

#[test]
fn encoders_of_different_width_are_no_pair() {
    let context = Arc::new(open("dpr-ctx-encoder-proj"));
    let question: Arc<dyn Encoder> = Arc::new(open("dpr-question-encoder"));
    let error = EncoderPair::new(context, Arc::clone(&question)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "24-dimensional question vectors expected, found 32"
    );
    assert_eq!(EncoderPair::shared(question).dim(), 32);
}

#[test]
fn a_description_survives_json() {
    let encoder = open("dpr-ctx-encoder");
    let json = serde_json::to_value(encoder.description()).unwrap();
    assert_eq!(json["pooling"], "cls");
    assert_eq!(json["passage_form"], "pair");
    assert_eq!(json["precision"], "f32");
    let tokenizer = fs::read(golden("dpr-ctx-encoder/tokenizer.json")).unwrap();
    assert_eq!(
        json["tokenizer_sha256"],
        ragdex_core::Sha256::of(&tokenizer).to_string()
    );
    let back: EncoderDescription = serde_json::from_value(json).unwrap();
    assert_eq!(&back, encoder.description());
}
