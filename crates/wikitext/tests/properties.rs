//! What holds for every page, however broken.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use ragdex_wikitext::{Extractor, Page, PageInput, PageKinds, SiteInfo};
use serde_json::Value;

/// Pieces of wikitext that open no literal content.
const MARKUP: &[&str] = &[
    "{{",
    "}}",
    "{{{",
    "}}}",
    "[[",
    "]]",
    "[",
    "]",
    "{",
    "}",
    "|",
    "=",
    "==",
    "\n",
    "\n\n",
    "\n==",
    "==\n",
    "\n{|",
    "\n|}",
    "\n|",
    "\n!",
    "!!",
    "'",
    "''",
    "'''",
    "'''''",
    "<",
    ">",
    "/",
    "<b>",
    "</b>",
    "<<b>b>",
    "<br/>",
    "<ref>",
    "</ref>",
    "<ref name=a/>",
    "<div>",
    "</div>",
    "<span style='display:none'>",
    "</span>",
    "<ul>",
    "</ul>",
    "<table>",
    "</table>",
    "<gallery>",
    "</gallery>",
    "<blockquote>",
    "</blockquote>",
    "<sup>",
    "</sup>",
    "<!--",
    "-->",
    "*",
    "#",
    ":",
    ";",
    "----",
    " ",
    "  ",
    "\t",
    "[[File:a|",
    "[[Category:a]]",
    "[[fr:a]]",
    "[[:a|",
    "[http://a ",
    "//",
    "__TOC__",
    "__",
    "-{",
    "}-",
    "{{small|",
    "{{lang|fr|",
    "{{convert|1|km}}",
    "{{frac|1|2}}",
    "{{quote|",
    "{{!}}",
    "{{(}}",
    "{{)}}",
    "{{foo}}",
    "{{PAGENAME}}",
    "{{lc:",
    "{{sup|2}}",
    "{{as of|",
    "{{bda|",
    "|df=US",
    "<ref/>",
    "{{nihongo|",
    "{{convert|",
    "|ft|",
    "{{val|",
    "|e=",
    "{{harvtxt|",
    "{{USS|",
    "{{height|ft=",
    "{{zh|c=",
    "{{ill|",
    "{{ipa|",
    "{{frac|",
    "(",
    ")",
    ",",
    ".",
    "a",
    "word",
    "7",
    "é",
    "e\u{301}",
    "語",
    "\u{a0}",
    "\u{200b}",
    "\u{1}",
    "\u{3}",
    "\r\n",
    "\u{1d160}",
];

/// Pieces that open or hold literal content.
const LITERAL: &[&str] = &[
    "<nowiki>",
    "</nowiki>",
    "<math>",
    "</math>",
    "<nowiki/>",
    "&#91;",
    "&lt;",
    "&gt;",
    "&nbsp;",
    "&amp;",
    "&#1;",
    "&nGt;",
];

fn markup() -> impl Strategy<Value = String> {
    vec(select(MARKUP), 0..60).prop_map(|pieces| pieces.concat())
}

fn anything() -> impl Strategy<Value = String> {
    let pieces = [MARKUP, LITERAL].concat();
    prop_oneof![
        vec(select(pieces), 0..60).prop_map(|pieces| pieces.concat()),
        any::<String>()
    ]
}

/// The wikitext of the golden cases.
fn golden_pages() -> impl Iterator<Item = String> {
    include_str!("data/cases.jsonl").lines().map(|line| {
        let case: Value = serde_json::from_str(line).expect("the cases are JSON");
        case["wikitext"]
            .as_str()
            .expect("every case has wikitext")
            .to_owned()
    })
}

/// A real page with something wrong in it: a stretch gone, a piece of markup too many.
fn mutated() -> impl Strategy<Value = String> {
    let pages: Vec<String> = golden_pages().collect();
    let edits = vec((any::<Index>(), 0..12_usize, select(MARKUP)), 1..8);
    (select(pages), edits).prop_map(|(mut page, edits)| {
        for (at, length, insert) in edits {
            let start = page.floor_char_boundary(at.index(page.len() + 1));
            let end = page
                .floor_char_boundary((start + length).min(page.len()))
                .max(start);
            page.replace_range(start..end, insert);
        }
        page
    })
}

/// Keeps everything that can be kept, on a wiki with variants and local names.
static EXTRACTOR: LazyLock<Extractor> = LazyLock::new(|| {
    let site = SiteInfo::new([(6, "Datei".to_owned())], Some("zh"));
    Extractor::new(site)
        .with_kinds(PageKinds::ALL)
        .keep_all_sections(true)
});

fn extract(text: &str) -> Page {
    EXTRACTOR.extract(&PageInput {
        title: "Title",
        namespace: 0,
        redirect: None,
        text,
    })
}

fn check_shape(text: &str, page: &Page) -> Result<(), TestCaseError> {
    let out = page.text();
    prop_assert!(
        out.len() <= 4 * text.len() + 64,
        "{} bytes of {}",
        out.len(),
        text.len()
    );
    for section in &page.sections {
        prop_assert!(!section.paragraphs.is_empty());
    }
    for paragraph in page.paragraphs() {
        prop_assert!(
            !paragraph.is_empty() && paragraph.trim_matches(' ') == paragraph,
            "{paragraph:?}"
        );
        prop_assert!(!paragraph.contains("  "), "{paragraph:?}");
        prop_assert!(!paragraph.chars().any(|c| c < ' '), "{paragraph:?}");
    }
    prop_assert_eq!(&extract(text), page);
    Ok(())
}

fn check_leaks(page: &Page) -> Result<(), TestCaseError> {
    for paragraph in page.paragraphs() {
        for leak in [
            "{{", "}}", "[[", "]]", "<b>", "</b>", "<ref", "<div>", "<br/>", "<table>",
        ] {
            let allowed = leak == "<ref" && !paragraph.contains('>');
            prop_assert!(
                allowed || !paragraph.contains(leak),
                "{leak} in {paragraph:?}"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_bounded_clean_paragraphs_twice_the_same(text in anything()) {
        check_shape(&text, &extract(&text))?;
    }

    #[test]
    fn markup_does_not_leak(text in markup()) {
        let page = extract(&text);
        check_shape(&text, &page)?;
        check_leaks(&page)?;
    }

    #[test]
    fn broken_real_pages_keep_the_shape(text in mutated()) {
        check_shape(&text, &extract(&text))?;
    }

    #[test]
    fn plain_text_is_unchanged(words in vec("[a-zA-Zéß語0-9.,?()][a-zA-Zéß語0-9.,;?()]{0,7}", 1..40), breaks in vec(select(vec![" ", "\n", "\n\n"]), 40)) {
        let pairs = words.iter().zip(&breaks);
        let text: String = pairs.flat_map(|(word, gap)| [word.as_str(), gap]).collect();
        let wanted: Vec<String> = text
            .split("\n\n")
            .map(|paragraph| paragraph.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
            .filter(|paragraph| paragraph.chars().any(char::is_alphanumeric))
            .map(|paragraph| paragraph.trim().to_owned())
            .collect();
        let page = extract(&text);
        prop_assert_eq!(page.paragraphs().collect::<Vec<_>>(), wanted);
    }
}

#[test]
fn a_page_cut_anywhere_gives_what_stands_before_the_cut() {
    for text in golden_pages() {
        for (at, _) in text.char_indices() {
            let page = extract(&text[..at]);
            check_shape(&text[..at], &page).unwrap();
        }
    }
}

#[test]
fn a_cut_page_keeps_the_paragraphs_before_the_cut() {
    let text = "First one.\n\nSecond {{nowrap|one}} here.\n\nThird {{cite|a";
    assert_eq!(
        extract(text).paragraphs().collect::<Vec<_>>(),
        ["First one.", "Second one here.", "Third cite|a"]
    );
}

#[test]
fn a_hundred_thousand_of_each_construct_are_no_problem() {
    for piece in MARKUP.iter().chain(LITERAL) {
        let text = piece.repeat(100_000 / piece.len());
        let page = extract(&text);
        assert!(page.text().len() <= 4 * text.len() + 64, "{piece:?}");
    }
}
