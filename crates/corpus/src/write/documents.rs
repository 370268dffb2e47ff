//! Whole documents as JSON lines.

use std::fmt;
use std::io::{self, Write};

use ragdex_core::{Document, Section};
use serde::{Serialize, Serializer};

use super::jsonl::write_line;

/// Writes one JSON object a line for each document.
///
/// `key`, `title`, then `url`, `revision` and `timestamp` where they are known, `text` (all paragraphs
/// joined by a blank line) and `sections`, a list of `{"path": [headings], "paragraphs": n}` that tells
/// how many of these paragraphs stand under which headings. Programs that read the JSON of
/// `WikiExtractor` find what they look for but the id, which is named `key` here, since it need not be
/// a page id.
///
/// # Examples
///
/// ```
/// use ragdex_core::{Document, Section};
/// use ragdex_corpus::DocumentsWriter;
///
/// let document = Document {
///     key: "12".into(),
///     title: "Aruba".into(),
///     sections: vec![Section::lead(vec!["An island.".into()])],
///     ..Document::default()
/// };
/// let mut writer = DocumentsWriter::new(Vec::new());
/// writer.write(&document)?;
/// let expected = r#"{"key":"12","title":"Aruba","text":"An island.","sections":[{"path":[],"paragraphs":1}]}"#;
/// assert_eq!(String::from_utf8(writer.finish()?)?, format!("{expected}\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DocumentsWriter<W> {
    writer: W,
    line: Vec<u8>,
}

impl<W: Write> DocumentsWriter<W> {
    /// Writes nothing yet.
    pub fn new(writer: W) -> Self {
        Self {
            writer,
            line: Vec::new(),
        }
    }

    /// Writes a document, which may be without text.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&mut self, document: &Document) -> io::Result<()> {
        let line = Line {
            key: &document.key,
            title: &document.title,
            url: document.url.as_deref(),
            revision: document.revision.as_deref(),
            timestamp: document.timestamp.as_deref(),
            text: Text(document),
            sections: Sections(&document.sections),
        };
        write_line(&mut self.writer, &mut self.line, &line)
    }

    /// Flushes and gives the writer back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.writer.flush()?;
        Ok(self.writer)
    }
}

#[derive(Serialize)]
struct Line<'a> {
    key: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<&'a str>,
    text: Text<'a>,
    sections: Sections<'a>,
}

/// Sections, written without a copy.
struct Sections<'a>(&'a [Section]);

impl Serialize for Sections<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|section| SectionLine {
            path: &section.path,
            paragraphs: section.paragraphs.len(),
        }))
    }
}

#[derive(Serialize)]
struct SectionLine<'a> {
    path: &'a [String],
    paragraphs: usize,
}

/// The text of a document, joined while it is written.
struct Text<'a>(&'a Document);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, paragraph) in self.0.paragraphs().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            f.write_str(paragraph)?;
        }
        Ok(())
    }
}
