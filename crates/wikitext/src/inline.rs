//! Third pass: links, tags, behaviour switches and what is left of unmatched braces.

mod external;
mod links;
mod tags;

use memchr::memchr;

use crate::marks::{BREAK, FORMULA, LITERAL, LITERAL_END, MARK, QUOTE, QUOTE_END, is_control};
use crate::opaque::Tag;
use crate::rules::Rules;
use crate::{Cause, Counters};
use external::ExternalLinks;
use links::OpenLinks;
use tags::TagRole;
pub(crate) use tags::is_known_tag;

/// Longest name of a behaviour switch in bytes.
const MAX_SWITCH_BYTES: usize = 64;

/// The text with links and tags resolved.
pub(crate) struct Inlined {
    pub(crate) text: String,
    /// A category or a switch says that this is a disambiguation page.
    pub(crate) is_disambiguation: bool,
}

/// Resolves links and tags in the whole page.
pub(crate) fn resolve(text: &str, rules: &Rules, counters: &mut Counters) -> Inlined {
    let mut pass = Pass {
        text,
        bytes: text.as_bytes(),
        rules,
        counters,
        out: String::with_capacity(text.len()),
        links: OpenLinks::default(),
        external: ExternalLinks::default(),
        variant: None,
        no_variant_until: 0,
        line_read_to: 0,
        is_disambiguation: false,
    };
    pass.run();
    Inlined {
        text: pass.out,
        is_disambiguation: pass.is_disambiguation,
    }
}

struct Pass<'a> {
    text: &'a str,
    bytes: &'a [u8],
    rules: &'a Rules,
    counters: &'a mut Counters,
    out: String,
    links: OpenLinks,
    external: ExternalLinks,
    /// Where the variant shown of `-{…}-` ends, and where the text goes on.
    variant: Option<(usize, usize)>,
    /// Up to here no `-{` finds its end.
    no_variant_until: usize,
    /// Up to here the output was read for text that stands before braces on their line.
    line_read_to: usize,
    is_disambiguation: bool,
}

/// Bytes at which something may have to be done.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let bytes = b"\n|[]<{}_";
    let mut i = 0;
    while i < bytes.len() {
        special[bytes[i] as usize] = true;
        i += 1;
    }
    special[BREAK as usize] = true;
    special[LITERAL as usize] = true;
    special[FORMULA as usize] = true;
    special[QUOTE as usize] = true;
    special[QUOTE_END as usize] = true;
    special
};

impl Pass<'_> {
    fn run(&mut self) {
        let mut at = 0;
        while at < self.bytes.len() {
            let limit = self
                .variant
                .map_or(self.bytes.len(), |(end, _)| end.max(at));
            let plain = self.bytes[at..limit]
                .iter()
                .position(|&b| SPECIAL[b as usize]);
            let next = plain.map_or(limit, |n| at + n);
            self.out.push_str(&self.text[at..next]);
            at = match self.variant {
                Some((end, resume)) if next >= end => {
                    self.variant = None;
                    resume
                }
                _ if next < self.bytes.len() => self.special(next),
                _ => next,
            };
        }
        self.abandon_links();
        self.links.cut(&mut self.out);
    }

    /// Handles the special byte at `at`; returns the position to go on from.
    fn special(&mut self, at: usize) -> usize {
        match self.bytes[at] {
            b'\n' => self.line_break(at),
            b'|' => {
                self.links.pipe(self.out.len());
                self.out.push('|');
                at + 1
            }
            b'[' => self.open_brackets(at),
            b']' => self.close_brackets(at),
            b'<' => self.tag(at),
            b'{' => self.open_braces(at),
            b'}' => {
                let end = run_end(self.bytes, at);
                self.out
                    .push_str(if (end - at) % 2 == 1 { "}" } else { "" });
                end
            }
            b'_' => self.switch(at),
            LITERAL | FORMULA => {
                let end =
                    memchr(LITERAL_END, &self.bytes[at..]).map_or(self.bytes.len(), |n| at + n + 1);
                self.out.push_str(&self.text[at..end]);
                end
            }
            control => {
                self.links.paragraph_end();
                self.out.push(char::from(control));
                at + 1
            }
        }
    }

    fn line_break(&mut self, at: usize) -> usize {
        if self.links.any_open() {
            let next = self.bytes[at + 1..]
                .iter()
                .find(|&&b| b != b' ' && b != b'\t');
            match next {
                Some(b'\n') => self.links.paragraph_end(),
                Some(b'=') if self.bytes[at + 1] == b'=' => self.abandon_links(),
                _ => {}
            }
        }
        self.out.push('\n');
        at + 1
    }

    fn abandon_links(&mut self) {
        for _ in 0..self.links.abandon(&self.out) {
            self.counters.count(Cause::UnclosedLink);
        }
    }

    fn tag(&mut self, at: usize) -> usize {
        let tag = Tag::parse(self.text, at);
        let Some((tag, role)) = tag.and_then(|tag| Some((tag, TagRole::of(tag.name)?))) else {
            self.out.push('<');
            return at + 1;
        };
        match role {
            TagRole::Inline => {}
            TagRole::LineBreak => self.out.push(' '),
            TagRole::Superscript => {
                let after_digit = self.out.ends_with(|c: char| c.is_ascii_digit());
                if !tag.closing && after_digit && is_whole_number(&self.text[tag.end..]) {
                    self.out.push('^');
                }
            }
            TagRole::Block => self.paragraph_break(BREAK),
            TagRole::Quote => {
                let control = match (tag.self_closing, tag.closing) {
                    (true, _) => BREAK,
                    (false, true) => QUOTE_END,
                    (false, false) => QUOTE,
                };
                self.paragraph_break(control);
            }
        }
        tag.end
    }

    fn paragraph_break(&mut self, control: u8) {
        self.links.paragraph_end();
        self.out.push(char::from(control));
    }

    /// Handles braces that match nothing: first on their line they are what is left of a box, and
    /// its lines go too; in running text only the braces go.
    fn open_braces(&mut self, at: usize) -> usize {
        let end = run_end(self.bytes, at);
        if end - at == 1 {
            return self.single_brace(at);
        }
        self.counters.count(Cause::UnclosedTemplate);
        if !self.is_line_start() {
            self.out
                .push_str(if (end - at) % 2 == 1 { "{" } else { "" });
            return end;
        }
        self.out.push(char::from(MARK));
        let mut at = end;
        loop {
            at = memchr(b'\n', &self.bytes[at..]).map_or(self.bytes.len(), |n| at + n);
            let next = self.bytes[at..]
                .iter()
                .position(|b| !b.is_ascii_whitespace());
            match next.map(|n| (at + n, self.bytes[at + n])) {
                Some((next, b'|' | b'}'))
                    if memchr::memrchr(b'\n', &self.bytes[at + 1..next]).is_none() =>
                {
                    at = next;
                }
                _ => return at,
            }
        }
    }

    /// Handles `{`, which opens a language variant after `-` on the wikis that have them.
    fn single_brace(&mut self, at: usize) -> usize {
        let opens = at > 0 && self.bytes[at - 1] == b'-' && self.rules.site.has_variants();
        if opens && self.variant.is_none() && at >= self.no_variant_until && self.out.ends_with('-')
        {
            match links::shown_variant(self.text, at + 1) {
                Ok((start, end, resume)) => {
                    self.out.pop();
                    self.variant = Some((end, resume));
                    return start;
                }
                Err(line_end) => self.no_variant_until = line_end,
            }
        }
        self.out.push('{');
        at + 1
    }

    /// Tells whether nothing but blanks and marks stands before the end of the output on its line.
    fn is_line_start(&mut self) -> bool {
        let from = if self.line_read_to <= self.out.len() {
            self.line_read_to
        } else {
            0
        };
        let unread = &self.out.as_bytes()[from..];
        let before = unread
            .iter()
            .rev()
            .find(|&&b| b != b' ' && b != b'\t' && b != MARK);
        let is_start = match before {
            Some(&b) => b == b'\n' || (is_control(b) && b != LITERAL_END),
            None => from == 0,
        };
        if !is_start {
            self.line_read_to = self.out.len();
        }
        is_start
    }

    fn switch(&mut self, at: usize) -> usize {
        if let Some(name) = self.text[at..].strip_prefix("__") {
            let limit = name.floor_char_boundary(MAX_SWITCH_BYTES);
            if let Some((name, _)) = name[..limit].split_once("__")
                && self.rules.words.is_switch(name)
            {
                self.is_disambiguation |= self.rules.words.is_disambiguation_switch(name);
                self.out.push(char::from(MARK));
                return at + name.len() + 4;
            }
            self.out.push_str("__");
            return at + 2;
        }
        self.out.push('_');
        at + 1
    }
}

/// Tells whether `text` begins with a whole number, signed or not, and the end of a superscript.
fn is_whole_number(text: &str) -> bool {
    const SIGNS: [&str; 7] = ["+", "-", "−", "–", "&minus;", "&ndash;", "&#8722;"];
    let text = text.trim_start_matches(' ');
    let unsigned = SIGNS
        .iter()
        .find_map(|sign| text.strip_prefix(sign))
        .unwrap_or(text);
    let after = unsigned.trim_start_matches(|c: char| c.is_ascii_digit());
    after.len() < unsigned.len() && after.trim_start_matches(' ').starts_with("</sup")
}

/// The position after the run of equal bytes that begins at `at`.
fn run_end(bytes: &[u8], at: usize) -> usize {
    let first = bytes[at];
    at + bytes[at..].iter().take_while(|&&b| b == first).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SiteInfo;

    fn resolved(text: &str) -> String {
        resolved_on(SiteInfo::default(), text)
    }

    fn resolved_on(site: SiteInfo, text: &str) -> String {
        resolve(text, &Rules::built_in(site), &mut Counters::default()).text
    }

    #[test]
    fn tags_of_known_names_go_and_others_stay() {
        assert_eq!(resolved("<b>a</b><foo>b < c<br/>d"), "a<foo>b < c d");
        assert_eq!(resolved("a<div>b</div>"), "a\u{2}b\u{2}");
        assert_eq!(
            resolved("10<sup>-3</sup> 5<sup>th</sup> m<sup>2</sup>"),
            "10^-3 5th m2"
        );
    }

    #[test]
    fn only_listed_switches_go() {
        assert_eq!(resolved("__TOC__a __init__ _b__c"), "\u{1}a __init__ _b__c");
    }

    #[test]
    fn braces_without_partner_go_with_their_box() {
        assert_eq!(resolved("a {{b}} }} c"), "a b  c");
        assert_eq!(resolved("{{Box\n| a\n }}\n|b\nc"), "\u{1}\nc");
        assert_eq!(resolved("{{Box\n\n| a"), "\u{1}\n\n| a");
    }

    #[test]
    fn the_first_variant_is_shown_where_there_are_variants() {
        let zh = || SiteInfo::new([], Some("zh"));
        assert_eq!(resolved_on(zh(), "a-{zh-hans:b;zh-hant:c}-d"), "abd");
        assert_eq!(resolved_on(zh(), "-{[[a|b]]}--{H|zh:c}-"), "b");
        assert_eq!(resolved("-{a}-"), "-{a}-");
    }
}
