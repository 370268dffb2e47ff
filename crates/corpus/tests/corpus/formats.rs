//! Tables, JSON lines and files.

use std::fs;

use ragdex_corpus::{Columns, Error, Format, PageKinds, ReadOptions, Source};

use crate::{Notes, Reading, bzip2, gzip, read_bytes, read_with, threads, zstd};

fn titles(reading: &Reading) -> Vec<&str> {
    reading
        .documents
        .iter()
        .map(|document| &*document.title)
        .collect()
}

#[test]
fn json_lines_have_usual_names_or_given_ones() {
    let lines = "{\"_id\": 7, \"title\": \"A\", \"text\": \"a\\n\\nb\", \"url\": \"u\", \"revid\": \"3\"}\n\
                 \n{\"title\": \"B\", \"body\": \"b\"}\r\n{\"contents\": \"\\\"C\\\"\\nc\"}";
    let reading = read_bytes("x.jsonl", lines).expect();
    assert_eq!(reading.keys(), ["7", "B", "C"]);
    assert_eq!(reading.texts(), ["a\n\nb", "b", "c"]);
    let first = &reading.documents[0];
    assert_eq!(
        (first.url.as_deref(), first.revision.as_deref()),
        (Some("u"), Some("3"))
    );

    let columns = Columns {
        title: Some("name".into()),
        text: Some("what".into()),
        ..Columns::default()
    };
    let options = ReadOptions {
        columns,
        ..ReadOptions::default()
    };
    let reading = read_with(
        "x",
        "{\"name\": \"A\", \"what\": \"a\", \"text\": \"no\"}",
        options,
    );
    assert_eq!(reading.expect().texts(), ["a"]);
}

#[test]
fn bad_lines_are_reported_with_their_place_and_skipped() {
    let notes = Notes::default();
    let lines = b"{\"title\": \"A\", \"text\": \"a\"}\n{\"title\": \"B\"}\nnonsense\n\
                  {\"text\": \"\xff\"}\n{\"text\": 5}\n[1]\n{\"title\": \"C\", \"text\": null}\n\
                  {\"title\": \"A\", \"text\": \"z\\u0000\"}\n";
    let options = ReadOptions {
        reporter: &notes,
        ..ReadOptions::default()
    };
    let reading = read_with("x.jsonl", &lines[..], options).expect();
    assert_eq!(reading.texts(), ["a", "z\u{fffd}"]);
    let summary = &reading.summary;
    assert_eq!(
        (summary.bad_records, summary.empty, summary.duplicate_keys),
        (5, 1, 1)
    );
    let expected = "`x.jsonl`, line 2 (byte 28): field `text` expected, found `title`; \
                    name the field that holds the text; skipped";
    assert!(
        notes.all().iter().any(|note| note == expected),
        "{:?}",
        notes.all()
    );
}

#[test]
fn tables_go_by_their_header() {
    let comma = "Text,ID,title\r\n\"a, \"\"b\"\"\nc\",1,T\r\nd,2,\r\n";
    let reading = read_bytes("x.csv", comma).expect();
    assert_eq!(reading.texts(), ["a, \"b\"\nc", "d"]);
    assert_eq!(reading.keys(), ["1", "2"]);

    let psgs = "id\ttext\ttitle\n5\t\"He said \"\"R\"\".\"\t\"\"\"R\"\" Is\"\n";
    let reading = read_bytes("psgs.tsv", psgs).expect();
    assert_eq!(
        (reading.keys(), titles(&reading)),
        (vec!["5"], vec!["\"R\" Is"])
    );
    assert_eq!(reading.texts(), ["He said \"R\"."]);
}

#[test]
fn a_table_without_a_header_has_title_and_text() {
    let table = "Aaron\tAaron ( or ; \"Ahärôn\") is a prophet\n\"Pokémon\"\tPokémon , also known";
    let reading = read_bytes("my.csv", table).expect();
    assert_eq!(reading.keys(), ["Aaron", "Pokémon"]);
    assert_eq!(reading.texts()[0], "Aaron ( or ; \"Ahärôn\") is a prophet");
    let literal = ReadOptions {
        columns: Columns {
            literal_quotes: true,
            ..Columns::default()
        },
        ..ReadOptions::default()
    };
    let reading = read_with("my.tsv", table, literal).expect();
    assert_eq!(reading.keys(), ["Aaron", "\"Pokémon\""]);
}

#[test]
fn bad_rows_are_skipped_and_open_quotes_are_errors() {
    let reading = read_bytes("x.tsv", "title\ttext\nA\ta\nB\nC\tc\tc\nD\td\n").expect();
    assert_eq!(reading.keys(), ["A", "D"]);
    assert_eq!(reading.summary.bad_records, 2);

    let reading = read_bytes("x.tsv", "title\ttext\nA\ta\nB\t\"b\nC\tc\n");
    assert_eq!(reading.keys(), ["A"]);
    let error = reading.error.unwrap();
    assert_eq!(
        error.to_string(),
        "`x.tsv`, line 3: a quoted field begins in this record and does not end"
    );
}

#[test]
fn a_missing_column_is_named_with_those_that_are_there() {
    let error = read_bytes("x.csv", "name,what,more\n1,2,3\n")
        .error
        .unwrap();
    let expected = "`x.csv`: column `text` expected, found `name`, `what`, `more`";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn folders_of_texts_are_read_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join("b")).unwrap();
    fs::write(
        root.join("a.md"),
        "# Bees\n\nThey fly.\n\n## Food\n\nNectar.",
    )
    .unwrap();
    fs::write(root.join("b/plain.txt"), b"\xef\xbb\xbfone\r\n\r\ntwo").unwrap();
    fs::write(root.join("b/latin.txt"), b"caf\xe9").unwrap();
    fs::write(root.join("b/packed.txt.bz2"), bzip2(b"packed")).unwrap();
    fs::write(root.join("c.txt"), "").unwrap();
    fs::write(root.join("d.txt"), b"\x7fELF\x01\0\0\0").unwrap();
    let wide: Vec<u8> = "\u{feff}weit"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(root.join("e.txt"), wide).unwrap();
    fs::write(root.join("f.html"), "<title>T &amp; U</title><p>v").unwrap();

    let notes = Notes::default();
    let options = ReadOptions {
        reporter: &notes,
        ..ReadOptions::default()
    };
    let mut source = Source::open(&[root], options.clone()).unwrap();
    assert_eq!(source.format(), Format::Text);
    source.by_ref().for_each(drop);
    let reading = Reading::of(Source::open(&[root], options)).expect();
    let keys = [
        "a.md",
        "b/latin.txt",
        "b/packed.txt.bz2",
        "b/plain.txt",
        "e.txt",
        "f.html",
    ];
    assert_eq!(reading.keys(), keys);
    assert_eq!(
        titles(&reading),
        ["Bees", "latin", "packed", "plain", "e", "T & U"]
    );
    let texts = [
        "They fly.\n\nNectar.",
        "café",
        "packed",
        "one\n\ntwo",
        "weit",
        "v",
    ];
    assert_eq!(reading.texts(), texts);
    assert_eq!((reading.summary.empty, reading.summary.bad_records), (1, 1));
    assert!(
        notes.all().iter().any(|note| note.contains("Latin-1")),
        "{:?}",
        notes.all()
    );
}

#[test]
fn several_inputs_of_several_formats_make_one_source() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.jsonl"), folder.path().join("b.txt"));
    fs::write(&a, "{\"title\": \"A\", \"text\": \"a\"}").unwrap();
    fs::write(&b, "b").unwrap();
    let reading = Reading::of(Source::open(&[a, b], ReadOptions::default())).expect();
    assert_eq!(reading.keys(), ["A", "b.txt"]);
}

#[test]
fn what_cannot_be_read_is_said_clearly() {
    let tests = [
        (
            "x.bin",
            &b"\x01\x02"[..],
            "`x.bin`: format not recognised, begins with `  `",
        ),
        ("x.zip", b"PK\x03\x04rest", "`x.zip`: is a zip archive"),
        ("x.jsonl", b"", "`x.jsonl`: nothing to read in it"),
        (
            "x",
            b"<html>",
            "`x`: format not recognised, begins with `<html>`",
        ),
    ];
    for (name, bytes, message) in tests {
        let error = read_bytes(name, bytes).error.unwrap();
        assert_eq!(error.to_string(), message);
        assert!(error.hint().is_some());
    }
    let nothing: [&str; 0] = [];
    let error = Source::open(&nothing, ReadOptions::default())
        .err()
        .unwrap();
    assert!(matches!(error, Error::NoInput));
}

#[test]
fn wikiextractor_is_read_in_both_forms() {
    let json = "{\"id\": \"10\", \"revid\": \"9\", \"url\": \"u?curid=10\", \"title\": \"R\", \"text\": \"\"}\n\
                {\"id\": \"12\", \"revid\": \"9\", \"url\": \"u?curid=12\", \"title\": \"A & B\", \
                \"text\": \"A & B\\n\\nOne &lt; two.\\nSection::::More.\\nBULLET::::- three\\n\"}\n";
    let tagged = "<doc id=\"12\" url=\"u?curid=12\" title=\"A &amp; B\">\nA & B\n\nOne &lt; two.\n\
                  Section::::More.\nBULLET::::- three\n</doc>\n";
    for (name, bytes, empty) in [("wiki_00", json, 1), ("wiki_00", tagged, 0)] {
        let reading = read_bytes(name, bytes).expect();
        let document = &reading.documents[0];
        assert_eq!((&*document.key, &*document.title), ("12", "A & B"));
        assert_eq!(
            (document.url.as_deref(), &document.revision),
            (Some("u?curid=12"), &None)
        );
        assert_eq!(document.text(), "One < two.\n\nthree");
        assert_eq!(document.sections[1].path, ["More"]);
        assert_eq!(reading.summary.empty, empty);
    }
    let cut = read_bytes("wiki_00", &tagged[..tagged.len() - 8]).expect();
    assert_eq!((cut.documents.len(), cut.summary.bad_records), (0, 1));
}

#[test]
fn kilt_pages_have_their_sections() {
    let line = "{\"_id\": \"290\", \"wikipedia_id\": \"290\", \"wikipedia_title\": \"A\", \"text\": [\"A\\n\", \
                \"First.\\n\", \"Section::::History.\\n\", \"Old.\\n\", \"Section::::History.:Late.\\n\", \
                \"BULLET::::- New.\\n\"], \"history\": {\"revid\": \"9\", \"url\": \"u\"}}";
    let reading = read_bytes("kilt_knowledgesource.json", line).expect();
    let document = &reading.documents[0];
    assert_eq!(
        (&*document.key, document.revision.as_deref()),
        ("290", Some("9"))
    );
    let sections: Vec<_> = document
        .sections
        .iter()
        .map(|s| format!("{}: {}", s.path.join("/"), s.paragraphs.join("|")))
        .collect();
    assert_eq!(
        sections,
        [": First.", "History: Old.", "History/Late: New."]
    );
}

#[test]
fn search_dumps_come_in_pairs_of_lines() {
    let lines = "{\"index\": {\"_type\": \"page\", \"_id\": \"5\"}}\n\
                 {\"title\": \"A\", \"namespace\": 0, \"text\": \"a\", \"version\": 77}\n\
                 {\"index\": {\"_id\": \"6\"}}\n{\"title\": \"T\", \"namespace\": 1, \"text\": \"t\"}\n\
                 {\"title\": \"B\", \"namespace\": 0, \"text\": \"b\"}\n";
    let reading = read_bytes("cirrus.json", lines).expect();
    assert_eq!(
        (reading.keys(), reading.texts()),
        (vec!["5"], vec!["a".to_owned()])
    );
    assert_eq!(reading.documents[0].revision.as_deref(), Some("77"));
    assert_eq!(
        (
            reading.summary.other_namespaces,
            reading.summary.bad_records
        ),
        (1, 1)
    );
}

#[test]
fn enterprise_html_is_read_by_its_sections() {
    let line = "{\"name\": \"A\", \"identifier\": 5, \"url\": \"u\", \"version\": {\"identifier\": 7}, \
                \"article_body\": {\"html\": \"<html><head><title>A</title></head><body><section>\
                <table class='infobox'><tr><td>x</td></tr></table><p>One<sup class='mw-ref reference'>[1]</sup>.</p>\
                </section><section><h2>Two</h2><p>Three</p></section></body></html>\"}}";
    let reading = read_bytes("enwiki_namespace_0_0.ndjson", line).expect();
    let document = &reading.documents[0];
    assert_eq!(
        (&*document.key, document.revision.as_deref()),
        ("5", Some("7"))
    );
    assert_eq!(document.text(), "One.\n\nThree");
    assert_eq!(document.sections[1].path, ["Two"]);
}

fn enterprise(name: &str, html: &str) -> String {
    let line = serde_json::json!({"name": name, "identifier": 5, "article_body": {"html": html}});
    format!("{line}\n")
}

#[test]
fn links_to_pages_on_references_are_prose() {
    let html = "<p>The <a rel='mw:WikiLink' href=\"./Frame_of_reference\" title='Frame of reference'>reference \
                frame</a>, <a href='./Metadata' data-mw='{\"a\": \"class=thumb\"}'>metadata</a><span class='z' \
                style='color: red; DISPLAY : none !important'>unseen</span> and <i class=references-like>italic\
                </i>.<sup class=\"mw-ref reference\">[1]</sup><div role=\"note\">no</div></p><p typeof='mw:Transclusion \
                mw:Extension/ref'>no</p><div class='infobox_v3 x'>no</div>";
    let reading = read_bytes("a.ndjson", enterprise("A", html)).expect();
    assert_eq!(
        reading.texts(),
        ["The reference frame, metadata and italic."]
    );
}

#[test]
fn sections_that_dumps_lose_are_lost_from_html_too() {
    let html = "<p>One.</p><h2>References</h2><p>Two.</p><h3>Old</h3><p>Three.</p><h2>More</h2><p>Four.</p>";
    let lines = enterprise("A", html);
    let reading = read_bytes("a.ndjson", &*lines).expect();
    assert_eq!(reading.texts(), ["One.\n\nFour."]);
    let mut options = ReadOptions::default();
    options.wiki.keep_all_sections = true;
    let reading = read_with("a.ndjson", lines, options).expect();
    assert_eq!(reading.texts(), ["One.\n\nTwo.\n\nThree.\n\nFour."]);
}

#[test]
fn references_of_search_dumps_are_cut_and_lone_ids_are_bad() {
    let lines = "{\"index\": {\"_id\": \"5\"}}\n{\"index\": {\"_id\": \"6\"}}\n\
                 {\"title\": \"A\", \"text\": \"a b  ^ Smith 1990.\\nc ^ d\"}\n{\"index\": {\"_id\": \"7\"}}\n";
    let notes = Notes::default();
    let options = ReadOptions {
        reporter: &notes,
        ..ReadOptions::default()
    };
    let reading = read_with("cirrus.json", lines, options).expect();
    assert_eq!(reading.keys(), ["6"]);
    assert_eq!(reading.texts(), ["a b\nc ^ d"]);
    assert_eq!(reading.summary.bad_records, 2);
    let told = "line 2 (byte 24): the page `5` expected after the line that names it; skipped";
    assert!(
        notes.all().iter().any(|note| note.ends_with(told)),
        "{:?}",
        notes.all()
    );
}

#[test]
fn kinds_of_pages_are_told_by_title_and_id_where_others_extracted() {
    let pages = [
        ("1", "List of rivers"),
        ("2", "Foo (disambiguation)"),
        ("23443579", "Blocked"),
        ("4", "Ada"),
    ];
    let lines = |page: fn(&str, &str) -> String| -> String {
        pages.iter().map(|(id, title)| page(id, title)).collect()
    };
    let sources = [
        lines(|id, title| {
            format!(
                "{{\"id\": \"{id}\", \"revid\": \"1\", \"url\": \"u\", \"title\": \"{title}\", \"text\": \"x\"}}\n"
            )
        }),
        lines(|id, title| format!("<doc id=\"{id}\" url=\"u\" title=\"{title}\">\nx\n</doc>\n")),
        lines(|id, title| {
            format!(
                "{{\"wikipedia_id\": \"{id}\", \"wikipedia_title\": \"{title}\", \"text\": [\"T\", \"x\"]}}\n"
            )
        }),
        lines(|id, title| {
            format!(
                "{{\"index\": {{\"_id\": \"{id}\"}}}}\n{{\"title\": \"{title}\", \"text\": \"x\"}}\n"
            )
        }),
        lines(|id, title| {
            format!(
                "{{\"name\": \"{title}\", \"identifier\": {id}, \"article_body\": {{\"html\": \"<p>x\"}}}}\n"
            )
        }),
    ];
    for source in sources {
        for (kinds, expected) in [
            (PageKinds::drqa(), vec!["4"]),
            (PageKinds::articles(), vec!["23443579", "4"]),
            (PageKinds::default(), vec!["1", "2", "23443579", "4"]),
        ] {
            let options = ReadOptions {
                pages: kinds,
                ..ReadOptions::default()
            };
            let reading = read_with("x", &*source, options).expect();
            assert_eq!(reading.keys(), expected, "{source}");
        }
    }
}

#[test]
fn output_of_wikiextractor_is_told_by_its_content() {
    let tagged = "<doc id=\"12\" url=\"u?curid=12\" title=\"A\">\nA\n\nOne.\n</doc>\n";
    let json = "{\"id\": \"12\", \"url\": \"https://x.org/wiki?curid=12\", \"title\": \"A\", \
                \"text\": \"A\\n\\nOne.\"}\n";
    for (name, lines) in [("a.txt", tagged), ("a.txt", json), ("a.jsonl", json)] {
        let source = Source::from_reader(name, lines.as_bytes(), ReadOptions::default()).unwrap();
        assert_eq!(source.format(), Format::WikiExtractor, "{name}");
        let reading = Reading::of(Ok(source)).expect();
        assert_eq!(
            (reading.keys(), reading.texts()),
            (vec!["12"], vec!["One.".to_owned()])
        );
    }
    let source = Source::from_reader("a.txt", &b"<docs> are"[..], ReadOptions::default());
    assert_eq!(source.unwrap().format(), Format::Text);
}

#[test]
fn passages_stay_passages_byte_for_byte() {
    let rows = "id\ttext\ttitle\n1\t\" A  \"\"b\"\" \"\tOne\n2\t\"c\n\nd\0\"\t\"\"\"R\"\" Is\"\n3\t\" \"\tEmpty\n";
    let reading = read_bytes("psgs_w100.tsv", rows).expect();
    assert!(reading.documents.iter().all(|passage| passage.is_passage));
    let paragraphs: Vec<_> = reading
        .documents
        .iter()
        .map(|passage| passage.paragraphs().collect::<Vec<_>>())
        .collect();
    assert_eq!(paragraphs, [[" A  \"b\" "], ["c\n\nd\0"]]);
    assert_eq!(reading.keys(), ["1", "2"]);
    assert_eq!(titles(&reading), ["One", "\"R\" Is"]);
    assert_eq!(reading.summary.empty, 1);

    let table = ReadOptions {
        format: Format::Csv,
        ..ReadOptions::default()
    };
    let reading = read_with("psgs_w100.tsv", rows, table).expect();
    assert!(
        reading
            .documents
            .iter()
            .all(|document| !document.is_passage)
    );
    assert_eq!(reading.texts(), [" A  \"b\" ", "c\n\nd\u{fffd}"]);
}

/// Gives a byte at a time, as a slow pipe may.
struct Drops(std::io::Cursor<Vec<u8>>);

impl std::io::Read for Drops {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = buf.len().min(1);
        std::io::Read::read(&mut self.0, &mut buf[..n])
    }
}

#[test]
fn compression_is_recognised_in_a_pipe_that_gives_little_at_a_time() {
    let rows = br#"{"title": "A", "text": "a b"}"#;
    for packed in [bzip2(rows), gzip(rows), zstd(rows), rows.to_vec()] {
        let drops = Drops(std::io::Cursor::new(packed));
        let reading = Reading::of(Source::from_reader("-", drops, threads(2))).expect();
        assert_eq!(reading.texts(), ["a b"]);
    }
}

#[test]
fn tagged_documents_may_name_their_revision() {
    let tagged = "<doc id=\"1\" revid=\"2\" url=\"u\" title=\"A\">\nA\n\na\n</doc>\n";
    assert_eq!(read_bytes("wiki_00", tagged).expect().keys(), ["1"]);
}

#[test]
fn sections_that_do_not_fit_their_text_are_not_believed() {
    for sections in [
        r#"[{"path":["A"],"paragraphs":2}]"#,
        r#"[{"path":["A"],"paragraphs":-1}]"#,
        r#"[{"path":["A"]}]"#,
        r#"[{"path":["A"],"paragraphs":18446744073709551615},{"path":[],"paragraphs":2}]"#,
        "7",
    ] {
        let row = format!("{{\"title\":\"T\",\"text\":\"a\",\"sections\":{sections}}}");
        let reading = read_bytes("rows.jsonl", row).expect();
        let lead = ragdex_core::Section::lead(vec!["a".into()]);
        assert_eq!(reading.documents[0].sections, [lead], "{sections}");
    }
}
