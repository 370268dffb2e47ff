//! The control characters that carry what one pass knows to the next ones.
//!
//! They never come from the page: [`clean_input`] removes every control character but tab and line
//! break before the first pass, and XML does not allow them in a dump anyway. None survives the
//! last pass.

use std::borrow::Cow;

/// Stands where something was dropped; drives the repair of holes.
pub(crate) const MARK: u8 = 0x01;
/// Ends a paragraph (`<div>`, a gallery).
pub(crate) const BREAK: u8 = 0x02;
/// Opens literal text, opaque to every later rule but entities and white space.
pub(crate) const LITERAL: u8 = 0x03;
/// Closes [`LITERAL`] and [`FORMULA`].
pub(crate) const LITERAL_END: u8 = 0x04;
/// Opens the literal body of a formula, which does not count as words.
pub(crate) const FORMULA: u8 = 0x05;
/// Opens a quotation or poem: ends the paragraph; `:` at the start of a line is indentation.
pub(crate) const QUOTE: u8 = 0x06;
/// Closes [`QUOTE`].
pub(crate) const QUOTE_END: u8 = 0x07;

/// Tells whether `byte` is one of the controls of this module.
pub(crate) fn is_control(byte: u8) -> bool {
    (MARK..=QUOTE_END).contains(&byte)
}

/// Tells whether `text` is nothing but white space and marks.
pub(crate) fn is_blank(text: &str) -> bool {
    text.bytes().all(|b| b == MARK || b.is_ascii_whitespace())
}

/// Normalises line ends to `\n` and removes control characters; borrows when nothing changes.
pub(crate) fn clean_input(text: &str) -> Cow<'_, str> {
    let dirty = |b: u8| b < 0x20 && b != b'\n' && b != b'\t';
    // Whole chunks without an early exit: the compiler makes vector instructions of it.
    let dirty_chunk = |chunk: &[u8]| chunk.iter().fold(false, |any, &b| any | dirty(b));
    if !text.as_bytes().chunks(1024).any(dirty_chunk) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.bytes().position(dirty) {
        clean.push_str(&rest[..at]);
        if rest.as_bytes()[at] == b'\r' && rest.as_bytes().get(at + 1) != Some(&b'\n') {
            clean.push('\n');
        }
        rest = &rest[at + 1..];
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_become_one_and_controls_go() {
        assert_eq!(clean_input("a\r\nb\rc\u{1}d\te\n"), "a\nb\ncd\te\n");
        assert!(matches!(clean_input("a\n\tb"), Cow::Borrowed(_)));
    }
}
