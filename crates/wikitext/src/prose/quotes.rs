//! Bold and italic marks: runs of two or more apostrophes.

use memchr::{memchr_iter, memmem};

use crate::marks::{FORMULA, LITERAL, LITERAL_END};

/// A run of apostrophes, of which the first `kept` are text and the rest are marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) kept: usize,
}

/// Finds the runs of `line`, by the rules of MediaWiki.
///
/// # Source
/// `Parser::doQuotes` of MediaWiki: four apostrophes are one and bold, more than five are text and
/// five. When both bold and italic marks are odd in number, one bold mark is an apostrophe and
/// italic.
pub(super) fn find_runs(line: &str, runs: &mut Vec<Run>) {
    runs.clear();
    if memmem::find(line.as_bytes(), b"''").is_none() {
        return;
    }
    collect(line, runs);
    let marks = |run: &Run| run.length - run.kept;
    let n_bold = runs
        .iter()
        .filter(|run| matches!(marks(run), 3 | 5))
        .count();
    let n_italic = runs
        .iter()
        .filter(|run| matches!(marks(run), 2 | 5))
        .count();
    if n_bold % 2 == 1
        && n_italic % 2 == 1
        && let Some(index) = misread_bold(line, runs)
    {
        runs[index].kept += 1;
    }
}

fn collect(line: &str, runs: &mut Vec<Run>) {
    let bytes = line.as_bytes();
    let mut literal_end = literal_after(bytes, 0);
    let mut at = 0;
    for start in memchr_iter(b'\'', bytes) {
        if start < at {
            continue;
        }
        while let Some((from, to)) = literal_end {
            if to > start {
                if from < start {
                    at = to;
                }
                break;
            }
            literal_end = literal_after(bytes, to);
        }
        if start < at {
            continue;
        }
        let length = bytes[start..].iter().take_while(|&&b| b == b'\'').count();
        at = start + length;
        let kept = match length {
            1 => continue,
            4 => 1,
            _ => length.saturating_sub(5),
        };
        runs.push(Run {
            start,
            length,
            kept,
        });
    }
}

/// The first literal text from `from` on.
fn literal_after(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let start = from + memchr::memchr2(LITERAL, FORMULA, &bytes[from..])?;
    let end = memchr::memchr(LITERAL_END, &bytes[start..]).map_or(bytes.len(), |n| start + n);
    Some((start, end))
}

/// Picks the bold mark that is an apostrophe and italic: the first after a word of one letter, else
/// after a longer word, else after a space.
fn misread_bold(line: &str, runs: &[Run]) -> Option<usize> {
    let mut after_word = None;
    let mut after_space = None;
    for (index, run) in runs.iter().enumerate() {
        if run.length - run.kept != 3 {
            continue;
        }
        let mut before = line[..run.start + run.kept].chars().rev();
        let (last, second) = (before.next().unwrap_or('\0'), before.next().unwrap_or('\0'));
        if last == ' ' {
            after_space = after_space.or(Some(index));
        } else if second == ' ' {
            return Some(index);
        } else {
            after_word = after_word.or(Some(index));
        }
    }
    after_word.or(after_space)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmarked(line: &str) -> String {
        let mut runs = Vec::new();
        find_runs(line, &mut runs);
        let mut out = String::new();
        let mut at = 0;
        for run in runs {
            out.push_str(&line[at..run.start]);
            out.push_str(&"'".repeat(run.kept));
            at = run.start + run.length;
        }
        out + &line[at..]
    }

    #[test]
    fn marks_go_and_apostrophes_stay() {
        assert_eq!(unmarked("''a'' '''b''' '''''c''''' it's"), "a b c it's");
        assert_eq!(unmarked("''''a''''"), "'a'");
        assert_eq!(unmarked("''''''b"), "'b");
    }

    #[test]
    fn one_odd_bold_mark_is_an_apostrophe() {
        assert_eq!(unmarked("L'''amour''"), "L'amour");
        assert_eq!(
            unmarked("and L'''Osservatore'' printed '''it'''"),
            "and L'Osservatore printed it"
        );
        assert_eq!(unmarked("ab'''c'' d"), "ab'c d");
        assert_eq!(unmarked("ab '''c'' d"), "ab 'c d");
    }

    #[test]
    fn literal_text_holds_no_marks() {
        assert_eq!(
            unmarked("''a'' \u{3}''b''\u{4} ''c''"),
            "a \u{3}''b''\u{4} c"
        );
    }
}
