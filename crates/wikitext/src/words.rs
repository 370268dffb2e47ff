//! Lists of words: the part of the rules that depends on the language of the wiki.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use crate::site::normal_name;

/// The built-in lists.
const BUILT_IN: &str = include_str!("words.table");

/// The words of one wiki, by use. All but the months are in normal form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    dropped_sections: HashSet<String>,
    redirects: HashSet<String>,
    disambiguation_titles: HashSet<String>,
    disambiguation_categories: BTreeSet<String>,
    list_titles: BTreeSet<String>,
    switches: HashSet<String>,
    disambiguation_switches: HashSet<String>,
    months: Vec<String>,
}

/// A line of a word list that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordListError {
    /// Number of the line, from 1.
    pub line: usize,
    /// The list that nobody knows; none when a word stands before the first list.
    pub unknown_list: Option<String>,
}

impl fmt::Display for WordListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unknown_list {
            Some(name) => write!(f, "line {}: unknown word list `{name}`", self.line),
            None => write!(
                f,
                "line {}: a line such as `[dropped sections]` expected first",
                self.line
            ),
        }
    }
}

impl std::error::Error for WordListError {}

impl Words {
    /// The built-in lists.
    pub(crate) fn built_in() -> Self {
        let mut words = Self::default();
        words
            .add(BUILT_IN)
            .expect("the tests read the built-in lists");
        words
    }

    /// Adds the lists of `text`. Months replace the former ones instead.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), WordListError> {
        let mut list: Option<String> = None;
        for (index, line) in text.lines().enumerate() {
            let (line, number) = (line.trim(), index + 1);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                if name == "months" {
                    self.months.clear();
                }
                list = Some(name.to_owned());
                continue;
            }
            if !self.add_word(list.as_deref(), line) {
                return Err(WordListError {
                    line: number,
                    unknown_list: list,
                });
            }
        }
        Ok(())
    }

    fn add_word(&mut self, list: Option<&str>, word: &str) -> bool {
        let normal = normal_name(word);
        match list {
            Some("dropped sections") => _ = self.dropped_sections.insert(normal),
            Some("redirect words") => _ = self.redirects.insert(normal),
            Some("disambiguation titles") => _ = self.disambiguation_titles.insert(normal),
            Some("disambiguation categories") => _ = self.disambiguation_categories.insert(normal),
            Some("list titles") => _ = self.list_titles.insert(normal),
            Some("switches") => _ = self.switches.insert(normal),
            Some("disambiguation switches") => _ = self.disambiguation_switches.insert(normal),
            Some("months") => self.months.push(word.to_owned()),
            _ => return false,
        }
        true
    }

    /// Tells whether the section under `heading` is dropped.
    pub(crate) fn is_dropped_section(&self, heading: &str) -> bool {
        self.dropped_sections.contains(&normal_name(heading))
    }

    /// Finds the target when `text` is a redirect page.
    pub(crate) fn redirect_target<'a>(&self, text: &'a str) -> Option<&'a str> {
        let (word, rest) = text.trim_start().strip_prefix('#')?.split_once("[[")?;
        if word.len() > 64 {
            return None;
        }
        let word = word.trim_end().trim_end_matches([':', '：']);
        let target = rest.split(['|', ']', '\n']).next()?.trim();
        (!target.is_empty() && self.redirects.contains(&normal_name(word))).then_some(target)
    }

    /// Tells whether the title ends in ` (disambiguation)`.
    pub(crate) fn is_disambiguation_title(&self, title: &str) -> bool {
        let inside = title
            .strip_suffix(')')
            .and_then(|title| title.rsplit_once('('));
        inside.is_some_and(|(_, word)| self.disambiguation_titles.contains(&normal_name(word)))
    }

    /// Tells whether a category, without its namespace, holds disambiguation pages.
    pub(crate) fn is_disambiguation_category(&self, category: &str) -> bool {
        let name = normal_name(category);
        self.disambiguation_categories
            .iter()
            .any(|word| name.starts_with(word) || name.ends_with(word))
    }

    /// Tells whether the title is that of a list.
    pub(crate) fn is_list_title(&self, title: &str) -> bool {
        let title = normal_name(title);
        let rest = |word: &String| title.strip_prefix(word.as_str());
        self.list_titles
            .iter()
            .filter_map(rest)
            .any(|rest| rest.starts_with(' '))
    }

    /// Tells whether `__name__` is a behaviour switch.
    pub(crate) fn is_switch(&self, name: &str) -> bool {
        self.switches.contains(&normal_name(name))
    }

    /// Tells whether `__name__` marks disambiguation pages.
    pub(crate) fn is_disambiguation_switch(&self, name: &str) -> bool {
        self.disambiguation_switches.contains(&normal_name(name))
    }

    /// Reads a month given as number, name or abbreviation.
    pub(crate) fn month(&self, written: &str) -> Option<&str> {
        if let Ok(number) = written.parse::<usize>() {
            return self.months.get(number.checked_sub(1)?).map(String::as_str);
        }
        let written = normal_name(written.trim_end_matches('.'));
        let is_abbreviation = |month: &&String| normal_name(month).starts_with(&written);
        let abbreviated = written.chars().count() >= 3;
        self.months
            .iter()
            .find(is_abbreviation)
            .filter(|_| abbreviated)
            .map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_told_by_word_and_link() {
        let words = Words::built_in();
        assert_eq!(words.redirect_target("#REDIRECT [[A b]]"), Some("A b"));
        assert_eq!(
            words.redirect_target(" #redirect:[[A#b|c]]\n{{R}}"),
            Some("A#b")
        );
        assert_eq!(words.redirect_target("#WEITERLEITUNG [[A]]"), Some("A"));
        assert_eq!(words.redirect_target("# one [[A]]"), None);
        assert_eq!(words.redirect_target("#REDIRECT A"), None);
    }

    #[test]
    fn titles_and_categories_tell_the_kind() {
        let words = Words::built_in();
        assert!(words.is_disambiguation_title("Ada (Disambiguation)"));
        assert!(!words.is_disambiguation_title("Ada (disambiguation) x"));
        assert!(words.is_disambiguation_category("Human name disambiguation pages"));
        assert!(words.is_list_title("List of rivers") && !words.is_list_title("Listing of"));
    }

    #[test]
    fn words_of_other_languages_are_built_in() {
        let words = Words::built_in();
        for heading in [
            "Siehe auch",
            "Voir aussi",
            "См. также",
            "関連項目",
            "Nūruodis",
        ] {
            assert!(words.is_dropped_section(heading), "{heading}");
        }
        // Some articles tell of a country's literature under these.
        for heading in ["Literatur", "Literatura", "Литература", "Bibliografie"] {
            assert!(!words.is_dropped_section(heading), "{heading}");
        }
        assert!(words.is_list_title("Liste der Berge") && words.is_list_title("Lista de ríos"));
        assert!(!words.is_list_title("Liszt") && !words.is_list_title("Lista"));
        assert!(words.is_disambiguation_title("Rēzne (zeimeibu škiršona)"));
        assert_eq!(words.redirect_target("#PĀRADRESĀCIJA [[A]]"), Some("A"));
    }

    #[test]
    fn months_are_read_in_three_forms_and_can_be_replaced() {
        let mut words = Words::built_in();
        assert_eq!(words.month("04"), Some("April"));
        assert_eq!(words.month("sept."), Some("September"));
        assert_eq!(
            (words.month("0"), words.month("13"), words.month("ma")),
            (None, None, None)
        );
        words.add("[months]\nJanuar\nFebruar").unwrap();
        assert_eq!(words.month("1"), Some("Januar"));
    }

    #[test]
    fn an_unknown_list_is_refused_with_its_line() {
        let mut words = Words::default();
        let error = words.add("\n[nonsense]\nword").unwrap_err();
        assert_eq!(error.to_string(), "line 3: unknown word list `nonsense`");
        assert!(words.add("word").is_err());
    }
}
