//! Passages as JSON lines.

use std::io::{self, Write};

use ragdex_core::{Document, Passage, PassageId};
use serde::Serialize;

/// Writes one JSON object a line for each passage.
///
/// `id` (a number), `title`, `text`, `document` (the key), `ordinal` (the position within the
/// document, from 0), `section` (the headings, `A > B`), then `url`, `revision` and `timestamp` of
/// the document where they are known. Characters beyond ASCII are written as they are.
///
/// # Examples
///
/// ```
/// use ragdex_core::{Document, Passage, PassageId};
/// use ragdex_corpus::JsonlWriter;
///
/// let document = Document { key: "12".into(), revision: Some("7".into()), ..Document::default() };
/// let passage = Passage { title: "Aruba".into(), text: "An island.".into(), ..Passage::default() };
/// let mut writer = JsonlWriter::new(Vec::new());
/// writer.write(PassageId(3), &passage, &document)?;
/// let expected = r#"{"id":3,"title":"Aruba","text":"An island.","document":"12","ordinal":0,"section":"","revision":"7"}"#;
/// assert_eq!(String::from_utf8(writer.finish()?)?, format!("{expected}\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonlWriter<W> {
    writer: W,
    line: Vec<u8>,
}

impl<W: Write> JsonlWriter<W> {
    /// Writes nothing yet.
    pub fn new(writer: W) -> Self {
        Self {
            writer,
            line: Vec::new(),
        }
    }

    /// Writes a passage of a document. The document's text is not looked at, and may be missing.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(
        &mut self,
        id: PassageId,
        passage: &Passage,
        document: &Document,
    ) -> io::Result<()> {
        let line = Line {
            id: id.0,
            title: &passage.title,
            text: &passage.text,
            document: &document.key,
            ordinal: passage.ordinal,
            section: &passage.section,
            url: document.url.as_deref(),
            revision: document.revision.as_deref(),
            timestamp: document.timestamp.as_deref(),
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
    id: u64,
    title: &'a str,
    text: &'a str,
    document: &'a str,
    ordinal: u32,
    section: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<&'a str>,
}

/// Writes `value` and a line break in one go; `line` is memory used again.
pub(super) fn write_line(
    writer: &mut impl Write,
    line: &mut Vec<u8>,
    value: &impl Serialize,
) -> io::Result<()> {
    line.clear();
    serde_json::to_writer(&mut *line, value)?;
    line.push(b'\n');
    writer.write_all(line)
}
