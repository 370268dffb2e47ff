//! The extractor: rules built once, then pages to prose.

use crate::expand::{self, TemplateTableError};
use crate::rules::Rules;
use crate::words::WordListError;
use crate::{Cause, Counters, Page, PageInput, PageKind, PageKinds, Section, SiteInfo};
use crate::{inline, lines, marks, structure};

/// Rules of extraction, built once and used from many threads.
#[derive(Debug, Clone)]
pub struct Extractor {
    rules: Rules,
    kinds: PageKinds,
}

impl Default for Extractor {
    /// The rules for a wiki of which nothing is known but its English names.
    fn default() -> Self {
        Self::new(SiteInfo::default())
    }
}

impl Extractor {
    /// Pages longer than this, in bytes, are skipped and counted: no article is.
    pub const MAX_PAGE_BYTES: usize = 64 << 20;

    /// Builds the default rules for the wiki that `site` describes.
    #[must_use]
    pub fn new(site: SiteInfo) -> Self {
        Self {
            rules: Rules::built_in(site),
            kinds: PageKinds::default(),
        }
    }

    /// Adds rules for templates, which go before the built-in ones.
    ///
    /// A line gives names, separated by pipes, and what they stand for: a pattern in double quotes,
    /// `block` and a pattern (a quotation), `call` and a function of the built-in table, `drop`,
    /// `nothing` (dropped without repair of the hole) or `disambiguation`. `*` at one end of a name
    /// stands for anything; lines that begin with `#` are comments. In patterns `{n}` and `{name}`
    /// are arguments, `{n|m}` the first that is not empty, `{last}` the last position that is not
    /// empty, `{all}` all positions joined; `{?…}` vanishes when a placeholder in it is empty.
    ///
    /// # Errors
    /// [`TemplateTableError`] for the first line that cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use ragdex_wikitext::{Extractor, PageInput};
    ///
    /// let extractor = Extractor::default().with_templates("unité | nb = \"{1}{? {2}}\"")?;
    /// let page = PageInput { title: "A", namespace: 0, redirect: None, text: "Long de {{unité|5|m}}." };
    /// assert_eq!(extractor.extract(&page).text(), "Long de 5 m.");
    /// # Ok::<(), ragdex_wikitext::TemplateTableError>(())
    /// ```
    pub fn with_templates(mut self, table: &str) -> Result<Self, TemplateTableError> {
        self.rules.templates.add(table)?;
        Ok(self)
    }

    /// Lets each first title give what the template of the second title gives, unless the table
    /// knows it already. Meant for the redirect pages of namespace 10.
    #[must_use]
    pub fn with_aliases<'a>(
        mut self,
        aliases: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        for (alias, target) in aliases {
            let [alias, target] = [alias, target].map(|title| self.template_name(title));
            self.rules.templates.add_alias(alias, target);
        }
        self
    }

    /// Adds words of another language: headings of dropped sections, words for redirects and
    /// disambiguation pages, beginnings of list titles, behaviour switches, months.
    ///
    /// A list begins with its name in brackets (`[dropped sections]`, `[redirect words]`,
    /// `[disambiguation titles]`, `[disambiguation categories]`, `[disambiguation switches]`,
    /// `[list titles]`, `[switches]`, `[months]`), then one entry a line; lines that begin with `#`
    /// are comments. Twelve months replace the English ones.
    ///
    /// # Errors
    /// [`WordListError`] for the first line that cannot be read.
    pub fn with_words(mut self, words: &str) -> Result<Self, WordListError> {
        self.rules.words.add(words)?;
        Ok(self)
    }

    /// Says which kinds of pages yield text; by default only articles.
    #[must_use]
    pub fn with_kinds(mut self, kinds: PageKinds) -> Self {
        self.kinds = kinds;
        self
    }

    /// Says whether sections such as *References* and *See also* yield text too; by default not.
    #[must_use]
    pub fn keep_all_sections(mut self, keep: bool) -> Self {
        self.rules.keep_all_sections = keep;
        self
    }

    /// Extracts the prose of one page.
    ///
    /// Linear in the length of the page; memory at most about twenty times as much, usually three.
    /// The text is at most four times as long as the page, and 64 bytes.
    #[must_use]
    pub fn extract(&self, page: &PageInput<'_>) -> Page {
        let mut counters = Counters::default();
        let (kind, sections) = self.extract_counting(page, &mut counters);
        Page {
            kind,
            sections,
            counters,
        }
    }

    /// The kind of a page as far as its full title and the number of its namespace tell.
    #[must_use]
    pub fn kind_by_title(&self, title: &str, namespace: i32) -> PageKind {
        if namespace != 0 {
            PageKind::Other
        } else if self.rules.words.is_disambiguation_title(title) {
            PageKind::Disambiguation
        } else if self.rules.words.is_list_title(title) {
            PageKind::List
        } else {
            PageKind::Article
        }
    }

    /// Whether the section under `heading` yields no text, with the sections under it.
    #[must_use]
    pub fn drops_section(&self, heading: &str) -> bool {
        self.rules.drops_section(heading)
    }

    fn extract_counting(
        &self,
        page: &PageInput<'_>,
        counters: &mut Counters,
    ) -> (PageKind, Vec<Section>) {
        if let Some(target) = page
            .redirect
            .or_else(|| self.rules.words.redirect_target(page.text))
        {
            counters.count(Cause::RedirectPage);
            return (
                PageKind::Redirect {
                    target: target.to_owned(),
                },
                Vec::new(),
            );
        }
        let kind = self.kind_by_title(page.title, page.namespace);
        if page.text.len() > Self::MAX_PAGE_BYTES {
            counters.count(Cause::PageTooLong);
            return (kind, Vec::new());
        }
        if kind != PageKind::Article && kind != PageKind::List && !self.kinds.contains(&kind) {
            counters.count(left_out(&kind));
            return (kind, Vec::new());
        }
        // The title enters the text by `{{PAGENAME}}`.
        let [title, text] = [page.title, page.text].map(marks::clean_input);
        let tokens = structure::scan(&text);
        let mut dropped = Counters::default();
        let expanded = expand::expand(&text, &tokens, &title, &self.rules, &mut dropped);
        let inlined = inline::resolve(&expanded.text, &self.rules, &mut dropped);
        let is_disambiguation = expanded.is_disambiguation || inlined.is_disambiguation;
        let kind = if is_disambiguation && kind != PageKind::Other {
            PageKind::Disambiguation
        } else {
            kind
        };
        if !self.kinds.contains(&kind) {
            counters.count(left_out(&kind));
            return (kind, Vec::new());
        }
        counters.merge(&dropped);
        let sections = lines::read_sections(&inlined.text, &self.rules, counters);
        (kind, sections)
    }

    /// The title of a template without its namespace.
    fn template_name<'a>(&self, title: &'a str) -> &'a str {
        match title.split_once(':') {
            Some((prefix, name)) if self.rules.site.is_template_namespace(prefix) => name,
            _ => title,
        }
    }
}

/// The cause under which a page of a kind that yields no text is counted.
fn left_out(kind: &PageKind) -> Cause {
    match kind {
        PageKind::Redirect { .. } => Cause::RedirectPage,
        PageKind::Disambiguation => Cause::DisambiguationPage,
        PageKind::List => Cause::ListPage,
        PageKind::Article | PageKind::Other => Cause::OtherPage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page<'a>(title: &'a str, text: &'a str) -> PageInput<'a> {
        PageInput {
            title,
            namespace: 0,
            redirect: None,
            text,
        }
    }

    fn kind(title: &str, text: &str) -> PageKind {
        Extractor::default().extract(&page(title, text)).kind
    }

    #[test]
    fn the_kind_is_told_by_title_template_category_and_switch() {
        assert_eq!(
            kind("A", "b {{other uses|c}} [[d (disambiguation)]]"),
            PageKind::Article
        );
        assert_eq!(kind("A", "b {{disambig}}"), PageKind::Disambiguation);
        assert_eq!(
            kind("A", "b {{Town disambiguation}}"),
            PageKind::Disambiguation
        );
        assert_eq!(
            kind("A", "b [[Category:Disambiguation pages|x]]"),
            PageKind::Disambiguation
        );
        assert_eq!(kind("A", "b __DISAMBIG__"), PageKind::Disambiguation);
        assert_eq!(kind("A (disambiguation)", "b"), PageKind::Disambiguation);
        assert_eq!(kind("List of b", "b"), PageKind::List);
        assert_eq!(
            kind("A", "#redirect [[B]]"),
            PageKind::Redirect {
                target: "B".to_owned()
            }
        );
    }

    #[test]
    fn kinds_are_switched_on_one_by_one_and_left_out_pages_are_counted() {
        let extractor = Extractor::default();
        let list = page("List of b", "Words.");
        let left_out = extractor.extract(&list);
        assert_eq!(
            (
                left_out.text().as_str(),
                left_out.counters.get(Cause::ListPage)
            ),
            ("", 1)
        );
        let kept = extractor.with_kinds(PageKinds::ALL).extract(&list);
        assert_eq!(
            (kept.text().as_str(), kept.kind),
            ("Words.", PageKind::List)
        );
    }

    #[test]
    fn sections_can_be_kept_and_aliases_added() {
        let text = "{{alias|a}}\n== References ==\nb";
        let extractor = Extractor::default().with_aliases([("Template:Alias", "Template:Nowrap")]);
        assert_eq!(extractor.extract(&page("A", text)).text(), "a");
        assert_eq!(
            extractor
                .keep_all_sections(true)
                .extract(&page("A", text))
                .text(),
            "a\n\nb"
        );
    }

    #[test]
    fn control_characters_of_a_title_do_not_enter_the_text() {
        let page = page("A\0\u{1}\u{3}b", "The {{PAGENAME}}.");
        assert_eq!(Extractor::default().extract(&page).text(), "The Ab.");
    }

    #[test]
    fn words_of_another_language_are_added() {
        let extractor = Extractor::default()
            .with_words("[dropped sections]\nLiteratur\n")
            .unwrap();
        let text = "a\n== Literatur ==\nb";
        assert_eq!(extractor.extract(&page("A", text)).text(), "a");
    }
}
