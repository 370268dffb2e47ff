//! Words: runs between spaces, and Unicode's words where a script has no spaces.

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};
use unicode_segmentation::UnicodeSegmentation as _;

/// A word and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// No space stands before it in the text.
    pub(super) glued: bool,
    /// The section, by its position in the document; `None` in the title.
    pub(super) section: Option<usize>,
}

/// Joins words by single spaces, except where none stood.
pub(super) fn join<'a>(words: impl Iterator<Item = &'a Word<'a>>) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() && !word.glued {
            text.push(' ');
        }
        text.push_str(word.text);
    }
    text
}

/// Runs of characters that are no white space, as Python's `str.split()` finds them.
pub(super) fn between_spaces(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// White space to Python, which counts the four separators of ASCII as such.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// Adds the words of a text. A run with a script that has no spaces is cut by Unicode's word
/// segmentation; punctuation goes with the word before it, an opening bracket with the next.
pub(super) fn collect<'a>(text: &'a str, section: usize, words: &mut Vec<Word<'a>>) {
    for run in between_spaces(text) {
        let mut glued = false;
        let mut add = |text| {
            words.push(Word {
                text,
                glued,
                section: Some(section),
            });
            glued = true;
        };
        if !run.is_ascii() && run.contains(is_unspaced) {
            segment(run, add);
        } else {
            add(run);
        }
    }
}

fn segment<'a>(run: &'a str, mut add: impl FnMut(&'a str)) {
    let mut start = 0;
    let mut has_letters = false;
    for (at, part) in run.split_word_bound_indices() {
        let letters = part.contains(char::is_alphanumeric);
        if has_letters && (letters || part.starts_with(is_opening)) {
            add(&run[start..at]);
            (start, has_letters) = (at, false);
        }
        has_letters |= letters;
    }
    add(&run[start..]);
}

fn is_opening(c: char) -> bool {
    "([{（［｛「『〈《【〔〖“‘«".contains(c)
}

/// Whether a character belongs to a script that is written without spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}' // Myanmar
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{1950}'..='\u{19df}' | '\u{1a20}'..='\u{1aaf}' // Tai scripts
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' // Japanese
        | '\u{ff66}'..='\u{ff9f}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' // Han
        | '\u{20000}'..='\u{3ffff}'
    )
}

/// Composes characters (NFC). White space stands alone, so that it does not matter whether a text
/// is composed before or after it is cut.
pub(super) fn compose(text: &mut String) {
    // Below U+0300 everything is composed, and most texts hold nothing above it but dashes and
    // quotation marks; the test of single characters is slow.
    let bytes = text.as_bytes();
    let is_plain = |(at, &byte): (usize, &u8)| {
        byte < 0xcc || (byte == 0xe2 && bytes.get(at + 1) == Some(&0x80))
    };
    let is_composed =
        bytes.iter().enumerate().all(is_plain) || is_nfc_quick(text.chars()) == IsNormalized::Yes;
    if !is_composed {
        *text = text.nfc().collect();
    }
}

/// Decomposes characters (NFD).
pub(super) fn nfd(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    text.nfd().collect()
}
