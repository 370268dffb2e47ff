//! Internal links.

use memchr::memchr;

use super::external::starts_with_scheme;
use super::{Pass, run_end};
use crate::Cause;
use crate::marks::{FORMULA, LITERAL, MARK};
use crate::site::{Namespace, is_language_code};

/// Most links of text open at once. They do not nest in MediaWiki; the bound keeps the time linear
/// when each closing bracket moves the labels inside it.
const MAX_OPEN_TEXT_LINKS: usize = 8;

/// Longest prefix of a link that can name a namespace or a language, in bytes.
const MAX_PREFIX_BYTES: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkKind {
    /// Yields its label.
    Text,
    File,
    Category,
    /// To the same page on the wiki of another language; dropped.
    Language,
}

#[derive(Debug, Clone, Copy)]
struct OpenLink {
    kind: LinkKind,
    /// Where its content begins in the output.
    start: u32,
    /// Where its first pipe stands in the output.
    pipe: Option<u32>,
}

/// Links whose closing brackets have not come yet.
#[derive(Default)]
pub(super) struct OpenLinks {
    stack: Vec<OpenLink>,
    n_text: usize,
    /// Parts of the output that belong to links never closed, in order.
    cuts: Vec<(usize, usize)>,
}

impl OpenLinks {
    pub(super) fn any_open(&self) -> bool {
        !self.stack.is_empty()
    }

    pub(super) fn pipe(&mut self, at: usize) {
        if let Some(link) = self.stack.last_mut() {
            link.pipe.get_or_insert(at as u32);
        }
    }

    /// Links of text do not reach over the end of a paragraph: their brackets alone are gone.
    pub(super) fn paragraph_end(&mut self) {
        while self
            .stack
            .last()
            .is_some_and(|link| link.kind == LinkKind::Text)
        {
            self.pop();
        }
    }

    /// Gives up all open links; files and categories go up to the end of their line in `out`.
    /// Returns the number given up.
    pub(super) fn abandon(&mut self, out: &str) -> usize {
        let mut cut_to = 0;
        for link in &self.stack {
            let start = link.start as usize;
            if matches!(link.kind, LinkKind::File | LinkKind::Category) && start >= cut_to {
                cut_to = memchr(b'\n', &out.as_bytes()[start..]).map_or(out.len(), |n| start + n);
                self.cuts.push((start, cut_to));
            }
        }
        let n_open = self.stack.len();
        self.stack.clear();
        self.n_text = 0;
        n_open
    }

    /// Replaces what belongs to links never closed by marks.
    pub(super) fn cut(&self, out: &mut String) {
        if self.cuts.is_empty() {
            return;
        }
        let mut kept = String::with_capacity(out.len());
        let mut at = 0;
        for &(start, end) in &self.cuts {
            kept.push_str(&out[at..start]);
            kept.push(char::from(MARK));
            at = end;
        }
        kept.push_str(&out[at..]);
        *out = kept;
    }

    fn push(&mut self, kind: LinkKind, start: usize) {
        if kind == LinkKind::Text {
            if self.n_text == MAX_OPEN_TEXT_LINKS {
                return;
            }
            self.n_text += 1;
        }
        self.stack.push(OpenLink {
            kind,
            start: start as u32,
            pipe: None,
        });
    }

    fn pop(&mut self) -> Option<OpenLink> {
        let link = self.stack.pop()?;
        self.n_text -= usize::from(link.kind == LinkKind::Text);
        Some(link)
    }
}

impl Pass<'_> {
    /// Handles a run of `[`; returns the position to go on from. In an odd run the first one
    /// stands alone, as in MediaWiki.
    pub(super) fn open_brackets(&mut self, at: usize) -> usize {
        let end = run_end(self.bytes, at);
        if end - at == 1 {
            return self.single_bracket(end);
        }
        if (end - at) % 2 == 1 {
            self.out.push('[');
        }
        for _ in 1..(end - at) / 2 {
            self.links.push(LinkKind::Text, self.out.len());
        }
        let kind = self.link_kind(end);
        self.links.push(kind, self.out.len());
        end
    }

    /// Handles the `]` at `at`: the end of a label, two that end a link, or one that is text.
    pub(super) fn close_brackets(&mut self, at: usize) -> usize {
        if self.external.closes(at) {
            return at + 1;
        }
        if self.bytes.get(at + 1) != Some(&b']') {
            self.out.push(']');
            return at + 1;
        }
        // In `[[a [b]]]` the first one is text, for its partner is.
        if self.links.any_open() {
            self.close_link();
        }
        at + 2
    }

    /// Tells from its prefix what the link with the content at `at` is.
    fn link_kind(&self, at: usize) -> LinkKind {
        let rest = &self.bytes[at..self.bytes.len().min(at + MAX_PREFIX_BYTES)];
        let Some(length) = rest.iter().position(|&b| ends_prefix(b)) else {
            return LinkKind::Text;
        };
        if rest[length] != b':' {
            return LinkKind::Text;
        }
        let prefix = self.text[at..at + length].trim();
        match self.rules.site.namespace(prefix) {
            Some(Namespace::File) => LinkKind::File,
            Some(Namespace::Category) => LinkKind::Category,
            None if is_language_code(prefix) => LinkKind::Language,
            Some(Namespace::Template) | None => LinkKind::Text,
        }
    }

    fn close_link(&mut self) {
        let Some(link) = self.links.pop() else { return };
        let start = link.start as usize;
        match link.kind {
            LinkKind::Text => return self.close_text_link(start, link.pipe.map(|at| at as usize)),
            LinkKind::File => self.counters.count(Cause::File),
            LinkKind::Category => {
                let content = &self.out[start..];
                let name = content
                    .split('|')
                    .next()
                    .and_then(|name| name.split_once(':'));
                if let Some((_, name)) = name {
                    self.is_disambiguation |= self.rules.words.is_disambiguation_category(name);
                }
            }
            LinkKind::Language => {}
        }
        self.out.truncate(start);
        self.out.push(char::from(MARK));
    }

    /// Leaves the label of a link alone in the output.
    fn close_text_link(&mut self, start: usize, pipe: Option<usize>) {
        let Some(pipe) = pipe.filter(|&pipe| pipe >= start) else {
            let target = &self.out[start..];
            let may_be_address = memchr(b'/', target.as_bytes()).is_some();
            let skipped = if may_be_address && starts_with_scheme(target) {
                memchr(b' ', target.as_bytes()).map_or(0, |space| space + 1)
            } else {
                usize::from(target.starts_with([':', '#']))
            };
            self.out.drain(start..start + skipped);
            return;
        };
        if pipe + 1 < self.out.len() {
            self.out.drain(start..=pipe);
            return;
        }
        let (trick_start, trick_end) = pipe_trick(&self.out[start..pipe]);
        self.out.truncate(start + trick_end);
        self.out.drain(start..start + trick_start);
    }
}

/// Tells whether a prefix of a link ends before `byte`.
fn ends_prefix(byte: u8) -> bool {
    matches!(
        byte,
        b':' | b'|' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b'\n' | b'#'
    )
}

/// What is left of a target by the pipe trick: without namespace, and without the parenthesis at
/// its end or else what follows the first comma. Gives start and end.
fn pipe_trick(target: &str) -> (usize, usize) {
    // A cut inside literal content would part it from its end, and the line would be literal.
    if target.bytes().any(|b| matches!(b, LITERAL | FORMULA)) {
        return (0, target.len());
    }
    let colon_first = usize::from(target.starts_with(':'));
    let start = target[colon_first..]
        .find(':')
        .map_or(colon_first, |at| colon_first + at + 1);
    let start = start + (target[start..].len() - target[start..].trim_start().len());
    let name = target[start..].trim_end();
    let in_parenthesis = name.strip_suffix(')').and_then(|name| name.rfind('('));
    let end = in_parenthesis
        .or_else(|| name.find(", "))
        .unwrap_or(name.len());
    (start, start + name[..end].trim_end().len())
}

/// Finds the variant shown of `-{…}-`, whose content begins at `at`: its start, its end, and where
/// the text goes on. A variant stands on one line; gives the end of the line when it has no end.
pub(super) fn shown_variant(text: &str, at: usize) -> Result<(usize, usize, usize), usize> {
    let line_end = memchr(b'\n', &text.as_bytes()[at..]).map_or(text.len(), |n| at + n);
    let content = &text[at..line_end];
    let content = &content[..content.find("}-").ok_or(line_end)?];
    let resume = at + content.len() + 2;
    let mut start = at;
    let mut shown = content;
    if let Some((flags, rest)) = content.split_once('|')
        && flags
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b == b'-' || b == b';')
        && !flags.is_empty()
    {
        if flags.contains(['H', 'T', '-']) {
            return Ok((at, at, resume));
        }
        start += flags.len() + 1;
        shown = rest;
    }
    let first = shown.split(';').next().unwrap_or(shown);
    let is_code = |code: &str| {
        code.trim()
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    match first.split_once(':') {
        Some((code, variant)) if is_code(code) => {
            let end = start + first.len();
            Ok((end - variant.len(), end, resume))
        }
        _ => Ok((start, start + shown.len(), resume)),
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::Rules;
    use crate::{Counters, SiteInfo};

    fn resolved(text: &str) -> String {
        let rules = Rules::built_in(SiteInfo::new([(6, "Datei".into())], None));
        super::super::resolve(text, &rules, &mut Counters::default()).text
    }

    #[test]
    fn links_give_their_labels() {
        assert_eq!(
            resolved("[[A]] [[a|b]] [[a|b|c]] [[#B]] [[:fr:A]] [[|b]]"),
            "A b b|c B fr:A b"
        );
        assert_eq!(
            resolved("[[A (b)|]] [[A, B|]] [[Help:A (b), c|]]"),
            "A A A (b)"
        );
        assert_eq!(resolved("[[A\u{3}, B\u{4}|]] c"), "A\u{3}, B\u{4} c");
        assert_eq!(resolved("[[[a]]] a]] [[b"), "[a] a b");
    }

    #[test]
    fn files_and_categories_go_even_when_never_closed() {
        assert_eq!(resolved("a[[Datei:x|y [[z]]\n\nw]]b"), "a\u{1}b");
        assert_eq!(resolved("a [[File:x|y [[z]]\nb"), "a \u{1}\nb");
        assert_eq!(resolved("[[File:x\n== a ==\n]]b"), "\u{1}\n== a ==\nb");
    }

    #[test]
    fn links_of_text_end_with_the_paragraph() {
        assert_eq!(resolved("[[a|b\n\nc]]"), "a|b\n\nc");
        assert_eq!(resolved("[[a\nb|c]]"), "c");
    }
}
