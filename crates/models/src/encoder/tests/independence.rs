//! A vector depends on its text alone.

use std::num::NonZeroUsize;

use super::super::*;
use super::{bits, borrow, golden_passages, open_in};

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
