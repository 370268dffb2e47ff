//! Markdown to sections: headings become paths, links keep their words, images go.

use pulldown_cmark::{Event, MetadataBlockKind, Options, Parser, Tag, TagEnd};
use ragdex_core::Section;

use super::{Html, Parsed};
use crate::outline::Outline;
use crate::records::paragraphs;

/// Reads Markdown. The title is that of the front matter, else the first heading of level 1, which
/// then is no section.
pub(super) fn parse(text: &str, code_blocks: bool) -> Parsed {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let mut reader = Reader {
        code_blocks,
        ..Reader::default()
    };
    for event in Parser::new_ext(text, options) {
        reader.take(event);
    }
    reader.flush();
    Parsed {
        title: reader.outline.title,
        sections: reader.outline.sections,
    }
}

#[derive(Default)]
struct Reader {
    code_blocks: bool,
    outline: Outline,
    /// The paragraph, heading, cell row or block being read.
    text: String,
    html: String,
    /// How many images are open; their descriptions are no text.
    images: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Code(text) if self.images == 0 => self.text.push_str(&text),
            Event::InlineHtml(tag) if tag.to_ascii_lowercase().starts_with("<br") => {
                self.text.push(' ');
            }
            Event::Html(html) => self.html.push_str(&html),
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            Event::Rule => self.flush(),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Image { .. } => self.images += 1,
            Tag::TableCell if !self.text.is_empty() => self.text.push_str(" | "),
            Tag::Paragraph
            | Tag::Heading { .. }
            | Tag::Item
            | Tag::List(_)
            | Tag::BlockQuote(_)
            | Tag::HtmlBlock
            | Tag::CodeBlock(_)
            | Tag::TableRow
            | Tag::TableHead
            | Tag::FootnoteDefinition(_) => self.flush(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Image => self.images = self.images.saturating_sub(1),
            TagEnd::Heading(level) => {
                let heading = std::mem::take(&mut self.text);
                self.outline.heading(level as usize, heading.trim());
            }
            TagEnd::MetadataBlock(kind) => {
                let block = std::mem::take(&mut self.text);
                if let Some(title) = front_title(&block, kind) {
                    self.outline.set_title(title);
                }
            }
            TagEnd::CodeBlock => {
                let code = std::mem::take(&mut self.text);
                if self.code_blocks {
                    self.add(paragraphs(&code));
                }
            }
            TagEnd::HtmlBlock => {
                let html = std::mem::take(&mut self.html);
                let parsed = Html::new(self.code_blocks).parse(&html);
                self.add(
                    parsed
                        .sections
                        .into_iter()
                        .flat_map(|s: Section| s.paragraphs),
                );
            }
            TagEnd::Paragraph
            | TagEnd::Item
            | TagEnd::BlockQuote(_)
            | TagEnd::TableRow
            | TagEnd::TableHead
            | TagEnd::FootnoteDefinition => self.flush(),
            _ => {}
        }
    }

    fn add(&mut self, paragraphs: impl IntoIterator<Item = String>) {
        for paragraph in paragraphs {
            self.outline.paragraph(paragraph);
        }
    }

    /// Ends the paragraph.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        if !text.is_empty() {
            self.outline.paragraph(text.to_owned());
        }
    }
}

/// The `title` of a front matter in YAML or TOML; other forms than a plain or quoted string on one
/// line are passed over.
fn front_title(block: &str, kind: MetadataBlockKind) -> Option<String> {
    let sign = match kind {
        MetadataBlockKind::YamlStyle => ':',
        MetadataBlockKind::PlusesStyle => '=',
    };
    let mut fields = block.lines().filter_map(|line| line.split_once(sign));
    let (_, value) = fields.find(|(name, _)| name.trim_end() == "title")?;
    let value = value.trim();
    let quoted = ['"', '\''].iter().find_map(|&quote| {
        let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(inner.replace("\\\"", "\"").replace("''", "'"))
    });
    let title = quoted.unwrap_or_else(|| value.to_owned());
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(path: &[&str], paragraphs: &[&str]) -> Section {
        Section {
            path: path.iter().map(|&s| s.into()).collect(),
            paragraphs: paragraphs.iter().map(|&s| s.into()).collect(),
        }
    }

    #[test]
    fn headings_become_paths_and_the_first_of_level_1_the_title() {
        let text = "# Bees\n\nAll *about* [bees](http://x).\n\n## Food\n\n- nectar\n- pollen ![x](y)\n\n\
                    ### Honey\nSweet\nand thick.\n\n## Homes\n> In trees\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
        let parsed = parse(text, true);
        assert_eq!(parsed.title.as_deref(), Some("Bees"));
        let expected = [
            section(&[], &["All about bees."]),
            section(&["Food"], &["nectar", "pollen"]),
            section(&["Food", "Honey"], &["Sweet and thick."]),
            section(&["Homes"], &["In trees", "a | b", "1 | 2"]),
        ];
        assert_eq!(parsed.sections, expected);
    }

    #[test]
    fn front_matter_gives_the_title() {
        for front in [
            "---\ntitle: \"A: b\"\ntags: x\n---\n",
            "+++\ntitle = 'A: b'\n+++\n",
        ] {
            let parsed = parse(&format!("{front}\n# Heading\n\ntext"), true);
            assert_eq!(parsed.title.as_deref(), Some("A: b"));
            assert_eq!(parsed.sections, [section(&["Heading"], &["text"])]);
        }
    }

    #[test]
    fn code_is_kept_or_dropped() {
        let text = "Run `it`:\n\n```sh\ncargo test\n```\n";
        let kept = [section(&[], &["Run it:", "cargo test"])];
        assert_eq!(parse(text, true).sections, kept);
        assert_eq!(parse(text, false).sections, [section(&[], &["Run it:"])]);
    }

    #[test]
    fn html_inside_is_read_as_text() {
        let text = "a<br>b <b>c</b>\n\n<div>d &amp; e<script>f</script></div>\n";
        assert_eq!(
            parse(text, true).sections,
            [section(&[], &["a b c", "d & e"])]
        );
    }
}
