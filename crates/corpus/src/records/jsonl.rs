//! One JSON object a line.

use std::io::BufRead;
use std::path::Path;

use ragdex_core::Section;
use serde_json::{Map, Value};

use super::lines::Lines;
use super::{Record, Row, paragraphs};
use crate::{Columns, Error};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// Reads JSON lines with a title and a text.
pub(crate) fn read<R: BufRead>(
    path: &Path,
    reader: R,
    columns: Columns,
) -> impl Iterator<Item = Result<Record, Error>> + use<R> {
    let path_shown = path.display().to_string();
    let named = [
        &columns.key,
        &columns.title,
        &columns.url,
        &columns.revision,
    ];
    let mut unseen: Vec<String> = named.into_iter().flatten().cloned().collect();
    objects_to_end(path, reader, move |met| match met {
        Met::Object(object) => {
            unseen.retain(|name| !object.contains_key(name));
            let row = row(object, &columns)?;
            Ok(Some(Record::of(row.into_document())))
        }
        Met::End if !unseen.is_empty() => {
            let names = unseen.join("`, `");
            let note = format!("`{path_shown}`: no record has the field `{names}`");
            Ok(Some(Record::Note(note)))
        }
        Met::Unusable | Met::End => Ok(None),
    })
}

/// Applies `convert` to the object on each line; its error is what is wrong with the line, and it
/// may make no record of it.
pub(super) fn objects<R: BufRead, F, T>(
    path: &Path,
    reader: R,
    mut convert: F,
) -> impl Iterator<Item = Result<Record, Error>> + use<R, F, T>
where
    F: FnMut(Object) -> Result<T, String>,
    T: Into<Option<Record>>,
{
    objects_to_end(path, reader, move |met| match met {
        Met::Object(object) => convert(object).map(Into::into),
        Met::Unusable | Met::End => Ok(None),
    })
}

/// What a file of objects holds at a place.
pub(super) enum Met {
    Object(Object),
    /// A line that is a bad record already; nothing can be made of it.
    Unusable,
    /// The end, once.
    End,
}

/// As [`objects`], for readers to which the end or what stands between matters.
pub(super) fn objects_to_end<R: BufRead, F>(
    path: &Path,
    reader: R,
    mut convert: F,
) -> impl Iterator<Item = Result<Record, Error>> + use<R, F>
where
    F: FnMut(Met) -> Result<Option<Record>, String>,
{
    let mut lines = Lines::new(path, reader);
    let mut ended = false;
    let mut next = move || {
        while !ended {
            let met = match lines.next()? {
                None => {
                    ended = true;
                    Ok(Met::End)
                }
                Some(Err(bad)) => Err(bad),
                Some(Ok(line)) => parse(line)
                    .map(Met::Object)
                    .map_err(|problem| lines.bad(problem)),
            };
            let record = match met {
                Ok(met) => convert(met).map_err(|problem| lines.bad(problem)),
                Err(bad) => {
                    let _nothing = convert(Met::Unusable);
                    Err(bad)
                }
            };
            match record {
                Ok(None) => {}
                Ok(record) => return Ok(record),
                Err(bad) => return Ok(Some(Record::Bad(bad))),
            }
        }
        Ok(None)
    };
    std::iter::from_fn(move || next().transpose())
}

fn parse(line: &str) -> Result<Object, String> {
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("a JSON object expected".into()),
        Err(error) => Err(format!("no JSON: {error}")),
    }
}

fn row(mut object: Object, columns: &Columns) -> Result<Row, String> {
    let mut take = |names: &[&str]| {
        let name = names.iter().find(|name| object.contains_key(**name))?;
        Some(((*name).to_owned(), object.swap_remove(*name)?))
    };
    let text_names = columns.text_names();
    let Some((name, text)) = take(&text_names) else {
        let found = shown_names(&object);
        return Err(format!(
            "field `{}` expected, found {found}; name the field that holds the text",
            text_names[0]
        ));
    };
    let key = take(&columns.key_names()).and_then(|(_, value)| scalar(value));
    let title = take(&columns.title_names());
    let url = take(&columns.url_names()).and_then(|(_, value)| scalar(value));
    let revision = take(&columns.revision_names()).and_then(|(_, value)| scalar(value));
    let sections = take(&["sections"]).map(|(_, value)| value);
    let mut text = texts(&name, text)?;
    let title = match title.and_then(|(_, value)| scalar(value)) {
        Some(title) => title,
        None if name == "contents" => split_contents(&mut text),
        None => String::new(),
    };
    Ok(Row {
        key,
        title,
        url,
        revision,
        is_passage: false,
        sections: sections
            .and_then(|layout| in_sections(&layout, &text))
            .unwrap_or_else(|| vec![Section::lead(text)]),
    })
}

/// How many names of fields a message shows, and how much of each.
const SHOWN: (usize, usize) = (8, 40);

fn shown_names(object: &Object) -> String {
    let (most, most_chars) = SHOWN;
    let mut names: Vec<String> = object
        .keys()
        .take(most)
        .map(|name| format!("`{}`", name.chars().take(most_chars).collect::<String>()))
        .collect();
    if object.len() > most {
        names.push(format!("{} more", object.len() - most));
    }
    if names.is_empty() {
        return "none".into();
    }
    names.join(", ")
}

/// Puts the paragraphs under their headings, as [`DocumentsWriter`](crate::DocumentsWriter) counts them;
/// `None` when the layout is another or does not fit.
fn in_sections(layout: &Value, text: &[String]) -> Option<Vec<Section>> {
    let mut rest = text;
    let mut sections = Vec::new();
    for section in layout.as_array()? {
        let path = section.get("path")?.as_array()?.iter();
        let path: Option<Vec<String>> =
            path.map(|heading| Some(heading.as_str()?.into())).collect();
        let n = usize::try_from(section.get("paragraphs")?.as_u64()?).ok()?;
        let (paragraphs, behind) = rest.split_at_checked(n)?;
        sections.push(Section {
            path: path?,
            paragraphs: paragraphs.to_vec(),
        });
        rest = behind;
    }
    rest.is_empty().then_some(sections)
}

/// Takes the title off the first line, as Pyserini packs both into one field.
fn split_contents(text: &mut [String]) -> String {
    let Some(first) = text.first_mut() else {
        return String::new();
    };
    let Some((title, rest)) = first.split_once('\n') else {
        return String::new();
    };
    let title = title.trim_matches('"').to_owned();
    *first = rest.to_owned();
    title
}

/// A string, or a number as a string; `None` for everything else.
pub(super) fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The paragraphs of a text, of a list of texts, or of null.
fn texts(name: &str, value: Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) => Ok(paragraphs(&text)),
        Value::Null => Ok(Vec::new()),
        Value::Array(values) => {
            let lists: Result<Vec<_>, _> = values.into_iter().map(|v| texts(name, v)).collect();
            Ok(lists?.concat())
        }
        _ => Err(format!("field `{name}`: a string expected")),
    }
}
