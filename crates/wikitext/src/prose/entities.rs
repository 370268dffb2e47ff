//! Character references: `&nbsp;`, `&#8212;`, `&#x2014;`.

use super::entity_names::NAMES;

/// Longest reference in bytes, between `&` and `;`.
const MAX_BYTES: usize = 32;

/// A reference decoded.
pub(super) enum Entity {
    Char(char),
    /// Some names stand for two characters.
    Text(&'static str),
}

/// Decodes the reference at the start of `text`, which begins with `&`; gives its length too.
/// References that are not valid, or lack the `;`, are text.
pub(super) fn decode(text: &str) -> Option<(Entity, usize)> {
    let inside = &text.as_bytes()[1..];
    let length = inside.iter().take(MAX_BYTES + 1).position(|&b| b == b';')?;
    let name = text.get(1..=length)?;
    let entity = match name.strip_prefix('#') {
        Some(number) => Entity::Char(numeric(number)?),
        None => Entity::Text(named(name)?),
    };
    Some((entity, length + 2))
}

fn named(name: &str) -> Option<&'static str> {
    match name {
        "nbsp" => Some("\u{a0}"),
        "ndash" => Some("–"),
        _ => NAMES
            .binary_search_by_key(&name, |&(known, _)| known)
            .ok()
            .map(|found| NAMES[found].1),
    }
}

fn numeric(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let code = u32::from_str_radix(digits, radix).ok()?;
    // The characters that MediaWiki lets through: no controls, no noncharacters.
    let valid =
        matches!(code, 0x9 | 0xA | 0xD | 0x20..=0x7E | 0xA0..=0xD7FF | 0xE000..=0xFFFD | 0x10000..);
    char::from_u32(code).filter(|_| valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<String> {
        decode(text).map(|(entity, length)| match entity {
            Entity::Char(c) => format!("{c}{}", &text[length..]),
            Entity::Text(t) => format!("{t}{}", &text[length..]),
        })
    }

    #[test]
    fn valid_references_are_decoded_once() {
        assert_eq!(decoded("&amp;lt;").unwrap(), "&lt;");
        assert_eq!(decoded("&#8212;&#x2014;").unwrap(), "—&#x2014;");
        assert_eq!(decoded("&CounterClockwiseContourIntegral;x").unwrap(), "∳x");
        assert_eq!(decoded("&#X41;").unwrap(), "A");
    }

    #[test]
    fn invalid_references_are_text() {
        for text in [
            "&",
            "&nosuch;",
            "&amp",
            "&#0;",
            "&#xD800;",
            "&#1;",
            "&#+65;",
            "&#x;",
            "&é;",
            "&#99999999999;",
        ] {
            assert!(decoded(text).is_none(), "{text}");
        }
    }

    #[test]
    fn names_are_sorted() {
        assert!(NAMES.is_sorted_by_key(|&(name, _)| name));
        assert!(NAMES.iter().all(|(name, _)| name.len() <= MAX_BYTES));
    }
}
