//! Fourth pass: lines to sections of paragraphs.

use memchr::{memchr_iter, memchr3};

use crate::marks::{BREAK, MARK, QUOTE, QUOTE_END, is_blank};
use crate::prose::{Finished, Prose};
use crate::rules::Rules;
use crate::{Cause, Counters, Section};

/// Reads the sections of a page whose constructs are resolved.
pub(crate) fn read_sections(text: &str, rules: &Rules, counters: &mut Counters) -> Vec<Section> {
    let mut reader = Reader {
        rules,
        counters,
        sections: Vec::new(),
        headings: Vec::new(),
        section_is_new: true,
        dropped_level: None,
        paragraph: Prose::default(),
        quote_depth: 0,
        preformatted: Preformatted::None,
    };
    let mut start = 0;
    for end in memchr_iter(b'\n', text.as_bytes()) {
        reader.line(&text[start..end]);
        start = end + 1;
    }
    reader.line(&text[start..]);
    reader.settle_preformatted();
    reader.end_paragraph();
    reader.sections
}

struct Reader<'a> {
    rules: &'a Rules,
    counters: &'a mut Counters,
    sections: Vec<Section>,
    /// The headings above the current line, outermost first, with their levels.
    headings: Vec<(usize, String)>,
    /// The next paragraph is the first one under its heading.
    section_is_new: bool,
    /// Level of the heading whose section is dropped.
    dropped_level: Option<usize>,
    paragraph: Prose,
    /// Quotations and poems open.
    quote_depth: usize,
    preformatted: Preformatted<'a>,
}

/// Lines that begin with a blank: one alone is text, more are preformatted.
#[derive(Clone, Copy)]
enum Preformatted<'a> {
    None,
    /// The line before, not yet decided upon.
    One(&'a str),
    /// Two or more, dropped.
    Block,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a str) {
        if line.starts_with('=') && self.heading(line) {
            return;
        }
        if self.dropped_level.is_some() {
            return;
        }
        let mut rest = line;
        let mut at_line_start = true;
        while let Some(at) = memchr3(BREAK, QUOTE, QUOTE_END, rest.as_bytes()) {
            self.part(&rest[..at], at_line_start);
            self.paragraph_break(rest.as_bytes()[at]);
            rest = &rest[at + 1..];
            at_line_start = false;
        }
        if at_line_start || !rest.is_empty() {
            self.part(rest, at_line_start);
        }
    }

    fn paragraph_break(&mut self, control: u8) {
        self.settle_preformatted();
        self.end_paragraph();
        match control {
            QUOTE => self.quote_depth += 1,
            QUOTE_END => self.quote_depth = self.quote_depth.saturating_sub(1),
            _ => {}
        }
    }

    /// Reads a line, or the part of one after a paragraph break.
    fn part(&mut self, part: &'a str, at_line_start: bool) {
        let first = part.bytes().next();
        if first == Some(b' ') && at_line_start && self.quote_depth == 0 && self.preformatted(part)
        {
            return;
        }
        self.settle_preformatted();
        match first {
            None => self.end_paragraph(),
            Some(b':') if self.quote_depth > 0 => self.text(part.trim_start_matches(':')),
            Some(b'*' | b'#' | b':' | b';') if at_line_start => {
                self.counters.count(Cause::ListItem);
                self.end_paragraph();
            }
            Some(b'-') if at_line_start && part.starts_with("----") => {
                self.end_paragraph();
                self.text(part.trim_start_matches('-'));
            }
            Some(b' ' | b'\t' | b'|' | b'!' | b'{' | MARK) => self.odd_start(part),
            Some(_) => self.paragraph.push_line(part),
        }
    }

    fn text(&mut self, part: &str) {
        if is_blank(part) {
            self.end_paragraph();
        } else {
            self.paragraph.push_line(part);
        }
    }

    /// Reads a line that may be blank, or the row of a table.
    fn odd_start(&mut self, part: &str) {
        if is_table_row(part) {
            self.counters.count(Cause::StrayTableRow);
            self.end_paragraph();
        } else {
            self.text(part);
        }
    }

    /// Reads a line that begins with a blank; tells whether that settled it.
    fn preformatted(&mut self, line: &'a str) -> bool {
        if is_blank(line) || is_table_row(line) {
            return false;
        }
        self.preformatted = match self.preformatted {
            Preformatted::None => Preformatted::One(line),
            Preformatted::One(_) => {
                self.end_paragraph();
                self.counters.count(Cause::PreformattedLine);
                self.counters.count(Cause::PreformattedLine);
                Preformatted::Block
            }
            Preformatted::Block => {
                self.counters.count(Cause::PreformattedLine);
                Preformatted::Block
            }
        };
        true
    }

    /// Takes a lone line that began with a blank as text.
    fn settle_preformatted(&mut self) {
        if let Preformatted::One(line) =
            std::mem::replace(&mut self.preformatted, Preformatted::None)
        {
            self.paragraph.push_line(line);
        }
    }

    /// Reads a heading; tells whether the line is one.
    fn heading(&mut self, line: &str) -> bool {
        let Some((level, written)) = split_heading(line) else {
            return false;
        };
        self.settle_preformatted();
        self.end_paragraph();
        self.quote_depth = 0;
        self.section_is_new = true;
        while self
            .headings
            .last()
            .is_some_and(|&(above, _)| above >= level)
        {
            self.headings.pop();
        }
        let heading = self.render_heading(written);
        if self.dropped_level.is_some_and(|dropped| level <= dropped) {
            self.dropped_level = None;
        }
        if self.dropped_level.is_none() && self.rules.drops_section(&heading) {
            self.dropped_level = Some(level);
            self.counters.count(Cause::SectionByHeading);
        }
        self.headings.push((level, heading));
        true
    }

    fn render_heading(&mut self, written: &str) -> String {
        for part in written.split(|c: char| u8::try_from(c).is_ok_and(is_break)) {
            self.paragraph.push_line(part);
        }
        self.paragraph.finish_heading()
    }

    fn end_paragraph(&mut self) {
        if self.paragraph.is_empty() {
            return;
        }
        match self.paragraph.finish() {
            Finished::Empty => {}
            Finished::WithoutWords => self.counters.count(Cause::ParagraphWithoutWords),
            Finished::Text(text) => self.section().paragraphs.push(text),
        }
    }

    /// The section of the current line; made when its first paragraph comes.
    fn section(&mut self) -> &mut Section {
        if self.section_is_new {
            let path = self
                .headings
                .iter()
                .map(|(_, heading)| heading.clone())
                .collect();
            self.sections.push(Section {
                path,
                paragraphs: Vec::with_capacity(1),
            });
            self.section_is_new = false;
        }
        self.sections
            .last_mut()
            .expect("pushed above or for an earlier paragraph")
    }
}

fn is_break(byte: u8) -> bool {
    matches!(byte, BREAK | QUOTE | QUOTE_END)
}

/// Splits `== text ==` into level and text. Blanks and marks may follow.
fn split_heading(line: &str) -> Option<(usize, &str)> {
    let line = line.trim_end_matches(|c: char| c.is_whitespace() || c == char::from(MARK));
    let opening = line.bytes().take_while(|&b| b == b'=').count();
    let closing = line.bytes().rev().take_while(|&b| b == b'=').count();
    // A line of signs alone is the heading of those that are left in the middle.
    let level = if opening == line.len() {
        opening.saturating_sub(1) / 2
    } else {
        opening.min(closing)
    };
    let level = level.min(6);
    (level > 0).then(|| (level, line[level..line.len() - level].trim()))
}

/// Tells whether a line outside any table is the row of one.
fn is_table_row(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t', char::from(MARK)]);
    match line.as_bytes() {
        [b'|', ..] | [b'{', b'|', ..] => true,
        [b'!', rest @ ..] => rest.contains(&b'|') || rest.windows(2).any(|pair| pair == b"!!"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SiteInfo;

    fn sections(text: &str) -> Vec<(String, Vec<String>)> {
        let rules = Rules::built_in(SiteInfo::default());
        read_sections(text, &rules, &mut Counters::default())
            .into_iter()
            .map(|section| (section.path.join("/"), section.paragraphs))
            .collect()
    }

    fn paragraphs(text: &str) -> Vec<String> {
        sections(text)
            .into_iter()
            .flat_map(|(_, paragraphs)| paragraphs)
            .collect()
    }

    #[test]
    fn headings_make_paths_and_empty_sections_none() {
        let text = "a\n== B ==\n=== '''C''' ===\u{1} \nc\n==== D ====\nd\n== E\n=F=\nf";
        assert_eq!(
            sections(text),
            [
                (String::new(), vec!["a".to_owned()]),
                ("B/C".to_owned(), vec!["c".to_owned()]),
                ("B/C/D".to_owned(), vec!["d == E".to_owned()]),
                ("F".to_owned(), vec!["f".to_owned()]),
            ]
        );
    }

    #[test]
    fn a_dropped_section_takes_its_subsections_along() {
        let text = "a\n== see ALSO ==\nb\n=== C ===\nc\n== D ==\nd";
        assert_eq!(paragraphs(text), ["a", "d"]);
    }

    #[test]
    fn lists_rows_and_rules_end_a_paragraph() {
        assert_eq!(
            paragraphs("a\n* b\nc\n| d\n ! e !! f\ng\n----h\n\u{1}\ni"),
            ["a", "c", "g", "h", "i"]
        );
        assert_eq!(paragraphs("! a\n{| b\n\u{1} | c\nd"), ["! a", "d"]);
    }

    #[test]
    fn one_line_that_begins_with_a_blank_is_text() {
        assert_eq!(paragraphs("a\n b\nc\n d\n e\nf\n g"), ["a b c", "f g"]);
        assert_eq!(paragraphs("a\n b\n\n c\nd"), ["a b", "c d"]);
    }

    #[test]
    fn quotations_keep_indented_lines() {
        assert_eq!(
            paragraphs("a\u{6}:b\n::c\n d\n e\u{7}f\n:g"),
            ["a", "b c d e", "f"]
        );
    }
}
