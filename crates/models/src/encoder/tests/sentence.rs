//! Bare BERTs, and sentence encoders as their files describe them.

use std::path::Path;

use serde_json::{Value, json};

use super::super::*;
use super::{assert_close, bare_bert, bits, borrow, expected, golden_passages, module};
use crate::Device;
use crate::bert::{BertConfig, BertModel};

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
