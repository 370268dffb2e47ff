//! The prose of whole samples. A change in a number here is to be looked at, not only copied.

use ragdex_core::Document;
use ragdex_corpus::{ReadOptions, Source};
use ragdex_wikitext::Cause;

use crate::{Reading, data, english_sample};

/// What is left where something was dropped and the hole was not repaired.
const HOLES: [&str; 7] = ["()", "( ;", "(;", "(,", ",)", " , ", " ; "];

/// Numbers of paragraphs, words and unknown templates.
fn numbers(reading: &Reading) -> (usize, usize, u64) {
    let paragraphs = || reading.documents.iter().flat_map(Document::paragraphs);
    let words = paragraphs().map(|p| p.split_whitespace().count()).sum();
    let unknown = reading.summary.wikitext.get(Cause::TemplateUnknown);
    (paragraphs().count(), words, unknown)
}

/// Title and each piece of `wanted` that a paragraph holds, in order.
fn found<'a>(reading: &'a Reading, wanted: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    for document in &reading.documents {
        for paragraph in document.paragraphs() {
            let pieces = wanted.iter().filter(|piece| paragraph.contains(**piece));
            found.extend(pieces.map(|&piece| (&*document.title, piece)));
        }
    }
    found
}

fn read(path: std::path::PathBuf) -> Reading {
    Reading::of(Source::open(&[path], ReadOptions::default())).expect()
}

#[test]
fn the_english_sample_keeps_its_words_and_has_no_holes() {
    let reading = read(english_sample());
    assert_eq!(numbers(&reading), (4930, 406591, 528));
    // All of them the authors' own.
    let expected = [
        ("Altruism", " , "),
        ("ASCII", "()"),
        ("ASCII", " , "),
        ("Agriculture", ",)"),
        ("Albania", " , "),
    ];
    assert_eq!(found(&reading, &HOLES), expected);
    // Braces stand in formulas only, tags nowhere.
    let expected = [
        ("Albedo", "}}"),
        ("Analysis of variance", "}}"),
        ("Ambiguity", "}}"),
    ];
    let markup = ["{{", "}}", "[[", "]]", "<ref", "</", "<br", "thumb|", "__"];
    assert_eq!(found(&reading, &markup), expected);
}

#[test]
fn what_templates_say_in_the_middle_of_a_sentence_is_kept() {
    let reading = read(english_sample());
    let sentences = [
        "particularly ⟨ai⟩, ⟨au⟩, ⟨aw⟩, ⟨ay⟩, ⟨ea⟩ and ⟨oa⟩.",
        "generalized in the form HA ⇌ H+ + A−, where HA",
        "of our fellow-citizens on our own soil\". Lincoln demanded",
        "drawing on Mark 3:25, \"A house divided against itself",
        "On 11 November 1930, US patent 1781541 was awarded to Albert Einstein",
        "Afghanistan (Pashto/Dari: افغانستان, Afġānistān), officially",
    ];
    for sentence in sentences {
        assert_eq!(found(&reading, &[sentence]).len(), 1, "{sentence}");
    }
}

#[test]
fn the_latgalian_wikipedia_keeps_its_words_and_has_no_holes() {
    let reading = read(data("ltgwiki-pages-articles.xml.bz2"));
    assert_eq!(numbers(&reading), (2367, 66564, 1260));
    // Typing errors of the authors.
    let expected = [
        ("Felis chaus", " ; "),
        ("Latgolys karūgs", " , "),
        ("Vikipedeja", " , "),
        ("Kostulinis pogosts", " , "),
        ("Drypatys", " , "),
        ("Palāda", " , "),
        ("Poļarrots", " , "),
    ];
    assert_eq!(found(&reading, &HOLES), expected);
    let markup = ["{{", "}}", "[[", "]]", "<ref", "</", "<br", "thumb|", "__"];
    assert_eq!(found(&reading, &markup), []);
    // Names in other languages, by templates named otherwise than on the English Wikipedia.
    let name = "Grekeja (Ελλάδα) — vaļsteiba Europā.";
    assert_eq!(found(&reading, &[name]), [("Grekeja", name)]);
}

#[test]
fn the_samples_of_tables_and_of_utf16_keep_their_words() {
    let tables = read(data("enwiki-table-markup.xml.bz2"));
    assert_eq!(numbers(&tables), (170, 16225, 13));
    let bulgarian = read(data("bgwiki-utf16.xml.bz2"));
    assert_eq!(numbers(&bulgarian), (20, 1040, 3));
    let markup = ["{{", "}}", "[[", "]]", "<ref", "</", "<br", "{|", "|}"];
    for reading in [tables, bulgarian] {
        assert_eq!(found(&reading, &HOLES), []);
        assert_eq!(found(&reading, &markup), []);
    }
}
