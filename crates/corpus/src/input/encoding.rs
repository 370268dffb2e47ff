//! Bytes to UTF-8.

use std::borrow::Cow;
use std::io::{self, Read};

/// How the characters of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    /// What a text file is read as when it is no UTF-8; see [`decode_text`].
    Windows1252,
}

impl Encoding {
    /// Tells the encoding from a byte-order mark, or from the zeros of ASCII in UTF-16, and gives
    /// the length of the mark.
    pub(super) fn of_head(head: &[u8]) -> (Self, usize) {
        match head {
            [0xef, 0xbb, 0xbf, ..] => (Self::Utf8, 3),
            [0xff, 0xfe, ..] => (Self::Utf16Le, 2),
            [0xfe, 0xff, ..] => (Self::Utf16Be, 2),
            [1..=0x7f, 0, 1..=0x7f, 0, ..] => (Self::Utf16Le, 0),
            [0, 1..=0x7f, 0, 1..=0x7f, ..] => (Self::Utf16Be, 0),
            _ => (Self::Utf8, 0),
        }
    }
}

/// Transcodes UTF-16; UTF-8 goes through unchecked.
pub(super) fn utf8_reader(
    reader: impl Read + Send + 'static,
    encoding: Encoding,
) -> Box<dyn Read + Send> {
    let unit = match encoding {
        Encoding::Utf16Le => u16::from_le_bytes,
        Encoding::Utf16Be => u16::from_be_bytes,
        Encoding::Utf8 | Encoding::Windows1252 => return Box::new(reader),
    };
    Box::new(Utf16 {
        reader,
        unit,
        raw: Vec::new(),
        ready: Vec::new(),
        given: 0,
        ended: false,
    })
}

/// Reads UTF-16 as UTF-8; what is no character becomes U+FFFD.
struct Utf16<R> {
    reader: R,
    unit: fn([u8; 2]) -> u16,
    /// Bytes that were read and not decoded: half a unit, or half a pair of surrogates.
    raw: Vec<u8>,
    ready: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Utf16<R> {
    fn refill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 8192];
        let n = self.reader.read(&mut chunk)?;
        self.ended = n == 0;
        self.raw.extend_from_slice(&chunk[..n]);

        let (pairs, rest) = self.raw.as_chunks::<2>();
        let mut units: Vec<u16> = pairs.iter().map(|&pair| (self.unit)(pair)).collect();
        let mut used = 2 * units.len();
        if self.ended && !rest.is_empty() {
            units.push(0xfffd);
            used += 1;
        }
        if !self.ended && units.pop_if(|unit| is_high_surrogate(*unit)).is_some() {
            used -= 2;
        }
        self.raw.drain(..used);
        let characters =
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        self.ready = characters.collect::<String>().into_bytes();
        self.given = 0;
        Ok(())
    }
}

fn is_high_surrogate(unit: u16) -> bool {
    (0xd800..0xdc00).contains(&unit)
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            if self.ended {
                return Ok(0);
            }
            self.refill()?;
        }
        let n = buf.len().min(self.ready.len() - self.given);
        buf[..n].copy_from_slice(&self.ready[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

/// Decodes a whole text: UTF-8, or else Windows-1252, the usual superset of Latin-1, in which every
/// run of bytes means something. Line ends become `\n`.
pub(crate) fn decode_text(bytes: &[u8]) -> (String, Encoding) {
    let (text, encoding) = if let Ok(text) = str::from_utf8(bytes) {
        (Cow::Borrowed(text), Encoding::Utf8)
    } else {
        let text = bytes.iter().map(|&byte| windows_1252(byte)).collect();
        (Cow::Owned(text), Encoding::Windows1252)
    };
    if text.contains('\r') {
        return (text.replace("\r\n", "\n").replace('\r', "\n"), encoding);
    }
    (text.into_owned(), encoding)
}

/// The characters of bytes 0x80 to 0x9f. The five that are not assigned keep their number.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte a read.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = buf.len().min(self.0.len()).min(1);
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn read(bytes: Vec<u8>, trickle: bool) -> String {
        let bytes: &'static [u8] = bytes.leak();
        let mut reader = if trickle {
            utf8_reader(Trickle(bytes), Encoding::Utf16Le)
        } else {
            utf8_reader(bytes, Encoding::Utf16Le)
        };
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn utf16_is_read_whole_however_it_is_cut() {
        let text = "Здравей, 𝄞 свят! ".repeat(3000);
        assert_eq!(read(utf16(&text), false), text);
        assert_eq!(read(utf16(&text[..1035]), true), text[..1035]);
    }

    #[test]
    fn half_characters_of_utf16_become_replacement_characters() {
        for trickle in [false, true] {
            let mut bytes = utf16("a");
            bytes.extend([0x34, 0xd8]);
            assert_eq!(read(bytes.clone(), trickle), "a\u{fffd}");
            bytes.push(0x41);
            assert_eq!(read(bytes, trickle), "a\u{fffd}\u{fffd}");
        }
    }

    #[test]
    fn text_that_is_no_utf8_is_windows_1252() {
        let (text, encoding) = decode_text(b"na\xefve \x93caf\xe9\x94\r\nend");
        assert_eq!(text, "naïve “café”\nend");
        assert_eq!(encoding, Encoding::Windows1252);
    }

    #[test]
    fn encodings_show_in_the_first_bytes() {
        assert_eq!(Encoding::of_head(b"\xef\xbb\xbfa"), (Encoding::Utf8, 3));
        assert_eq!(Encoding::of_head(b"\xff\xfea\0"), (Encoding::Utf16Le, 2));
        assert_eq!(Encoding::of_head(b"\0<\0m"), (Encoding::Utf16Be, 0));
        assert_eq!(Encoding::of_head(b"<m"), (Encoding::Utf8, 0));
    }
}
