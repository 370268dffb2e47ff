//! Last pass, inside a paragraph: bold and italic marks, entities, white space, holes, NFC.

mod entities;
mod entity_names;
mod quotes;
mod repair;

use memchr::memchr;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::inline::is_known_tag;
use crate::marks::{FORMULA, LITERAL, LITERAL_END, MARK};
use entities::Entity;
use quotes::Run;

/// A paragraph in the making; used again for the next one.
#[derive(Debug, Default)]
pub(crate) struct Prose {
    /// The text so far. Never begins or ends with a space.
    out: String,
    /// White space since the last character.
    space: bool,
    /// A mark since the last character: together with the white space, a gap.
    gap: bool,
    /// A gap went after an opening bracket or at the start: separators go until a character comes.
    skip_separators: bool,
    /// The text up to here is literal at its end: no brackets are matched with it.
    literal_end: usize,
    /// The last `<` that is not literal.
    less_than: Option<usize>,
    /// Where bodies of formulas stand.
    formulas: Vec<(usize, usize)>,
    runs: Vec<Run>,
}

/// What became of a paragraph.
pub(crate) enum Finished {
    Empty,
    /// There was something, but no letter or digit outside formulas.
    WithoutWords,
    Text(String),
}

/// How the scanner treats a byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    /// Ends a run only when another space or something special follows.
    Space,
    /// Ends a run only when another apostrophe follows.
    Apostrophe,
    /// First byte of characters among which are spaces and invisible ones.
    Wide,
    Special,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let special = b"\t\n&[]{}<>\x01\x02\x03\x04\x05\x06\x07";
    let mut i = 0;
    while i < special.len() {
        classes[special[i] as usize] = Class::Special;
        i += 1;
    }
    let wide = [0xC2, 0xE1, 0xE2, 0xE3, 0xEF];
    let mut i = 0;
    while i < wide.len() {
        classes[wide[i]] = Class::Wide;
        i += 1;
    }
    classes[b' ' as usize] = Class::Space;
    classes[b'\'' as usize] = Class::Apostrophe;
    classes
};

/// What a character of white space or no width at all is replaced by.
fn replaced(c: char) -> Option<Replacement> {
    match c {
        ' '
        | '\t'
        | '\n'
        | '\r' // `&#13;`
        | '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => Some(Replacement::Space),
        '\u{ad}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'
        | '\u{feff}' => Some(Replacement::Nothing),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Replacement {
    Space,
    Nothing,
}

impl Prose {
    /// Tells whether nothing visible was added yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.out.is_empty() && !self.gap
    }

    /// Adds a line of text; its line break becomes a space.
    pub(crate) fn push_line(&mut self, line: &str) {
        let mut runs = std::mem::take(&mut self.runs);
        quotes::find_runs(line, &mut runs);
        let mut rest = runs.iter();
        let mut run = rest.next();
        let mut at = 0;
        while at < line.len() {
            let end = plain_end(line.as_bytes(), at);
            if end > at {
                self.push_plain(&line[at..end]);
                at = end;
                continue;
            }
            while run.is_some_and(|run| run.start < at) {
                run = rest.next();
            }
            at = match run.filter(|run| run.start == at) {
                Some(run) => {
                    for _ in 0..run.kept {
                        self.push_plain("'");
                    }
                    at + run.length
                }
                None => self.push_special(line, at),
            };
        }
        self.space = true;
        self.runs = runs;
    }

    /// Ends the paragraph and makes ready for the next one.
    pub(crate) fn finish(&mut self) -> Finished {
        let finished = if self.out.is_empty() {
            Finished::Empty
        } else if self.has_words() {
            Finished::Text(normalised(&self.out))
        } else {
            Finished::WithoutWords
        };
        self.clear();
        finished
    }

    /// Ends a heading, which needs no words.
    pub(crate) fn finish_heading(&mut self) -> String {
        let heading = normalised(&self.out);
        self.clear();
        heading
    }

    fn clear(&mut self) {
        self.out.clear();
        self.formulas.clear();
        (self.space, self.gap, self.skip_separators) = (false, false, false);
        (self.literal_end, self.less_than) = (0, None);
    }

    /// Adds text without anything special but single spaces inside.
    fn push_plain(&mut self, text: &str) {
        let Some(text) = self.before_text(text) else {
            return;
        };
        self.out.push_str(text);
    }

    /// Handles the special character at `at`; returns the position after it.
    fn push_special(&mut self, line: &str, at: usize) -> usize {
        let bytes = line.as_bytes();
        match bytes[at] {
            b' ' | b'\t' | b'\n' => {
                self.space = true;
                at + 1
            }
            MARK => {
                self.gap = true;
                at + 1
            }
            LITERAL | FORMULA => self.push_literal(line, at),
            b'&' => {
                let Some((entity, length)) = entities::decode(&line[at..]) else {
                    self.push_plain("&");
                    return at + 1;
                };
                match entity {
                    Entity::Char(c) => self.push_char(c),
                    Entity::Text(text) => text.chars().for_each(|c| self.push_char(c)),
                }
                self.literal_end = self.out.len();
                at + length
            }
            b'[' | b']' | b'{' | b'}' => {
                self.push_bracket(&line[at..=at]);
                at + 1
            }
            b'<' => {
                self.push_plain("<");
                self.less_than = self.out.len().checked_sub(1);
                at + 1
            }
            b'>' => {
                self.push_plain(">");
                self.remove_tag();
                at + 1
            }
            b if b < 0x20 => at + 1,
            _ => self.push_wide(line, at),
        }
    }

    /// Adds one of the characters that may be a space or invisible.
    fn push_wide(&mut self, line: &str, at: usize) -> usize {
        let Some(c) = line[at..].chars().next() else {
            return line.len();
        };
        let end = at + c.len_utf8();
        match replaced(c) {
            Some(Replacement::Space) => self.space = true,
            Some(Replacement::Nothing) => {}
            None => self.push_plain(&line[at..end]),
        }
        end
    }

    fn push_char(&mut self, c: char) {
        match replaced(c) {
            Some(Replacement::Space) => self.space = true,
            Some(Replacement::Nothing) => {}
            None => self.push_plain(c.encode_utf8(&mut [0; 4])),
        }
    }

    /// Adds the literal text that opens at `at`; entities in it are decoded, nothing else.
    fn push_literal(&mut self, line: &str, at: usize) -> usize {
        let bytes = line.as_bytes();
        let end = memchr(LITERAL_END, &bytes[at..]).map_or(bytes.len(), |n| at + n);
        let body = &line[at + 1..end];
        let mut start = None;
        let mut rest = body;
        while let Some(c) = rest.chars().next() {
            let mut length = c.len_utf8();
            match entities::decode(rest).filter(|_| c == '&') {
                Some((Entity::Char(c), n)) => (length, ()) = (n, self.push_char(c)),
                Some((Entity::Text(text), n)) => {
                    text.chars().for_each(|c| self.push_char(c));
                    length = n;
                }
                None => self.push_char(c),
            }
            start = start.or(self
                .out
                .chars()
                .next_back()
                .map(|c| self.out.len() - c.len_utf8()));
            rest = &rest[length..];
        }
        self.literal_end = self.out.len();
        if bytes[at] == FORMULA {
            self.formulas
                .extend(start.map(|start| (start, self.out.len())));
        }
        (end + 1).min(line.len())
    }

    /// Adds a bracket or brace; a pair of equal ones, which only markup has, goes instead.
    fn push_bracket(&mut self, bracket: &str) {
        let Some(bracket) = self.before_text(bracket) else {
            return;
        };
        if self.out.len() > self.literal_end && self.out.ends_with(bracket) {
            self.out.pop();
            self.space |= self.trim_end_spaces();
        } else {
            self.out.push_str(bracket);
        }
    }

    /// Removes the tag of a known name that the `>` at the end has completed. The tags of the page
    /// are gone, but `<<b>b>` leaves one.
    fn remove_tag(&mut self) {
        let Some(start) = self.less_than else { return };
        let Some(inside) = self.out.get(start + 1..self.out.len().saturating_sub(1)) else {
            return;
        };
        if start < self.literal_end || self.out.as_bytes()[start] != b'<' {
            return;
        }
        let name = inside.strip_prefix('/').unwrap_or(inside);
        let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let ends_name = |b: &u8| *b == b'/' || b.is_ascii_whitespace();
        if is_known_tag(&name[..length]) && name.as_bytes().get(length).is_none_or(ends_name) {
            self.out.truncate(start);
            self.space |= self.trim_end_spaces();
            self.less_than = None;
        }
    }

    /// Removes spaces at the end of the text; tells whether there were any.
    fn trim_end_spaces(&mut self) -> bool {
        let length = self.out.trim_end_matches(' ').len();
        let any = length < self.out.len();
        self.out.truncate(length);
        any
    }

    fn has_words(&self) -> bool {
        let mut at = 0;
        for &(start, end) in &self.formulas {
            if self.out.get(at..start).is_some_and(holds_word) {
                return true;
            }
            at = end.min(self.out.len());
        }
        self.out.get(at..).is_some_and(holds_word)
    }
}

fn holds_word(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_alphanumeric())
        || (!text.is_ascii() && text.chars().any(char::is_alphanumeric))
}

/// Finds the end of the text from `at` on that can be copied as it is.
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    let start = at;
    while let Some(&byte) = bytes.get(at) {
        let next = || bytes.get(at + 1).copied().unwrap_or(b'\n');
        match CLASSES[byte as usize] {
            // A space belongs to the run only between two plain characters.
            Class::Space => {
                let class = CLASSES[next() as usize];
                if at == start
                    || class == Class::Space
                    || class == Class::Special
                    || class == Class::Wide
                {
                    return at;
                }
                if class == Class::Apostrophe && bytes.get(at + 2) == Some(&b'\'') {
                    return at;
                }
                at += 1;
            }
            Class::Apostrophe if next() == b'\'' => return at,
            Class::Plain | Class::Apostrophe => at += 1,
            Class::Wide => match wide_plain_length(&bytes[at..]) {
                0 => return at,
                n => at += n,
            },
            Class::Special => return at,
        }
    }
    at
}

/// The length of the character that `bytes` begin with when it is surely neither space nor
/// invisible, else 0. Covers the dashes and quotation marks of everyday text.
fn wide_plain_length(bytes: &[u8]) -> usize {
    match bytes {
        [0xC2, second, ..] if !matches!(second, 0xA0 | 0xAD) => 2,
        [0xE2, 0x80, 0x90..=0xA7, ..] | [0xE2, 0x82..=0xBF, _, ..] => 3,
        [0xE1, second, _, ..] if *second != 0x9A => 3,
        [0xE3, second, _, ..] if *second != 0x80 => 3,
        [0xEF, second, _, ..] if *second != 0xBB => 3,
        _ => 0,
    }
}

/// The text in NFC.
fn normalised(text: &str) -> String {
    // Below U+0300 everything is in NFC; so is most of what is written above it, but the test of
    // single characters is slow.
    let suspicious = |b: u8| b >= 0xCC && !matches!(b, 0xD0 | 0xD1 | 0xE4..=0xE9);
    let bytes = text.as_bytes();
    let certain = text.is_ascii()
        || !bytes
            .iter()
            .enumerate()
            .any(|(i, &b)| suspicious(b) && !(b == 0xE2 && bytes.get(i + 1) == Some(&0x80)));
    if certain || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        text.to_owned()
    } else {
        text.nfc().collect()
    }
}

#[cfg(test)]
mod tests;
