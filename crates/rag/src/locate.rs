//! Finds an answer in the text of a passage.

use std::ops::Range;

use crate::grounding::is_word_boundary;

/// Every place where `answer` stands as whole words, whatever the case and the white space; the
/// places do not overlap.
pub(crate) fn occurrences(answer: &str, text: &str) -> Vec<Range<usize>> {
    let answer = answer.trim();
    let mut found: Vec<Range<usize>> = Vec::new();
    if answer.is_empty() {
        return found;
    }
    for (start, _) in text.char_indices() {
        let taken = found.last().is_some_and(|last| start < last.end);
        if taken || !is_word_boundary(text, start) {
            continue;
        }
        if let Some(length) = match_length(answer, &text[start..]) {
            let end = start + length;
            if is_word_boundary(text, end) {
                found.push(start..end);
            }
        }
    }
    found
}

/// The bytes of `text` that `answer` matches at its beginning.
///
/// White space in the answer may be missing from the text beside punctuation: tokenizers that
/// split it off put a space there.
fn match_length(answer: &str, text: &str) -> Option<usize> {
    let mut rest = text;
    let mut before = ' ';
    let mut words = answer.split_whitespace().peekable();
    while let Some(word) = words.next() {
        for wanted in word.chars() {
            let found = rest.chars().next()?;
            if found != wanted && !found.to_lowercase().eq(wanted.to_lowercase()) {
                return None;
            }
            rest = &rest[found.len_utf8()..];
            before = wanted;
        }
        let Some(next) = words.peek().and_then(|word| word.chars().next()) else {
            break;
        };
        let trimmed = rest.trim_start();
        let joined = trimmed.len() == rest.len();
        if joined && before.is_alphanumeric() && next.is_alphanumeric() {
            return None;
        }
        rest = trimmed;
    }
    Some(text.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_found_whatever_their_case() {
        let text = "Teodor Vance wrote; TEODOR  vance mined. Vances, teodor vancer.";
        assert_eq!(occurrences("teodor vance", text), [0..12, 20..33]);
    }

    #[test]
    fn bytes_are_those_of_the_text() {
        let text = "Die Größe: GRÖSSE, größe.";
        let found = occurrences(" größe ", text);
        assert_eq!(found, [4..11, 22..29]);
        assert_eq!(&text[found[0].clone()], "Größe");
    }

    #[test]
    fn numbers_and_punctuation_stand_alone() {
        assert_eq!(
            occurrences("1874", "In 18745 and 1874. 1874!"),
            [13..17, 19..23]
        );
        assert_eq!(occurrences("U.S.", "the U.S. and U.S.A"), [4..8, 13..17]);
    }

    #[test]
    fn spaces_around_punctuation_do_not_matter() {
        let found = occurrences("8, 849 metres", "8,849  metres, not 8, 849 metres");
        assert_eq!(found, [0..13, 19..32]);
        assert!(!occurrences("well - known", "a well-known man").is_empty());
        assert!(occurrences("be fore", "before").is_empty());
    }

    #[test]
    fn an_empty_answer_stands_nowhere() {
        assert!(occurrences("  ", "some text").is_empty());
        assert!(occurrences("some", "").is_empty());
    }
}
