//! Files that are one document each: text, Markdown, HTML.

mod html;
mod markdown;

use std::io::Read;
use std::path::Path;

use ragdex_core::{Document, Section};

pub(crate) use html::{Html, attribute, decode_references};

use crate::input::{Encoding, InputFile, Opened, decode_text};
use crate::records::{Record, paragraphs};
use crate::{BadRecord, Error, Place};

/// The longest file that is read; a document of this length is some ten thousand pages.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A text with its title and its headings taken out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) title: Option<String>,
    pub(crate) sections: Vec<Section>,
}

/// Reads a file as one document. The key is its path in the folder.
pub(crate) fn read(
    file: &InputFile,
    opened: Opened,
    code_blocks: bool,
) -> Result<Vec<Record>, Error> {
    let mut bytes = Vec::new();
    let mut reader = opened.reader.take(MAX_FILE_BYTES + 1);
    let read = reader.read_to_end(&mut bytes);
    read.map_err(|error| Error::from_io(error, &file.path, bytes.len() as u64))?;
    if let Some(problem) = refusal(&bytes) {
        return Ok(vec![Record::Bad(BadRecord {
            path: file.path.clone(),
            place: Place::File,
            problem,
        })]);
    }
    let (text, encoding) = decode_text(&bytes);
    let mut records = Vec::with_capacity(2);
    if encoding == Encoding::Windows1252 {
        let path = file.path.display();
        records.push(Record::Note(format!(
            "`{path}`: no UTF-8, read as Latin-1 (Windows-1252)"
        )));
    }
    let parsed = parse(&file.extension(), &text, code_blocks);
    records.push(Record::of(Document {
        key: file.name.clone(),
        title: parsed.title.unwrap_or_else(|| stem(&file.name)),
        sections: parsed.sections,
        ..Document::default()
    }));
    Ok(records)
}

fn refusal(bytes: &[u8]) -> Option<String> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Some(format!("over {} MB of text", MAX_FILE_BYTES >> 20));
    }
    let head = &bytes[..bytes.len().min(8192)];
    head.contains(&0)
        .then(|| "no text: it holds zero bytes".into())
}

fn parse(extension: &str, text: &str, code_blocks: bool) -> Parsed {
    match extension {
        "md" | "markdown" | "mdown" => markdown::parse(text, code_blocks),
        "html" | "htm" => Html::new(code_blocks).parse(text),
        _ => Parsed {
            title: None,
            sections: vec![Section::lead(paragraphs(text))],
        },
    }
}

/// The name of a file without folder and without everything from the first dot on that tells its
/// kind.
fn stem(name: &str) -> String {
    let bare = name.rsplit('/').next().unwrap_or(name);
    let mut path = Path::new(bare);
    if InputFile::is_compressed(bare) {
        path = Path::new(
            path.file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or(bare),
        );
    }
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.unwrap_or(bare).to_owned()
}
