//! Which pages of a wiki are wanted, told without their wikitext: by title, id and namespace.

use ragdex_core::Section;
use ragdex_wikitext::{Extractor, PageKind, SiteInfo};

use crate::PageKinds;
use crate::mediawiki::WikiRules;
use crate::options::KindRules;
use crate::records::Skip;

/// Pages that `DrQA` drops by their ids.
const DRQA_PAGE_IDS: [&str; 2] = ["23443579", "52643645"];

/// What is known of a page that others have extracted.
#[derive(Debug, Default)]
pub(crate) struct Known<'a> {
    /// The number of its namespace, where the source says it.
    pub(crate) namespace: Option<i64>,
    pub(crate) key: Option<&'a str>,
    pub(crate) title: &'a str,
    /// The source marks it as a disambiguation page.
    pub(crate) is_disambiguation: bool,
}

/// The rules for pages that others have extracted.
#[derive(Debug)]
pub(crate) struct TitleRules {
    kinds: PageKinds,
    extractor: Extractor,
}

impl TitleRules {
    pub(crate) fn new(kinds: &PageKinds, rules: &WikiRules) -> Self {
        Self {
            kinds: kinds.clone(),
            extractor: rules.extractor(SiteInfo::default()),
        }
    }

    /// Why a page is left out.
    pub(crate) fn unwanted(&self, page: &Known<'_>) -> Option<Skip> {
        let is_asked_for = |n| self.kinds.namespaces.contains(&n);
        let namespace = page.namespace.map(i32::try_from);
        if namespace.is_some_and(|number| !number.is_ok_and(is_asked_for)) {
            return Some(Skip::Namespace);
        }
        let namespace = namespace.and_then(Result::ok).unwrap_or(0);
        let kind = self.extractor.kind_by_title(page.title, namespace);
        let (by_title, is_list) = match self.kinds.rules {
            KindRules::Drqa => (
                is_drqa_disambiguation(page.key.unwrap_or_default(), page.title),
                is_drqa_list(page.title),
            ),
            KindRules::Wikitext => (kind == PageKind::Disambiguation, kind == PageKind::List),
        };
        self.kinds
            .refuse(page.is_disambiguation || by_title, is_list)
    }

    /// Takes out the sections that are dropped from dumps, with those under them.
    pub(crate) fn drop_sections(&self, sections: &mut Vec<Section>) {
        sections.retain(|section| {
            let mut path = section.path.iter();
            !path.any(|heading| self.extractor.drops_section(heading))
        });
    }
}

impl PageKinds {
    /// Why a page of a kind is left out.
    pub(crate) fn refuse(&self, is_disambiguation: bool, is_list: bool) -> Option<Skip> {
        let (wanted, skip) = match (is_disambiguation, is_list) {
            (true, _) => (self.disambiguation, Skip::Disambiguation),
            (_, true) => (self.lists, Skip::List),
            _ => (self.articles, Skip::Article),
        };
        (!wanted).then_some(skip)
    }
}

/// Whether `DrQA` takes a page for a disambiguation page by its id or its title.
pub(crate) fn is_drqa_disambiguation(id: &str, title: &str) -> bool {
    let title = title.to_lowercase();
    let by_title = ["(disambiguation)", "(disambiguation page)"];
    DRQA_PAGE_IDS.contains(&id) || by_title.iter().any(|mark| title.contains(mark))
}

/// Whether `DrQA` takes a page for a list by its title.
pub(crate) fn is_drqa_list(title: &str) -> bool {
    let mut starts = ["List of ", "Index of ", "Outline of "].iter();
    starts.any(|start| title.starts_with(start) && title.len() > start.len())
}
