//! The words of a passage that are shown.

use super::{ANSWER, printable};

/// Words shown of a passage unless it is printed whole.
const EXCERPT_WORDS: usize = 40;
/// Words of an excerpt that stand before the answer.
const EXCERPT_LEAD: usize = 15;

/// A word of a passage, and whether the answer stands in it.
pub(super) struct Word<'a> {
    text: &'a str,
    /// The part of `text` that belongs to the answer.
    answer: std::ops::Range<usize>,
}

impl Word<'_> {
    pub(super) fn styled(&self) -> String {
        if self.answer.is_empty() {
            return printable(self.text);
        }
        let (before, rest) = self.text.split_at(self.answer.start);
        let (answer, after) = rest.split_at(self.answer.len());
        let (before, after) = (printable(before), printable(after));
        format!("{before}{ANSWER}{}{ANSWER:#}{after}", printable(answer))
    }
}

pub(super) fn words<'a>(text: &'a str, spans: &[(usize, usize)]) -> Vec<Word<'a>> {
    let base = text.as_ptr() as usize;
    let word = |text: &'a str| {
        let start = text.as_ptr() as usize - base;
        let end = start + text.len();
        let overlap = spans.iter().find(|span| span.0 < end && span.1 > start);
        let answer = overlap.map_or(0..0, |span| {
            span.0.max(start) - start..span.1.min(end) - start
        });
        Word { text, answer }
    };
    text.split_whitespace().map(word).collect()
}

/// The words to show: a window round the answer, else the beginning.
pub(super) fn excerpt(words: &[Word<'_>]) -> std::ops::Range<usize> {
    let answer = words.iter().position(|word| !word.answer.is_empty());
    let latest = words.len().saturating_sub(EXCERPT_WORDS);
    let start = answer.unwrap_or(0).saturating_sub(EXCERPT_LEAD).min(latest);
    start..words.len().min(start + EXCERPT_WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_across_words_marks_each_of_them() {
        let text = "the town of New York, today";
        let words = words(text, &[(12, 20)]);
        let marked: Vec<&str> = words.iter().map(|w| &w.text[w.answer.clone()]).collect();
        assert_eq!(marked, ["", "", "", "New", "York", ""]);
    }

    #[test]
    fn the_excerpt_holds_the_answer() {
        let text = vec!["w"; 100].join(" ");
        for at in 0..100 {
            let words = words(&text, &[(2 * at, 2 * at + 1)]);
            let shown = excerpt(&words);
            assert!(shown.contains(&at) && shown.len() == EXCERPT_WORDS, "{at}");
        }
    }
}
