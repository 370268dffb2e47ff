//! Fields by name: which of them is what, and how they become a document.

use ragdex_core::{ContentHash, Document, Section};

use crate::Columns;
use crate::split::is_space;

/// The usual names of the text, in the order of preference.
pub(super) const TEXT: [&str; 5] = ["text", "contents", "content", "body", "passage"];
/// The usual names of the key.
pub(super) const KEY: [&str; 3] = ["key", "id", "_id"];
/// The usual names of the revision.
pub(super) const REVISION: [&str; 2] = ["revision", "revid"];

impl Columns {
    pub(super) fn key_names(&self) -> Vec<&str> {
        named_or(self.key.as_deref(), &KEY)
    }

    pub(super) fn title_names(&self) -> Vec<&str> {
        named_or(self.title.as_deref(), &["title"])
    }

    pub(super) fn text_names(&self) -> Vec<&str> {
        named_or(self.text.as_deref(), &TEXT)
    }

    pub(super) fn url_names(&self) -> Vec<&str> {
        named_or(self.url.as_deref(), &["url"])
    }

    pub(super) fn revision_names(&self) -> Vec<&str> {
        named_or(self.revision.as_deref(), &REVISION)
    }
}

fn named_or<'a>(named: Option<&'a str>, usual: &[&'a str]) -> Vec<&'a str> {
    named.map_or_else(|| usual.to_vec(), |name| vec![name])
}

/// One record of a table or of JSON lines.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) key: Option<String>,
    pub(crate) title: String,
    pub(crate) url: Option<String>,
    pub(crate) revision: Option<String>,
    /// The record is a passage, whose title and text stay as they are.
    pub(crate) is_passage: bool,
    pub(crate) sections: Vec<Section>,
}

impl Row {
    /// Makes the document. Without a key the title is the key, without a title either the hash of
    /// the text.
    pub(crate) fn into_document(self) -> Document {
        let Self {
            key,
            title,
            url,
            revision,
            is_passage,
            sections,
        } = self;
        let mut document = Document {
            key: without_nul(key.unwrap_or_default()),
            title: if is_passage {
                title
            } else {
                without_nul(title)
            },
            url: url.filter(|url| !url.is_empty()),
            revision: revision.filter(|revision| !revision.is_empty()),
            is_passage,
            sections,
            ..Document::default()
        };
        if !is_passage {
            let sections = document.sections.iter_mut();
            for paragraph in sections.flat_map(|section| &mut section.paragraphs) {
                *paragraph = without_nul(std::mem::take(paragraph));
            }
        }
        if document.key.is_empty() {
            document.key.clone_from(&document.title);
        }
        if document.key.is_empty() {
            document.key = ContentHash::of_fields(&[&document.text()]).to_string();
        }
        document
    }
}

/// The text of a record: cut into paragraphs, or one paragraph with all its bytes when the record is
/// a passage, so that it gets the vector that others computed for it.
pub(super) fn lead(text: &str, is_passage: bool) -> Vec<Section> {
    vec![Section::lead(if is_passage {
        vec![text.to_owned()]
    } else {
        paragraphs(text)
    })]
}

/// Cuts a text at blank lines. NUL becomes U+FFFD, since others' tools end texts at it.
pub(crate) fn paragraphs(text: &str) -> Vec<String> {
    let text = without_nul(text.replace("\r\n", "\n"));
    let mut paragraphs = Vec::new();
    let mut current: Option<&str> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        if line.trim_matches(is_space).is_empty() {
            paragraphs.extend(current.take().map(|p| p.trim_matches('\n').to_owned()));
        } else {
            let from = current.map_or(start, |p| start - p.len());
            current = Some(&text[from..end]);
        }
        start = end;
    }
    paragraphs.extend(current.map(|p| p.trim_matches('\n').to_owned()));
    paragraphs
}

/// Replaces NUL by U+FFFD.
pub(crate) fn without_nul(text: String) -> String {
    if text.contains('\0') {
        return text.replace('\0', "\u{fffd}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_end_at_blank_lines() {
        let tests: [(&str, &[&str]); 6] = [
            ("", &[]),
            ("\n \n", &[]),
            ("a", &["a"]),
            ("a\nb\n\n\n c d \n", &["a\nb", " c d "]),
            ("a\r\n\r\nb", &["a", "b"]),
            ("a\0b", &["a\u{fffd}b"]),
        ];
        for (text, expected) in tests {
            assert_eq!(paragraphs(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_key_is_the_given_one_or_the_title_or_the_hash_of_the_text() {
        let row = |key: &str, title: &str| Row {
            key: Some(key.into()),
            title: title.into(),
            sections: vec![Section::lead(vec!["x".into()])],
            ..Row::default()
        };
        assert_eq!(row("7", "T").into_document().key, "7");
        assert_eq!(row("", "T").into_document().key, "T");
        assert_eq!(row("", "").into_document().key.len(), 32);
    }
}
