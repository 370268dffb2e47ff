//! Patterns of the template table: text with placeholders.
//!
//! `{n}` and `{name}` give an argument, `{n|m}` the first that is not empty, `{last}` the last
//! position that is not empty, `{all}` all positions joined. `{?…}` gives its content only when each
//! placeholder in it gives something. `{{` and `}}` stand for single braces, `\"` for a quote.

use super::args::Arguments;
use crate::marks::is_blank;

/// A pattern, ready to be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The first of these that is not empty.
    Value(Vec<Key>),
    /// Pieces that appear together or not at all.
    Group(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Position(usize),
    Name(String),
    Last,
    All,
}

/// Why a pattern cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatternError {
    Unclosed,
    Empty,
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        let mut rest = text;
        let pieces = parse_pieces(&mut rest, false)?;
        Ok(Self(pieces))
    }

    /// Appends the pattern filled with `args` to `out`.
    pub(super) fn fill(&self, args: &Arguments, out: &mut String) {
        fill_pieces(&self.0, args, out);
    }
}

fn parse_pieces(rest: &mut &str, in_group: bool) -> Result<Vec<Piece>, PatternError> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    loop {
        let Some(c) = rest.chars().next() else {
            if in_group {
                return Err(PatternError::Unclosed);
            }
            break;
        };
        let doubled = matches!(c, '{' | '}') && rest[1..].starts_with(c);
        let escaped = c == '\\' && rest.len() > 1;
        if doubled || escaped {
            *rest = &rest[1..];
            let literal = rest.chars().next().unwrap_or(c);
            text.push(literal);
            *rest = &rest[literal.len_utf8()..];
            continue;
        }
        *rest = &rest[c.len_utf8()..];
        match c {
            '{' => {
                flush(&mut text, &mut pieces);
                pieces.push(parse_placeholder(rest)?);
            }
            '}' if in_group => break,
            '}' => return Err(PatternError::Unclosed),
            _ => text.push(c),
        }
    }
    flush(&mut text, &mut pieces);
    Ok(pieces)
}

fn flush(text: &mut String, pieces: &mut Vec<Piece>) {
    if !text.is_empty() {
        pieces.push(Piece::Text(std::mem::take(text)));
    }
}

/// Reads what follows `{`, with its `}`.
fn parse_placeholder(rest: &mut &str) -> Result<Piece, PatternError> {
    if let Some(group) = rest.strip_prefix('?') {
        *rest = group;
        return parse_pieces(rest, true).map(Piece::Group);
    }
    let (inside, after) = rest.split_once('}').ok_or(PatternError::Unclosed)?;
    *rest = after;
    inside
        .split('|')
        .map(parse_key)
        .collect::<Result<_, _>>()
        .map(Piece::Value)
}

fn parse_key(written: &str) -> Result<Key, PatternError> {
    match written.trim() {
        "" => Err(PatternError::Empty),
        "last" => Ok(Key::Last),
        "all" => Ok(Key::All),
        name => Ok(name
            .parse()
            .map_or_else(|_| Key::Name(name.to_owned()), Key::Position)),
    }
}

/// Appends the pieces; tells whether every placeholder gave something.
fn fill_pieces(pieces: &[Piece], args: &Arguments, out: &mut String) -> bool {
    let mut complete = true;
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Value(keys) => complete &= keys.iter().any(|key| fill_key(key, args, out)),
            Piece::Group(pieces) => {
                let before = out.len();
                if !fill_pieces(pieces, args, out) {
                    out.truncate(before);
                }
            }
        }
    }
    complete
}

/// Appends the value of `key`; tells whether it has one.
fn fill_key(key: &Key, args: &Arguments, out: &mut String) -> bool {
    let value = match key {
        Key::Position(n) => args.position(*n),
        Key::Name(name) => args.named(name),
        Key::Last => args.last_filled(),
        Key::All => {
            let before = out.len();
            args.positions().for_each(|value| out.push_str(value));
            return !is_blank(&out[before..]);
        }
    };
    if is_blank(value) {
        return false;
    }
    out.push_str(value);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(pattern: &str, positions: &[&str], named: &[(&str, &str)]) -> String {
        let mut out = String::new();
        Pattern::parse(pattern)
            .unwrap()
            .fill(&Arguments::from_values(positions, named), &mut out);
        out
    }

    #[test]
    fn placeholders_give_arguments() {
        assert_eq!(fill("<{1}>", &["a"], &[]), "<a>");
        assert_eq!(fill("{2|text|1}", &["a", " "], &[("text", "t")]), "t");
        assert_eq!(fill("{last}{all}", &["a", "b", ""], &[]), "bab");
        assert_eq!(fill("{{{3}}}\\\"", &["a"], &[]), "{}\"");
    }

    #[test]
    fn groups_appear_whole_or_not_at_all() {
        let ship = "{1} {2}{? ({3})}";
        assert_eq!(fill(ship, &["a", "b", "c"], &[]), "a b (c)");
        assert_eq!(fill(ship, &["a", "b"], &[]), "a b");
        assert_eq!(fill("c.{? {1}}{? – c. {2}}", &[], &[]), "c.");
    }

    #[test]
    fn unreadable_patterns_are_refused() {
        assert_eq!(Pattern::parse("{1"), Err(PatternError::Unclosed));
        assert_eq!(Pattern::parse("{?{1}"), Err(PatternError::Unclosed));
        assert_eq!(Pattern::parse("}"), Err(PatternError::Unclosed));
        assert_eq!(Pattern::parse("{1|}"), Err(PatternError::Empty));
    }
}
