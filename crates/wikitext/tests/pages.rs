//! Pages put together from constructs whose text is known, whole, cut and damaged.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use ragdex_wikitext::{Extractor, Page, PageInput};

/// Constructs within a line that give no text. None holds literal content.
const DROPPED: &[&str] = &[
    "<ref>A. Uthor, [[Book]] {{p|3}}</ref>",
    "<ref name=\"a\" />",
    "<ref name=b group=\"c\">[http://x.org y]</ref>",
    "{{unknown|a=b|[[c|d]]|{{e}}}}",
    "{{cite web|url=http://x.org|title=t}}",
    "<!-- {{ [[ <ref> -->",
    "[[File:a.jpg|thumb|A ''caption'' with [[link|label]], {{t}} and <ref>r</ref>]]",
    "[[Category:Things|t]]",
    "[[fr:Chose]]",
    "__NOTOC__",
    "{{#if:x|y|z}}",
    "{{{argument}}}",
    "[http://x.org]",
    "<span style=\"display:none\">hidden</span>",
];

/// Blocks that give no text.
const DROPPED_BLOCKS: &[&str] = &[
    "{| class=\"t\"\n|-\n! a !! b\n| c || {{d|e}}\n{|\n| f\n|}\n|}",
    "{{Infobox thing\n| name = A\n| text = [[b|c]], {{d\n|e}}\n}}",
    "<gallery>\nFile:a.jpg|b\n</gallery>",
    "* a [[b]]\n** c {{d}}\n# e",
    ": indented\n; term : meaning",
    " preformatted\n too",
    "<ul><li>a</li><li>b</li></ul>",
    "<table><tr><td>a</td></tr></table>",
    "<!-- a\n\nb -->",
    "----",
    "[[File:b.png|frame|caption\nwith a line break]]",
    "{{main|A|B}}",
];

/// Tags that vanish around their content.
const TAGS: &[(&str, &str)] = &[
    ("<b>", "</b>"),
    ("<small>", "</small>"),
    ("<span class=\"x\" style='color:red'>", "</span>"),
    ("<sub>", "</sub>"),
    ("<U>", "</U >"),
    ("{{nowrap|", "}}"),
    ("{{lang|fr|", "}}"),
    ("{{Small |1= ", " }}"),
    ("{{Template:abbr|", "|meaning}}"),
    ("{{{default|", "}}}"),
];

/// A part of a line, apart from its neighbours by spaces.
#[derive(Debug, Clone)]
enum Inline {
    Word(String),
    Bold(Vec<Inline>),
    Around(&'static str, &'static str, Vec<Inline>),
    Link(String, Vec<Inline>),
    Dropped(&'static str),
}

/// Marks that must not stand inside themselves.
#[derive(Clone, Copy, Default)]
struct Within {
    bold: bool,
    link: bool,
}

impl Inline {
    fn write(&self, within: Within, out: &mut String) {
        match self {
            Self::Word(word) => out.push_str(word),
            Self::Bold(parts) if within.bold => write_all(parts, within, out),
            Self::Bold(parts) => {
                out.push_str("'''");
                write_all(
                    parts,
                    Within {
                        bold: true,
                        ..within
                    },
                    out,
                );
                out.push_str("'''");
            }
            Self::Around(open, close, parts) => {
                out.push_str(open);
                write_all(parts, within, out);
                out.push_str(close);
            }
            Self::Link(_, parts) if within.link => write_all(parts, within, out),
            Self::Link(target, parts) => {
                out.extend(["[[", target.as_str(), "|"]);
                write_all(
                    parts,
                    Within {
                        link: true,
                        ..within
                    },
                    out,
                );
                out.push_str("]]");
            }
            Self::Dropped(_) if within.link => out.push_str("{{unknown}}"),
            Self::Dropped(written) => out.push_str(written),
        }
    }

    fn words<'a>(&'a self, words: &mut Vec<&'a str>) {
        match self {
            Self::Word(word) => words.push(word),
            Self::Bold(parts) | Self::Around(_, _, parts) | Self::Link(_, parts) => {
                for part in parts {
                    part.words(words);
                }
            }
            Self::Dropped(_) => {}
        }
    }
}

fn write_all(parts: &[Inline], within: Within, out: &mut String) {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push(' ');
        }
        part.write(within, out);
    }
}

/// A part of a page, which begins on its own line.
#[derive(Debug, Clone)]
enum Block {
    Paragraph(Vec<Inline>),
    Quotation(&'static str, &'static str, Vec<Inline>),
    Heading(String),
    Dropped(&'static str),
}

impl Block {
    fn parts(&self) -> &[Inline] {
        match self {
            Self::Paragraph(parts) | Self::Quotation(_, _, parts) => parts,
            Self::Heading(_) | Self::Dropped(_) => &[],
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Paragraph(parts) => write_all(parts, Within::default(), out),
            Self::Quotation(open, close, parts) => {
                out.push_str(open);
                write_all(parts, Within::default(), out);
                out.push_str(close);
            }
            Self::Heading(title) => out.extend(["== ", title.as_str(), " =="]),
            Self::Dropped(written) => out.push_str(written),
        }
    }
}

/// The text that the parts must give; empty when there is none.
fn text_of(parts: &[Inline]) -> String {
    let mut words = Vec::new();
    for part in parts {
        part.words(&mut words);
    }
    words.join(" ")
}

fn inline() -> impl Strategy<Value = Inline> {
    let leaf = prop_oneof![
        4 => "[a-z]{1,6}|[0-9]{2,4}|[А-я]{2,5}|[語文字]{1,3}".prop_map(Inline::Word),
        2 => select(DROPPED).prop_map(Inline::Dropped),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        // Whatever opens has a word first: a template without text is a hole, a link without a
        // label is its target.
        let filled = ("[a-z]{2,5}", vec(inner, 0..4)).prop_map(|(word, mut parts)| {
            parts.insert(0, Inline::Word(word));
            parts
        });
        prop_oneof![
            filled.clone().prop_map(Inline::Bold),
            (select(TAGS), filled.clone())
                .prop_map(|((open, close), p)| Inline::Around(open, close, p)),
            ("[A-Z][a-z]{1,5}( \\([a-z]{1,3}\\))?", filled)
                .prop_map(|(target, p)| Inline::Link(target, p)),
        ]
    })
}

fn block() -> impl Strategy<Value = Block> {
    let quotations = [
        ("<blockquote>", "</blockquote>"),
        ("{{quote|", "|Some Body}}"),
    ];
    prop_oneof![
        6 => vec(inline(), 1..8).prop_map(Block::Paragraph),
        1 => (select(quotations.to_vec()), vec(inline(), 1..5))
            .prop_map(|((open, close), parts)| Block::Quotation(open, close, parts)),
        2 => "[A-Z][a-z]{2,6} [a-z]{2,6}".prop_map(Block::Heading),
        3 => select(DROPPED_BLOCKS).prop_map(Block::Dropped),
    ]
}

/// Blocks apart by blank lines.
fn written(blocks: &[Block]) -> String {
    let mut text = String::new();
    for (i, block) in blocks.iter().enumerate() {
        if i > 0 {
            text.push_str("\n\n");
        }
        block.write(&mut text);
    }
    text
}

/// Heading and text of each paragraph that the blocks must give.
fn expected(blocks: &[Block]) -> Vec<(String, String)> {
    let mut heading = String::new();
    let mut paragraphs = Vec::new();
    for block in blocks {
        if let Block::Heading(title) = block {
            heading.clone_from(title);
        }
        let text = text_of(block.parts());
        if !text.is_empty() {
            paragraphs.push((heading.clone(), text));
        }
    }
    paragraphs
}

fn extract(text: &str) -> Page {
    Extractor::default().extract(&PageInput {
        title: "Title",
        namespace: 0,
        redirect: None,
        text,
    })
}

fn paragraphs(page: &Page) -> Vec<(String, String)> {
    let sections = page.sections.iter();
    let paragraphs = sections.flat_map(|section| {
        let path = section.path.join(" > ");
        section
            .paragraphs
            .iter()
            .map(move |text| (path.clone(), text.clone()))
    });
    paragraphs.collect()
}

/// Names of tags, each of which would show as `<name` with a `>` behind it.
const NAMES: &[&str] = &[
    "b",
    "ref",
    "small",
    "span",
    "sub",
    "sup",
    "u",
    "br",
    "div",
    "blockquote",
    "gallery",
    "table",
    "ul",
    "li",
    "tr",
    "td",
    "nowiki",
    "math",
    "references",
];

/// The first piece of markup in a text, if there is any.
fn leaks(text: &str) -> Option<&str> {
    let braces = ["{{", "}}", "[[", "]]"]
        .into_iter()
        .find(|leak| text.contains(leak));
    let is_tag = |name: &&&str| {
        text.to_ascii_lowercase().match_indices('<').any(|(at, _)| {
            let inside = text[at + 1..].to_ascii_lowercase();
            let rest = inside
                .strip_prefix('/')
                .unwrap_or(&inside)
                .strip_prefix(**name);
            rest.is_some_and(|rest| {
                let end = rest.find(['<', '>']);
                rest.starts_with(['>', ' ', '/'])
                    && end.is_some_and(|at| rest[at..].starts_with('>'))
            })
        })
    };
    braces.or_else(|| NAMES.iter().find(is_tag).copied())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_whole_page_gives_its_words_under_its_headings_and_nothing_else(blocks in vec(block(), 0..9)) {
        let text = written(&blocks);
        let page = extract(&text);
        prop_assert_eq!(paragraphs(&page), expected(&blocks), "{}", text);
        prop_assert_eq!(&extract(&text), &page);
    }

    #[test]
    fn a_page_cut_anywhere_loses_no_more_than_the_construct_that_is_cut(
        blocks in vec(block(), 1..7),
        parts in vec(inline(), 1..8),
        last in any::<Index>(),
        at in any::<Index>(),
    ) {
        // The part that is cut stands in the last paragraph, behind whole ones.
        let last = last.index(parts.len());
        let mut text = written(&blocks) + "\n\n";
        let whole = expected(&blocks);
        write_all(&parts[..last], Within::default(), &mut text);
        text.push_str(if last > 0 { " " } else { "" });
        let before = text.len();
        parts[last].write(Within::default(), &mut text);
        let cut = text.floor_char_boundary(before + at.index(text.len() - before));
        let text = &text[..cut];

        let cut_paragraph = text_of(&parts[..last]);
        // Half a mark of bold print makes an apostrophe of another one, as in MediaWiki.
        let plain = |text: &str| {
            let text = text.replace('\'', "");
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let mut found = paragraphs(&extract(text));
        let rest = found.split_off(whole.len().min(found.len()));
        prop_assert_eq!(found, whole, "{}", text);
        let rest = rest.first().map_or("", |(_, text)| text.as_str());
        prop_assert!(plain(rest).starts_with(&cut_paragraph), "{rest:?} of {text:?}");
    }

    #[test]
    fn a_damaged_page_leaks_no_markup_and_does_not_grow(
        blocks in vec(block(), 1..7),
        edits in vec((any::<Index>(), 0..9_usize), 1..6),
    ) {
        let mut text = written(&blocks);
        for (at, length) in edits {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.ceil_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end.max(start), "");
        }
        let page = extract(&text);
        for (_, paragraph) in paragraphs(&page) {
            prop_assert_eq!(leaks(&paragraph), None, "{:?} of {:?}", paragraph, text);
        }
        prop_assert!(page.text().len() <= 4 * text.len() + 64);
        prop_assert_eq!(extract(&text), page);
    }

    #[test]
    fn text_in_any_script_without_markup_is_unchanged(
        lines in vec(vec("[\\PC&&[^<>\\[\\]{}|=*#:;'&_!\\-/\u{2028}\u{2029}]]{1,8}", 1..9), 1..6),
    ) {
        use unicode_normalization::UnicodeNormalization as _;
        let is_space = |c: char| c.is_whitespace();
        let is_invisible = |c: char| {
            matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}' | '\u{feff}')
        };
        let lines: Vec<String> = lines.iter().map(|words| words.join(" ")).collect();
        let text = lines.join("\n\n");
        let wanted: Vec<String> = lines
            .iter()
            .map(|line| line.replace(is_invisible, ""))
            .map(|line| line.split(is_space).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" "))
            .filter(|line| line.chars().any(char::is_alphanumeric))
            .map(|line| line.nfc().collect())
            .collect();
        let page = extract(&text);
        prop_assert_eq!(page.paragraphs().collect::<Vec<_>>(), wanted);
    }
}
