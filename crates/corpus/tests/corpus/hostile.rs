//! Inputs that are cut, damaged or made to do harm: an error or less text, never a panic or silence.

use proptest::prelude::*;
use ragdex_corpus::{Error, Format, ReadOptions};

use crate::{bzip2, gzip, read_bytes, read_with, threads, zstd};

fn lines(n: usize) -> String {
    let line = |i| format!("{{\"title\": \"T{i}\", \"text\": \"x{}\"}}", i * 7919);
    (0..n).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn compressed_data_that_is_cut_anywhere_is_an_error() {
    let text = lines(4000);
    for (name, packed) in [
        ("bzip2", bzip2(text.as_bytes())),
        ("gzip", gzip(text.as_bytes())),
        ("zstd", zstd(text.as_bytes())),
    ] {
        for part in 1..40 {
            let cut = 10 + (packed.len() - 11) * part / 40;
            for n in [1, 3] {
                let options = ReadOptions {
                    format: Format::Jsonl,
                    ..threads(n)
                };
                let error = read_with("x", &packed[..cut], options).error;
                let error = error.unwrap_or_else(|| panic!("{name} cut at {cut} passed"));
                match error {
                    Error::Truncated { offset, .. } => assert_eq!(offset, cut as u64, "{name}"),
                    error => panic!("{name} cut at {cut}: {error}"),
                }
            }
        }
    }
}

#[test]
fn compressed_data_that_is_damaged_is_an_error() {
    let text = lines(4000);
    for packed in [bzip2(text.as_bytes()), gzip(text.as_bytes())] {
        for part in 1..30 {
            let mut packed = packed.clone();
            let at = 40 + (packed.len() - 50) * part / 30;
            packed[at] ^= 0x55;
            let options = ReadOptions {
                format: Format::Jsonl,
                ..threads(2)
            };
            let error = read_with("x", packed, options)
                .error
                .expect("damage passed");
            let known = matches!(error, Error::Damaged { .. } | Error::Truncated { .. });
            assert!(known, "{error}");
        }
    }
}

#[test]
fn xml_cut_anywhere_is_an_error() {
    let xml = "<mediawiki xml:lang=\"en\">\n<siteinfo><namespaces><namespace key=\"0\" /></namespaces>\
               </siteinfo><page><title>A &amp; B</title><ns>0</ns><id>1</id><redirect title=\"C\" />\
               <revision><id>2</id><text xml:space=\"preserve\">a &lt;b&gt; <![CDATA[c]]></text>\
               </revision></page><!-- end --></mediawiki>";
    for cut in 1..xml.len() {
        let options = ReadOptions {
            format: Format::MediaWiki,
            ..threads(1)
        };
        let error = read_with("x", &xml[..cut], options).error;
        let error = error.unwrap_or_else(|| panic!("passed: {}", &xml[..cut]));
        let known = matches!(error, Error::XmlCut { .. } | Error::Xml { .. });
        assert!(known, "{error}");
    }
}

#[test]
fn elements_without_end_do_not_fill_the_memory() {
    let deep = format!("<mediawiki>{}", "<a>".repeat(100_000));
    let error = read_bytes("x.xml", deep).error.unwrap();
    assert!(matches!(error, Error::Xml { .. }), "{error}");
}

#[test]
fn a_huge_line_is_a_bad_record() {
    let mut text = String::from("{\"title\": \"A\", \"text\": \"");
    text.push_str(&"x".repeat(65 << 20));
    text.push_str("\"}\n{\"title\": \"B\", \"text\": \"b\"}\n");
    let reading = read_bytes("x.jsonl", text).expect();
    assert_eq!(reading.keys(), ["B"]);
    assert_eq!(reading.summary.bad_records, 1);
}

proptest! {
    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), n in 0..10usize) {
        let formats = [
            Format::Auto, Format::MediaWiki, Format::PsgsTsv, Format::Jsonl, Format::Csv,
            Format::WikiExtractor, Format::Kilt, Format::Cirrus, Format::Text, Format::Enterprise,
        ];
        for name in ["x", "x.md", "x.html"] {
            let options = ReadOptions { format: formats[n], ..threads(1) };
            let _ = read_with(name, &*bytes, options);
        }
    }

    #[test]
    fn no_markup_panics(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40), n in 0..4usize) {
        let formats = [Format::MediaWiki, Format::Csv, Format::Jsonl, Format::Text];
        let text = pieces.concat();
        for name in ["x.md", "x.html"] {
            let options = ReadOptions { format: formats[n], ..threads(1) };
            let _ = read_with(name, text.as_bytes(), options);
        }
    }
}

const PIECES: &[&str] = &[
    "<mediawiki>",
    "</mediawiki>",
    "<page>",
    "</page>",
    "<title>A</title>",
    "<id>1</id>",
    "<ns>x</ns>",
    "<revision>",
    "</revision>",
    "<text>",
    "</text>",
    "&amp;",
    "&#0;",
    "&x;",
    "&",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml",
    "?>",
    "\"",
    "\t",
    ",",
    "\n",
    "title\ttext\n",
    "{",
    "}",
    "\\",
    "# H\n",
    "```",
    "---\n",
    "<p>",
    "<h1>",
    "</h1>",
    "<script>",
    "'",
    "[a](b)",
    "![",
    "é",
    "\0",
    "<b title='",
    ">",
];
