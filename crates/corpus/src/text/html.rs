//! HTML to sections, in one pass: headings become paths, block elements end paragraphs.

use quick_xml::escape::resolve_html5_entity;

use super::Parsed;
use crate::outline::Outline;

/// Elements whose contents are not read as markup.
const RAW: [&str; 6] = [
    "script", "style", "textarea", "title", "noscript", "template",
];

/// Elements that are dropped with their contents.
const DROPPED: [&str; 9] = [
    "nav", "header", "footer", "aside", "svg", "math", "select", "button", "iframe",
];

/// Elements that have no contents.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];

/// Elements that end a paragraph where they begin and where they end.
const BLOCK: [&str; 29] = [
    "address",
    "article",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "form",
    "head",
    "hr",
    "html",
    "li",
    "main",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "td",
    "tr",
    "ul",
];

/// The longest name of an entity, `CounterClockwiseContourIntegral`.
const MAX_ENTITY_BYTES: usize = 32;

/// Tells which elements are dropped with their contents, from the name and the attributes.
pub(crate) type IsDropped = fn(name: &str, attributes: &str) -> bool;

/// Reads HTML.
pub(crate) struct Html {
    code_blocks: bool,
    is_dropped: IsDropped,
    outline: Outline,
    text: String,
    /// The level of the heading being read.
    heading: Option<usize>,
    /// The element that is being dropped, and how many of its name are open in it.
    dropping: Option<(String, usize)>,
}

impl Html {
    pub(crate) fn new(code_blocks: bool) -> Self {
        Self::with_rule(code_blocks, |_, _| false)
    }

    /// Drops further elements.
    pub(crate) fn with_rule(code_blocks: bool, is_dropped: IsDropped) -> Self {
        Self {
            code_blocks,
            is_dropped,
            outline: Outline::default(),
            text: String::new(),
            heading: None,
            dropping: None,
        }
    }

    /// Reads a page or a part of one. The title is that of `<title>`, else the first `<h1>`.
    pub(crate) fn parse(mut self, html: &str) -> Parsed {
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            self.characters(&rest[..at]);
            rest = self.markup(&rest[at..]);
        }
        self.characters(rest);
        self.flush();
        Parsed {
            title: self.outline.title,
            sections: self.outline.sections,
        }
    }

    /// Takes what begins with `<` and gives the rest.
    fn markup<'a>(&mut self, html: &'a str) -> &'a str {
        if let Some(comment) = html.strip_prefix("<!--") {
            return comment.find("-->").map_or("", |end| &comment[end + 3..]);
        }
        let body = &html[1..];
        if !body.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)) {
            self.characters("<");
            return body;
        }
        let Some(end) = tag_end(body) else {
            // No `>` follows anywhere: the rest has no tag in it.
            self.characters(html);
            return "";
        };
        let (tag, rest) = (&body[..end], &body[end + 1..]);
        let closing = tag.starts_with('/');
        let tag = tag.trim_start_matches('/').trim_end_matches('/');
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        let name = name.to_ascii_lowercase();
        if !closing && RAW.contains(&&*name) {
            return self.raw(&name, rest);
        }
        self.tag(&name, attributes, closing);
        rest
    }

    /// Passes over an element whose contents are no markup; a `<title>` is the title.
    fn raw<'a>(&mut self, name: &str, html: &'a str) -> &'a str {
        let close = html.match_indices("</").find(|(at, _)| {
            let tail = html.as_bytes().get(at + 2..at + 2 + name.len());
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(name.as_bytes()))
        });
        let Some((at, _)) = close else { return "" };
        if name == "title" && self.dropping.is_none() && self.outline.title.is_none() {
            let mut title = String::new();
            decode_into(&mut title, &html[..at]);
            let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
            if !title.is_empty() {
                self.outline.set_title(title);
            }
        }
        let rest = &html[at..];
        rest.find('>').map_or("", |end| &rest[end + 1..])
    }

    fn tag(&mut self, name: &str, attributes: &str, closing: bool) {
        if let Some((dropped, depth)) = &mut self.dropping {
            if dropped == name {
                *depth = if closing { *depth - 1 } else { *depth + 1 };
            }
            if *depth == 0 {
                self.dropping = None;
            }
            return;
        }
        if !closing && !VOID.contains(&name) && self.drops(name, attributes) {
            if BLOCK.contains(&name) {
                self.flush();
            }
            self.dropping = Some((name.to_owned(), 1));
            return;
        }
        match name.as_bytes() {
            [b'h', level @ b'1'..=b'6'] => {
                self.flush();
                self.heading = (!closing).then_some(usize::from(level - b'0'));
            }
            b"br" => self.text.push(' '),
            _ if BLOCK.contains(&name) => self.flush(),
            _ => {}
        }
    }

    fn drops(&self, name: &str, attributes: &str) -> bool {
        DROPPED.contains(&name)
            || name == "pre" && !self.code_blocks
            || (self.is_dropped)(name, attributes)
    }

    fn characters(&mut self, text: &str) {
        if self.dropping.is_none() {
            decode_into(&mut self.text, text);
        }
    }

    /// Ends the paragraph or the heading.
    fn flush(&mut self) {
        let text: Vec<&str> = self.text.split_whitespace().collect();
        let text = text.join(" ");
        self.text.clear();
        match self.heading {
            _ if text.is_empty() => {}
            Some(level) => self.outline.heading(level, &text),
            None => self.outline.paragraph(text),
        }
    }
}

/// Where the tag ends: the first `>` outside quotes, or the first at all when a quote stays open.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    let mut first = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (byte, quote) {
            (b'>', None) => return Some(at),
            (b'>', Some(_)) => first = first.or(Some(at)),
            (b'"' | b'\'', None) if tag.as_bytes()[..at].ends_with(b"=") => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            _ => {}
        }
    }
    first
}

/// The value of an attribute, as it is written; empty for one without a value.
pub(crate) fn attribute<'a>(attributes: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = attributes.trim_start();
    while !rest.is_empty() {
        let ends_name = |c: char| c == '=' || c == '/' || c.is_whitespace();
        let (name, behind) = rest.split_at(rest.find(ends_name).unwrap_or(rest.len()));
        let behind = behind.trim_start();
        let (value, behind) = match behind.strip_prefix('=') {
            Some(value) => attribute_value(value.trim_start()),
            None => ("", behind),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind.trim_start_matches(|c: char| c == '/' || c.is_whitespace());
    }
    None
}

/// The value at the beginning of `text`, and what is behind it.
fn attribute_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.split_once(quote).unwrap_or((inside, ""));
        }
    }
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// Decodes the character references of a text.
pub(crate) fn decode_references(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    decode_into(&mut decoded, text);
    decoded
}

/// Decodes character references; one that means nothing stays as it is written.
fn decode_into(output: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        output.push_str(&rest[..at]);
        rest = &rest[at..];
        let window = &rest.as_bytes()[..rest.len().min(MAX_ENTITY_BYTES + 2)];
        let end = window.iter().position(|&byte| byte == b';');
        let decoded = end.and_then(|end| Some((entity(&rest[1..end])?, end)));
        if let Some((decoded, end)) = decoded {
            output.push_str(&decoded);
            rest = &rest[end + 1..];
        } else {
            output.push('&');
            rest = &rest[1..];
        }
    }
    output.push_str(rest);
}

fn entity(name: &str) -> Option<String> {
    let Some(number) = name.strip_prefix('#') else {
        return resolve_html5_entity(name).map(Into::into);
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code).filter(|&c| c != '\0').map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(html: &str) -> String {
        let parsed = Html::new(true).parse(html);
        let paragraphs = parsed.sections.iter().flat_map(|s| s.paragraphs.clone());
        paragraphs.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn a_page_is_read_by_its_headings() {
        let html = "<!DOCTYPE html><html><head><title>Bees &amp; co</title><style>p{}</style></head>\
                    <body><nav>menu</nav><h1>Bees</h1><p>They\n <b>fly</b>.<p>And sting.\
                    <h2>Food</h2><ul><li>nectar<li>pollen</ul></body></html>";
        let parsed = Html::new(true).parse(html);
        assert_eq!(parsed.title.as_deref(), Some("Bees & co"));
        let paths: Vec<_> = parsed.sections.iter().map(|s| s.path.join("/")).collect();
        assert_eq!(paths, ["Bees", "Bees/Food"]);
        assert_eq!(text(html), "They fly.|And sting.|nectar|pollen");
    }

    #[test]
    fn references_are_decoded_once_and_odd_markup_is_text() {
        assert_eq!(
            text("a &lt;b&gt; &#8212; &#x41; &amp;lt; &nope; & < c"),
            "a <b> — A &lt; &nope; & < c"
        );
        assert_eq!(text("i<3 <a title='x>y'>z</a>"), "i<3 z");
    }

    #[test]
    fn dropped_elements_may_nest() {
        assert_eq!(text("a<aside>b<aside>c</aside>d</aside>e"), "ae");
        assert_eq!(text("a<script>if (x<y) \"</p>\"</SCRIPT>b"), "ab");
        assert_eq!(text("a<!-- <p>b</p> -->c"), "ac");
    }

    #[test]
    fn attributes_are_told_by_name() {
        let written = "a = b data-x='class=\"no\"' disabled CLASS=\"one two\" / =5 style=";
        assert_eq!(attribute(written, "a"), Some("b"));
        assert_eq!(attribute(written, "class"), Some("one two"));
        assert_eq!(attribute(written, "disabled"), Some(""));
        assert_eq!(attribute(written, "style"), Some(""));
        assert_eq!(attribute(written, "x"), None);
        assert_eq!(attribute("= = ==", "x"), None);
    }

    #[test]
    fn hostile_html_takes_linear_time() {
        for piece in [
            "<",
            "<a",
            "<!--",
            "</",
            "&",
            "<a title='",
            "<div>",
            "<script>",
            "&amp",
        ] {
            let _ = text(&piece.repeat(100_000));
        }
    }
}
