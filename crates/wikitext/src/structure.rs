//! First pass: finds what is opaque and which braces belong together.
//!
//! The result is a flat list of [`Token`]s in the order of their first byte. A token knows where it
//! ends and which token follows it, so a template that is dropped costs nothing to skip.

use memchr::memchr3;

use crate::opaque::OpaqueScanner;

/// One construct of the page, from `start` to `end` (bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Index of the first token after this one and all that it contains.
    pub(crate) next: u32,
    pub(crate) kind: TokenKind,
}

/// What a [`Token`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Braces that never found a partner; `start` and `end` mean nothing.
    Unmatched,
    /// A comment, or an empty `<nowiki/>`: gone without a mark.
    Nothing,
    Reference,
    /// Dropped with its content, within the text.
    Element,
    /// Dropped with its content, ends the paragraph.
    BlockElement,
    /// An HTML table; ends the paragraph.
    HtmlTable,
    /// `<nowiki>` and inline code: the body is literal text.
    Literal,
    /// `<math>`, `<chem>`, `<ce>`: the body is literal text when short.
    Formula,
    /// `{{…}}`.
    Template,
    /// `{{{…}}}`.
    Argument,
    /// `{|…|}`.
    Table,
    /// `{|` without `|}`; ends after its two characters.
    OpenTable,
}

/// Braces or a table still waiting for their end.
struct Open {
    /// Position of the first brace.
    start: u32,
    /// Braces not yet matched; 0 for a table.
    braces: u32,
    /// One past the last token slot not yet used.
    slot: u32,
}

/// Finds the constructs of `text`, which must be shorter than 4 GB.
pub(crate) fn scan(text: &str) -> Vec<Token> {
    let mut scanner = Scanner {
        bytes: text.as_bytes(),
        tokens: Vec::with_capacity(text.len() / 128),
        stack: Vec::new(),
        open_tables: 0,
        open_braces: 0,
    };
    let mut opaque = OpaqueScanner::new(text);
    let mut at = 0;
    while let Some(found) = memchr3(b'<', b'{', b'}', &scanner.bytes[at..]) {
        at += found;
        at = match scanner.bytes[at] {
            b'<' => opaque.scan(at, &mut scanner.tokens),
            b'{' => scanner.open(at),
            _ => scanner.close(at),
        };
    }
    scanner.tokens
}

struct Scanner<'a> {
    bytes: &'a [u8],
    tokens: Vec<Token>,
    stack: Vec<Open>,
    open_tables: usize,
    open_braces: usize,
}

impl Scanner<'_> {
    /// Reads a run of `{`; returns the position after it.
    fn open(&mut self, at: usize) -> usize {
        let end = at + run_length(self.bytes, at);
        let braces = end - at;
        let slot = self.tokens.len();
        if braces == 1 {
            if self.bytes.get(end) == Some(&b'|') && self.is_line_start(at) {
                self.push_token(at, end + 1, TokenKind::OpenTable);
                self.stack.push(Open {
                    start: at as u32,
                    braces: 0,
                    slot: slot as u32 + 1,
                });
                self.open_tables += 1;
                return end + 1;
            }
            return end;
        }
        for _ in 0..braces / 2 {
            self.push_token(0, 0, TokenKind::Unmatched);
        }
        let slot = self.tokens.len() as u32;
        self.stack.push(Open {
            start: at as u32,
            braces: braces as u32,
            slot,
        });
        self.open_braces += 1;
        end
    }

    /// Reads a run of `}`; returns the position after it.
    fn close(&mut self, at: usize) -> usize {
        let end = at + run_length(self.bytes, at);
        let mut at = at;
        if at > 0 && self.bytes[at - 1] == b'|' && self.is_line_start(at - 1) {
            let innermost_is_table = self.stack.last().is_some_and(|open| open.braces == 0);
            if innermost_is_table || (end - at == 1 && self.open_tables > 0) {
                at += 1;
                self.close_table(at);
            }
        }
        while end - at >= 2 && self.open_braces > 0 {
            at = self.close_braces(at, end);
        }
        end
    }

    /// Closes the innermost table at `end`, with whatever is open inside it.
    fn close_table(&mut self, end: usize) {
        while let Some(open) = self.stack.pop() {
            if open.braces > 0 {
                self.open_braces -= 1;
                continue;
            }
            self.open_tables -= 1;
            let next = self.tokens.len() as u32;
            let token = &mut self.tokens[open.slot as usize - 1];
            *token = Token {
                end: end as u32,
                next,
                kind: TokenKind::Table,
                ..*token
            };
            return;
        }
    }

    /// Matches two or three of the braces from `at` to `end` with the innermost open ones; tables
    /// opened since then stay unclosed. Returns the position after the matched braces.
    fn close_braces(&mut self, at: usize, end: usize) -> usize {
        while self.stack.last().is_some_and(|open| open.braces == 0) {
            self.stack.pop();
            self.open_tables -= 1;
        }
        let next = self.tokens.len() as u32;
        let Some(open) = self.stack.last_mut() else {
            return end;
        };
        let (n, kind) = if open.braces >= 3 && end - at >= 3 {
            (3, TokenKind::Argument)
        } else {
            (2, TokenKind::Template)
        };
        open.braces -= n;
        open.slot -= 1;
        let start = open.start + open.braces;
        let closed = at + n as usize;
        self.tokens[open.slot as usize] = Token {
            start,
            end: closed as u32,
            next,
            kind,
        };
        if open.braces < 2 {
            self.stack.pop();
            self.open_braces -= 1;
        }
        closed
    }

    fn push_token(&mut self, start: usize, end: usize, kind: TokenKind) {
        let next = self.tokens.len() as u32 + 1;
        self.tokens.push(Token {
            start: start as u32,
            end: end as u32,
            next,
            kind,
        });
    }

    /// Tells whether only blanks, `:` and comments stand between the start of the line and `at`.
    fn is_line_start(&self, mut at: usize) -> bool {
        let mut comments = self.tokens.iter().rev();
        loop {
            match at.checked_sub(1).map(|before| self.bytes[before]) {
                None | Some(b'\n') => return true,
                Some(b' ' | b'\t' | b':') => at -= 1,
                Some(_) => match comments.next() {
                    Some(token) if token.kind == TokenKind::Nothing && token.end as usize == at => {
                        at = token.start as usize;
                    }
                    _ => return false,
                },
            }
        }
    }
}

fn run_length(bytes: &[u8], at: usize) -> usize {
    let first = bytes[at];
    bytes[at..].iter().take_while(|&&b| b == first).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
        scan(text)
            .iter()
            .filter(|t| t.kind != TokenKind::Unmatched)
            .map(|t| (t.kind, &text[t.start as usize..t.end as usize]))
            .collect()
    }

    #[test]
    fn braces_match_from_the_inside() {
        assert_eq!(
            kinds("{{a|{{{b}}}}}"),
            [
                (TokenKind::Template, "{{a|{{{b}}}}}"),
                (TokenKind::Argument, "{{{b}}}")
            ]
        );
        assert_eq!(
            kinds("{{{{{x}}}}}"),
            [
                (TokenKind::Template, "{{{{{x}}}}}"),
                (TokenKind::Argument, "{{{x}}}")
            ]
        );
        assert_eq!(kinds("{{{x}}"), [(TokenKind::Template, "{{x}}")]);
    }

    #[test]
    fn a_table_ends_the_braces_opened_in_it_and_the_other_way_round() {
        assert_eq!(kinds("{|\n{{a\n|}"), [(TokenKind::Table, "{|\n{{a\n|}")]);
        assert_eq!(
            kinds("{{a\n{|\n}}"),
            [
                (TokenKind::Template, "{{a\n{|\n}}"),
                (TokenKind::OpenTable, "{|")
            ]
        );
    }

    #[test]
    fn a_token_knows_the_first_token_after_it() {
        let tokens = scan("{{a|{{b}}{{c}}}}{{d}}");
        assert_eq!(
            tokens.iter().map(|t| t.next).collect::<Vec<_>>(),
            [3, 2, 3, 4]
        );
    }
}
