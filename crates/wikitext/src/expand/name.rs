//! What stands before the first pipe of a template.

use memchr::memchr;

use super::{Expander, Span};
use crate::site::normal_name;
use crate::structure::TokenKind;

/// Longest name of a template in bytes; titles of MediaWiki have at most 255.
const MAX_NAME_BYTES: usize = 255;

/// What a pair of double braces calls.
pub(super) enum Head {
    /// A template, its name in [`Expander::name`]; with what follows the first pipe.
    Template(Option<Span>),
    Function(ParserFunction, Span),
    PageName,
    /// The name depends on another template, or is too long to be one.
    Unreadable,
}

/// The parser functions that give text without a wiki.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParserFunction {
    FormatNumber,
    Lower,
    Upper,
    LowerFirst,
    UpperFirst,
}

impl ParserFunction {
    fn from_name(name: &str) -> Option<Self> {
        const NAMES: &[(&str, ParserFunction)] = &[
            ("formatnum", ParserFunction::FormatNumber),
            ("lc", ParserFunction::Lower),
            ("uc", ParserFunction::Upper),
            ("lcfirst", ParserFunction::LowerFirst),
            ("ucfirst", ParserFunction::UpperFirst),
        ];
        NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|&(_, function)| function)
    }

    pub(super) fn apply(self, value: &str, out: &mut String) {
        let mut chars = value.chars();
        match self {
            Self::FormatNumber => out.push_str(value),
            Self::Lower => out.push_str(&value.to_lowercase()),
            Self::Upper => out.push_str(&value.to_uppercase()),
            Self::LowerFirst => {
                out.extend(chars.next().into_iter().flat_map(char::to_lowercase));
                out.push_str(chars.as_str());
            }
            Self::UpperFirst => {
                out.extend(chars.next().into_iter().flat_map(char::to_uppercase));
                out.push_str(chars.as_str());
            }
        }
    }
}

impl Expander<'_> {
    /// Reads the head of the template with the content `inside`.
    pub(super) fn read_head(&mut self, inside: Span) -> Head {
        let (mut end, mut token) = self.head_segment(inside.start, inside);
        let (written, mut at) = self.strip_prefixes(inside.start, end);
        if let Some((function, argument)) = parser_function(written, end, inside) {
            return Head::Function(function, argument);
        }
        self.name.clear();
        loop {
            if end - at > MAX_NAME_BYTES {
                return Head::Unreadable;
            }
            push_normal(&mut self.name, &self.text[at..end]);
            if self.text.as_bytes().get(end) == Some(&b'|') && end < inside.end {
                let rest = Span {
                    start: end + 1,
                    end: inside.end,
                    token,
                };
                return self.finish_head(Some(rest));
            }
            let Some(next) = self
                .tokens
                .get(token)
                .filter(|next| (next.start as usize) < inside.end)
            else {
                return self.finish_head(None);
            };
            if next.kind != TokenKind::Nothing {
                // A function may take a template as argument; its name is complete.
                return if self.name.contains(':') {
                    self.finish_head(None)
                } else {
                    Head::Unreadable
                };
            }
            at = next.end as usize;
            (end, token) = self.head_segment(
                at,
                Span {
                    token: next.next as usize,
                    ..inside
                },
            );
        }
    }

    fn finish_head(&mut self, rest: Option<Span>) -> Head {
        let trimmed = self.name.trim_end().len();
        self.name.truncate(trimmed);
        match self.name.as_str() {
            "" => Head::Unreadable,
            "pagename" => Head::PageName,
            _ => Head::Template(rest),
        }
    }

    /// Finds the end of the text from `at` up to a pipe, another construct or the end, and the
    /// index of the next construct.
    fn head_segment(&self, at: usize, inside: Span) -> (usize, usize) {
        let mut token = inside.token;
        while self
            .tokens
            .get(token)
            .is_some_and(|t| t.kind == TokenKind::Unmatched)
        {
            token += 1;
        }
        let limit = self
            .tokens
            .get(token)
            .map_or(inside.end, |t| inside.end.min(t.start as usize));
        let pipe = memchr(b'|', &self.text.as_bytes()[at..limit]);
        (pipe.map_or(limit, |pipe| at + pipe), token)
    }

    /// Strips `subst:` and the name of the template namespace; returns the name and its position.
    fn strip_prefixes(&self, start: usize, end: usize) -> (&str, usize) {
        let mut at = start;
        while let Some((prefix, _)) = self.text[at..end].split_once(':') {
            let name = prefix.trim();
            let ignored = name.eq_ignore_ascii_case("subst")
                || name.eq_ignore_ascii_case("safesubst")
                || (name.len() <= MAX_NAME_BYTES && self.rules.site.is_template_namespace(name));
            if !ignored {
                break;
            }
            at += prefix.len() + 1;
        }
        (&self.text[at..end], at)
    }
}

/// Reads `function:argument`.
fn parser_function(written: &str, end: usize, inside: Span) -> Option<(ParserFunction, Span)> {
    let (name, argument) = written.split_once(':')?;
    let function = ParserFunction::from_name(name.trim())?;
    Some((
        function,
        Span {
            start: end - argument.len(),
            ..inside
        },
    ))
}

/// Appends `written` in normal form to `name`; the end is left untrimmed.
fn push_normal(name: &mut String, written: &str) {
    if !written.is_ascii() {
        if !name.is_empty() && written.starts_with([' ', '_', '\n', '\t']) && !name.ends_with(' ') {
            name.push(' ');
        }
        return name.push_str(&normal_name(written));
    }
    for b in written.bytes() {
        if b == b'_' || b.is_ascii_whitespace() {
            if !name.is_empty() && !name.ends_with(' ') {
                name.push(' ');
            }
        } else {
            name.push(char::from(b.to_ascii_lowercase()));
        }
    }
}
