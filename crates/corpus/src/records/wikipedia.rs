//! Wikipedia as others pack it: `WikiExtractor`, KILT, Cirrus search dumps, Wikimedia Enterprise.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use ragdex_core::Section;
use serde_json::Value;

use super::jsonl::{Met, Object, objects, objects_to_end, scalar};
use super::lines::Lines;
use super::{Record, Row};
use crate::kinds::{Known, TitleRules};
use crate::outline::Outline;
use crate::text::{Html, attribute, decode_references};
use crate::{BadRecord, Error};

/// Stands before the path of a heading: `Section::::History.:Early years.`
const SECTION: &str = "Section::::";

/// Stands before an item of a list: `BULLET::::- one`
const BULLET: &str = "BULLET::::";

/// Reads the output of `WikiExtractor`: JSON lines, or `<doc>` elements when `head` begins with one.
///
/// The field `revid` is not taken: it is the id of the last editor where that one was logged in.
pub(crate) fn read_wikiextractor<R: BufRead + Send + 'static>(
    path: &Path,
    head: &[u8],
    reader: R,
    rules: Arc<TitleRules>,
) -> Box<dyn Iterator<Item = Result<Record, Error>> + Send> {
    if head.trim_ascii_start().starts_with(b"<doc") {
        return Box::new(read_tagged(path, reader, rules));
    }
    Box::new(objects(path, reader, move |mut object: Object| {
        let title = take(&mut object, "title").unwrap_or_default();
        let text = take(&mut object, "text").ok_or("field `text` expected")?;
        let row = Row {
            key: take(&mut object, "id"),
            url: take(&mut object, "url"),
            sections: extracted_sections(text.lines(), &title),
            title,
            ..Row::default()
        };
        Ok(wanted(row, &rules))
    }))
}

/// Makes a document of a page, unless its title or its id rules it out.
fn wanted(row: Row, rules: &TitleRules) -> Record {
    let page = Known {
        key: row.key.as_deref(),
        title: &row.title,
        ..Known::default()
    };
    match rules.unwanted(&page) {
        Some(skip) => Record::Skipped(skip, Some(row.into_document().key)),
        None => Record::of(row.into_document()),
    }
}

/// Text of one `<doc>` beyond which it is a bad record; one that does not end runs into it.
const MAX_DOC_BYTES: usize = 64 << 20;

/// Reads `<doc id="…" url="…" title="…">`, the title, the text, `</doc>`.
fn read_tagged<R: BufRead>(
    path: &Path,
    reader: R,
    rules: Arc<TitleRules>,
) -> impl Iterator<Item = Result<Record, Error>> + use<R> {
    let mut tagged = Tagged {
        rules,
        lines: Lines::new(path, reader),
        next_tag: None,
    };
    std::iter::from_fn(move || tagged.next().transpose())
}

struct Tagged<R> {
    rules: Arc<TitleRules>,
    lines: Lines<R>,
    /// A tag that was met where the end of the document before was expected.
    next_tag: Option<String>,
}

impl<R: BufRead> Tagged<R> {
    fn next(&mut self) -> Result<Option<Record>, Error> {
        let tag = match self.next_tag.take() {
            Some(tag) => tag,
            None => match self.lines.next()? {
                None => return Ok(None),
                Some(Err(bad)) => return Ok(Some(Record::Bad(bad))),
                Some(Ok(line)) => line.to_owned(),
            },
        };
        if !tag.starts_with("<doc ") {
            let bad = self.lines.bad("`<doc …>` expected".into());
            return Ok(Some(Record::Bad(bad)));
        }
        let begun = self.lines.bad("`</doc>` expected".into());
        let mut text = Vec::new();
        let mut bytes = 0;
        let mut trouble = None;
        loop {
            match self.lines.next()? {
                None => return Ok(Some(Record::Bad(begun))),
                Some(Err(bad)) => trouble = Some(bad),
                Some(Ok("</doc>")) => break,
                Some(Ok(line)) if line.starts_with("<doc id=\"") => {
                    self.next_tag = Some(line.to_owned());
                    return Ok(Some(Record::Bad(begun)));
                }
                Some(Ok(line)) if bytes + line.len() <= MAX_DOC_BYTES => {
                    bytes += line.len();
                    text.push(line.to_owned());
                }
                Some(Ok(_)) => {
                    let problem = format!("a document of over {} MB", MAX_DOC_BYTES >> 20);
                    trouble.get_or_insert_with(|| BadRecord {
                        problem,
                        ..begun.clone()
                    });
                    text.clear();
                }
            }
        }
        if let Some(bad) = trouble {
            return Ok(Some(Record::Bad(bad)));
        }
        let title = tag_attribute(&tag, "title").unwrap_or_default();
        let row = Row {
            key: tag_attribute(&tag, "id"),
            url: tag_attribute(&tag, "url"),
            sections: extracted_sections(text.iter().map(String::as_str), &title),
            title,
            ..Row::default()
        };
        Ok(Some(wanted(row, &self.rules)))
    }
}

fn tag_attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    // A title may hold quotation marks; the attributes are always in this order.
    let end = ["\" revid=\"", "\" url=\"", "\" title=\"", "\">"]
        .iter()
        .filter_map(|end| rest.find(end))
        .min()?;
    Some(decode_references(&rest[..end]))
}

/// The sections of extracted text, in which each line is a paragraph. The title may be the first.
fn extracted_sections<'a>(lines: impl Iterator<Item = &'a str>, title: &str) -> Vec<Section> {
    let lines = lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(decode_references);
    marked_sections(
        lines
            .enumerate()
            .filter(|(i, line)| *i > 0 || line != title)
            .map(|l| l.1),
    )
}

/// Makes sections of paragraphs among which headings and list items are marked.
fn marked_sections(paragraphs: impl Iterator<Item = String>) -> Vec<Section> {
    let mut outline = Outline::default();
    outline.set_title(String::new());
    for paragraph in paragraphs {
        if let Some(path) = paragraph.trim().strip_prefix(SECTION) {
            let path = path.trim_end_matches('.');
            for (level, heading) in path.split(".:").enumerate() {
                outline.heading(level + 1, heading);
            }
        } else {
            let text = paragraph.strip_prefix(BULLET).unwrap_or(&paragraph);
            let text = text.trim_start_matches("- ").trim();
            if !text.is_empty() {
                outline.paragraph(text.to_owned());
            }
        }
    }
    outline.sections
}

/// Reads the knowledge source of KILT.
pub(crate) fn read_kilt<R: BufRead>(
    path: &Path,
    reader: R,
    rules: Arc<TitleRules>,
) -> impl Iterator<Item = Result<Record, Error>> + use<R> {
    objects(path, reader, move |mut object: Object| {
        let title = take(&mut object, "wikipedia_title").unwrap_or_default();
        let Some(Value::Array(text)) = object.remove("text") else {
            return Err("field `text`: a list of paragraphs expected".into());
        };
        let history = object.get("history");
        let row = Row {
            key: take_first(&object, &["wikipedia_id", "_id"]),
            url: history.and_then(|h| h.get("url")).cloned().and_then(scalar),
            revision: history
                .and_then(|h| h.get("revid"))
                .cloned()
                .and_then(scalar),
            // The first element is the title.
            sections: marked_sections(text.into_iter().skip(1).filter_map(scalar)),
            is_passage: false,
            title,
        };
        Ok(wanted(row, &rules))
    })
}

/// Begins a reference in the text of a search dump; the rest of the line is the reference.
const CIRRUS_REFERENCE: &str = "  ^ ";

/// Reads a search dump: lines in pairs, of which the first has the id.
///
/// # Source
/// References are cut as `WikiExtractor`'s `cirrus-extract.py` does.
pub(crate) fn read_cirrus<R: BufRead>(
    path: &Path,
    reader: R,
    rules: Arc<TitleRules>,
) -> impl Iterator<Item = Result<Record, Error>> + use<R> {
    let mut id: Option<String> = None;
    objects_to_end(path, reader, move |met| {
        let mut object = match met {
            Met::Object(object) => object,
            Met::Unusable => {
                id = None;
                return Ok(None);
            }
            Met::End => return id.take().map_or(Ok(None), |id| Err(no_page(&id))),
        };
        if let Some(index) = object.get("index").filter(|index| index.is_object()) {
            let before = std::mem::replace(&mut id, index.get("_id").cloned().and_then(scalar));
            return before.map_or(Ok(None), |id| Err(no_page(&id)));
        }
        let key = id.take().or_else(|| take(&mut object, "page_id"));
        let key = key.ok_or("a line with `index` and `_id` expected before this one")?;
        let title = take(&mut object, "title").unwrap_or_default();
        let templates = object.get("template").and_then(Value::as_array);
        let page = Known {
            namespace: object.get("namespace").and_then(Value::as_i64).or(Some(0)),
            key: Some(&key),
            title: &title,
            is_disambiguation: templates.is_some_and(|templates| {
                let mut names = templates.iter().filter_map(Value::as_str);
                names.any(|name| name.to_lowercase().contains(":disambig"))
            }),
        };
        if let Some(skip) = rules.unwanted(&page) {
            return Ok(Some(Record::Skipped(skip, Some(key))));
        }
        let text = take(&mut object, "text").ok_or("field `text` expected")?;
        let row = Row {
            key: Some(key),
            title,
            url: None,
            revision: take(&mut object, "version"),
            is_passage: false,
            sections: vec![Section::lead(super::paragraphs(&without_references(&text)))],
        };
        Ok(Some(Record::of(row.into_document())))
    })
}

fn no_page(id: &str) -> String {
    format!("the page `{id}` expected after the line that names it")
}

fn without_references(text: &str) -> String {
    let lines = text.split('\n');
    let lines = lines.map(|line| line.split(CIRRUS_REFERENCE).next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Reads the HTML of a Wikimedia Enterprise snapshot. Fields that are zero are left out there.
pub(crate) fn read_enterprise<R: BufRead>(
    path: &Path,
    reader: R,
    rules: Arc<TitleRules>,
    code_blocks: bool,
) -> impl Iterator<Item = Result<Record, Error>> + use<R> {
    objects(path, reader, move |mut object: Object| {
        let html = object
            .get_mut("article_body")
            .and_then(|body| body.get_mut("html"));
        let Some(Value::String(html)) = html.map(Value::take) else {
            return Err("field `article_body.html` expected".into());
        };
        let key = take_first(&object, &["identifier", "name"]);
        let title = take(&mut object, "name").unwrap_or_default();
        let namespace = object.get("namespace").and_then(|n| n.get("identifier"));
        let page = Known {
            namespace: namespace.and_then(Value::as_i64).or(Some(0)),
            key: key.as_deref(),
            title: &title,
            is_disambiguation: html.contains("mw:PageProp/disambiguation"),
        };
        if let Some(skip) = rules.unwanted(&page) {
            return Ok(Record::Skipped(skip, Some(key.unwrap_or_default())));
        }
        let version = object
            .get("version")
            .and_then(|version| version.get("identifier"));
        let parsed = Html::with_rule(code_blocks, is_no_prose).parse(&html);
        let mut sections = parsed.sections;
        rules.drop_sections(&mut sections);
        let row = Row {
            key,
            revision: version.cloned().and_then(scalar),
            url: take(&mut object, "url"),
            title,
            sections,
            is_passage: false,
        };
        Ok(Record::of(row.into_document()))
    })
}

/// Classes of elements of Parsoid's HTML that hold no prose.
const NO_PROSE: [&str; 9] = [
    "reference",
    "references",
    "reflist",
    "mw-ref",
    "mw-references-wrap",
    "hatnote",
    "metadata",
    "mw-empty-elt",
    "thumb",
];

/// Beginnings of such classes, which have variants: `infobox_v3`, `navbox-inner`, `thumbinner`.
const NO_PROSE_STARTS: [&str; 3] = ["infobox", "navbox", "thumbinner"];

/// Whether an element of Parsoid's HTML holds no prose, or none that is shown.
fn is_no_prose(name: &str, attributes: &str) -> bool {
    let any = |attribute_name, matches: &dyn Fn(&str) -> bool| {
        let value = attribute(attributes, attribute_name).unwrap_or_default();
        value.split_whitespace().any(matches)
    };
    matches!(name, "table" | "figure" | "ul" | "ol" | "dl" | "title")
        || any("class", &|class| {
            let mut starts = NO_PROSE_STARTS.iter();
            NO_PROSE.contains(&class) || starts.any(|start| class.starts_with(start))
        })
        || any("role", &|role| role == "note")
        || any("typeof", &|kind| {
            matches!(kind, "mw:Extension/ref" | "mw:Extension/references")
        })
        || attribute(attributes, "style").is_some_and(is_hidden)
}

/// Whether a style says that an element is not shown.
fn is_hidden(style: &str) -> bool {
    style.split(';').any(|rule| {
        rule.split_once(':').is_some_and(|(property, value)| {
            let value = value.split('!').next().unwrap_or_default();
            property.trim().eq_ignore_ascii_case("display")
                && value.trim().eq_ignore_ascii_case("none")
        })
    })
}

fn take(object: &mut Object, name: &str) -> Option<String> {
    object.get_mut(name).map(Value::take).and_then(scalar)
}

fn take_first(object: &Object, names: &[&str]) -> Option<String> {
    names
        .iter()
        .find_map(|name| object.get(*name).cloned().and_then(scalar))
}
