//! One page of wikitext.

use std::sync::LazyLock;

use ragdex_wikitext::{Cause, Counters, Extractor, Page, PageInput, PageKinds, SiteInfo};

use crate::{MAX_BYTES, option_byte};

/// Bits of the first byte.
const VARIANTS: u8 = 1;
const ALL_KINDS: u8 = 2;
const ALL_SECTIONS: u8 = 4;
const OTHER_NAMESPACE: u8 = 8;
const REDIRECT: u8 = 16;

/// Pieces of markup that must not be in the text of a page without literal content.
const LEAKS: [&str; 4] = ["{{", "}}", "[[", "]]"];

/// Pieces of a page after which a leak can be literal content: an entity, an element that is kept
/// as it is, or a template or argument that gives a brace or a bracket.
const LITERAL: [&str; 9] = [
    "&",
    "nowiki",
    "math",
    "chem",
    "ce",
    "source",
    "syntaxhighlight",
    "-{",
    "PAGENAME",
];

/// Two extractors for each choice of options: hash maps of one are ordered unlike those of the other.
static EXTRACTORS: LazyLock<[[Extractor; 8]; 2]> =
    LazyLock::new(|| [(); 2].map(|()| [0, 1, 2, 3, 4, 5, 6, 7].map(extractor)));

fn extractor(options: u8) -> Extractor {
    let site = if options & VARIANTS == 0 {
        SiteInfo::default()
    } else {
        SiteInfo::new(
            [(6, "Datei".to_owned()), (14, "分类".to_owned())],
            Some("zh"),
        )
    };
    let kinds = if options & ALL_KINDS == 0 {
        PageKinds::default()
    } else {
        PageKinds::ALL
    };
    Extractor::new(site)
        .with_kinds(kinds)
        .keep_all_sections(options & ALL_SECTIONS != 0)
}

/// Extracts a page: a byte of options, the title up to the first line break, the wikitext.
///
/// # Panics
/// When the text is longer than promised, differs from one run to the next, holds an empty or
/// untidy paragraph or markup, or when the counters contradict each other.
pub fn wikitext(mut data: &[u8]) {
    let options = option_byte(&mut data);
    let rest = String::from_utf8_lossy(&data[..data.len().min(MAX_BYTES)]);
    let (title, text) = rest.split_once('\n').unwrap_or(("", &rest));
    let input = PageInput {
        title,
        namespace: if options & OTHER_NAMESPACE == 0 {
            0
        } else {
            10
        },
        redirect: (options & REDIRECT != 0).then_some("Target"),
        text,
    };
    let [extractor, other] = [0, 1].map(|i| &EXTRACTORS[i][usize::from(options & 7)]);
    let page = extractor.extract(&input);
    assert_eq!(
        other.extract(&input),
        page,
        "the same page gives another text"
    );
    check_length(&input, &page);
    check_paragraphs(&page);
    check_counters(&input, &page.counters);
    if !LITERAL.iter().any(|piece| rest.contains(piece)) {
        check_leaks(&page);
    }
}

fn check_length(input: &PageInput<'_>, page: &Page) {
    let (n_out, n_in) = (page.text().len(), input.text.len());
    assert!(n_out <= 4 * n_in + 64, "{n_out} bytes of {n_in}");
}

fn check_paragraphs(page: &Page) {
    for section in &page.sections {
        assert!(
            !section.paragraphs.is_empty(),
            "{:?} is empty",
            section.path
        );
        assert!(section.path.len() <= 6, "{:?} is too deep", section.path);
    }
    for paragraph in page.paragraphs() {
        assert!(!paragraph.is_empty(), "an empty paragraph");
        assert_eq!(paragraph.trim_matches(' '), paragraph, "spaces at an end");
        assert!(!paragraph.contains("  "), "two spaces: {paragraph:?}");
        assert!(
            !paragraph.chars().any(|c| c < ' '),
            "control: {paragraph:?}"
        );
    }
}

fn check_leaks(page: &Page) {
    for paragraph in page.paragraphs() {
        for leak in LEAKS {
            assert!(!paragraph.contains(leak), "`{leak}` in {paragraph:?}");
        }
    }
}

fn check_counters(input: &PageInput<'_>, counters: &Counters) {
    let total: u64 = counters.iter().map(|(_, n)| n).sum();
    let most = 4 * input.text.len() as u64 + 64;
    assert!(
        total <= most,
        "{total} things counted in {} bytes",
        input.text.len()
    );
    let unknown: u64 = counters.unknown_templates().map(|(_, n)| n).sum();
    assert_eq!(
        unknown,
        counters.get(Cause::TemplateUnknown),
        "unknown templates"
    );
    let page_causes = [
        Cause::RedirectPage,
        Cause::DisambiguationPage,
        Cause::ListPage,
        Cause::OtherPage,
        Cause::PageTooLong,
    ];
    let reasons: u64 = page_causes.map(|cause| counters.get(cause)).iter().sum();
    assert!(reasons <= 1, "a page left out for {reasons} reasons");
    let mut twice = counters.clone();
    twice += counters;
    assert!(
        twice
            .iter()
            .eq(counters.iter().map(|(cause, n)| (cause, 2 * n)))
    );
}
