//! Which version of a page is the newest, in snapshots that hold several.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

use ragdex_core::Document;
use serde::Deserialize;

use super::lines::Lines;
use crate::Error;

/// The newest versions of the pages that occur more than once.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    newest: HashMap<u64, u64>,
}

impl Versions {
    /// Whether a newer version of the document's page is in the snapshot.
    pub(crate) fn supersede(&self, document: &Document) -> bool {
        let newest = document
            .key
            .parse()
            .ok()
            .and_then(|id: u64| self.newest.get(&id));
        let revision = document.revision.as_deref().unwrap_or("0").parse::<u64>();
        newest.is_some_and(|newest| revision.is_ok_and(|revision| revision < *newest))
    }
}

/// Collects the versions of all pages: some 20 bytes a page while it does.
#[derive(Debug, Default)]
pub(crate) struct VersionScan {
    /// The newest version of each page, and whether there are several.
    pages: HashMap<u64, (u64, bool)>,
}

/// The fields of a line that are looked at. A field that is zero is left out there.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    identifier: u64,
    #[serde(default)]
    version: Version,
}

#[derive(Default, Deserialize)]
struct Version {
    #[serde(default)]
    identifier: u64,
}

impl VersionScan {
    /// Reads a file of the snapshot. Lines that cannot be used are left to the reader of documents.
    /// `on_line` is called after each line and can stop the reading.
    pub(crate) fn read<R: BufRead>(
        &mut self,
        path: &Path,
        reader: R,
        mut on_line: impl FnMut() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut lines = Lines::new(path, reader);
        while let Some(line) = lines.next()? {
            if let Ok(line) = line
                && let Ok(Line {
                    identifier,
                    version,
                }) = serde_json::from_str(line)
            {
                self.add(identifier, version.identifier);
            }
            on_line()?;
        }
        Ok(())
    }

    fn add(&mut self, page: u64, version: u64) {
        self.pages
            .entry(page)
            .and_modify(|(newest, many)| {
                *newest = version.max(*newest);
                *many = true;
            })
            .or_insert((version, false));
    }

    pub(crate) fn finish(self) -> Versions {
        let several = self.pages.into_iter().filter(|(_, (_, many))| *many);
        Versions {
            newest: several.map(|(page, (newest, _))| (page, newest)).collect(),
        }
    }
}
