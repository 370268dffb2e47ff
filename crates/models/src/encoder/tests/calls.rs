//! Calls: progress, cancelling, the two steps, texts of others.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::*;
use super::{bits, borrow, golden_passages, open};
use crate::Encoding;

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
