//! A page of a dump to a document, or to the reason why it is none.

use std::sync::Arc;

use ragdex_core::{Document, Section};
use ragdex_wikitext::{Cause, Counters, Extractor, Page, PageInput, PageKind, SiteInfo};

use super::page::RawPage;
use super::site::Site;
use super::{Settings, sha1};
use crate::kinds;
use crate::options::KindRules;
use crate::records::{Record, Skip, without_nul};
use crate::{KnownVersions, PageKinds, Shard, Version};

/// Converts the pages of one wiki; shared by the threads.
pub(super) struct Converter {
    extractor: Extractor,
    site: Site,
    kinds: PageKinds,
    shard: Shard,
    known: Option<Arc<dyn KnownVersions>>,
}

impl Converter {
    pub(super) fn new(site: &Site, settings: &Settings) -> Self {
        let kinds = settings.kinds.clone();
        let language = Some(&*site.language).filter(|language| !language.is_empty());
        let info = SiteInfo::new(site.namespaces.clone(), language);
        let yields = match kinds.rules {
            KindRules::Drqa => ragdex_wikitext::PageKinds::ALL,
            KindRules::Wikitext => ragdex_wikitext::PageKinds {
                articles: kinds.articles,
                disambiguations: kinds.disambiguation,
                lists: kinds.lists,
                others: true,
            },
        };
        Self {
            extractor: settings.rules.extractor(info).with_kinds(yields),
            site: site.clone(),
            kinds,
            shard: settings.shard,
            known: settings.known.clone(),
        }
    }

    /// Gives the document or the reason against it, after whatever is to be counted beside.
    pub(super) fn convert(&self, page: RawPage) -> Vec<Record> {
        if let Some(skip) = self.refuse(&page) {
            return vec![Record::Skipped(skip, None)];
        }
        if self.is_known(&page) {
            return vec![Record::Unchanged(key(&page))];
        }
        let mut records = Vec::with_capacity(3);
        let checksum = page.sha1.as_deref();
        if checksum.is_some_and(|sum| sum != sha1::base36(&page.text)) {
            records.push(Record::ChecksumMismatch);
        }
        let Page {
            kind,
            sections,
            counters,
        } = self.extractor.extract(&PageInput {
            title: &page.title,
            namespace: page.namespace,
            redirect: None,
            text: &page.text,
        });
        let is_blank = page.text.trim().is_empty();
        let record = match self.reject(&page, &kind, &counters) {
            Some(skip) => Record::Skipped(skip, None),
            // An article of nothing but lists is a document all the same, without a passage: its
            // revision is known, and nobody wonders where it went.
            None if !is_blank => Record::Document(self.document(page, sections)),
            None => Record::Skipped(Skip::Empty, None),
        };
        records.extend([Record::Wikitext(Box::new(counters)), record]);
        records
    }

    /// What rules a page out before its text is looked at.
    fn refuse(&self, page: &RawPage) -> Option<Skip> {
        if !self.shard.holds(&key(page)) {
            return Some(Skip::OtherShard);
        }
        if page.redirect.is_some() {
            return Some(Skip::Redirect);
        }
        if !self.kinds.namespaces.contains(&page.namespace) {
            return Some(Skip::Namespace);
        }
        let is_prose = page.model.as_ref().is_none_or(|model| model == "wikitext");
        let reasons = [
            (!is_prose, Skip::Model),
            (page.too_long, Skip::TooLong),
            (page.withheld, Skip::Withheld),
        ];
        let reason = reasons.into_iter().find(|(applies, _)| *applies);
        reason.map(|(_, skip)| skip)
    }

    /// Whether the page was read before in this very version.
    fn is_known(&self, page: &RawPage) -> bool {
        let Some(known) = &self.known else {
            return false;
        };
        let revision = page.revision.map(|revision| revision.to_string());
        known.knows(&Version {
            key: &key(page),
            title: &without_nul(page.title.clone()),
            revision: revision.as_deref(),
            sha1: page.sha1.as_deref(),
        })
    }

    /// What rules a page out by its text.
    fn reject(&self, page: &RawPage, kind: &PageKind, counters: &Counters) -> Option<Skip> {
        if matches!(kind, PageKind::Redirect { .. }) {
            return Some(Skip::Redirect);
        }
        if counters.get(Cause::PageTooLong) > 0 {
            return Some(Skip::TooLong);
        }
        let (is_disambiguation, is_list) = match self.kinds.rules {
            KindRules::Drqa => (
                is_drqa_disambiguation(page),
                kinds::is_drqa_list(&page.title),
            ),
            KindRules::Wikitext => (*kind == PageKind::Disambiguation, *kind == PageKind::List),
        };
        self.kinds.refuse(is_disambiguation, is_list)
    }

    fn document(&self, page: RawPage, sections: Vec<ragdex_wikitext::Section>) -> Document {
        let sections = sections.into_iter().map(|section| Section {
            path: section.path,
            paragraphs: section.paragraphs.into_iter().map(without_nul).collect(),
        });
        Document {
            key: key(&page),
            url: self.site.url(&page.title),
            revision: page.revision.map(|revision| revision.to_string()),
            timestamp: page.timestamp,
            sha1: page.sha1,
            is_passage: false,
            title: without_nul(page.title),
            sections: sections.collect(),
        }
    }
}

fn key(page: &RawPage) -> String {
    let id = page.id.expect("pages without an id are bad records");
    id.to_string()
}

fn is_drqa_disambiguation(page: &RawPage) -> bool {
    kinds::is_drqa_disambiguation(&key(page), &page.title)
        || page.text.lines().any(is_disambiguation_mark)
}

/// Whether a line begins with one of the marks that `WikiExtractor` knew, in lower case.
fn is_disambiguation_mark(line: &str) -> bool {
    let template = |name: &str| {
        let rest = line.strip_prefix("{{").and_then(|l| l.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with("}}") || rest.starts_with('|'))
    };
    line.starts_with("__DISAMBIG__") || template("disambig") || template("disambiguation")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(title: &str, text: &str) -> RawPage {
        RawPage {
            id: Some(1),
            title: title.into(),
            text: text.into(),
            ..RawPage::default()
        }
    }

    fn skip(kinds: PageKinds, page: RawPage) -> Option<Skip> {
        let settings = Settings {
            kinds,
            ..Settings::default()
        };
        let records = Converter::new(&Site::default(), &settings).convert(page);
        records.into_iter().find_map(|record| match record {
            Record::Skipped(skip, _) => Some(skip),
            _ => None,
        })
    }

    #[test]
    fn drqa_drops_by_its_own_rules() {
        let tests = [
            (
                page("Ada (Disambiguation)", "x"),
                Some(Skip::Disambiguation),
            ),
            (
                page("Ada", "x\n{{disambig|geo}}"),
                Some(Skip::Disambiguation),
            ),
            (page("Ada", "x\n{{Disambig}}"), None),
            (page("Ada", "x {{disambig}}"), None),
            (page("List of birds", "x"), Some(Skip::List)),
            (page("List of ", "x"), None),
        ];
        for (page, expected) in tests {
            let title = format!("{} {}", page.title, page.text);
            assert_eq!(skip(PageKinds::drqa(), page), expected, "{title}");
        }
    }

    #[test]
    fn pages_are_refused_before_they_are_read() {
        let redirect = RawPage {
            redirect: Some("B".into()),
            namespace: 4,
            ..page("A", "")
        };
        let template = RawPage {
            namespace: 10,
            ..page("A", "")
        };
        let module = RawPage {
            model: Some("Scribunto".into()),
            ..page("A", "return 1")
        };
        let kinds = PageKinds::default;
        assert_eq!(skip(kinds(), redirect), Some(Skip::Redirect));
        assert_eq!(skip(kinds(), template), Some(Skip::Namespace));
        assert_eq!(skip(kinds(), module), Some(Skip::Model));
        assert_eq!(skip(kinds(), page("A", "")), Some(Skip::Empty));
    }
}
