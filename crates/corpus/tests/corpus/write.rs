//! Passages and documents written and read back.

use proptest::prelude::*;
use ragdex_core::{Document, Passage, PassageId, Section};
use ragdex_corpus::{
    Columns, DocumentsWriter, Format, JsonlWriter, PsgsTsvWriter, ReadOptions, SplitOptions,
    SplitRule, Splitter,
};

use crate::{Reading, data, english_sample, read_with};

fn passage(title: &str, text: &str) -> Passage {
    Passage {
        title: title.into(),
        text: text.into(),
        ..Passage::default()
    }
}

fn psgs(rows: &[(&str, &str, &str)]) -> String {
    let mut writer = PsgsTsvWriter::new(Vec::new()).unwrap();
    for (id, text, title) in rows {
        writer.write(id, &passage(title, text)).unwrap();
    }
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

fn reading_of(format: Format, bytes: impl Into<Vec<u8>>) -> Reading {
    let options = ReadOptions {
        format,
        ..ReadOptions::default()
    };
    read_with("file", bytes, options).expect()
}

/// Writes what was read from a table of passages.
fn rewritten(reading: &Reading) -> String {
    let options = SplitOptions {
        rule: SplitRule::Whole,
        ..SplitOptions::default()
    };
    let splitter = Splitter::new(options).unwrap();
    let mut writer = PsgsTsvWriter::new(Vec::new()).unwrap();
    for document in &reading.documents {
        for passage in splitter.split(document) {
            writer.write(&document.key, &passage).unwrap();
        }
    }
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

#[test]
fn a_table_of_passages_comes_out_byte_for_byte() {
    let bytes = std::fs::read(data("passages.tsv")).unwrap();
    let reading = reading_of(Format::PsgsTsv, &*bytes);
    assert_eq!(reading.keys(), ["7", "8", "21", "1000", "21015324"]);
    assert_eq!(reading.documents[1].title, "\"S\" Stands for Salt");
    assert_eq!(reading.documents[2].title, "NaN");
    assert_eq!(rewritten(&reading), String::from_utf8(bytes).unwrap());
}

#[test]
fn texts_are_quoted_and_titles_only_when_they_must_be() {
    let rows = [
        ("1", "plain", "A, b; c"),
        ("2", "\"at the edges\"", "\"R\" Is for \"Ricochet\""),
        ("3", "", ""),
        ("4", "'single' \u{2018}q\u{2019}", "Cafe\u{301} – NaN"),
    ];
    let expected = "id\ttext\ttitle\n\
        1\t\"plain\"\tA, b; c\n\
        2\t\"\"\"at the edges\"\"\"\t\"\"\"R\"\" Is for \"\"Ricochet\"\"\"\n\
        3\t\"\"\t\n\
        4\t\"'single' \u{2018}q\u{2019}\"\tCafe\u{301} – NaN\n";
    assert_eq!(psgs(&rows), expected);
}

#[test]
fn what_could_end_a_field_or_a_line_becomes_a_space() {
    let text = "a\tb\nc\r\nd\u{b}e\u{c}f\u{1c}g\u{1f}h\u{85}i\u{2028}j\u{2029}k";
    let expected = "a b c  d e f g h i j k";
    assert_eq!(
        psgs(&[("x\ty", text, text)]),
        format!("id\ttext\ttitle\nx y\t\"{expected}\"\t{expected}\n")
    );
    // Neighbours of these characters, in bytes, are left alone.
    let text = "\u{84}\u{86}\u{a0}\u{2027}\u{202a}\u{2068}â\u{3000}\u{8}\u{1b}";
    let row = psgs(&[("1", text, "")]);
    assert_eq!(row, format!("id\ttext\ttitle\n1\t\"{text}\"\t\n"));
}

#[test]
fn passages_of_a_dump_read_back_from_json_lines() {
    let source = ragdex_corpus::Source::open(&[english_sample()], ReadOptions::default());
    let wiki = Reading::of(source).expect();
    let splitter = Splitter::default();
    let mut writer = JsonlWriter::new(Vec::new());
    let mut expected = Vec::new();
    for document in wiki.documents.iter().take(20) {
        for passage in splitter.split(document) {
            let id = PassageId(expected.len() as u64);
            writer.write(id, &passage, document).unwrap();
            expected.push((passage, document));
        }
    }
    let columns = Columns {
        key: Some("id".into()),
        ..Columns::default()
    };
    let options = ReadOptions {
        columns,
        ..ReadOptions::default()
    };
    let reading = read_with("a.jsonl", writer.finish().unwrap(), options).expect();
    assert!(expected.len() > 900, "{}", expected.len());
    assert_eq!(reading.documents.len(), expected.len());
    for (i, (read, (passage, document))) in reading.documents.iter().zip(expected).enumerate() {
        assert_eq!(read.key, i.to_string());
        assert_eq!((&read.title, &read.text()), (&passage.title, &passage.text));
        assert_eq!(
            (&read.url, &read.revision),
            (&document.url, &document.revision)
        );
    }
}

#[test]
fn a_json_line_says_where_its_passage_comes_from() {
    let document = Document {
        key: "a/b.md".into(),
        url: Some("https://w.org/a?b=\"c\"".into()),
        revision: Some("12".into()),
        timestamp: Some("2016-05-01T00:00:00Z".into()),
        ..Document::default()
    };
    let passage = Passage {
        ordinal: 3,
        section: "A > B".into(),
        ..passage("Tit\tle", "é \"q\" \\ \n")
    };
    let mut writer = JsonlWriter::new(Vec::new());
    writer
        .write(PassageId(u64::MAX), &passage, &document)
        .unwrap();
    let line = String::from_utf8(writer.finish().unwrap()).unwrap();
    let expected = concat!(
        r#"{"id":18446744073709551615,"title":"Tit\tle","text":"é \"q\" \\ \n","document":"a/b.md","#,
        r#""ordinal":3,"section":"A > B","url":"https://w.org/a?b=\"c\"","revision":"12","#,
        r#""timestamp":"2016-05-01T00:00:00Z"}"#,
        "\n"
    );
    assert_eq!(line, expected);
}

#[test]
fn documents_of_a_dump_read_back_from_json_lines() {
    let source = ragdex_corpus::Source::open(&[english_sample()], ReadOptions::default());
    let wiki = Reading::of(source).expect();
    let mut writer = DocumentsWriter::new(Vec::new());
    for document in &wiki.documents {
        writer.write(document).unwrap();
    }
    let bytes = writer.finish().unwrap();
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    assert_eq!(lines.count(), wiki.documents.len());

    let reading = reading_of(Format::Jsonl, bytes);
    assert_eq!(reading.documents.len() as u64 + reading.summary.empty, 106);
    let with_text = wiki.documents.iter().filter(|d| !d.text().is_empty());
    for (read, written) in reading.documents.iter().zip(with_text) {
        assert_eq!(read.key, written.key);
        assert_eq!((&read.title, &read.url), (&written.title, &written.url));
        assert_eq!(read.revision, written.revision);
        assert_eq!(read.text(), written.text());
    }
}

#[test]
fn a_document_keeps_its_sections_in_json() {
    let document = Document {
        key: "1".into(),
        title: "T".into(),
        sections: vec![
            Section::lead(vec!["a".into(), "b \"q\"".into()]),
            Section {
                path: vec!["A".into(), "B".into()],
                paragraphs: vec!["c".into()],
            },
        ],
        ..Document::default()
    };
    let mut writer = DocumentsWriter::new(Vec::new());
    writer.write(&document).unwrap();
    writer.write(&Document::default()).unwrap();
    let expected = concat!(
        r#"{"key":"1","title":"T","text":"a\n\nb \"q\"\n\nc","#,
        r#""sections":[{"path":[],"paragraphs":2},{"path":["A","B"],"paragraphs":1}]}"#,
        "\n",
        r#"{"key":"","title":"","text":"","sections":[]}"#,
        "\n"
    );
    let written = String::from_utf8(writer.finish().unwrap()).unwrap();
    assert_eq!(written, expected);
    let reading = crate::read_bytes("documents.jsonl", written).expect();
    assert_eq!(reading.documents, [document]);
}

#[test]
fn a_writer_that_fails_is_an_error_and_no_panic() {
    let full = || std::io::Cursor::new([0_u8; 20]);
    let long = passage("T", &"x".repeat(100));
    let mut psgs = PsgsTsvWriter::new(full()).unwrap();
    assert!(psgs.write("1", &long).is_err());
    assert!(PsgsTsvWriter::new(&mut [0_u8; 3][..]).is_err());
    let mut jsonl = JsonlWriter::new(full());
    assert!(
        jsonl
            .write(PassageId(1), &long, &Document::default())
            .is_err()
    );
    assert!(
        DocumentsWriter::new(full())
            .write(&Document::default())
            .is_err()
    );
}

/// Reads a table as Python's `csv` does, one line a row.
fn unquoted(row: &str) -> Vec<String> {
    let unquote = |field: &str| match field.strip_prefix('"') {
        Some(inside) => inside.strip_suffix('"').unwrap().replace("\"\"", "\""),
        None => field.to_owned(),
    };
    row.split('\t').map(unquote).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_passage_is_one_row_of_three_fields(
        title in "(\\PC|[\"\t\n\r\u{85}]){0,12}",
        text in "(\\PC|[\"\t\n\r\u{b}\u{1d}\u{85}\u{2028}]){0,60}",
    ) {
        let ends_line = |c: char| {
            matches!(c, '\t'..='\r' | '\x1c'..='\x1f' | '\u{85}' | '\u{2028}' | '\u{2029}')
        };
        let table = psgs(&[("5", &text, &title)]);
        let rows: Vec<&str> = table.split_terminator('\n').collect();
        prop_assert_eq!(rows.len(), 2);
        let spaced = |text: &str| text.replace(ends_line, " ");
        prop_assert_eq!(unquoted(rows[1]), ["5".to_owned(), spaced(&text), spaced(&title)]);
    }
}
