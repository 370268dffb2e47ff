//! External links: `[http://example.org label]`.

use memchr::memchr2;

use super::Pass;
use crate::marks::{MARK, is_control};

/// What may begin an address, as in MediaWiki.
const SCHEMES: &[&str] = &[
    "//",
    "http://",
    "https://",
    "ftp://",
    "ftps://",
    "mailto:",
    "news:",
    "irc://",
    "ircs://",
    "git://",
    "gopher://",
    "svn://",
    "ssh://",
    "sftp://",
    "telnet://",
    "nntp://",
    "mms://",
    "redis://",
    "worldwind://",
    "bitcoin:",
    "geo:",
    "magnet:",
    "sip:",
    "sips:",
    "sms:",
    "tel:",
    "urn:",
    "xmpp:",
];

/// The external link that is being read.
#[derive(Default)]
pub(super) struct ExternalLinks {
    /// Position of the `]` that ends the label at hand.
    close: Option<usize>,
    /// Where a `]` or line break was last looked for and found. Without it, a line of openings
    /// would be read once for each.
    searched: Option<(usize, usize)>,
}

impl ExternalLinks {
    /// Tells whether the `]` at `at` ends the label at hand; forgets it then.
    pub(super) fn closes(&mut self, at: usize) -> bool {
        self.close.take_if(|close| *close == at).is_some()
    }

    /// Finds the first `]` or line break from `from` on.
    fn next_end(&mut self, bytes: &[u8], from: usize) -> usize {
        if let Some((start, found)) = self.searched
            && (start..=found).contains(&from)
        {
            return found;
        }
        let found = memchr2(b']', b'\n', &bytes[from..]).map_or(bytes.len(), |n| from + n);
        self.searched = Some((from, found));
        found
    }
}

/// Tells whether `text` begins with an address.
pub(super) fn starts_with_scheme(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

impl Pass<'_> {
    /// Handles the single `[` before `at`: opens an external link, or is text.
    pub(super) fn single_bracket(&mut self, at: usize) -> usize {
        if !matches!(self.bytes.get(at), Some(b'/' | b'a'..=b'z' | b'A'..=b'Z'))
            || !starts_with_scheme(&self.text[at..])
        {
            self.out.push('[');
            return at;
        }
        let ends_address =
            |b: &u8| b.is_ascii_whitespace() || is_control(*b) || b"[]<>\"".contains(b);
        let address_end = self.bytes[at..]
            .iter()
            .position(ends_address)
            .map_or(self.bytes.len(), |n| at + n);
        let close = self.external.next_end(self.bytes, address_end);
        if self.bytes.get(close) != Some(&b']') {
            self.out.push('[');
            return at;
        }
        let label = self.text[address_end..close].trim_start();
        if label.is_empty() {
            self.out.push(char::from(MARK));
            return close + 1;
        }
        self.external.close = Some(close);
        close - label.len()
    }
}

#[cfg(test)]
mod tests {

    use crate::rules::Rules;
    use crate::{Counters, SiteInfo};

    #[test]
    fn labels_stay_and_addresses_go() {
        let rules = Rules::built_in(SiteInfo::default());
        let resolved = |text| super::super::resolve(text, &rules, &mut Counters::default()).text;
        assert_eq!(
            resolved("[http://a b ''c''] [HTTPS://a] [//a b]"),
            "b ''c'' \u{1} b"
        );
        assert_eq!(
            resolved("[sic] [1] [http://a b\n] [a]"),
            "[sic] [1] [http://a b\n] [a]"
        );
        assert_eq!(resolved("[[A|[http://a b]]]"), "b");
    }
}
