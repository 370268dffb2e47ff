//! Everything the passes look up.

use crate::SiteInfo;
use crate::expand::TemplateTable;
use crate::words::Words;

#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) site: SiteInfo,
    pub(crate) templates: TemplateTable,
    pub(crate) words: Words,
    /// Sections such as *References* yield text too.
    pub(crate) keep_all_sections: bool,
}

impl Rules {
    pub(crate) fn built_in(site: SiteInfo) -> Self {
        Self {
            site,
            templates: TemplateTable::built_in(),
            words: Words::built_in(),
            keep_all_sections: false,
        }
    }

    /// Whether the section under `heading` yields no text.
    pub(crate) fn drops_section(&self, heading: &str) -> bool {
        !self.keep_all_sections && self.words.is_dropped_section(heading)
    }
}
