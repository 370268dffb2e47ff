//! Shares of a source.

use std::collections::BTreeMap;

use ragdex_corpus::{ReadOptions, Shard, Source, Summary};

use crate::{Reading, english_sample, read_with};

const SHARDS: u32 = 3;

/// The counters that add up over shards.
fn counters(summary: &Summary) -> BTreeMap<&'static str, u64> {
    let reasons = summary.skipped();
    let mut counters: BTreeMap<_, _> = reasons
        .filter(|(reason, _)| *reason != "records of other shards")
        .collect();
    counters.insert("documents", summary.documents);
    counters.insert("duplicates", summary.duplicate_keys);
    counters.insert("checksums", summary.checksum_mismatches);
    counters.retain(|_, n| *n > 0);
    counters
}

fn check(read: impl Fn(Shard) -> Reading) {
    let all = read(Shard::default());
    assert_eq!(all.summary.other_shards, 0);
    let mut documents = Vec::new();
    let mut sums = BTreeMap::new();
    for index in 1..=SHARDS {
        let shard = Shard::new(index, SHARDS).unwrap();
        let reading = read(shard);
        assert!(!reading.documents.is_empty());
        assert_eq!(reading.summary.records, all.summary.records);
        let mine = all.documents.iter().filter(|d| shard.holds(&d.key));
        assert!(mine.eq(&reading.documents), "order of shard {shard}");
        for (counter, n) in counters(&reading.summary) {
            *sums.entry(counter).or_insert(0) += n;
        }
        documents.extend(reading.documents);
    }
    assert_eq!(documents.len(), all.documents.len());
    assert_eq!(sums, counters(&all.summary));
}

#[test]
fn shards_of_a_dump_make_the_whole() {
    for threads in [1, 3] {
        check(|shard| {
            let options = ReadOptions {
                shard,
                threads,
                ..ReadOptions::default()
            };
            Reading::of(Source::open(&[english_sample()], options)).expect()
        });
    }
}

#[test]
fn shards_of_lines_make_the_whole_with_bad_and_empty_and_double_ones() {
    let line = |n: u64| match n % 9 {
        0 => format!("{{\"id\": {n}, \"text\": \"\"}}\n"),
        1 => "nonsense\n".to_owned(),
        2 => format!("{{\"id\": {}, \"text\": \"again\"}}\n", n + 1),
        _ => format!("{{\"id\": {n}, \"text\": \"t{n}\"}}\n"),
    };
    let lines: String = (0..90).map(line).collect();
    check(|shard| {
        let options = ReadOptions {
            shard,
            ..ReadOptions::default()
        };
        read_with("x.jsonl", lines.as_bytes(), options).expect()
    });
}

#[test]
fn pages_of_other_shards_are_not_extracted() {
    let shard = Shard::new(1, 1_000_000).unwrap();
    let options = ReadOptions {
        shard,
        ..ReadOptions::default()
    };
    let reading = Reading::of(Source::open(&[english_sample()], options)).expect();
    let summary = &reading.summary;
    assert_eq!((summary.records, summary.other_shards), (206, 206));
    assert_eq!(summary.wikitext, Summary::default().wikitext);
}
