//! What a user adds to the rules by which wikitext becomes prose.

use std::fmt;
use std::fs;
use std::path::Path;

use ragdex_wikitext::{Extractor, SiteInfo};

use crate::{Error, WikiOptions};

/// The rules of [`WikiOptions`], read and checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct WikiRules {
    templates: Vec<String>,
    words: Vec<String>,
    /// Titles of templates and the titles that they lead to.
    aliases: Vec<(String, String)>,
    keep_all_sections: bool,
}

impl WikiRules {
    /// Reads the files of rules.
    ///
    /// # Errors
    /// [`Error::Open`], and [`Error::WikiRules`] for a line that cannot be read.
    pub(crate) fn load(options: &WikiOptions) -> Result<Self, Error> {
        let mut rules = Self {
            keep_all_sections: options.keep_all_sections,
            ..Self::default()
        };
        for path in &options.templates {
            let table = read(path)?;
            let checked = Extractor::default().with_templates(&table);
            checked.map_err(|error| unreadable(path, &error))?;
            rules.templates.push(table);
        }
        for path in &options.words {
            let words = read(path)?;
            let checked = Extractor::default().with_words(&words);
            checked.map_err(|error| unreadable(path, &error))?;
            rules.words.push(words);
        }
        Ok(rules)
    }

    /// Lets templates of these titles give what those of the second titles give.
    pub(crate) fn add_aliases(&mut self, aliases: Vec<(String, String)>) {
        self.aliases.extend(aliases);
    }

    /// Builds the rules for one wiki.
    pub(crate) fn extractor(&self, site: SiteInfo) -> Extractor {
        let mut extractor = Extractor::new(site).keep_all_sections(self.keep_all_sections);
        for table in &self.templates {
            let added = extractor.with_templates(table);
            extractor = added.expect("every line was read when the rules were loaded");
        }
        for words in &self.words {
            let added = extractor.with_words(words);
            extractor = added.expect("every line was read when the rules were loaded");
        }
        let aliases = self.aliases.iter();
        extractor.with_aliases(aliases.map(|(alias, title)| (&**alias, &**title)))
    }
}

fn read(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Open {
        path: path.to_owned(),
        source,
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|&byte| byte == b'\n').count();
        Error::WikiRules {
            path: path.to_owned(),
            problem: format!("line {line}: UTF-8 expected, found other bytes"),
        }
    })
}

fn unreadable(path: &Path, error: &impl fmt::Display) -> Error {
    Error::WikiRules {
        path: path.to_owned(),
        problem: error.to_string(),
    }
}
