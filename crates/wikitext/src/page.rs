//! What goes in and what comes out: one page.

use crate::Counters;

/// One page as the dump holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageInput<'a> {
    /// The full title, with its namespace if it has one.
    pub title: &'a str,
    /// The number of the namespace; 0 for articles.
    pub namespace: i32,
    /// The title the dump says this page redirects to.
    pub redirect: Option<&'a str>,
    /// The wikitext, XML entities already decoded.
    pub text: &'a str,
}

/// What a page is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PageKind {
    /// Prose about the subject of the title.
    Article,
    /// Nothing but a pointer to another page.
    Redirect {
        /// The title that is pointed to; may carry a `#section`.
        target: String,
    },
    /// A list of the articles that share a name.
    Disambiguation,
    /// A list, index, outline or timeline, by its title.
    List,
    /// A page outside the namespace of the articles.
    Other,
}

/// The kinds of pages that yield text. Redirects never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a set of kinds, each named at the call site"
)]
pub struct PageKinds {
    /// Articles.
    pub articles: bool,
    /// Disambiguation pages.
    pub disambiguations: bool,
    /// Lists, indexes, outlines and timelines.
    pub lists: bool,
    /// Pages outside namespace 0.
    pub others: bool,
}

impl Default for PageKinds {
    /// Only articles.
    fn default() -> Self {
        Self {
            articles: true,
            disambiguations: false,
            lists: false,
            others: false,
        }
    }
}

impl PageKinds {
    /// Every kind that can hold text.
    pub const ALL: Self = Self {
        articles: true,
        disambiguations: true,
        lists: true,
        others: true,
    };

    /// Tells whether pages of this kind yield text.
    #[must_use]
    pub fn contains(self, kind: &PageKind) -> bool {
        match kind {
            PageKind::Article => self.articles,
            PageKind::Disambiguation => self.disambiguations,
            PageKind::List => self.lists,
            PageKind::Other => self.others,
            PageKind::Redirect { .. } => false,
        }
    }
}

/// The prose of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What the page is for; known for every page, whether it yields text or not.
    pub kind: PageKind,
    /// The sections that hold text, in the order of the page.
    pub sections: Vec<Section>,
    /// What was dropped or odd.
    pub counters: Counters,
}

impl Page {
    /// Joins every paragraph of every section by a blank line.
    #[must_use]
    pub fn text(&self) -> String {
        let paragraphs: Vec<&str> = self.paragraphs().collect();
        paragraphs.join("\n\n")
    }

    /// Iterates over the paragraphs of all sections, in the order of the page.
    pub fn paragraphs(&self) -> impl Iterator<Item = &str> {
        self.sections
            .iter()
            .flat_map(|section| section.paragraphs.iter().map(String::as_str))
    }
}

/// The paragraphs under one heading; never without a paragraph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// The headings from the outermost to this one; empty for the lead. Never part of the text.
    pub path: Vec<String>,
    /// Paragraphs without line breaks, in NFC, none of them empty.
    pub paragraphs: Vec<String>,
}
