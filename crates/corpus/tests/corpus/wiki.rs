//! MediaWiki dumps.

use std::fmt::Write as _;

use ragdex_core::Cancel;
use ragdex_corpus::{
    Compression, Error, Format, PageKinds, ReadOptions, Source, SplitOptions, SplitRule, Splitter,
    WikiOptions,
};

use crate::{
    Notes, Reading, bzip2, data, english_sample, gzip, read_bytes, read_with, threads, unpack, zstd,
};

fn sample(options: ReadOptions<'_>) -> Reading {
    Reading::of(Source::open(&[english_sample()], options)).expect()
}

fn page(id: u64, title: &str, text: &str) -> String {
    format!(
        "<page><title>{title}</title><ns>0</ns><id>{id}</id><revision><id>{}</id>\
         <contributor><id>9</id></contributor><model>wikitext</model>\
         <text xml:space=\"preserve\">{text}</text></revision></page>\n",
        id + 1000
    )
}

fn dump(pages: &str) -> String {
    format!(
        "<mediawiki xml:lang=\"en\"><siteinfo><base>https://w.org/wiki/Main_Page</base><namespaces>\
         <namespace key=\"0\" /><namespace key=\"6\">File</namespace></namespaces></siteinfo>\n\
         {pages}</mediawiki>\n"
    )
}

fn pages(n: u64) -> String {
    let mut pages = String::new();
    for id in 1..=n {
        let text = format!("Text of article {id}, which is long enough. ").repeat(40);
        write!(pages, "{}", page(id, &format!("Title {id}"), &text)).unwrap();
    }
    pages
}

#[test]
fn all_106_articles_of_the_sample_come_in_and_100_redirects_are_counted() {
    let reading = sample(ReadOptions::default());
    let summary = &reading.summary;
    // One of the articles is a bare list: a document without a passage.
    assert_eq!(
        (summary.records, summary.documents, summary.empty),
        (206, 106, 0)
    );
    assert_eq!((summary.redirects, summary.bad_records), (100, 0));
    assert_eq!(summary.checksum_mismatches, 0);
    let skipped: Vec<_> = summary.skipped().collect();
    assert_eq!(skipped, [("redirects", 100)]);

    let document = &reading.documents[0];
    assert_eq!((&*document.key, &*document.title), ("12", "Anarchism"));
    assert_eq!(document.revision.as_deref(), Some("716551092"));
    let url = "https://en.wikipedia.org/wiki/Anarchism";
    assert_eq!(document.url.as_deref(), Some(url));
}

#[test]
fn kinds_of_pages_are_switched() {
    let reading = sample(ReadOptions {
        pages: PageKinds::articles(),
        ..ReadOptions::default()
    });
    let summary = &reading.summary;
    let kinds = (summary.documents, summary.disambiguation, summary.lists);
    assert_eq!(kinds, (96, 8, 2));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let one = sample(threads(1));
    for n in [2, 4] {
        let many = sample(threads(n));
        assert_eq!(many.documents, one.documents);
        assert_eq!(many.summary, one.summary);
    }
    for rule in [SplitRule::Plain, SplitRule::Dpr] {
        let options = SplitOptions {
            rule,
            ..SplitOptions::default()
        };
        let splitter = Splitter::new(options).unwrap();
        let mut passages = one.documents.iter().flat_map(|d| splitter.split(d));
        assert!(passages.all(|p| rule == SplitRule::Plain || p.text.split(' ').count() == 100));
    }
}

#[test]
fn every_compression_gives_the_same_documents() {
    let xml = dump(&pages(300));
    let plain = read_bytes("a.xml", &*xml).expect();
    assert_eq!(plain.documents.len(), 300);
    let half = xml.len() / 2;
    let (a, b) = xml.as_bytes().split_at(half);
    let packed = [
        ("one bzip2 stream", bzip2(xml.as_bytes())),
        ("two bzip2 streams", [bzip2(a), bzip2(b)].concat()),
        ("two gzip members", [gzip(a), gzip(b)].concat()),
        ("two zstd frames", [zstd(a), zstd(b)].concat()),
    ];
    for (name, bytes) in packed {
        for n in [1, 2, 4] {
            let reading = read_with("a", &*bytes, threads(n)).expect();
            assert_eq!(reading.documents, plain.documents, "{name}, {n} threads");
        }
    }
}

#[test]
fn a_multistream_dump_gives_what_the_single_stream_gives() {
    let xml = unpack(english_sample());
    let text = String::from_utf8(xml).unwrap();
    let mut streams = Vec::new();
    for part in text
        .split_inclusive("</page>\n")
        .collect::<Vec<_>>()
        .chunks(20)
    {
        streams.extend(bzip2(part.concat().as_bytes()));
    }
    let single = sample(threads(1));
    for n in [1, 3] {
        let many = read_with("a.bz2", &*streams, threads(n)).expect();
        assert_eq!(many.documents, single.documents);
    }
}

#[test]
fn the_position_reaches_the_length_of_the_file() {
    let path = english_sample();
    let length = std::fs::metadata(&path).unwrap().len();
    let mut source = Source::open(&[&path, &path], threads(2)).unwrap();
    assert_eq!(source.total_bytes(), Some(2 * length));
    assert_eq!(source.format(), Format::MediaWiki);
    assert_eq!(source.compression(), Compression::Bzip2);
    assert_eq!(source.by_ref().count(), 212);
    assert_eq!(source.position(), 2 * length);
}

#[test]
fn utf16_is_transcoded() {
    let notes = Notes::default();
    let options = ReadOptions {
        reporter: &notes,
        ..ReadOptions::default()
    };
    let path = data("bgwiki-utf16.xml.bz2");
    let reading = Reading::of(Source::open(&[path], options)).expect();
    assert_eq!((reading.summary.records, reading.documents.len()), (3, 1));
    assert_eq!(reading.summary.checksum_mismatches, 0);
    assert!(
        reading.documents[0]
            .title
            .chars()
            .all(|c| c as u32 > 0x3ff || c == ' ')
    );
    assert!(
        notes.all()[0].ends_with("is read as MediaWiki XML, bzip2"),
        "{:?}",
        notes.all()
    );
}

#[test]
fn tables_do_not_stand_in_the_way() {
    let path = data("enwiki-table-markup.xml.bz2");
    let reading = Reading::of(Source::open(&[path], ReadOptions::default())).expect();
    assert_eq!(reading.summary.records, 5);
}

#[test]
fn references_of_xml_are_decoded_once() {
    let xml = dump(&page(
        1,
        "AT&amp;T &quot;x&quot;",
        "a &lt;b&gt; &amp;lt; &#8212; &amp;amp;amp;",
    ));
    let reading = read_bytes("a.xml", xml).expect();
    let document = &reading.documents[0];
    assert_eq!(document.title, "AT&T \"x\"");
    assert_eq!(
        document.url.as_deref(),
        Some("https://w.org/wiki/AT%26T_%22x%22")
    );
}

#[test]
fn the_last_revision_counts() {
    let xml = dump(
        "<page><title>A</title><ns>0</ns><id>1</id>\
         <revision><id>5</id><text>old</text></revision>\
         <revision><id>6</id><text>new</text><sha1/></revision></page>",
    );
    let reading = read_bytes("a.xml", xml).expect();
    assert_eq!(reading.texts(), ["new"]);
    assert_eq!(reading.documents[0].revision.as_deref(), Some("6"));
}

#[test]
fn other_slots_and_empty_texts_are_no_text() {
    let xml = dump(
        "<page><title>A</title><ns>0</ns><id>1</id><revision><id>5</id><text bytes=\"1\">main</text>\
         <content><role>x</role><model>json</model><text>{}</text></content></revision></page>\
         <page><title>B</title><ns>0</ns><id>2</id><revision><id>5</id><text /></revision></page>\
         <page><title>C</title><ns>0</ns><id>3</id><revision><id>5</id>\
         <text deleted=\"deleted\" /></revision></page>\
         <page><title>D</title><ns>0</ns><id>4</id><revision><id>5</id>\
         <text bytes=\"9\" location=\"tt:1\" /></revision></page>",
    );
    let reading = read_bytes("a.xml", xml).expect();
    assert_eq!(reading.texts(), ["main"]);
    assert_eq!((reading.summary.empty, reading.summary.withheld), (1, 2));
}

#[test]
fn a_part_of_a_dump_without_its_root_is_read() {
    let reading = read_bytes("part", pages(3)).expect();
    assert_eq!(reading.keys(), ["1", "2", "3"]);
}

#[test]
fn a_cut_dump_is_an_error_that_names_the_last_whole_page() {
    let xml = dump(&pages(3));
    let cut = xml.find("Title 3").unwrap() + 100;
    for n in [1, 2] {
        let reading = read_with("a.xml", &xml[..cut], threads(n));
        assert_eq!(reading.keys(), ["1", "2"]);
        let error = reading.error.unwrap();
        assert!(matches!(error, Error::XmlCut { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("the last whole page has the id 2"),
            "{error}"
        );
        assert!(error.hint().is_some() && error.is_bad_input());
    }
}

#[test]
fn bytes_that_are_no_utf8_spoil_their_page_only() {
    let xml = dump(&pages(3)).replace("article 2,", "article \u{1}2,");
    let bytes: Vec<u8> = xml.bytes().map(|b| if b == 1 { 0xff } else { b }).collect();
    let reading = read_bytes("a.xml", &*bytes).expect();
    assert_eq!(reading.keys(), ["1", "3"]);
    assert_eq!(reading.summary.bad_records, 1);
    let strict = ReadOptions {
        strict: true,
        ..ReadOptions::default()
    };
    let error = read_with("a.xml", &*bytes, strict).error.unwrap();
    assert!(
        error.to_string().starts_with("`a.xml`, page 2 (byte "),
        "{error}"
    );
}

#[test]
fn a_wrong_checksum_is_counted() {
    let xml = dump(
        "<page><title>A</title><ns>0</ns><id>1</id><revision><id>5</id><text>main</text>\
         <sha1>phoiac9h4m842xq45sp7s6u21eteeq1</sha1></revision></page>",
    );
    let reading = read_bytes("a.xml", xml).expect();
    assert_eq!(reading.summary.checksum_mismatches, 1);
    assert_eq!(reading.texts(), ["main"]);
}

#[test]
fn a_reading_can_be_stopped() {
    let cancel = Cancel::default();
    let options = ReadOptions {
        cancel: cancel.clone(),
        ..threads(2)
    };
    let mut source = Source::open(&[english_sample()], options).unwrap();
    assert!(source.next().unwrap().is_ok());
    cancel.cancel();
    assert!(matches!(source.next(), Some(Err(Error::Cancelled(_)))));
    assert!(source.next().is_none());
}

fn with_wiki(wiki: WikiOptions) -> ReadOptions<'static> {
    ReadOptions {
        wiki,
        ..ReadOptions::default()
    }
}

#[test]
fn rules_for_wikitext_can_be_added() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let templates = file("t.txt", "# mine\nmass | gewicht = \"{1} grams\"\n");
    let words = file("w.txt", "[dropped sections]\nTrivia\n");
    let text = "It weighs {{mass|5}}.\n== Trivia ==\nOdd.\n== See also ==\nMore.";
    let xml = dump(&page(1, "A", text));
    let tests = [
        (WikiOptions::default(), "It weighs.\n\nOdd."),
        (
            WikiOptions {
                templates: vec![templates],
                words: vec![words.clone()],
                ..WikiOptions::default()
            },
            "It weighs 5 grams.",
        ),
        (
            WikiOptions {
                words: vec![words],
                keep_all_sections: true,
                ..WikiOptions::default()
            },
            "It weighs.\n\nOdd.\n\nMore.",
        ),
    ];
    for (wiki, expected) in tests {
        let reading = read_with("a.xml", &*xml, with_wiki(wiki)).expect();
        assert_eq!(reading.texts(), [expected]);
    }
}

#[test]
fn a_rule_that_cannot_be_read_is_an_error_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules");
    std::fs::write(&path, "# fine\n\nnonsense\n").unwrap();
    let templates = WikiOptions {
        templates: vec![path.clone()],
        ..WikiOptions::default()
    };
    let words = WikiOptions {
        words: vec![path.clone()],
        ..WikiOptions::default()
    };
    for wiki in [templates, words] {
        let error = read_with("a.xml", dump(""), with_wiki(wiki)).error.unwrap();
        let start = format!("`{}`, line 3: ", path.display());
        assert!(error.to_string().starts_with(&start), "{error}");
        assert!(error.hint().is_some());
    }
    let missing = WikiOptions {
        words: vec![folder.path().join("missing")],
        ..WikiOptions::default()
    };
    let error = read_with("a.xml", dump(""), with_wiki(missing)).error;
    assert!(matches!(error, Some(Error::Open { .. })));
}

#[test]
fn redirects_among_templates_give_their_targets_over_all_dumps() {
    let folder = tempfile::tempdir().unwrap();
    let redirect = "<page><title>Template:Nobrk</title><ns>10</ns><id>7</id>\
                    <redirect title=\"Template:Nowrap\" /><revision><id>1</id><text>x</text></revision></page>";
    let files = [
        ("a.xml", dump(&page(1, "A", "One {{nobrk|two}} three."))),
        ("b.xml", dump(redirect)),
    ];
    let paths = files.map(|(name, xml)| {
        let path = folder.path().join(name);
        std::fs::write(&path, xml).unwrap();
        path
    });
    let wiki = |template_redirects| WikiOptions {
        template_redirects,
        ..WikiOptions::default()
    };
    let read = |on| Reading::of(Source::open(&paths, with_wiki(wiki(on)))).expect();
    assert_eq!(read(false).texts(), ["One three."]);
    assert_eq!(read(true).texts(), ["One two three."]);

    let error = read_with("-", dump(""), with_wiki(wiki(true)))
        .error
        .unwrap();
    let expected = "`-`: collecting the redirects of templates first needs a file, found a stream";
    assert_eq!(error.to_string(), expected);
}
