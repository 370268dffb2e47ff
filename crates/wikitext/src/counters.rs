//! Totals of everything that was dropped or odd.

use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Why something was dropped, or what was odd about a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A template that the table drops by name.
    TemplateDropped,
    /// A template that the table does not know; see [`Counters::unknown_templates`].
    TemplateUnknown,
    /// A table in wikitext or HTML.
    Table,
    /// A footnote.
    Reference,
    /// A formula too long to read as text, or set apart.
    Formula,
    /// Any other element dropped with its content (gallery, code, list in HTML, …).
    Element,
    /// An image or another file.
    File,
    /// An item of a list.
    ListItem,
    /// A line of a preformatted block.
    PreformattedLine,
    /// A row of a table outside any table.
    StrayTableRow,
    /// A paragraph without a word, or with nothing but formulas.
    ParagraphWithoutWords,
    /// A section that is dropped by its heading, subsections not counted.
    SectionByHeading,
    /// `{{` without `}}`.
    UnclosedTemplate,
    /// `{|` without `|}`.
    UnclosedTable,
    /// `[[` without `]]`.
    UnclosedLink,
    /// Templates nested too deep, dropped.
    DepthLimit,
    /// Templates dropped because a page would grow beyond bounds.
    GrowthLimit,
    /// A redirect, left out.
    RedirectPage,
    /// A disambiguation page, left out.
    DisambiguationPage,
    /// A list page, left out.
    ListPage,
    /// A page outside the articles, left out.
    OtherPage,
    /// A page longer than 64 MB, skipped.
    PageTooLong,
}

impl Cause {
    /// Every cause, in the order in which reports print them.
    pub const ALL: [Self; 22] = [
        Self::TemplateDropped,
        Self::TemplateUnknown,
        Self::Table,
        Self::Reference,
        Self::Formula,
        Self::Element,
        Self::File,
        Self::ListItem,
        Self::PreformattedLine,
        Self::StrayTableRow,
        Self::ParagraphWithoutWords,
        Self::SectionByHeading,
        Self::UnclosedTemplate,
        Self::UnclosedTable,
        Self::UnclosedLink,
        Self::DepthLimit,
        Self::GrowthLimit,
        Self::RedirectPage,
        Self::DisambiguationPage,
        Self::ListPage,
        Self::OtherPage,
        Self::PageTooLong,
    ];

    /// The name of the cause in reports and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TemplateDropped => "template_dropped",
            Self::TemplateUnknown => "template_unknown",
            Self::Table => "table",
            Self::Reference => "reference",
            Self::Formula => "formula",
            Self::Element => "element",
            Self::File => "file",
            Self::ListItem => "list_item",
            Self::PreformattedLine => "preformatted_line",
            Self::StrayTableRow => "stray_table_row",
            Self::ParagraphWithoutWords => "paragraph_without_words",
            Self::SectionByHeading => "section_by_heading",
            Self::UnclosedTemplate => "unclosed_template",
            Self::UnclosedTable => "unclosed_table",
            Self::UnclosedLink => "unclosed_link",
            Self::DepthLimit => "depth_limit",
            Self::GrowthLimit => "growth_limit",
            Self::RedirectPage => "redirect_page",
            Self::DisambiguationPage => "disambiguation_page",
            Self::ListPage => "list_page",
            Self::OtherPage => "other_page",
            Self::PageTooLong => "page_too_long",
        }
    }
}

/// How often each [`Cause`] occurred, and which templates the table did not know.
///
/// Counters of pages add up (`total += page.counters`). The sum does not depend on their order as long as
/// there are at most [`Counters::MAX_UNKNOWN_TEMPLATES`] names; beyond that the rarest are forgotten, and
/// the same pages in the same order give the same sum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    counts: [u64; Cause::ALL.len()],
    unknown_templates: BTreeMap<String, u64>,
    forgotten: u64,
}

impl Counters {
    /// How many names of unknown templates a sum keeps: some megabytes. All of English Wikipedia has
    /// fewer templates that are used more than a few times.
    pub const MAX_UNKNOWN_TEMPLATES: usize = 50_000;

    /// Says how often `cause` occurred.
    #[must_use]
    pub fn get(&self, cause: Cause) -> u64 {
        self.counts[cause as usize]
    }

    /// Iterates over the causes that occurred, in the order of [`Cause::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Cause, u64)> + '_ {
        Cause::ALL
            .into_iter()
            .map(|cause| (cause, self.get(cause)))
            .filter(|&(_, n)| n > 0)
    }

    /// Iterates over the templates the table did not know, by name, with their numbers.
    ///
    /// Names are in the normal form of the table: lower case, single spaces. Templates inside
    /// dropped ones are not looked at and do not count.
    pub fn unknown_templates(&self) -> impl Iterator<Item = (&str, u64)> {
        self.unknown_templates
            .iter()
            .map(|(name, &n)| (name.as_str(), n))
    }

    /// Lists the `n` most frequent unknown templates; equal numbers by name.
    #[must_use]
    pub fn most_frequent_unknown_templates(&self, n: usize) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = self.unknown_templates().collect();
        all.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        all.truncate(n);
        all
    }

    /// How many of the unknown templates have names that were forgotten, because there were too many
    /// names. They are counted under [`Cause::TemplateUnknown`] all the same.
    #[must_use]
    pub fn forgotten_unknown_templates(&self) -> u64 {
        self.forgotten
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        for (name, count) in &other.unknown_templates {
            self.add_unknown(name, *count);
        }
        self.forgotten += other.forgotten;
        if self.unknown_templates.len() > Self::MAX_UNKNOWN_TEMPLATES {
            self.forget_rarest();
        }
    }

    /// Forgets names, the rarest first, until half as many are left as may be kept, so that this is
    /// seldom done.
    fn forget_rarest(&mut self) {
        let mut least = 1;
        while self.unknown_templates.len() > Self::MAX_UNKNOWN_TEMPLATES / 2 {
            let rare = |count: u64| count <= least;
            let all = self.unknown_templates.values();
            self.forgotten += all.filter(|&&count| rare(count)).sum::<u64>();
            self.unknown_templates.retain(|_, count| !rare(*count));
            least *= 2;
        }
    }

    pub(crate) fn count(&mut self, cause: Cause) {
        self.counts[cause as usize] += 1;
    }

    pub(crate) fn count_unknown_template(&mut self, name: &str) {
        self.count(Cause::TemplateUnknown);
        self.add_unknown(name, 1);
    }

    fn add_unknown(&mut self, name: &str, n: u64) {
        if let Some(count) = self.unknown_templates.get_mut(name) {
            *count += n;
        } else {
            self.unknown_templates.insert(name.to_owned(), n);
        }
    }
}

impl AddAssign<&Counters> for Counters {
    fn add_assign(&mut self, other: &Counters) {
        self.merge(other);
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Counters) {
        self.merge(&other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_listed_in_the_order_of_their_declaration() {
        for (i, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, i, "{}", cause.name());
        }
    }

    #[test]
    fn names_that_are_too_many_are_forgotten_and_counted() {
        let mut total = Counters::default();
        let n = 3 * Counters::MAX_UNKNOWN_TEMPLATES as u64;
        for i in 0..n {
            let mut page = Counters::default();
            page.count_unknown_template("often");
            page.count_unknown_template(&format!("name {i}"));
            total += &page;
        }
        let kept: Vec<_> = total.unknown_templates().collect();
        assert!(kept.len() <= Counters::MAX_UNKNOWN_TEMPLATES);
        assert_eq!(total.most_frequent_unknown_templates(1), [("often", n)]);
        let kept: u64 = kept.iter().map(|(_, count)| count).sum();
        assert_eq!(total.forgotten_unknown_templates() + kept, 2 * n);
        assert_eq!(total.get(Cause::TemplateUnknown), 2 * n);
    }

    #[test]
    fn the_sum_does_not_depend_on_the_order() {
        let mut a = Counters::default();
        a.count(Cause::Table);
        a.count_unknown_template("foo");
        let mut b = Counters::default();
        b.count_unknown_template("foo");
        b.count_unknown_template("bar");
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab += &b;
        ba += a;
        assert_eq!(ab, ba);
        assert_eq!(ab.most_frequent_unknown_templates(1), [("foo", 2)]);
        assert_eq!(ab.get(Cause::TemplateUnknown), 3);
    }
}
