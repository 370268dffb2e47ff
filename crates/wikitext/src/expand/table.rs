//! The table of templates: what each known name gives.
//!
//! A text file, one rule a line, names separated by pipes, `#` for comments:
//!
//! ```text
//! nowrap | nobr = "{1}"          a pattern, see `pattern`
//! quote = block "{1|text}"       the same, as paragraphs of its own
//! convert | cvt = call convert   a function, see `functions`
//! cite * | flagicon = drop       dropped, known as such
//! shy = nothing                  gone without repair of the hole
//! disambig = disambiguation      dropped; the page is a disambiguation page
//! ```
//!
//! `*` at the end or start of a name stands for anything. The exact name goes before the longest
//! fitting beginning, that before the longest fitting end; a later line before an earlier one.

use std::collections::HashMap;
use std::fmt;

use super::functions::Function;
use super::pattern::{Pattern, PatternError};
use crate::site::normal_name;

const BUILT_IN: &str = include_str!("templates.table");

/// What a template gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Pattern(Pattern),
    /// A pattern whose text is a quotation: paragraphs of its own.
    Block(Pattern),
    Call(Function),
    Drop,
    /// Gone without a mark.
    Nothing,
    Disambiguation,
}

/// A line of a template table that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateTableError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: TemplateTableProblem,
}

/// What is wrong with a line of a template table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateTableProblem {
    /// No ` = ` between names and rule.
    NoEqualsSign,
    /// A name is empty, or has `*` elsewhere than at one end.
    Name(String),
    /// The rule is none of the six forms.
    Rule(String),
    /// `call` names a function that does not exist.
    UnknownFunction(String),
    /// Braces of a pattern do not match.
    UnclosedPlaceholder(String),
    /// `{}` without a name.
    EmptyPlaceholder(String),
}

impl fmt::Display for TemplateTableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.problem {
            TemplateTableProblem::NoEqualsSign => {
                write!(f, "` = ` expected between names and rule")
            }
            TemplateTableProblem::Name(name) => write!(f, "not a name of templates: `{name}`"),
            TemplateTableProblem::Rule(rule) => write!(
                f,
                "pattern in double quotes, `block`, `call`, `drop`, `nothing` or `disambiguation` \
                 expected, found `{rule}`"
            ),
            TemplateTableProblem::UnknownFunction(name) => write!(f, "unknown function `{name}`"),
            TemplateTableProblem::UnclosedPlaceholder(text) => {
                write!(f, "braces do not match in `{text}`")
            }
            TemplateTableProblem::EmptyPlaceholder(text) => {
                write!(f, "placeholder without a name in `{text}`")
            }
        }
    }
}

impl std::error::Error for TemplateTableError {}

/// The rules by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct TemplateTable {
    exact: HashMap<String, Action>,
    /// Beginnings and ends of names, longest first.
    prefixes: Vec<(String, Action)>,
    suffixes: Vec<(String, Action)>,
}

impl TemplateTable {
    pub(crate) fn built_in() -> Self {
        let mut table = Self::default();
        table
            .add(BUILT_IN)
            .expect("the tests read the built-in table");
        table
    }

    /// Adds the lines of `text`; they go before what the table holds.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), TemplateTableError> {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                let number = index + 1;
                self.add_line(line).map_err(|problem| TemplateTableError {
                    line: number,
                    problem,
                })?;
            }
        }
        Ok(())
    }

    /// Lets `alias` give what `name` gives, unless the table knows `alias` itself.
    pub(crate) fn add_alias(&mut self, alias: &str, name: &str) {
        let (alias, name) = (normal_name(alias), normal_name(name));
        if self.exact.contains_key(&alias) {
            return;
        }
        if let Some(action) = self.get(&name).cloned() {
            self.exact.insert(alias, action);
        }
    }

    /// Finds the rule for a name in normal form.
    pub(crate) fn get(&self, name: &str) -> Option<&Action> {
        if let Some(action) = self.exact.get(name) {
            return Some(action);
        }
        let prefix = || {
            self.prefixes
                .iter()
                .find(|(prefix, _)| name.starts_with(prefix.as_str()))
        };
        let suffix = || {
            self.suffixes
                .iter()
                .find(|(suffix, _)| name.ends_with(suffix.as_str()))
        };
        prefix().or_else(suffix).map(|(_, action)| action)
    }

    fn add_line(&mut self, line: &str) -> Result<(), TemplateTableProblem> {
        let (names, rule) = line
            .split_once(" = ")
            .ok_or(TemplateTableProblem::NoEqualsSign)?;
        let action = parse_action(rule.trim())?;
        for name in names.split('|') {
            self.add_rule(name, action.clone())?;
        }
        Ok(())
    }

    fn add_rule(&mut self, written: &str, action: Action) -> Result<(), TemplateTableProblem> {
        // A blank beside the `*` belongs to the name: `cite *` is not `cites`.
        let lower = written.trim().to_lowercase();
        let (rules, fragment) = if let Some(prefix) = lower.strip_suffix('*') {
            (&mut self.prefixes, prefix)
        } else if let Some(suffix) = lower.strip_prefix('*') {
            (&mut self.suffixes, suffix)
        } else {
            let name = normal_name(&lower);
            if name.is_empty() || name.contains('*') {
                return Err(TemplateTableProblem::Name(written.to_owned()));
            }
            self.exact.insert(name, action);
            return Ok(());
        };
        if fragment.trim().is_empty() || fragment.contains('*') {
            return Err(TemplateTableProblem::Name(written.to_owned()));
        }
        rules.retain(|(known, _)| known != fragment);
        let at = rules.partition_point(|(known, _)| known.len() > fragment.len());
        rules.insert(at, (fragment.to_owned(), action));
        Ok(())
    }
}

fn parse_action(rule: &str) -> Result<Action, TemplateTableProblem> {
    match rule {
        "drop" => return Ok(Action::Drop),
        "nothing" => return Ok(Action::Nothing),
        "disambiguation" => return Ok(Action::Disambiguation),
        _ => {}
    }
    if let Some(name) = rule.strip_prefix("call ") {
        let function = Function::from_name(name.trim());
        return function
            .map(Action::Call)
            .ok_or_else(|| TemplateTableProblem::UnknownFunction(name.into()));
    }
    if let Some(pattern) = rule.strip_prefix("block ") {
        return parse_pattern(pattern.trim()).map(Action::Block);
    }
    parse_pattern(rule).map(Action::Pattern)
}

fn parse_pattern(quoted: &str) -> Result<Pattern, TemplateTableProblem> {
    let inside = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let inside = inside.ok_or_else(|| TemplateTableProblem::Rule(quoted.to_owned()))?;
    Pattern::parse(inside).map_err(|error| match error {
        PatternError::Unclosed => TemplateTableProblem::UnclosedPlaceholder(inside.to_owned()),
        PatternError::Empty => TemplateTableProblem::EmptyPlaceholder(inside.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_reads() {
        let table = TemplateTable::built_in();
        assert_eq!(table.get("cite web"), Some(&Action::Drop));
        assert!(matches!(table.get("lang-ru"), Some(Action::Pattern(_))));
        assert!(matches!(table.get("="), Some(Action::Pattern(_))));
        assert_eq!(
            table.get("place name disambiguation"),
            Some(&Action::Disambiguation)
        );
        assert_eq!(table.get("no such template"), None);
    }

    #[test]
    fn later_lines_and_longer_names_go_first() {
        let mut table = TemplateTable::default();
        table
            .add("a* = drop\nab* = nothing\nabc = disambiguation")
            .unwrap();
        assert_eq!(table.get("abc"), Some(&Action::Disambiguation));
        assert_eq!(table.get("abd"), Some(&Action::Nothing));
        assert_eq!(table.get("axd"), Some(&Action::Drop));
        table.add("ab* = drop").unwrap();
        assert_eq!(table.get("abd"), Some(&Action::Drop));
    }

    #[test]
    fn aliases_follow_their_target_and_never_override() {
        let mut table = TemplateTable::built_in();
        table.add_alias("My Convert", "Convert");
        table.add_alias("Nowrap", "Clear");
        assert_eq!(table.get("my convert"), table.get("convert"));
        assert!(matches!(table.get("nowrap"), Some(Action::Pattern(_))));
    }

    #[test]
    fn a_bad_line_is_refused_with_its_number_and_its_problem() {
        let problem = |text: &str| TemplateTable::default().add(text).unwrap_err().to_string();
        assert_eq!(
            problem("\nfoo"),
            "line 2: ` = ` expected between names and rule"
        );
        assert_eq!(problem("a = call fly"), "line 1: unknown function `fly`");
        assert_eq!(problem("a = \"{1\""), "line 1: braces do not match in `{1`");
        assert_eq!(
            problem("* = drop"),
            "line 1: not a name of templates: `* `".replace("* `", "*`")
        );
        assert!(problem("a = 1").contains("found `1`"));
    }
}
