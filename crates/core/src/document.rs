//! Documents and the passages cut from them.

use std::fmt;

use crate::ContentHash;

/// One article, file or record of a source, as plain text in sections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// What names the document for ever within its source: a page id, a path, a user's id. Two
    /// documents of one snapshot never share a key.
    pub key: String,
    /// The title, as the source writes it. May be empty.
    pub title: String,
    /// Where a person can read the document.
    pub url: Option<String>,
    /// The source's own version of the document, such as a revision id.
    pub revision: Option<String>,
    /// When that version was made, as the source writes it; in dumps ISO 8601 in UTC.
    pub timestamp: Option<String>,
    /// SHA-1 of the source's text of that version, as a dump gives it: base 36, 31 digits.
    pub sha1: Option<String>,
    /// Whether it is a passage already, which is never cut. Its text is then one paragraph, kept byte
    /// for byte.
    pub is_passage: bool,
    /// The text, in reading order. A document without sections has no text.
    pub sections: Vec<Section>,
}

impl Document {
    /// Joins every paragraph of every section by a blank line.
    #[must_use]
    pub fn text(&self) -> String {
        let paragraphs: Vec<&str> = self.paragraphs().collect();
        paragraphs.join("\n\n")
    }

    /// Iterates over the paragraphs of all sections, in reading order.
    pub fn paragraphs(&self) -> impl Iterator<Item = &str> {
        self.sections
            .iter()
            .flat_map(|section| section.paragraphs.iter().map(String::as_str))
    }

    /// Hashes what readers see: title, URL, section paths and paragraphs; not the key and not what
    /// tells of the revision, so that an edit that leaves the text alone leaves the hash alone.
    #[must_use]
    pub fn content_hash(&self) -> ContentHash {
        let shape: Vec<String> = self
            .sections
            .iter()
            .map(|section| format!("{},{}", section.path.len(), section.paragraphs.len()))
            .collect();
        let shape = shape.join(";");
        let mut fields = vec![&*shape, &*self.title, self.url.as_deref().unwrap_or("")];
        for section in &self.sections {
            fields.extend(section.path.iter().map(String::as_str));
            fields.extend(section.paragraphs.iter().map(String::as_str));
        }
        ContentHash::of_fields(&fields)
    }
}

/// The paragraphs under one heading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// The headings from the outermost to this one; empty for the text before the first heading.
    pub path: Vec<String>,
    /// Paragraphs in order, each without line breaks at its ends, unless the document is a passage.
    pub paragraphs: Vec<String>,
}

impl Section {
    /// Makes the section that stands before the first heading.
    #[must_use]
    pub fn lead(paragraphs: Vec<String>) -> Self {
        Self {
            path: Vec::new(),
            paragraphs,
        }
    }
}

/// A run of words of one document: the unit of retrieval.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passage {
    /// Position among the passages of its document, from 0.
    pub ordinal: u32,
    /// The title of its document, in the form that the splitting rule gives it.
    pub title: String,
    /// The headings above its first word, joined by ` > `; empty in the lead.
    pub section: String,
    /// The words, as the splitting rule joins them.
    pub text: String,
}

impl Passage {
    /// Hashes title and text: what an encoder sees. Equal hashes can share one vector.
    #[must_use]
    pub fn content_hash(&self) -> ContentHash {
        ContentHash::of_fields(&[&self.title, &self.text])
    }
}

/// Names a passage within its knowledge base: given out in ascending order and never used again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PassageId(pub u64);

impl fmt::Display for PassageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(sections: Vec<Section>) -> Document {
        Document {
            key: "1".into(),
            title: "T".into(),
            sections,
            ..Document::default()
        }
    }

    #[test]
    fn a_paragraph_moved_to_the_next_section_changes_the_hash() {
        let section = |path: &str, paragraphs: &[&str]| Section {
            path: vec![path.into()],
            paragraphs: paragraphs.iter().map(|&p| p.into()).collect(),
        };
        let one = document(vec![section("A", &["x", "y"]), section("B", &["z"])]);
        let two = document(vec![section("A", &["x"]), section("B", &["y", "z"])]);
        assert_ne!(one.content_hash(), two.content_hash());
    }

    #[test]
    fn key_and_revision_leave_the_hash_alone() {
        let one = document(vec![Section::lead(vec!["x".into()])]);
        let two = Document {
            key: "2".into(),
            revision: Some("9".into()),
            ..one.clone()
        };
        assert_eq!(one.content_hash(), two.content_hash());
    }
}
