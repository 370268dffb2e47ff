//! Headings and paragraphs, in reading order, to sections with their paths.

use ragdex_core::Section;

/// Collects sections while a document is read.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// The first heading of level 1.
    pub(crate) title: Option<String>,
    pub(crate) sections: Vec<Section>,
    /// The headings above the place that is read, with their levels.
    open: Vec<(usize, String)>,
    /// A heading came and no paragraph yet.
    is_new: bool,
}

impl Outline {
    /// Begins a section under a heading. The first heading of level 1 is the title of the document
    /// unless there was a title, and stands in no path, as long as nothing stands above it.
    pub(crate) fn heading(&mut self, level: usize, heading: &str) {
        if heading.is_empty() {
            return;
        }
        if level == 1 && self.title.is_none() {
            self.title = Some(heading.to_owned());
            self.open.clear();
        } else {
            self.open.retain(|(above, _)| *above < level);
            self.open.push((level, heading.to_owned()));
        }
        self.is_new = true;
    }

    /// Adds a paragraph to the section that is open.
    pub(crate) fn paragraph(&mut self, paragraph: String) {
        if self.is_new || self.sections.is_empty() {
            let path = self
                .open
                .iter()
                .map(|(_, heading)| heading.clone())
                .collect();
            self.sections.push(Section {
                path,
                paragraphs: Vec::new(),
            });
            self.is_new = false;
        }
        let section = self.sections.last_mut().expect("pushed above");
        section.paragraphs.push(paragraph);
    }

    /// Sets a title that stands outside the headings, so that none of them is taken for it.
    pub(crate) fn set_title(&mut self, title: String) {
        self.title = Some(title);
    }
}
