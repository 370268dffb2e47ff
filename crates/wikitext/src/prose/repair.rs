//! Repair of the holes that dropped constructs leave.
//!
//! A *gap* is a run of marks and spaces with at least one mark. It is settled when the next visible
//! character is known; text without marks is never touched.

use super::Prose;

impl Prose {
    /// Settles what is pending before `text`, whose first character is visible. Returns the text
    /// still to be added, none when nothing is left of it.
    pub(super) fn before_text<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if !(self.space || self.gap || self.skip_separators) {
            return Some(text);
        }
        if !self.gap && !self.skip_separators {
            self.push_space();
            return Some(text);
        }
        let mut text = text;
        loop {
            if self.gap && (self.out.is_empty() || self.out.ends_with(['(', '['])) {
                (self.gap, self.skip_separators) = (false, true);
            }
            if self.skip_separators {
                self.space = false;
                text = text.trim_start_matches([',', ';', ':', ' ']);
            }
            let first = *text.as_bytes().first()?;
            let in_gap = self.gap;
            let after_bracket = std::mem::take(&mut self.skip_separators);
            match first {
                b')' | b']' if in_gap || after_bracket => {
                    if self.close_bracket(first, in_gap) {
                        text = &text[1..];
                        // Spaces after the pair belong to the gap that it became.
                        if text.starts_with(' ') {
                            self.space = true;
                            text = text.trim_start_matches(' ');
                        }
                        if text.is_empty() {
                            return None;
                        }
                        continue;
                    }
                }
                b',' | b';' | b':' | b'.' if in_gap => self.drop_separator_before(),
                b'!' | b'?' if in_gap => {}
                _ => self.push_space(),
            }
            (self.gap, self.space) = (false, false);
            return Some(text);
        }
    }

    /// Handles a closing bracket after a gap: separators before it go. Tells whether the brackets
    /// were empty then; the pair becomes a gap itself.
    fn close_bracket(&mut self, bracket: u8, in_gap: bool) -> bool {
        if in_gap {
            let kept = self.out.trim_end_matches([',', ';', ':', ' ']).len();
            self.out.truncate(kept);
        }
        let opening = if bracket == b')' { '(' } else { '[' };
        if !self.out.ends_with(opening) {
            return false;
        }
        self.out.pop();
        self.space = self.trim_end_spaces();
        self.gap = true;
        true
    }

    /// `a, {{x}}; b`: of two separators around a gap the second stays.
    fn drop_separator_before(&mut self) {
        if self.out.ends_with([',', ';', ':']) {
            self.out.pop();
            self.trim_end_spaces();
        }
    }

    fn push_space(&mut self) {
        if self.space && !self.out.is_empty() {
            self.out.push(' ');
        }
        self.space = false;
    }
}
