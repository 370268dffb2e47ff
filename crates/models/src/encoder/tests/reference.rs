//! The vectors of DPR are those of the reference.

use std::path::Path;

use super::super::*;
use super::{assert_close, borrow, expected, golden, golden_passages, open, texts};
use crate::bert::{BertConfig, BertModel, PackedSequences};
use crate::{Checkpoint, Device};

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
    let options = EncoderOptions {
        max_tokens: Some(LENGTH),
        ..EncoderOptions::default()
    };
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
