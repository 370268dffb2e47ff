//! What a file is, told from its first bytes and its name.

use serde_json::{Map, Value};

use crate::input::{InputFile, Opened};
use crate::records::has_header;
use crate::{Error, Format};

/// How much of an unknown file a message shows.
const SHOWN_CHARS: usize = 40;

/// Tells the format of a file. The output of `WikiExtractor` is told by its content alone, other texts
/// by their names.
pub(crate) fn detect(file: &InputFile, opened: &Opened) -> Result<Format, Error> {
    let extension = file.extension();
    let head = opened.head.trim_ascii_start();
    let by_name = match &*extension {
        "txt" | "text" | "md" | "markdown" | "mdown" | "html" | "htm" => Some(Format::Text),
        _ => None,
    };
    if let Some(format) = by_name {
        let is_plain = matches!(&*extension, "txt" | "text");
        let is_extracted = is_plain && is_extracted(file, head);
        return Ok(if is_extracted {
            Format::WikiExtractor
        } else {
            format
        });
    }
    if head.is_empty() {
        return Err(Error::Empty {
            path: file.path.clone(),
        });
    }
    if head.starts_with(b"PAR1") {
        return Err(Error::Unsupported {
            path: file.path.clone(),
            found: "a Parquet file that is compressed as a whole",
            remedy: "unpack it first",
        });
    }
    let by_content = match head[0] {
        b'<' => markup(head),
        b'{' => json(file, head),
        _ if head.starts_with(b"id\ttext\ttitle") => Some(Format::PsgsTsv),
        _ if matches!(&*extension, "csv" | "tsv") || has_header(head) => Some(Format::Csv),
        _ => None,
    };
    by_content.ok_or_else(|| Error::UnknownFormat {
        path: file.path.clone(),
        found: String::from_utf8_lossy(head)
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(SHOWN_CHARS)
            .collect(),
    })
}

/// Whether a file that is named as a text is the output of `WikiExtractor`.
fn is_extracted(file: &InputFile, head: &[u8]) -> bool {
    let found = match head.first() {
        Some(b'<') => markup(head),
        Some(b'{') => json(file, head),
        _ => None,
    };
    found == Some(Format::WikiExtractor)
}

fn markup(head: &[u8]) -> Option<Format> {
    let is_doc = head.starts_with(b"<doc id=");
    let holds = |mark: &[u8]| head.windows(mark.len()).any(|window| window == mark);
    if is_doc {
        Some(Format::WikiExtractor)
    } else if holds(b"<mediawiki") || head.starts_with(b"<page>") {
        Some(Format::MediaWiki)
    } else {
        None
    }
}

/// Tells the makers of JSON lines apart by the fields of the first object.
///
/// A lone brace begins one object over many lines, which no reader here takes.
fn json(file: &InputFile, head: &[u8]) -> Option<Format> {
    let line = head.split(|&byte| byte == b'\n').next()?;
    if line.trim_ascii_end() == b"{" {
        return None;
    }
    let links_by_id = line
        .windows(LINK_BY_ID.len())
        .any(|window| window == LINK_BY_ID);
    let by_fields = |has: &dyn Fn(&str) -> bool| by_fields(file, links_by_id, has);
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(line) else {
        // Longer than the head, or broken, which its reader reports.
        return Some(by_fields(&|field| {
            let quoted = format!("\"{field}\"");
            line.windows(quoted.len())
                .any(|window| window == quoted.as_bytes())
        }));
    };
    if object.get("index").is_some_and(Value::is_object) && object.len() == 1 {
        return Some(Format::Cirrus);
    }
    Some(by_fields(&|field| object.contains_key(field)))
}

/// How `WikiExtractor` links to a page.
const LINK_BY_ID: &[u8] = b"?curid=";

/// Old versions of `WikiExtractor` write no `revid`; their files are told by their links or names.
fn by_fields(file: &InputFile, links_by_id: bool, has: &dyn Fn(&str) -> bool) -> Format {
    let name = file.name.rsplit('/').next().unwrap_or_default();
    let is_extracted = has("revid") || links_by_id || name.starts_with("wiki_");

    if has("article_body") && has("name") {
        Format::Enterprise
    } else if has("wikipedia_id") && has("wikipedia_title") {
        Format::Kilt
    } else if has("url") && has("title") && has("text") && has("id") && is_extracted {
        Format::WikiExtractor
    } else {
        Format::Jsonl
    }
}
