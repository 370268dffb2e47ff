use proptest::prelude::*;
use ragdex_core::{Document, Passage, Section};

use super::{SplitOptions, SplitOptionsError, SplitRule, Splitter, Tail};

fn words(range: std::ops::Range<usize>) -> String {
    range.map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ")
}

fn document(title: &str, paragraphs: &[&str]) -> Document {
    Document {
        key: title.into(),
        title: title.into(),
        sections: vec![Section::lead(
            paragraphs.iter().map(|&p| p.into()).collect(),
        )],
        ..Document::default()
    }
}

fn split(rule: SplitRule, document: &Document) -> Vec<Passage> {
    splitter(rule, 100, 0, None).split(document)
}

fn splitter(rule: SplitRule, words: usize, overlap: usize, tail: Option<Tail>) -> Splitter {
    Splitter::new(SplitOptions {
        rule,
        words,
        overlap,
        tail,
    })
    .unwrap()
}

fn texts(passages: &[Passage]) -> Vec<&str> {
    passages.iter().map(|passage| &*passage.text).collect()
}

#[test]
fn dpr_puts_the_title_first_and_fills_the_last_passage_from_the_start() {
    let passages = split(SplitRule::Dpr, &document("The Title", &[&words(0..148)]));
    let first = format!("The Title {}", words(0..98));
    let second = format!("{} The Title {}", words(98..148), words(0..48));
    assert_eq!(texts(&passages), [first, second]);
}

#[test]
fn dpr_wraps_nothing_on_exact_multiples() {
    let passages = split(SplitRule::Dpr, &document("T", &[&words(0..199)]));
    assert_eq!(
        texts(&passages),
        [format!("T {}", words(0..99)), words(99..199)]
    );
    assert_eq!(
        split(SplitRule::Dpr, &document("T", &[&words(0..99)])).len(),
        1
    );
}

#[test]
fn dpr_leaves_out_articles_under_100_words() {
    assert!(split(SplitRule::Dpr, &document("T", &[&words(0..98)])).is_empty());
    assert!(split(SplitRule::Dpr, &document("", &[])).is_empty());
}

#[test]
fn dpr_decomposes_the_title_column_and_composes_the_title_in_the_text() {
    let body = words(0..99);
    for title in ["Pokémon", "Poke\u{301}mon"] {
        let passages = split(SplitRule::Dpr, &document(title, &[&body]));
        assert_eq!(passages[0].title, "Poke\u{301}mon");
        assert_eq!(passages[0].text, format!("Pok\u{e9}mon {body}"));
    }
}

#[test]
fn plain_keeps_short_articles_and_the_title_apart() {
    let passages = split(SplitRule::Plain, &document("T", &["a  b\nc", "d\u{a0}e"]));
    assert_eq!(texts(&passages), ["a b c d e"]);
    assert_eq!(passages[0].title, "T");
    let passages = split(SplitRule::Plain, &document("T", &[&words(0..250)]));
    assert_eq!(
        texts(&passages),
        [words(0..100), words(100..200), words(200..250)]
    );
    assert_eq!(
        passages.iter().map(|p| p.ordinal).collect::<Vec<_>>(),
        [0, 1, 2]
    );
}

#[test]
fn a_passage_has_the_headings_above_its_first_word() {
    let section = |path: &[&str], range| Section {
        path: path.iter().map(|&s| s.into()).collect(),
        paragraphs: vec![words(range)],
    };
    let document = Document {
        sections: vec![
            section(&[], 0..3),
            section(&["A", "B"], 3..5),
            section(&["C"], 5..9),
        ],
        ..Document::default()
    };
    let plain = splitter(SplitRule::Plain, 4, 0, None).split(&document);
    let paths: Vec<_> = plain.iter().map(|p| &*p.section).collect();
    assert_eq!(paths, ["", "A > B", "C"]);
    let sections = splitter(SplitRule::Section, 4, 0, None).split(&document);
    assert_eq!(texts(&sections), [words(0..3), words(3..5), words(5..9)]);
}

#[test]
fn a_short_tail_is_kept_merged_wrapped_or_dropped() {
    let document = document("T", &["a b c d e f g h i"]);
    let cut = |tail| splitter(SplitRule::Plain, 4, 0, Some(tail)).split(&document);
    assert_eq!(texts(&cut(Tail::Keep)), ["a b c d", "e f g h", "i"]);
    assert_eq!(texts(&cut(Tail::Merge)), ["a b c d", "e f g h i"]);
    assert_eq!(texts(&cut(Tail::Wrap)), ["a b c d", "e f g h", "i a b c"]);
    assert_eq!(texts(&cut(Tail::Drop)), ["a b c d", "e f g h"]);
}

#[test]
fn overlapping_passages_end_once_nothing_new_comes() {
    let cut = |n| splitter(SplitRule::Plain, 4, 2, None).split(&document("T", &[&words(0..n)]));
    assert_eq!(texts(&cut(6)), ["w0 w1 w2 w3", "w2 w3 w4 w5"]);
    assert_eq!(texts(&cut(7)), ["w0 w1 w2 w3", "w2 w3 w4 w5", "w4 w5 w6"]);
    assert_eq!(texts(&cut(1)), ["w0"]);
}

#[test]
fn scripts_without_spaces_are_counted_by_unicode_words() {
    let cut = |text| splitter(SplitRule::Plain, 4, 0, None).split(&document("T", &[text]));
    assert_eq!(
        texts(&cut("東京は日本の首都。")),
        ["東京は日", "本の首都。"]
    );
    assert_eq!(
        texts(&cut("彼は「はい」 OK 一二")),
        ["彼は「はい」", "OK 一二"]
    );
    assert_eq!(
        texts(&cut("naïve Füße überall да")),
        ["naïve Füße überall да"]
    );
}

#[test]
fn hf_cuts_at_each_single_space() {
    let cut = |text| splitter(SplitRule::Hf, 3, 0, None).split(&document("T", &[text]));
    assert_eq!(texts(&cut("a  b c\nd e")), ["a  b", "c\nd e"]);
    assert_eq!(texts(&cut("")), [""]);
    assert!(split(SplitRule::Hf, &Document::default()).is_empty());
}

#[test]
fn kilt_keeps_sentences_whole() {
    let text = "One two three. Four five six. Seven.";
    let passages = splitter(SplitRule::Kilt, 8, 0, None).split(&document("T", &[text, "End."]));
    assert_eq!(
        texts(&passages),
        ["One two three.", "Four five six. Seven.", "End."]
    );
}

#[test]
fn options_that_make_no_passages_are_refused() {
    let options = |words, overlap| SplitOptions {
        words,
        overlap,
        ..SplitOptions::default()
    };
    let refused = |words, overlap| Splitter::new(options(words, overlap)).unwrap_err();
    assert_eq!(refused(0, 0), SplitOptionsError::NoWords);
    assert!(matches!(refused(5, 5), SplitOptionsError::Overlap { .. }));
}

#[test]
fn names_read_back() {
    for rule in ["plain", "section", "dpr", "hf", "kilt", "whole"] {
        assert_eq!(rule.parse::<SplitRule>().unwrap().to_string(), rule);
    }
    for tail in ["keep", "merge", "wrap", "drop"] {
        assert_eq!(tail.parse::<Tail>().unwrap().to_string(), tail);
    }
    assert!("spacy".parse::<SplitRule>().is_err());
}

/// Documents of words, odd white space and scripts without spaces.
fn documents() -> impl Strategy<Value = Document> {
    let paragraph = prop::collection::vec("[a-z]{1,6}|[,;(]|東京|é|e\u{301}|\u{e01}\u{e32}", 0..80);
    let paragraph = (paragraph, " |\n|\t|  |\u{3000}").prop_map(|(words, gap)| words.join(&gap));
    let section = (
        prop::collection::vec("[A-Z]{1,3}", 0..3),
        prop::collection::vec(paragraph, 0..4),
    );
    let section = section.prop_map(|(path, paragraphs)| Section { path, paragraphs });
    ("[A-Z][a-zé ]{0,12}", prop::collection::vec(section, 0..5)).prop_map(|(title, sections)| {
        Document {
            title,
            sections,
            ..Document::default()
        }
    })
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

proptest! {
    #[test]
    fn passages_join_back_to_the_words(document in documents(), words in 1..40usize) {
        for (rule, _) in SplitRule::NAMES {
            if rule == SplitRule::Dpr {
                continue;
            }
            let passages = splitter(rule, words, 0, None).split(&document);
            let joined: String = passages.iter().map(|p| squeezed(&p.text)).collect();
            prop_assert_eq!(joined, squeezed(&document.text()), "{}", rule);
        }
    }

    #[test]
    fn every_word_is_in_exactly_its_passages(n in 0..400usize, words in 1..60usize, share in 0..100usize) {
        let overlap = share * (words - 1) / 100;
        let text = self::words(0..n);
        let passages = splitter(SplitRule::Plain, words, overlap, None).split(&document("T", &[&text]));
        for (i, passage) in passages.iter().enumerate() {
            let start = i * (words - overlap);
            prop_assert_eq!(&passage.text, &self::words(start..n.min(start + words)));
        }
        let last = passages.last().map_or("", |p| p.text.split(' ').next_back().unwrap());
        prop_assert_eq!(last.is_empty(), n == 0);
        prop_assert!(n == 0 || last == self::words(n - 1..n));
    }

    #[test]
    fn dpr_does_what_the_reference_procedure_does(document in documents(), words in 1..40usize) {
        use unicode_normalization::UnicodeNormalization as _;
        let text: String = format!("{}\n{}", document.title, document.text()).nfc().collect();
        let w: Vec<&str> = text.split_whitespace().collect();
        let mut expected: Vec<String> = Vec::new();
        if w.len() >= words {
            for run in w.chunks(words) {
                let mut run = run.to_vec();
                run.extend(&w[..words - run.len()]);
                expected.push(run.join(" "));
            }
        }
        let passages = splitter(SplitRule::Dpr, words, 0, None).split(&document);
        prop_assert_eq!(texts(&passages), expected);
    }

    #[test]
    fn splitting_takes_any_text(title in ".{0,20}", text in "\\PC{0,200}|.{0,200}") {
        for (rule, _) in SplitRule::NAMES {
            for (tail, _) in Tail::NAMES {
                let _ = splitter(rule, 7, 3, Some(tail)).split(&document(&title, &[&text]));
            }
        }
    }
}
