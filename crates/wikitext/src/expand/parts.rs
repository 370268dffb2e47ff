//! Arguments of a template, as they stand in the page.

use memchr::memchr3;

use super::Span;
use crate::structure::{Token, TokenKind};

/// The parts of a span between pipes that stand in no other construct and in no link.
pub(super) struct Parts<'a> {
    bytes: &'a [u8],
    tokens: &'a [Token],
    /// What is left; none after the last part.
    rest: Option<Span>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(text: &'a str, tokens: &'a [Token], span: Span) -> Self {
        Self {
            bytes: text.as_bytes(),
            tokens,
            rest: Some(span),
        }
    }
}

impl Iterator for Parts<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let part = self.rest?;
        let mut at = part.start;
        let mut index = part.token;
        let mut links = 0_usize;
        loop {
            let token = next_token(self.tokens, &mut index, part.end);
            let limit = token.map_or(part.end, |token| token.start as usize);
            if let Some(found) = memchr3(b'|', b'[', b']', &self.bytes[at..limit]) {
                at += found;
                match &self.bytes[at..limit] {
                    [b'|', ..] if links == 0 => {
                        self.rest = Some(Span {
                            start: at + 1,
                            token: index,
                            ..part
                        });
                        return Some(Span { end: at, ..part });
                    }
                    [b'[', b'[', ..] => (links, at) = (links + 1, at + 2),
                    [b']', b']', ..] => (links, at) = (links.saturating_sub(1), at + 2),
                    _ => at += 1,
                }
                continue;
            }
            let Some(token) = token else {
                self.rest = None;
                return Some(part);
            };
            at = token.end as usize;
            index = token.next as usize;
        }
    }
}

/// Splits `name=value`. An `=` after the first bracket, tag or template belongs to the value.
pub(super) fn split_name<'a>(
    text: &'a str,
    tokens: &[Token],
    part: Span,
) -> (Option<&'a str>, Span) {
    let mut at = part.start;
    let mut index = part.token;
    loop {
        let token = next_token(tokens, &mut index, part.end);
        let limit = token.map_or(part.end, |token| token.start as usize);
        let sign = text.as_bytes()[at..limit]
            .iter()
            .position(|b| b"=[]<>".contains(b));
        if let Some(sign) = sign.map(|sign| at + sign) {
            let is_name = text.as_bytes()[sign] == b'=';
            let value = Span {
                start: sign + 1,
                end: part.end,
                token: index,
            };
            return if is_name {
                (Some(&text[at..sign]), value)
            } else {
                (None, part)
            };
        }
        match token {
            Some(comment) if comment.kind == TokenKind::Nothing => {
                at = comment.end as usize;
                index = comment.next as usize;
            }
            _ => return (None, part),
        }
    }
}

/// The first token from `index` on that matters, if it begins before `end`; moves `index` to it.
fn next_token(tokens: &[Token], index: &mut usize, end: usize) -> Option<Token> {
    while tokens
        .get(*index)
        .is_some_and(|token| token.kind == TokenKind::Unmatched)
    {
        *index += 1;
    }
    tokens
        .get(*index)
        .copied()
        .filter(|token| (token.start as usize) < end)
}
