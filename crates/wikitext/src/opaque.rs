//! Comments and the elements whose content no later rule looks into.

use memchr::{memchr, memchr2, memmem};

use crate::structure::{Token, TokenKind};

/// How an element of a known name is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// Ends at the first closing tag.
    Opaque(TokenKind),
    /// Ends at the closing tag of its own level.
    Nested(TokenKind),
    /// Like `Nested`, but only when the tag hides the content.
    NestedIfHidden,
}

/// The elements that are dropped or taken literally. Order gives the index into the caches.
const ELEMENTS: &[(&str, Treatment)] = &[
    ("ref", Treatment::Opaque(TokenKind::Reference)),
    ("nowiki", Treatment::Opaque(TokenKind::Literal)),
    ("math", Treatment::Opaque(TokenKind::Formula)),
    ("chem", Treatment::Opaque(TokenKind::Formula)),
    ("ce", Treatment::Opaque(TokenKind::Formula)),
    ("references", Treatment::Opaque(TokenKind::Element)),
    ("maplink", Treatment::Opaque(TokenKind::Element)),
    ("templatestyles", Treatment::Opaque(TokenKind::Element)),
    ("templatedata", Treatment::Opaque(TokenKind::Element)),
    ("hiero", Treatment::Opaque(TokenKind::Element)),
    ("indicator", Treatment::Opaque(TokenKind::Element)),
    ("includeonly", Treatment::Opaque(TokenKind::Element)),
    ("gallery", Treatment::Opaque(TokenKind::BlockElement)),
    ("imagemap", Treatment::Opaque(TokenKind::BlockElement)),
    ("timeline", Treatment::Opaque(TokenKind::BlockElement)),
    ("score", Treatment::Opaque(TokenKind::BlockElement)),
    ("graph", Treatment::Opaque(TokenKind::BlockElement)),
    ("mapframe", Treatment::Opaque(TokenKind::BlockElement)),
    ("inputbox", Treatment::Opaque(TokenKind::BlockElement)),
    ("categorytree", Treatment::Opaque(TokenKind::BlockElement)),
    (
        "syntaxhighlight",
        Treatment::Opaque(TokenKind::BlockElement),
    ),
    ("source", Treatment::Opaque(TokenKind::BlockElement)),
    ("pre", Treatment::Opaque(TokenKind::BlockElement)),
    ("table", Treatment::Nested(TokenKind::HtmlTable)),
    ("ul", Treatment::Nested(TokenKind::BlockElement)),
    ("ol", Treatment::Nested(TokenKind::BlockElement)),
    ("dl", Treatment::Nested(TokenKind::BlockElement)),
    ("span", Treatment::NestedIfHidden),
    ("div", Treatment::NestedIfHidden),
];

/// A tag as it stands in the page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tag<'a> {
    pub(crate) name: &'a str,
    pub(crate) closing: bool,
    pub(crate) self_closing: bool,
    /// What stands between name and `>`.
    pub(crate) attributes: &'a str,
    /// Position after `>`.
    pub(crate) end: usize,
}

impl<'a> Tag<'a> {
    /// Reads the tag that begins with the `<` at `at`. A second `<` before `>` makes it text.
    pub(crate) fn parse(text: &'a str, at: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let closing = bytes.get(at + 1) == Some(&b'/');
        let start = at + 1 + usize::from(closing);
        let length = bytes[start..]
            .iter()
            .take(20)
            .take_while(|b| b.is_ascii_alphanumeric())
            .count();
        let name_end = start + length;
        let follows = *bytes.get(name_end)?;
        if length == 0 || !(follows == b'>' || follows == b'/' || follows.is_ascii_whitespace()) {
            return None;
        }
        let close = name_end + memchr2(b'<', b'>', &bytes[name_end..])?;
        let tag = Self {
            name: &text[start..name_end],
            closing,
            self_closing: bytes[close - 1] == b'/',
            attributes: &text[name_end..close],
            end: close + 1,
        };
        (bytes[close] == b'>').then_some(tag)
    }

    fn has(&self, words: &[&str]) -> bool {
        let attributes = self.attributes.to_ascii_lowercase();
        let mut rest = attributes.as_str();
        words.iter().all(|word| match rest.find(word) {
            Some(found) => {
                rest = &rest[found + word.len()..];
                true
            }
            None => false,
        })
    }
}

/// Reads comments and opaque elements, from left to right.
pub(crate) struct OpaqueScanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// For each of [`ELEMENTS`]: where its next closing tag begins and ends, if that was asked.
    /// Positions only grow, so each name costs at most one reading of the page.
    closing: [Option<(usize, usize)>; ELEMENTS.len()],
    /// For each of [`ELEMENTS`] that nests: its opening tags with the ends of their elements.
    nested: [Option<Vec<(u32, u32)>>; ELEMENTS.len()],
}

impl<'a> OpaqueScanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            closing: [None; ELEMENTS.len()],
            nested: [const { None }; ELEMENTS.len()],
        }
    }

    /// Reads what begins with the `<` at `at`, adds its token if it is opaque, and returns the
    /// position to go on from.
    pub(crate) fn scan(&mut self, at: usize, tokens: &mut Vec<Token>) -> usize {
        let element = match self.bytes.get(at + 1) {
            Some(b'!') if self.bytes[at..].starts_with(b"<!--") => {
                return self.comment(at, tokens);
            }
            Some(b) if b.is_ascii_alphabetic() => self.element(at),
            _ => None,
        };
        let Some((end, kind)) = element else {
            return at + 1;
        };
        push(tokens, at, end, kind);
        end
    }

    /// Reads a comment. When comments fill their line, the line break goes with them.
    fn comment(&self, at: usize, tokens: &mut Vec<Token>) -> usize {
        let end =
            memmem::find(&self.bytes[at + 4..], b"-->").map_or(self.bytes.len(), |n| at + n + 7);
        let line_end = end + blanks(&self.bytes[end..]);
        if self.bytes.get(line_end) != Some(&b'\n') {
            push(tokens, at, end, TokenKind::Nothing);
            return end;
        }
        let (start, first) = self.comments_before(at, tokens);
        if start > 0 && self.bytes[start - 1] != b'\n' {
            push(tokens, at, end, TokenKind::Nothing);
            return end;
        }
        tokens.truncate(first);
        push(tokens, start, line_end + 1, TokenKind::Nothing);
        line_end + 1
    }

    /// Walks back from `at` over blanks and comments; returns where they begin and the index of
    /// the first token among them.
    fn comments_before(&self, at: usize, tokens: &[Token]) -> (usize, usize) {
        let (mut start, mut first) = (at, tokens.len());
        loop {
            while start > 0 && matches!(self.bytes[start - 1], b' ' | b'\t') {
                start -= 1;
            }
            match first.checked_sub(1).map(|i| tokens[i]) {
                Some(token)
                    if token.kind == TokenKind::Nothing
                        && token.end as usize == start
                        && start > 0
                        && self.bytes[start - 1] != b'\n' =>
                {
                    start = token.start as usize;
                    first -= 1;
                }
                _ => return (start, first),
            }
        }
    }

    /// Finds the end and kind of the element that opens at `at`; none when it is no such element
    /// or never ends.
    fn element(&mut self, at: usize) -> Option<(usize, TokenKind)> {
        let first = self.bytes[at + 1] | 0x20;
        if matches!(first, b'b' | b'a' | b'e' | b'f' | b'j'..=b'l' | b'q' | b'v'..=b'z') {
            return None;
        }
        let tag = Tag::parse(self.text, at)?;
        let index = ELEMENTS
            .iter()
            .position(|(name, _)| tag.name.eq_ignore_ascii_case(name))?;
        match ELEMENTS[index].1 {
            Treatment::Opaque(kind) => self.opaque(index, kind, &tag),
            Treatment::Nested(kind) => Some((self.nested_end(index, at)?, kind)),
            Treatment::NestedIfHidden if tag.has(&["display", ":", "none"]) => {
                Some((self.nested_end(index, at)?, TokenKind::Element))
            }
            Treatment::NestedIfHidden => None,
        }
    }

    fn opaque(
        &mut self,
        index: usize,
        kind: TokenKind,
        tag: &Tag<'_>,
    ) -> Option<(usize, TokenKind)> {
        if tag.self_closing {
            let kind = match kind {
                TokenKind::Literal => TokenKind::Nothing,
                TokenKind::Reference => TokenKind::Reference,
                _ => TokenKind::Element,
            };
            return Some((tag.end, kind));
        }
        let (close_start, close_end) = self.closing_tag(index, tag.end)?;
        let kind = match ELEMENTS[index].0 {
            "ref" if self.opens_another_reference(tag.end, close_start) => return None,
            "math" if tag.has(&["display", "block"]) => TokenKind::Element,
            "syntaxhighlight" | "source" if tag.has(&["inline"]) => TokenKind::Literal,
            _ => kind,
        };
        Some((close_end, kind))
    }

    /// Tells whether `<ref>` opens again before the closing tag at `end`: then the first one was
    /// never closed.
    fn opens_another_reference(&self, start: usize, end: usize) -> bool {
        let mut at = start;
        while let Some(found) = memchr(b'<', &self.bytes[at..end]) {
            at += found;
            if let Some(tag) = Tag::parse(self.text, at)
                && tag.name.eq_ignore_ascii_case("ref")
                && !tag.closing
                && !tag.self_closing
            {
                return true;
            }
            at += 1;
        }
        false
    }

    /// Finds the next closing tag of an element from `from` on.
    fn closing_tag(&mut self, index: usize, from: usize) -> Option<(usize, usize)> {
        const NEVER: (usize, usize) = (usize::MAX, usize::MAX);
        if self.closing[index].is_none_or(|(start, _)| start < from) {
            self.closing[index] = Some(
                self.find_closing_tag(ELEMENTS[index].0, from)
                    .unwrap_or(NEVER),
            );
        }
        self.closing[index].filter(|&found| found != NEVER)
    }

    fn find_closing_tag(&self, name: &str, from: usize) -> Option<(usize, usize)> {
        memmem::find_iter(&self.bytes[from..], b"</").find_map(|found| {
            let at = from + found;
            let name_end = at + 2 + name.len();
            let named = self.bytes.get(at + 2..name_end)?;
            if !named.eq_ignore_ascii_case(name.as_bytes()) {
                return None;
            }
            let end = name_end
                + self.bytes[name_end..]
                    .iter()
                    .take_while(|b| b.is_ascii_whitespace())
                    .count();
            (self.bytes.get(end) == Some(&b'>')).then_some((at, end + 1))
        })
    }

    /// Finds the end of the element that opens at `at`, counting elements of its name inside it.
    fn nested_end(&mut self, index: usize, at: usize) -> Option<usize> {
        let (text, name) = (self.text, ELEMENTS[index].0);
        let pairs = self.nested[index].get_or_insert_with(|| nested_pairs(text, name));
        let found = pairs
            .binary_search_by_key(&(at as u32), |&(open, _)| open)
            .ok()?;
        Some(pairs[found].1 as usize).filter(|&end| end > 0)
    }
}

/// Pairs all opening tags of `name` with the ends of their elements, 0 where there is none.
fn nested_pairs(text: &str, name: &str) -> Vec<(u32, u32)> {
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for at in memchr::memchr_iter(b'<', text.as_bytes()) {
        let Some(tag) = Tag::parse(text, at) else {
            continue;
        };
        if tag.self_closing || !tag.name.eq_ignore_ascii_case(name) {
            continue;
        }
        if !tag.closing {
            open.push(pairs.len());
            pairs.push((at as u32, 0));
        } else if let Some(index) = open.pop() {
            pairs[index].1 = tag.end as u32;
        }
    }
    pairs
}

fn push(tokens: &mut Vec<Token>, start: usize, end: usize, kind: TokenKind) {
    let next = tokens.len() as u32 + 1;
    tokens.push(Token {
        start: start as u32,
        end: end as u32,
        next,
        kind,
    });
}

fn blanks(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|&&b| b == b' ' || b == b'\t')
        .count()
}

#[cfg(test)]
mod tests {

    use crate::structure::scan;

    fn dropped(text: &str) -> Vec<&str> {
        scan(text)
            .iter()
            .map(|t| &text[t.start as usize..t.end as usize])
            .collect()
    }

    #[test]
    fn comments_that_fill_a_line_take_its_line_break_along() {
        assert_eq!(
            dropped("a\n <!-- b --> <!-- c -->\nd"),
            [" <!-- b --> <!-- c -->\n"]
        );
        assert_eq!(dropped("a <!-- b -->\nd"), ["<!-- b -->"]);
        assert_eq!(dropped("a<!-- b"), ["<!-- b"]);
    }

    #[test]
    fn elements_nest_only_where_they_can() {
        assert_eq!(dropped("<ul><ul>x</ul></ul></ul>"), ["<ul><ul>x</ul></ul>"]);
        assert_eq!(dropped("<pre><pre>x</pre></pre>"), ["<pre><pre>x</pre>"]);
    }

    #[test]
    fn an_element_without_its_end_is_left_to_the_later_passes() {
        assert!(dropped("<gallery>x <nowiki>y <ul>z <ref>").is_empty());
        assert_eq!(
            dropped("<ref>a <ref name=b/> <ref>c</ref>"),
            ["<ref name=b/>", "<ref>c</ref>"]
        );
    }
}
