//! The XML of a dump to pages, in memory bounded by the longest page.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::errors::Error as XmlError;
use quick_xml::events::{BytesRef, BytesStart, Event as XmlEvent};

use super::page::RawPage;
use super::site::Site;
use crate::input::Repaired;
use crate::limited::Limited;
use crate::{BadRecord, Error, Place};

/// Wikitext of a page beyond which the page is skipped and counted. The longest page that MediaWiki
/// saves by default has 2 MB.
const MAX_TEXT_BYTES: usize = 64 << 20;

/// Bytes that one tag, or one run of text without any reference, may have.
const MAX_EVENT_BYTES: u64 = 4 * MAX_TEXT_BYTES as u64;

/// How deep elements may lie in each other. A dump needs 7.
const MAX_DEPTH: usize = 64;

/// How much of the name of an element a message shows.
const MAX_NAME_CHARS: usize = 40;

/// Begins a page, and cannot stand in the text of one, where `<` is written as a reference.
const PAGE_TAG: &[u8] = b"<page>";

/// What comes out of a dump.
pub(super) enum Event {
    Site(Arc<Site>),
    Page(RawPage),
    Bad(BadRecord),
}

/// An element, told from others of its name by where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    MediaWiki,
    SiteInfo,
    Base,
    Namespaces,
    Namespace(i32),
    Page,
    Title,
    PageNamespace,
    PageId,
    Redirect,
    Revision,
    RevisionId,
    Timestamp,
    Model,
    Text,
    Sha1,
    Other,
}

impl Element {
    fn of(parent: Option<Self>, name: &str) -> Self {
        match (parent, name) {
            (None, "mediawiki") => Self::MediaWiki,
            (Some(Self::MediaWiki), "siteinfo") => Self::SiteInfo,
            (Some(Self::SiteInfo), "base") => Self::Base,
            (Some(Self::SiteInfo), "namespaces") => Self::Namespaces,
            (Some(Self::Namespaces), "namespace") => Self::Namespace(0),
            // A part of a dump has no root.
            (None | Some(Self::MediaWiki), "page") => Self::Page,
            (Some(Self::Page), "title") => Self::Title,
            (Some(Self::Page), "ns") => Self::PageNamespace,
            (Some(Self::Page), "id") => Self::PageId,
            (Some(Self::Page), "redirect") => Self::Redirect,
            (Some(Self::Page), "revision") => Self::Revision,
            (Some(Self::Revision), "id") => Self::RevisionId,
            (Some(Self::Revision), "timestamp") => Self::Timestamp,
            (Some(Self::Revision), "model") => Self::Model,
            (Some(Self::Revision), "text") => Self::Text,
            (Some(Self::Revision), "sha1") => Self::Sha1,
            _ => Self::Other,
        }
    }

    fn has_text(self) -> bool {
        use Element::{
            Base, Model, Namespace, PageId, PageNamespace, RevisionId, Sha1, Text, Timestamp, Title,
        };
        matches!(
            self,
            Base | Model
                | Namespace(_)
                | PageId
                | PageNamespace
                | RevisionId
                | Sha1
                | Text
                | Timestamp
                | Title
        )
    }
}

/// Bytes that are bounded and UTF-8.
type Input = Limited<Repaired<Box<dyn BufRead + Send>>>;

/// Reads pages one after another.
pub(super) struct PageReader {
    path: PathBuf,
    xml: quick_xml::Reader<Input>,
    /// Bytes of XML before the first that `xml` read.
    base: u64,
    /// Goes on after damage.
    keep_going: bool,
    /// The last that was read was damaged: the next page has to be looked for.
    is_lost: bool,
    buffer: Vec<u8>,
    open: Vec<Element>,
    /// The names of the open elements, for messages.
    names: Vec<String>,
    site: Site,
    page: RawPage,
    /// What makes the page unusable although the XML goes on.
    trouble: Option<String>,
    /// The characters of the innermost element.
    value: String,
    last_page: Option<u64>,
    /// `<mediawiki>` or `<page>` was met.
    is_dump: bool,
}

impl PageReader {
    pub(super) fn new(path: &Path, reader: Box<dyn BufRead + Send>, keep_going: bool) -> Self {
        Self {
            path: path.to_owned(),
            xml: parser(reader),
            base: 0,
            keep_going,
            is_lost: false,
            buffer: Vec::new(),
            open: Vec::new(),
            names: Vec::new(),
            site: Site::default(),
            page: RawPage::default(),
            trouble: None,
            value: String::new(),
            last_page: None,
            is_dump: false,
        }
    }

    /// Reads on to the next page; `None` at the end of a dump that is complete. Damage is a bad
    /// record when the reading is to go on, else an error.
    pub(super) fn next(&mut self) -> Result<Option<Event>, Error> {
        let result = if self.is_lost {
            self.find_page()
        } else {
            self.read()
        };
        match result {
            // What was never a dump does not become one by going on.
            Err(error) if !self.is_dump && is_xml(&error) => Err(self.no_dump()),
            Err(error) if self.keep_going => {
                let bad = error.into_damage(self.last_page)?;
                self.is_lost = true;
                Ok(Some(Event::Bad(bad)))
            }
            result => result,
        }
    }

    /// Looks for the beginning of a page and reads it.
    fn find_page(&mut self) -> Result<Option<Event>, Error> {
        let offset = self.position();
        let (found, skipped) = self.skip_to_page()?;
        if !found {
            return Ok(None);
        }
        self.base = offset + skipped;
        let ended = parser(Box::new(io::empty()));
        let input = std::mem::replace(&mut self.xml, ended).into_inner();
        self.xml = configured(quick_xml::Reader::from_reader(input));
        // The tags of what was open are behind the damage.
        self.xml.config_mut().allow_unmatched_ends = true;
        let has_root = self.open.first() == Some(&Element::MediaWiki);
        self.open.truncate(usize::from(has_root));
        self.names.truncate(usize::from(has_root));
        self.open.push(Element::Page);
        self.names.push("page".into());
        self.is_dump = true;
        self.is_lost = false;
        self.trouble = None;
        self.page = RawPage {
            offset: self.base - PAGE_TAG.len() as u64,
            ..RawPage::default()
        };
        self.note_invalid();
        self.trouble = None;
        self.read()
    }

    /// Takes bytes up to the end of the next [`PAGE_TAG`]; tells whether there was one, and how many
    /// bytes were taken.
    fn skip_to_page(&mut self) -> Result<(bool, u64), Error> {
        let start = self.position();
        let (mut matched, mut skipped) = (0, 0);
        let input = self.xml.get_mut();
        loop {
            input.reset();
            let available = match input.fill_buf() {
                Ok(available) => available,
                Err(error) => {
                    self.base += skipped;
                    return Err(Error::from_io(error, &self.path, start + skipped));
                }
            };
            if available.is_empty() {
                return Ok((false, skipped));
            }
            let mut used = 0;
            for &byte in available {
                used += 1;
                matched = match byte {
                    byte if byte == PAGE_TAG[matched] => matched + 1,
                    b'<' => 1,
                    _ => 0,
                };
                if matched == PAGE_TAG.len() {
                    break;
                }
            }
            input.consume(used);
            skipped += used as u64;
            if matched == PAGE_TAG.len() {
                return Ok((true, skipped));
            }
        }
    }

    /// Bytes of XML that were read.
    fn position(&self) -> u64 {
        self.base + self.xml.buffer_position()
    }

    fn read(&mut self) -> Result<Option<Event>, Error> {
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            self.xml.get_mut().reset();
            let event = self.xml.read_event_into(&mut buffer);
            let step = match event.map_err(|error| self.explain(error)) {
                Ok(event) => {
                    self.note_invalid();
                    self.step(event)
                }
                Err(error) => Err(error),
            };
            self.buffer = buffer;
            match step? {
                Step::On => {}
                Step::Event(event) => return Ok(Some(event)),
                Step::End => return Ok(None),
            }
        }
    }

    fn step(&mut self, event: XmlEvent<'_>) -> Result<Step, Error> {
        match event {
            XmlEvent::Start(tag) => self.start(&tag)?,
            XmlEvent::End(_) => return Ok(self.end()),
            XmlEvent::Text(text) if self.wants_text() => self.add(&text.xml10_content()),
            XmlEvent::CData(text) if self.wants_text() => self.add(&text.xml10_content()),
            XmlEvent::GeneralRef(name) if self.wants_text() => self.add_reference(&name),
            XmlEvent::Eof => return self.finish(),
            _ => {}
        }
        Ok(Step::On)
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), Error> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.broken(format!("elements lie more than {MAX_DEPTH} deep")));
        }
        let name = tag.local_name();
        let mut element = Element::of(self.open.last().copied(), name.as_ref());
        match element {
            Element::MediaWiki => {
                self.site = Site {
                    language: attribute(tag, "xml:lang").unwrap_or_default(),
                    ..Site::default()
                };
            }
            Element::Namespace(_) => {
                let key = attribute(tag, "key").and_then(|key| key.parse().ok());
                element = key.map_or(Element::Other, Element::Namespace);
            }
            Element::Page => {
                self.page = RawPage {
                    offset: self.position() - tag.len() as u64 - 2,
                    ..RawPage::default()
                };
                self.trouble = None;
            }
            Element::Redirect => {
                self.page.redirect = Some(attribute(tag, "title").unwrap_or_default());
            }
            Element::Revision => self.page.begin_revision(),
            Element::Text => {
                let is_stub = attribute(tag, "location").is_some();
                self.page.withheld = is_stub || attribute(tag, "deleted").is_some();
            }
            _ => {}
        }
        self.is_dump |= matches!(element, Element::MediaWiki | Element::Page);
        self.open.push(element);
        self.names.push(name.as_ref().to_owned());
        self.value.clear();
        Ok(())
    }

    fn wants_text(&self) -> bool {
        self.open.last().is_some_and(|element| element.has_text())
    }

    fn add(&mut self, text: &str) {
        if self.value.len() + text.len() > MAX_TEXT_BYTES {
            self.page.too_long = true;
        }
        if !self.page.too_long {
            self.value.push_str(text);
        }
    }

    /// Decodes a reference; one that means nothing stays as it is written.
    fn add_reference(&mut self, reference: &BytesRef<'_>) {
        let named = match reference.as_ref() {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => reference.resolve_char_ref().ok().flatten(),
        };
        match named {
            Some(character) => self.add(character.encode_utf8(&mut [0; 4])),
            None => self.add(&format!("&{};", reference.as_ref())),
        }
    }

    /// Takes what the element that ends here held.
    fn end(&mut self) -> Step {
        let Some(element) = self.open.pop() else {
            return Step::On;
        };
        self.names.pop();
        let value = std::mem::take(&mut self.value);
        match element {
            Element::SiteInfo => return Step::Event(Event::Site(Arc::new(self.site.clone()))),
            Element::Base => self.site.base = value,
            Element::Namespace(number) => {
                self.site.namespaces.insert(number, value);
            }
            Element::Title => self.page.title = value,
            Element::PageNamespace => match value.parse() {
                Ok(number) => self.page.namespace = number,
                Err(_) => self.trouble = Some(format!("`<ns>` is no number: `{value}`")),
            },
            Element::PageId => self.page.id = value.parse().ok(),
            Element::RevisionId => self.page.revision = value.parse().ok(),
            Element::Timestamp => self.page.timestamp = Some(value).filter(|t| !t.is_empty()),
            Element::Model => self.page.model = Some(value),
            Element::Text => self.page.text = value,
            Element::Sha1 => self.page.sha1 = Some(value).filter(|sum| !sum.is_empty()),
            Element::Page => return Step::Event(self.end_page()),
            _ => {}
        }
        Step::On
    }

    fn end_page(&mut self) -> Event {
        let page = std::mem::take(&mut self.page);
        let trouble = self
            .trouble
            .take()
            .or_else(|| match (page.id, &*page.title) {
                (None, _) => Some("the page has no id".into()),
                (_, "") => Some("the page has no title".into()),
                _ => None,
            });
        self.last_page = page.id.or(self.last_page);
        match trouble {
            None => Event::Page(page),
            Some(problem) => Event::Bad(BadRecord {
                path: self.path.clone(),
                place: Place::Page {
                    id: page.id,
                    byte: page.offset,
                },
                problem,
            }),
        }
    }

    fn finish(&mut self) -> Result<Step, Error> {
        if !self.open.is_empty() {
            return Err(self.cut());
        }
        if !self.is_dump {
            return Err(self.no_dump());
        }
        Ok(Step::End)
    }

    /// Bytes that are no UTF-8 spoil the page they are in.
    fn note_invalid(&mut self) {
        let end = self.position();
        while let Some(offset) = self.xml.get_mut().get_mut().next_invalid(end) {
            if self.open.contains(&Element::Page) && self.trouble.is_none() {
                self.trouble = Some(format!("invalid UTF-8 at byte {offset} of the XML"));
            }
        }
    }

    fn explain(&mut self, error: XmlError) -> Error {
        match error {
            XmlError::Io(error) => {
                let error = Arc::try_unwrap(error).unwrap_or_else(|error| error.kind().into());
                if error.kind() == io::ErrorKind::FileTooLarge {
                    return self.broken(error.to_string());
                }
                Error::from_io(error, &self.path, self.position())
            }
            XmlError::Syntax(_) | XmlError::IllFormed(_) if self.at_end() => self.cut(),
            error => self.broken(error.to_string()),
        }
    }

    /// Whether the input ended inside what was being read.
    fn at_end(&mut self) -> bool {
        matches!(self.xml.get_mut().fill_buf(), Ok([]))
    }

    /// The input ended inside the innermost open element, or inside the first tag.
    fn cut(&self) -> Error {
        Error::XmlCut {
            path: self.path.clone(),
            offset: self.position(),
            expected: self
                .names
                .last()
                .map_or("mediawiki", String::as_str)
                .chars()
                .take(MAX_NAME_CHARS)
                .collect(),
            last_page: self.last_page,
        }
    }

    fn no_dump(&self) -> Error {
        self.broken("no dump: neither `<mediawiki>` nor `<page>` before this place".into())
    }

    fn broken(&self, problem: String) -> Error {
        Error::Xml {
            path: self.path.clone(),
            offset: self.base + self.xml.error_position().max(self.xml.buffer_position()),
            problem,
            last_page: self.last_page,
        }
    }
}

fn parser(reader: Box<dyn BufRead + Send>) -> quick_xml::Reader<Input> {
    let input = Limited::new(Repaired::new(reader), MAX_EVENT_BYTES);
    configured(quick_xml::Reader::from_reader(input))
}

fn configured(mut xml: quick_xml::Reader<Input>) -> quick_xml::Reader<Input> {
    let config = xml.config_mut();
    config.expand_empty_elements = true;
    config.allow_dangling_amp = true;
    xml
}

fn is_xml(error: &Error) -> bool {
    matches!(error, Error::Xml { .. } | Error::XmlCut { .. })
}

/// What one piece of XML led to.
enum Step {
    On,
    Event(Event),
    End,
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok()??;
    Some(
        attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .ok()?
            .into_owned(),
    )
}
