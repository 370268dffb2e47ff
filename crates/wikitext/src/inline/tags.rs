//! The names of tags that MediaWiki knows.

/// What a tag does to the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagRole {
    Inline,
    LineBreak,
    Superscript,
    /// Ends the paragraph.
    Block,
    /// Ends the paragraph; `:` at the start of a line inside it is indentation.
    Quote,
}

impl TagRole {
    /// The role of the tag, none when the name is not known.
    pub(super) fn of(name: &str) -> Option<Self> {
        let mut buffer = [0; 16];
        let lower = buffer.get_mut(..name.len())?;
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        Some(match &*lower {
            b"br" => Self::LineBreak,
            b"sup" => Self::Superscript,
            b"blockquote" | b"poem" => Self::Quote,
            b"div" | b"p" | b"center" | b"hr" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" => {
                Self::Block
            }
            name if INLINE.binary_search(&name).is_ok() => Self::Inline,
            _ => return None,
        })
    }
}

/// Tells whether `name` is the name of a tag that the output must not hold.
pub(crate) fn is_known_tag(name: &str) -> bool {
    TagRole::of(name).is_some()
}

/// HTML that MediaWiki lets through, and the names of its extensions; sorted.
const INLINE: &[&[u8]] = &[
    b"abbr",
    b"b",
    b"bdi",
    b"bdo",
    b"big",
    b"caption",
    b"categorytree",
    b"ce",
    b"charinsert",
    b"chem",
    b"cite",
    b"code",
    b"col",
    b"colgroup",
    b"data",
    b"dd",
    b"del",
    b"dfn",
    b"dl",
    b"dt",
    b"em",
    b"font",
    b"gallery",
    b"graph",
    b"hiero",
    b"i",
    b"imagemap",
    b"includeonly",
    b"indicator",
    b"inputbox",
    b"ins",
    b"kbd",
    b"langconvert",
    b"li",
    b"mapframe",
    b"maplink",
    b"mark",
    b"math",
    b"meta",
    b"noinclude",
    b"nowiki",
    b"ol",
    b"onlyinclude",
    b"pre",
    b"q",
    b"rb",
    b"ref",
    b"references",
    b"rp",
    b"rt",
    b"rtc",
    b"ruby",
    b"s",
    b"samp",
    b"score",
    b"section",
    b"small",
    b"source",
    b"span",
    b"strike",
    b"strong",
    b"sub",
    b"syntaxhighlight",
    b"table",
    b"tbody",
    b"td",
    b"templatedata",
    b"templatestyles",
    b"tfoot",
    b"th",
    b"thead",
    b"time",
    b"timeline",
    b"tr",
    b"translate",
    b"tt",
    b"tvar",
    b"u",
    b"ul",
    b"var",
    b"wbr",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_compared_without_case() {
        assert!(INLINE.is_sorted());
        assert_eq!(TagRole::of("SUB"), Some(TagRole::Inline));
        assert_eq!(TagRole::of("stdio"), None);
        assert_eq!(TagRole::of("averyveryverylongname"), None);
    }
}
