//! One bad record among good ones, in every format, and what else records can hold.

use std::io::{Cursor, Read};

use ragdex_corpus::{Columns, Error, Format, ReadOptions, Source};

use crate::{Notes, Reading, read_bytes, read_with};

/// A good, a bad and a good record with the keys 1 and 3.
struct Case {
    format: Format,
    text: &'static str,
    /// Where the bad record is said to be, and what is said of it.
    place: &'static str,
}

const CASES: [Case; 10] = [
    Case {
        format: Format::MediaWiki,
        text: "<mediawiki>\n<page><title>A</title><ns>0</ns><id>1</id><revision><text>a</text></revision></page>\n\
               <page><title>B</title><ns>x</ns><id>2</id><revision><text>b</text></revision></page>\n\
               <page><title>C</title><ns>0</ns><id>3</id><revision><text>c</text></revision></page>\n</mediawiki>\n",
        place: ", page 2 (byte 97 of the XML): `<ns>` is no number: `x`",
    },
    Case {
        format: Format::Jsonl,
        text: "{\"id\": 1, \"text\": \"a\"}\n{\"id\": 2}\n{\"id\": 3, \"text\": \"c\"}\n",
        place: ", line 2 (byte 23): field `text` expected",
    },
    Case {
        format: Format::Csv,
        text: "id,title,text\n1,A,a\n2,B\n3,C,c\n",
        place: ", line 3 (byte 20): 3 columns expected, found 2",
    },
    Case {
        format: Format::Csv,
        text: "id\ttext\n1\ta\n2\tb\tb\n3\tc\n",
        place: ", line 3 (byte 12): 2 columns expected, found 3",
    },
    Case {
        format: Format::PsgsTsv,
        text: "id\ttext\ttitle\n1\t\"a\"\tA\n2\tb\n3\t\"c\"\tC\n",
        place: ", line 3 (byte 22): 3 columns expected, found 2",
    },
    Case {
        format: Format::WikiExtractor,
        text: "{\"id\": \"1\", \"text\": \"a\"}\n{\"id\": \"2\"\n{\"id\": \"3\", \"text\": \"c\"}\n",
        place: ", line 2 (byte 25): no JSON: ",
    },
    Case {
        format: Format::WikiExtractor,
        text: "<doc id=\"1\" url=\"u\" title=\"A\">\na\n</doc>\n<doc id=\"2\" url=\"u\" title=\"B\">\nb\n\
               <doc id=\"3\" url=\"u\" title=\"C\">\nc\n</doc>\n",
        place: ", line 4 (byte 40): `</doc>` expected",
    },
    Case {
        format: Format::Kilt,
        text: "{\"wikipedia_id\": \"1\", \"wikipedia_title\": \"A\", \"text\": [\"A\", \"a\"]}\n\
               {\"wikipedia_id\": \"2\", \"wikipedia_title\": \"B\", \"text\": 5}\n\
               {\"wikipedia_id\": \"3\", \"wikipedia_title\": \"C\", \"text\": [\"C\", \"c\"]}\n",
        place: ", line 2 (byte 66): field `text`: a list of paragraphs expected",
    },
    Case {
        format: Format::Cirrus,
        text: "{\"index\":{\"_id\":\"1\"}}\n{\"text\":\"a\"}\n{\"index\":{\"_id\":\"2\"}}\n{\"title\":\"B\"}\n\
               {\"index\":{\"_id\":\"3\"}}\n{\"text\":\"c\"}\n",
        place: ", line 4 (byte 57): field `text` expected",
    },
    Case {
        format: Format::Enterprise,
        text: "{\"identifier\":1,\"article_body\":{\"html\":\"<p>a\"}}\n{\"identifier\":2}\n\
               {\"identifier\":3,\"article_body\":{\"html\":\"<p>c\"}}\n",
        place: ", line 2 (byte 48): field `article_body.html` expected",
    },
];

fn read(format: Format, bytes: impl Into<Vec<u8>>, strict: bool) -> (Reading, Vec<String>) {
    let notes = Notes::default();
    let options = ReadOptions {
        format,
        strict,
        reporter: &notes,
        ..ReadOptions::default()
    };
    let reading = read_with("x", bytes, options);
    (reading, notes.all())
}

#[test]
fn a_bad_record_among_good_ones_is_counted_and_told_with_its_place_and_strictly_an_error() {
    for case in CASES {
        let (reading, notes) = read(case.format, case.text, false);
        let reading = reading.expect();
        assert_eq!(reading.keys(), ["1", "3"], "{}", case.format);
        assert_eq!(reading.texts(), ["a", "c"], "{}", case.format);
        assert_eq!(reading.summary.bad_records, 1, "{}", case.format);
        let told = format!("`x`{}", case.place);
        assert!(
            notes.iter().any(|note| note.starts_with(&told)),
            "{told}: {notes:?}"
        );

        let (reading, _) = read(case.format, case.text, true);
        assert_eq!(reading.keys(), ["1"], "{}", case.format);
        let error = reading.error.unwrap();
        assert!(
            matches!(error, Error::Record(_)),
            "{}: {error}",
            case.format
        );
        assert!(error.is_bad_input() && error.hint().is_some());
        assert!(error.to_string().starts_with(&told), "{error}");
    }
}

#[test]
fn line_ends_byte_order_marks_and_a_missing_last_line_end_change_nothing() {
    for case in CASES {
        let variants = [
            case.text.trim_end().to_owned(),
            case.text.replace('\n', "\r\n"),
            format!("\u{feff}{}", case.text),
        ];
        let plain = read(case.format, case.text, false).0.expect();
        for text in variants {
            let reading = read(case.format, &*text, false).0.expect();
            assert_eq!(reading.documents, plain.documents, "{text:?}");
            assert_eq!(reading.summary, plain.summary, "{text:?}");
        }
    }
}

#[test]
fn bytes_that_are_no_utf8_spoil_their_record_only() {
    for case in CASES {
        // The text of the third record: the last `c` that stands alone.
        let at = case.text.rfind(['c']).unwrap();
        let at = match case.format {
            Format::MediaWiki => case.text.rfind(">c<").unwrap() + 1,
            Format::WikiExtractor if case.text.starts_with('<') => case.text.rfind("c\n<").unwrap(),
            _ => at,
        };
        let mut bytes = case.text.as_bytes().to_vec();
        bytes[at] = 0xff;
        let (reading, notes) = read(case.format, bytes, false);
        let reading = reading.expect();
        assert_eq!(reading.keys(), ["1"], "{}", case.format);
        assert_eq!(reading.summary.bad_records, 2, "{}", case.format);
        let told = notes.iter().any(|note| note.contains("invalid UTF-8"));
        assert!(told, "{}: {notes:?}", case.format);
    }
}

#[test]
fn documents_that_come_again_are_given_out_and_counted() {
    for case in CASES.iter().filter(|case| case.format != Format::MediaWiki) {
        let lines: Vec<&str> = case.text.split_inclusive('\n').collect();
        let record = match case.format {
            Format::Cirrus => 2,
            Format::WikiExtractor if case.text.starts_with('<') => 3,
            _ => 1,
        };
        let again = lines[lines.len() - record..].concat();
        let (reading, _) = read(case.format, format!("{}{again}", case.text), false);
        let reading = reading.expect();
        assert_eq!(reading.keys(), ["1", "3", "3"], "{}", case.format);
        assert_eq!(reading.summary.duplicate_keys, 1, "{}", case.format);
    }
}

#[test]
fn zero_characters_become_replacement_characters() {
    let tests = [
        (Format::Jsonl, "{\"text\": \"a\\u0000b\"}"),
        (Format::Csv, "title,text\nT,a\0b\n"),
        (
            Format::WikiExtractor,
            "{\"id\": \"1\", \"text\": \"a\\u0000b\"}",
        ),
        (
            Format::Kilt,
            "{\"wikipedia_title\": \"A\", \"text\": [\"A\", \"a\\u0000b\"]}",
        ),
        (Format::Cirrus, "{\"page_id\": 1, \"text\": \"a\\u0000b\"}"),
        (
            Format::Enterprise,
            "{\"identifier\":1,\"article_body\":{\"html\":\"<p>a\\u0000b\"}}",
        ),
    ];
    for (format, text) in tests {
        let reading = read(format, text, false).0.expect();
        assert_eq!(reading.texts(), ["a\u{fffd}b"], "{format}");
    }
    let page =
        "<page><title>A</title><ns>0</ns><id>1</id><revision><text>a\0b</text></revision></page>";
    // XML has none; the rules for wikitext drop what cannot stand in it.
    let reading = read(Format::MediaWiki, page, false).0.expect();
    assert_eq!(reading.texts(), ["ab"]);
    let reading = read(Format::Text, "a\0b", false).0.expect();
    assert_eq!(reading.summary.bad_records, 1);
}

#[test]
fn a_line_of_100_megabytes_is_passed_by() {
    let tests = [
        (
            Format::Jsonl,
            "{\"id\": 1, \"text\": \"a\"}\n",
            "\n{\"id\": 3, \"text\": \"c\"}\n",
        ),
        (Format::Csv, "id,text\n1,a\n2,", "\n3,c\n"),
        (Format::Csv, "id,text\n1,a\n2,\"", "\n3,c\n"),
        (Format::PsgsTsv, "id\ttext\ttitle\n1\ta\tA\n", "\n3\tc\tC\n"),
        (
            Format::Kilt,
            "{\"_id\": 1, \"text\": [\"A\", \"a\"]}\n",
            "\n{\"_id\": 3, \"text\": [\"C\", \"c\"]}\n",
        ),
        (
            Format::WikiExtractor,
            "<doc id=\"1\" url=\"u\" title=\"A\">\na\n</doc>\n<doc id=\"2\" url=\"u\" title=\"B\">\n",
            "\n</doc>\n<doc id=\"3\" url=\"u\" title=\"C\">\nc\n</doc>\n",
        ),
        (
            Format::MediaWiki,
            "<mediawiki><page><title>A</title><id>1</id><revision><text>a</text></revision></page>\
             <page><title>B</title><id>2</id><revision><text>",
            "</text></revision></page>\
             <page><title>C</title><id>3</id><revision><text>c</text></revision></page></mediawiki>",
        ),
    ];
    for (format, before, after) in tests {
        let long = std::io::repeat(b'x').take(100 << 20);
        let reader = Cursor::new(before).chain(long).chain(Cursor::new(after));
        let options = ReadOptions {
            format,
            threads: 1,
            ..ReadOptions::default()
        };
        let reading = Reading::of(Source::from_reader("x", reader, options)).expect();
        assert_eq!(reading.keys(), ["1", "3"], "{format}");
        let summary = &reading.summary;
        assert_eq!(summary.bad_records + summary.too_long, 1, "{format}");
    }
}

#[test]
fn lines_after_a_long_one_keep_their_places() {
    let notes = Notes::default();
    let options = ReadOptions {
        columns: Columns {
            literal_quotes: true,
            ..Columns::default()
        },
        reporter: &notes,
        ..ReadOptions::default()
    };
    let long = std::io::repeat(b'"').take(70 << 20);
    let reader = Cursor::new("id\ttext\n1\ta\n").chain(long);
    let reader = reader.chain(Cursor::new("\n3\tc\nbad\n5\te\n"));
    let reading = Reading::of(Source::from_reader("x.tsv", reader, options)).expect();
    assert_eq!(reading.keys(), ["1", "3", "5"]);
    let places = [
        "`x.tsv`, line 3 (byte 12): a line of over 64 MB; skipped".to_owned(),
        format!(
            "`x.tsv`, line 5 (byte {}): 2 columns expected, found 1; skipped",
            12 + (70 << 20) + 1 + 4
        ),
    ];
    assert_eq!(notes.all()[1..], places);
}

#[test]
fn a_bad_file_among_good_texts_is_counted_and_told_and_strictly_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("1.txt", &b"a"[..]), ("2.txt", b"b\0"), ("3.txt", b"c")] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let notes = Notes::default();
    let options = ReadOptions {
        reporter: &notes,
        ..ReadOptions::default()
    };
    let reading = Reading::of(Source::open(&[folder.path()], options.clone())).expect();
    assert_eq!(reading.keys(), ["1.txt", "3.txt"]);
    assert_eq!(reading.summary.bad_records, 1);
    let told = "2.txt`: no text: it holds zero bytes; skipped";
    assert!(notes.all().iter().any(|note| note.ends_with(told)));

    let strict = ReadOptions {
        strict: true,
        ..options
    };
    let reading = Reading::of(Source::open(&[folder.path()], strict));
    assert_eq!(reading.keys(), ["1.txt"]);
    let error = reading.error.unwrap();
    assert!(matches!(error, Error::Record(_)) && error.is_bad_input());
}

#[test]
fn a_text_of_nothing_but_python_s_spaces_is_empty() {
    let reading = read_bytes(
        "x.jsonl",
        "{\"title\": \"A\", \"text\": \"\\u001c \\u001f\"}",
    )
    .expect();
    assert_eq!((reading.summary.documents, reading.summary.empty), (0, 1));
}

#[test]
fn a_bad_record_is_an_error_in_every_strict_shard() {
    for index in [1, 2] {
        let options = ReadOptions {
            strict: true,
            shard: ragdex_corpus::Shard::new(index, 2).unwrap(),
            ..ReadOptions::default()
        };
        let error = read_with(
            "x.jsonl",
            "nonsense {\n",
            ReadOptions {
                format: Format::Jsonl,
                ..options
            },
        )
        .error;
        assert!(matches!(error, Some(Error::Record(_))));
    }
}

#[test]
fn keys_that_occur_again_are_told_with_their_file_up_to_a_bound() {
    let notes = Notes::default();
    let options = ReadOptions {
        reporter: &notes,
        ..ReadOptions::default()
    };
    let lines = "{\"id\": 1, \"text\": \"a\"}\n".repeat(30);
    let reading = read_with("x.jsonl", lines, options).expect();
    assert_eq!(reading.summary.duplicate_keys, 29);
    let notes = notes.all();
    let told = notes
        .iter()
        .filter(|note| note.starts_with("`x.jsonl`: the key `1` occurs again"));
    assert_eq!(told.count(), 20);
    assert_eq!(
        notes.last().unwrap(),
        "further repeated keys are counted only"
    );
}

#[test]
fn a_table_without_a_header_says_so() {
    let notes = Notes::default();
    let options = ReadOptions {
        reporter: &notes,
        ..ReadOptions::default()
    };
    read_with("x.tsv", "A\tb\n", options).expect();
    let told = "`x.tsv`: no header: the columns are title and text";
    assert!(
        notes.all().iter().any(|note| note == told),
        "{:?}",
        notes.all()
    );
}

#[test]
fn what_is_no_dump_is_said_to_be_none() {
    for text in ["<html><body><p>x</div></html>", "<a></a>", "words & words"] {
        let options = ReadOptions {
            format: Format::MediaWiki,
            ..ReadOptions::default()
        };
        let error = read_with("x", text, options).error.unwrap().to_string();
        assert!(
            error.contains("no dump: neither `<mediawiki>` nor `<page>`"),
            "{error}"
        );
    }
}

#[test]
fn a_named_field_that_no_record_has_is_told_at_the_end() {
    let notes = Notes::default();
    let options = ReadOptions {
        columns: Columns {
            key: Some("id".into()),
            url: Some("nope".into()),
            ..Columns::default()
        },
        reporter: &notes,
        ..ReadOptions::default()
    };
    let lines = "{\"id\": 1, \"text\": \"a\"}\n{\"question\": \"b\", \"answer\": \"c\"}\n";
    read_with("x.jsonl", lines, options).expect();
    let notes = notes.all();
    assert_eq!(
        notes.last().unwrap(),
        "`x.jsonl`: no record has the field `nope`"
    );
    let found = "found `question`, `answer`; name the field that holds the text; skipped";
    assert!(notes.iter().any(|note| note.ends_with(found)), "{notes:?}");
}

#[test]
fn lines_are_counted_alike_however_they_end() {
    let table = "title,text\nA,a\nbad\n\n\"B\",\"b\nc\"\nworse\nC,\n";
    for (end, bytes) in [("\n", [15, 30]), ("\r\n", [17, 36])] {
        let notes = crate::Notes::default();
        let options = ReadOptions {
            reporter: &notes,
            ..ReadOptions::default()
        };
        let reading = crate::read_with("t.csv", table.replace('\n', end), options).expect();
        assert_eq!(reading.texts(), ["a", "b\nc"]);
        assert_eq!(reading.documents[1].title, "B");
        assert_eq!((reading.summary.bad_records, reading.summary.empty), (2, 1));
        let notes = notes.all().join("\n");
        for (line, byte) in [3, 7].into_iter().zip(bytes) {
            let place = format!("line {line} (byte {byte})");
            assert!(notes.contains(&place), "{place}: {notes}");
        }
    }
}
