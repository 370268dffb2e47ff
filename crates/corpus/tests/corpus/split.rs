//! Splitting against plain models of what each rule promises.

use proptest::prelude::*;
use ragdex_core::{Document, Passage, Section};
use ragdex_corpus::{SplitOptions, SplitRule, Splitter, Tail};
use unicode_normalization::UnicodeNormalization as _;

const RULES: [SplitRule; 6] = [
    SplitRule::Plain,
    SplitRule::Section,
    SplitRule::Dpr,
    SplitRule::Hf,
    SplitRule::Kilt,
    SplitRule::Whole,
];

const TAILS: [Tail; 4] = [Tail::Keep, Tail::Merge, Tail::Wrap, Tail::Drop];

/// Words `w0`, `w1`, …, joined by spaces.
fn words(range: std::ops::Range<usize>) -> String {
    let words: Vec<String> = range.map(|n| format!("w{n}")).collect();
    words.join(" ")
}

fn section(path: &[&str], paragraphs: &[&str]) -> Section {
    Section {
        path: path.iter().map(|&s| s.into()).collect(),
        paragraphs: paragraphs.iter().map(|&p| p.into()).collect(),
    }
}

fn document(title: &str, sections: Vec<Section>) -> Document {
    Document {
        key: "1".into(),
        title: title.into(),
        sections,
        ..Document::default()
    }
}

/// A document of one paragraph.
fn article(title: &str, text: &str) -> Document {
    document(title, vec![section(&[], &[text])])
}

fn options(rule: SplitRule, words: usize) -> SplitOptions {
    SplitOptions {
        rule,
        words,
        ..SplitOptions::default()
    }
}

fn split(options: SplitOptions, document: &Document) -> Vec<Passage> {
    Splitter::new(options).unwrap().split(document)
}

fn texts(passages: &[Passage]) -> Vec<&str> {
    passages.iter().map(|passage| &*passage.text).collect()
}

fn dpr(title: &str, text: &str) -> Vec<Passage> {
    split(options(SplitRule::Dpr, 100), &article(title, text))
}

#[test]
fn a_document_that_is_a_passage_stays_one_by_every_rule() {
    let sections = vec![
        section(&["A", "B"], &["  \"Two\twords\"  ", "Cafe\u{301}\n"]),
        section(&["C"], &[&words(0..300)]),
    ];
    let passage = Document {
        is_passage: true,
        ..document("Poke\u{301}mon é", sections)
    };
    for rule in RULES {
        for tail in TAILS {
            let options = SplitOptions {
                overlap: 2,
                tail: Some(tail),
                ..options(rule, 7)
            };
            let expected = Passage {
                ordinal: 0,
                title: "Poke\u{301}mon é".into(),
                section: "A > B".into(),
                text: format!("  \"Two\twords\"  \n\nCafe\u{301}\n\n\n{}", words(0..300)),
            };
            assert_eq!(split(options, &passage), [expected], "{rule}");
        }
    }
}

#[test]
fn a_document_without_text_is_no_passage_even_when_it_is_called_one() {
    for paragraphs in [&[][..], &[""], &["", " \n\u{3000}\x1f"]] {
        for is_passage in [true, false] {
            let empty = Document {
                is_passage,
                ..document("T", vec![section(&[], paragraphs)])
            };
            let passages = split(options(SplitRule::Whole, 100), &empty);
            assert_eq!(passages, [], "{paragraphs:?}");
        }
    }
    let empty = Document {
        is_passage: true,
        ..Document::default()
    };
    for rule in RULES {
        assert_eq!(split(options(rule, 100), &empty), [], "{rule}");
    }
}

#[test]
fn whole_gives_one_passage_with_the_paragraphs_apart() {
    let sections = vec![
        section(&["Empty"], &[]),
        section(&["A"], &["One  two.", "Three."]),
        section(&["B"], &[&words(0..500)]),
    ];
    let passages = split(options(SplitRule::Whole, 3), &document("T", sections));
    let expected = format!("One  two.\n\nThree.\n\n{}", words(0..500));
    assert_eq!(texts(&passages), [expected]);
    assert_eq!((&*passages[0].title, &*passages[0].section), ("T", "A"));
}

#[test]
fn dpr_cuts_articles_of_any_length_as_the_published_file_shows() {
    // Words of the text, and where the passages begin and what the last one is filled with.
    assert_eq!(dpr("The T", &words(0..97)), []);
    assert_eq!(
        texts(&dpr("The T", &words(0..98))),
        [format!("The T {}", words(0..98))]
    );
    assert_eq!(
        texts(&dpr("The T", &words(0..99))),
        [
            format!("The T {}", words(0..98)),
            format!("w98 The T {}", words(0..97))
        ]
    );
    assert_eq!(
        texts(&dpr("The T", &words(0..197))),
        [
            format!("The T {}", words(0..98)),
            format!("{} The", words(98..197))
        ]
    );
    assert_eq!(
        texts(&dpr("The T", &words(0..198))),
        [format!("The T {}", words(0..98)), words(98..198)]
    );
}

#[test]
fn dpr_writes_titles_decomposed_and_texts_composed() {
    let body = format!("caf\u{e9} cafe\u{301} \u{1e9b}\u{323} {}", words(0..250));
    for title in ["Poke\u{301}mon", "Pok\u{e9}mon"] {
        let passages = dpr(title, &body);
        assert_eq!(passages.len(), 3);
        let start = "Pok\u{e9}mon caf\u{e9} caf\u{e9} \u{1e9b}\u{323} w0 ";
        assert!(passages[0].text.starts_with(start), "{}", passages[0].text);
        // The title at the seam of a passage that was filled from the start, too.
        assert!(passages[2].text.contains("w249 Pok\u{e9}mon caf\u{e9} "));
        assert!(passages.iter().all(|p| p.title == "Poke\u{301}mon"));
        assert!(passages.iter().all(|p| p.text.split(' ').count() == 100));
    }
}

#[test]
fn dpr_leaves_references_of_html_as_they_are() {
    let passages = dpr("T", &format!("&lt; &amp;amp; {}", words(0..97)));
    assert!(passages[0].text.starts_with("T &lt; &amp;amp; w0 "));
}

#[test]
fn hf_counts_what_stands_between_single_spaces_also_when_it_is_nothing() {
    let cut = |text: &str| {
        let passages = split(options(SplitRule::Hf, 2), &article("T", text));
        passages.into_iter().map(|p| p.text).collect::<Vec<_>>()
    };
    assert_eq!(cut(" a b "), ["a", "b"]);
    assert_eq!(cut("a  b"), ["a", "b"]);
    assert_eq!(cut("a   b"), ["a", "b"]);
    assert_eq!(cut("a    b"), ["a", "", "b"]);
    assert_eq!(cut("a\u{a0}b c\td e"), ["a\u{a0}b c\td", "e"]);
    assert_eq!(cut(""), [""]);
}

#[test]
fn kilt_never_joins_what_stands_under_two_headings() {
    let sections = vec![
        section(&["A"], &["One two.", "Three."]),
        section(&["B"], &["Four.", "Five six seven eight nine ten."]),
    ];
    let passages = split(options(SplitRule::Kilt, 7), &document("T", sections));
    let expected = ["One two. Three.", "Four.", "Five six seven eight nine ten."];
    assert_eq!(texts(&passages), expected);
    let sections: Vec<_> = passages.iter().map(|p| &*p.section).collect();
    assert_eq!(sections, ["A", "B", "B"]);
}

/// Positions of the words of each passage: windows of `words`, each beginning `overlap` words
/// before the end of the one before, until one reaches the end.
fn model(n: usize, words: usize, overlap: usize, tail: Tail) -> Vec<Vec<usize>> {
    let mut passages: Vec<Vec<usize>> = Vec::new();
    let mut start = 0;
    let mut end = 0;
    while end < n {
        end = n.min(start + words);
        passages.push((start..end).collect());
        start += words - overlap;
    }
    let missing = words - passages.last().map_or(words, Vec::len);
    if missing == 0 {
        return passages;
    }
    let last = passages.pop().unwrap();
    match tail {
        Tail::Drop => {}
        Tail::Wrap if n >= words => passages.push(last.into_iter().chain(0..missing).collect()),
        Tail::Merge if !passages.is_empty() && last.len() * 2 < words => {
            let before = passages.last_mut().unwrap();
            let new = *before.last().unwrap() + 1;
            before.extend(new..n);
        }
        Tail::Keep | Tail::Wrap | Tail::Merge => passages.push(last),
    }
    passages
}

fn spelled(passages: &[Vec<usize>], first: usize) -> Vec<String> {
    let word = |n: &usize| format!("w{}", first + n);
    let text = |passage: &Vec<usize>| passage.iter().map(word).collect::<Vec<_>>().join(" ");
    passages.iter().map(text).collect()
}

/// Paragraphs of scripts with and without spaces.
fn mixed() -> impl Strategy<Value = String> {
    let piece = "[a-z]{1,5}|[0-9]{1,3}|[,.;:!?()「」、。]|[東京日本の首都カナ]{1,4}|\
                 [\u{e01}-\u{e2e}\u{e30}-\u{e3a}]{1,5}|[가-힣]{1,3}|\u{301}| |  |\n|\u{3000}";
    prop::collection::vec(piece, 1..60).prop_map(|pieces| pieces.concat())
}

/// White space single, and none at the ends.
fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_and_tails_are_as_documented(
        lengths in prop::collection::vec(0..150_usize, 1..4),
        words in 1..40_usize,
        share in 0..100_usize,
        tail in prop::sample::select(TAILS.to_vec()),
    ) {
        let overlap = share * (words - 1) / 100;
        let options = |rule| SplitOptions { overlap, tail: Some(tail), ..options(rule, words) };
        let mut sections = Vec::new();
        let mut by_section = Vec::new();
        let mut n = 0;
        for (i, &length) in lengths.iter().enumerate() {
            let text = self::words(n..n + length);
            sections.push(section(&[&i.to_string()], &[&text]));
            by_section.extend(spelled(&model(length, words, overlap, tail), n));
            n += length;
        }
        let document = document("", sections);

        let passages = split(options(SplitRule::Plain), &document);
        prop_assert_eq!(texts(&passages), spelled(&model(n, words, overlap, tail), 0));
        let passages = split(options(SplitRule::Section), &document);
        prop_assert_eq!(texts(&passages), by_section);
        let passages = split(options(SplitRule::Dpr), &document);
        let left_out = n < words;
        let expected = if left_out { Vec::new() } else { spelled(&model(n, words, overlap, tail), 0) };
        prop_assert_eq!(texts(&passages), expected);
    }

    #[test]
    fn hf_does_what_python_does(
        text in "[ab]{0,3}( {1,3}[ab\n\t\u{a0}\u{1f}]{0,3}){0,40}",
        words in 1..12_usize,
        share in 0..100_usize,
        tail in prop::sample::select(TAILS.to_vec()),
    ) {
        let overlap = share * (words - 1) / 100;
        let all: Vec<&str> = text.split(' ').collect();
        let strip = |text: &str| {
            text.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))
                .to_owned()
        };
        let expected: Vec<String> = model(all.len(), words, overlap, tail)
            .iter()
            .map(|passage| strip(&passage.iter().map(|&n| all[n]).collect::<Vec<_>>().join(" ")))
            .collect();
        let options = SplitOptions { overlap, tail: Some(tail), ..options(SplitRule::Hf, words) };
        let passages = split(options, &article("T", &text));
        prop_assert_eq!(texts(&passages), expected);
    }

    #[test]
    fn passages_of_any_script_are_pieces_of_the_text(text in mixed(), words in 1..12_usize) {
        let whole = collapsed(&text);
        let passages = split(options(SplitRule::Plain, words), &article("T", &text));
        let mut rest = whole.as_str();
        for (i, passage) in passages.iter().enumerate() {
            let after = rest.trim_start().strip_prefix(&*passage.text);
            prop_assert!(after.is_some(), "{:?} at {:?} of {:?}", passage.text, rest, whole);
            rest = after.unwrap();
            prop_assert!(!passage.text.is_empty());
            prop_assert_eq!(passage.ordinal as usize, i);
        }
        prop_assert_eq!(rest, "");
    }

    #[test]
    fn cutting_twice_by_one_word_is_cutting_by_words(text in mixed(), n in 1..9_usize) {
        let single = split(options(SplitRule::Plain, 1), &article("T", &text));
        let passages = split(options(SplitRule::Plain, n), &article("T", &text));
        prop_assert_eq!(passages.len(), single.len().div_ceil(n));
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        for (passage, words) in passages.iter().zip(single.chunks(n)) {
            let words: String = words.iter().map(|word| squeezed(&word.text)).collect();
            prop_assert_eq!(squeezed(&passage.text), words);
        }
    }

    #[test]
    fn dpr_composes_the_same_before_and_after_cutting(
        title in "[a-zé\u{301}\u{323} ]{0,12}",
        text in "[a-zé\u{301}\u{323}\u{1100}\u{1161}\u{11a8}\u{212b}\u{2000}\u{3000} \n]{0,300}",
        words in 1..12_usize,
    ) {
        let w = format!("{title}\n{text}").nfc().collect::<String>();
        let w: Vec<&str> = w.split_whitespace().collect();
        let mut expected = Vec::new();
        if w.len() >= words {
            let wrapped: Vec<&str> = w.iter().chain(&w).copied().collect();
            let starts = (0..w.len()).step_by(words);
            expected.extend(starts.map(|start| wrapped[start..start + words].join(" ")));
        }
        let passages = split(options(SplitRule::Dpr, words), &article(&title, &text));
        prop_assert_eq!(texts(&passages), expected);
    }

    #[test]
    fn kilt_passages_are_whole_sentences_of_one_section_in_order(
        sections in prop::collection::vec(
            prop::collection::vec("([A-Z][a-z]{1,3}( [a-z,]{1,4}){0,9}[.] ){0,6}", 0..4), 0..4),
        words in 1..25_usize,
    ) {
        let all: Vec<Section> = sections
            .iter()
            .enumerate()
            .map(|(i, paragraphs)| Section {
                path: vec![i.to_string()],
                paragraphs: paragraphs.clone(),
            })
            .collect();
        let passages = split(options(SplitRule::Kilt, words), &document("T", all));
        for (i, paragraphs) in sections.iter().enumerate() {
            let own = passages.iter().filter(|p| p.section == i.to_string());
            let joined: Vec<&str> = own.map(|p| &*p.text).collect();
            prop_assert_eq!(joined.join(" "), collapsed(&paragraphs.join(" ")));
        }
        prop_assert!(passages.iter().all(|p| p.text.ends_with('.')));
    }
}
