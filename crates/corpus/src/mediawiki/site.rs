//! What a dump says about its wiki.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The `<siteinfo>` of a dump and the language of its root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Site {
    /// A language code such as `en`.
    pub(super) language: String,
    /// The address of the main page.
    pub(super) base: String,
    /// Numbers and local names; namespace 0 has none.
    pub(super) namespaces: BTreeMap<i32, String>,
}

/// Characters besides letters and digits that MediaWiki leaves as they are in addresses.
const PLAIN: &[u8] = b"-_.;@$!*(),/~:";

impl Site {
    /// The address of a page, when the dump says where its wiki is.
    pub(super) fn url(&self, title: &str) -> Option<String> {
        let folder = match self.base.split_once("title=") {
            Some((_, "")) => self.base.len(),
            Some((before, _)) => before.len() + "title=".len(),
            None => self.base.rfind('/')? + 1,
        };
        let mut url = self.base.get(..folder)?.to_owned();
        for byte in title.bytes() {
            match byte {
                b' ' => url.push('_'),
                _ if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) => {
                    url.push(char::from(byte));
                }
                _ => write!(url, "%{byte:02X}").expect("a string takes every write"),
            }
        }
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str, title: &str) -> Option<String> {
        let site = Site {
            base: base.into(),
            ..Site::default()
        };
        site.url(title)
    }

    #[test]
    fn a_page_has_the_address_that_the_wiki_gives_it() {
        let main = "https://en.wikipedia.org/wiki/Main_Page";
        let tests = [
            ("Albert Einstein", "Albert_Einstein"),
            ("2001: A Space Odyssey", "2001:_A_Space_Odyssey"),
            ("AT&T", "AT%26T"),
            ("C++", "C%2B%2B"),
            ("What?", "What%3F"),
            ("Ævar", "%C3%86var"),
        ];
        for (title, end) in tests {
            let expected = format!("https://en.wikipedia.org/wiki/{end}");
            assert_eq!(url(main, title), Some(expected));
        }
    }

    #[test]
    fn wikis_without_short_addresses_have_addresses_too() {
        let base = "http://wiki.local/index.php?title=Main_Page";
        let expected = "http://wiki.local/index.php?title=A_b";
        assert_eq!(url(base, "A b").as_deref(), Some(expected));
        assert_eq!(url("", "A"), None);
    }
}
