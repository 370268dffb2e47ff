//! Dumps that are damaged, with and without going on.

use std::fmt::Write as _;

use ragdex_corpus::{Error, ReadOptions};

use crate::{Notes, Reading, bzip2, gzip, read_with};

const PAGES_A_STREAM: u64 = 10;

fn page(id: u64) -> String {
    let mut text = String::new();
    for n in 0..60 {
        write!(text, "Word {} of article {id}. ", n * id * 7919 % 10007).unwrap();
    }
    format!(
        "  <page>\n    <title>T{id}</title>\n    <ns>0</ns>\n    <id>{id}</id>\n    <revision>\
         <id>{id}</id><text>{text}</text></revision>\n  </page>\n"
    )
}

/// The parts that a multistream dump compresses one by one.
fn parts(n: u64) -> Vec<String> {
    let mut parts = vec!["<mediawiki xml:lang=\"en\"><siteinfo></siteinfo>\n".to_owned()];
    for first in (1..=n).step_by(PAGES_A_STREAM as usize) {
        parts.push((first..first + PAGES_A_STREAM).map(page).collect());
    }
    parts.push("</mediawiki>\n".into());
    parts
}

fn streams(n: u64) -> Vec<Vec<u8>> {
    parts(n).iter().map(|part| bzip2(part.as_bytes())).collect()
}

fn going_on(threads: usize) -> ReadOptions<'static> {
    ReadOptions {
        keep_going: true,
        threads,
        ..ReadOptions::default()
    }
}

fn keys(ids: impl Iterator<Item = u64>) -> Vec<String> {
    ids.map(|id| id.to_string()).collect()
}

/// Reads with several numbers of threads, which must not matter.
fn read_on(bytes: &[u8]) -> Reading {
    let one = read_with("x.bz2", bytes, going_on(1)).expect();
    for threads in [2, 4] {
        let many = read_with("x.bz2", bytes, going_on(threads)).expect();
        assert_eq!(many.documents, one.documents, "{threads} threads");
        assert_eq!(many.summary, one.summary, "{threads} threads");
    }
    one
}

#[test]
fn a_damaged_stream_costs_its_pages_only() {
    let mut streams = streams(50);
    let middle = streams[3].len() / 2;
    let offset: usize = streams[..3].iter().map(Vec::len).sum();
    streams[3][middle] ^= 0x10;
    let bytes = streams.concat();
    let reading = read_on(&bytes);
    assert_eq!(reading.keys(), keys((1..=20).chain(31..=50)));
    assert_eq!(
        (reading.summary.bad_records, reading.summary.records),
        (1, 41)
    );

    let notes = Notes::default();
    let options = ReadOptions {
        reporter: &notes,
        ..going_on(2)
    };
    read_with("x.bz2", &*bytes, options).expect();
    let expected = format!(
        "`x.bz2`, near byte {}: the bzip2 data is damaged: a block cannot be decoded; the last whole \
         page has the id 20; skipped",
        offset + 4
    );
    assert!(notes.all().contains(&expected), "{:?}", notes.all());

    for threads in [1, 2] {
        let options = ReadOptions {
            threads,
            ..ReadOptions::default()
        };
        let error = read_with("x.bz2", &*bytes, options).error.unwrap();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
    let strict = ReadOptions {
        strict: true,
        ..going_on(2)
    };
    let error = read_with("x.bz2", &*bytes, strict).error.unwrap();
    assert!(
        matches!(error, Error::Record(_)) && error.is_bad_input(),
        "{error}"
    );
}

#[test]
fn damage_of_the_first_stream_and_of_headers_is_passed() {
    let whole = streams(30);
    for (stream, at, lost) in [
        (0, 14, 0..0),
        (0, 2, 0..0),
        (2, 1, 11..21),
        (2, 6, 11..21),
        (4, 20, 0..0),
    ] {
        let mut streams = whole.clone();
        streams[stream][at] ^= 0x11;
        let bytes = streams.concat();
        if stream == 0 && at == 2 {
            // Without its header nothing shows that the file is bzip2.
            assert!(read_with("x.bz2", bytes, going_on(2)).error.is_some());
            continue;
        }
        let reading = read_on(&bytes);
        let expected = keys((1..=30).filter(|id| !lost.contains(id)));
        assert_eq!(reading.keys(), expected, "stream {stream}, byte {at}");
        assert!(reading.summary.bad_records > 0);
    }
}

#[test]
fn garbage_between_streams_is_passed() {
    let mut streams = streams(30);
    streams.insert(2, vec![0x5a; 300_000]);
    let reading = read_on(&streams.concat());
    assert_eq!(reading.keys(), keys(1..=30));
    assert_eq!(reading.summary.bad_records, 1);
}

#[test]
fn a_cut_dump_ends_with_a_bad_record() {
    let bytes = streams(30).concat();
    let cut = bytes.len() - streams(30)[4].len() - streams(30)[3].len() / 2;
    let reading = read_on(&bytes[..cut]);
    assert_eq!(reading.keys(), keys(1..=20));
    assert_eq!(reading.summary.bad_records, 1);
    let xml = parts(20).concat();
    let cut = xml.find("<id>15</id>").unwrap();
    let cut = &xml.as_bytes()[..cut];
    for bytes in [cut.to_vec(), gzip(cut)] {
        let reading = read_on(&bytes);
        assert_eq!(reading.keys(), keys(1..=14));
        assert_eq!(reading.summary.bad_records, 1);
    }
    let packed = gzip(xml.as_bytes());
    let reading = read_on(&packed[..packed.len() - 200]);
    assert_eq!(reading.summary.bad_records, 1);
    assert!(reading.documents.len() >= 10);
}

#[test]
fn broken_xml_costs_its_page_only() {
    let xml = parts(10).concat();
    let broken = [
        ("<id>4</id>", "<id>4</idd>"),
        ("Word 0 of article 4.", "a < b </x> "),
        ("<title>T4</title>", "<title>T4</ns>"),
    ];
    for (from, to) in broken {
        let xml = xml.replacen(from, to, 1);
        let reading = read_on(xml.as_bytes());
        assert_eq!(reading.keys(), keys((1..=10).filter(|id| *id != 4)), "{to}");
        assert_eq!(reading.summary.bad_records, 1, "{to}");
        let error = read_with("x.xml", xml.as_bytes(), ReadOptions::default()).error;
        assert!(matches!(error, Some(Error::Xml { .. })), "{to}");
    }
}

#[test]
fn what_is_no_dump_stays_an_error() {
    let options = ReadOptions {
        format: ragdex_corpus::Format::MediaWiki,
        ..going_on(1)
    };
    let error = read_with("x.xml", "nothing", options).error.unwrap();
    assert!(matches!(error, Error::Xml { .. }), "{error}");
}

#[test]
fn damage_anywhere_neither_panics_nor_hangs_nor_loses_whole_streams_silently() {
    let whole = streams(30).concat();
    for at in (4..whole.len()).step_by(37) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x44;
        let reading = read_with("x.bz2", bytes, going_on(1)).expect();
        let lost = 30 - reading.documents.len();
        assert!(lost <= 10, "byte {at}: {lost} pages lost");
        assert!(reading.summary.bad_records > 0, "byte {at}");
    }
}
