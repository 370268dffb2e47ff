//! What must be said of the text: where it is from, as of when, and under which licence.

use std::collections::BTreeSet;
use std::path::Path;

use ragdex_exchange::DatasetCard;
use ragdex_store::{Manifest, Snapshot};
use serde_json::Value;

use super::rows::Batch;

/// Sites of the Wikimedia Foundation: their text is under one licence.
const WIKIS: [&str; 11] = [
    "wikipedia.org",
    "wiktionary.org",
    "wikibooks.org",
    "wikinews.org",
    "wikiquote.org",
    "wikisource.org",
    "wikiversity.org",
    "wikivoyage.org",
    "wikimedia.org",
    "wikidata.org",
    "mediawiki.org",
];

/// Hosts named one by one; a corpus of web pages may have any number.
const MOST_HOSTS: usize = 20;

/// What was seen of the documents on the way.
#[derive(Debug, Default)]
pub(super) struct Attribution {
    wikis: BTreeSet<String>,
    /// The newest edit: RFC 3339 in UTC sorts by time.
    newest: Option<String>,
}

impl Attribution {
    /// Looks at the documents of a batch.
    pub(super) fn see(&mut self, batch: &Batch) {
        for document in &batch.documents {
            let meta = &document.meta;
            if let Some(host) = meta.url.as_deref().and_then(wiki_host)
                && !self.wikis.contains(host)
                && self.wikis.len() < MOST_HOSTS
            {
                self.wikis.insert(host.to_owned());
            }
            if meta.timestamp > self.newest {
                self.newest.clone_from(&meta.timestamp);
            }
        }
    }

    /// The card of what was exported.
    pub(super) fn card(&self, snapshot: &Snapshot, kb: &Path) -> DatasetCard {
        let manifest = snapshot.manifest();
        let encoder = manifest.encoder.as_ref();
        let mut licences = self.text_licences(manifest);
        licences.extend(manifest.licences.iter().cloned());
        let name = kb.file_name().map(|name| name.to_string_lossy());
        let number = manifest.snapshot;
        DatasetCard {
            name: format!(
                "{}, snapshot {number}",
                name.unwrap_or("Knowledge base".into())
            ),
            encoder: encoder.map(|pair| pair.context.id.clone()),
            question_encoder: encoder.map(|pair| pair.question.id.clone()),
            source: self.source(manifest),
            licences,
            fingerprint: fingerprint(manifest),
        }
    }

    fn text_licences(&self, manifest: &Manifest) -> Vec<String> {
        let dump = dump_date(manifest);
        let as_of = match (&dump, &self.newest) {
            (Some(date), _) => format!(", dump of {date}"),
            (None, Some(newest)) => format!(", newest edit {newest}"),
            (None, None) => String::new(),
        };
        let licence = |host: &String| {
            format!(
                "Text: by the authors of {host}{as_of}, under CC BY-SA 4.0 \
                 (<https://creativecommons.org/licenses/by-sa/4.0/>); each page's history names them. Changed: markup \
                 was removed and the text cut into passages."
            )
        };
        self.wikis.iter().map(licence).collect()
    }

    fn source(&self, manifest: &Manifest) -> String {
        let paths = manifest.source.get("paths").and_then(Value::as_array);
        let names = paths.into_iter().flatten().filter_map(|path| {
            let name = Path::new(path.as_str()?).file_name()?;
            Some(name.to_string_lossy().into_owned())
        });
        let names: Vec<String> = names.collect();
        let newest = self.newest.as_deref();
        let newest = newest.map_or(String::new(), |newest| format!(", newest edit {newest}"));
        if names.is_empty() {
            format!("documents given to ragdex{newest}")
        } else {
            format!("{}{newest}", names.join(", "))
        }
    }
}

/// The host of an address, when it is one of the wikis.
fn wiki_host(url: &str) -> Option<&str> {
    let host = url.split('/').nth(2)?;
    let is_of = |site: &&str| {
        let sub = host.strip_suffix(*site);
        sub.is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
    };
    WIKIS.iter().any(is_of).then_some(host)
}

/// The date in the name of a dump: `enwiki-20261101-pages-articles.xml.bz2`.
fn dump_date(manifest: &Manifest) -> Option<String> {
    let paths = manifest.source.get("paths")?.as_array()?;
    let date = |path: &Value| {
        let name = Path::new(path.as_str()?).file_name()?.to_str()?.to_owned();
        let is_date = |part: &&str| part.len() == 8 && part.bytes().all(|b| b.is_ascii_digit());
        let date = name.split(['-', '.', '_']).find(is_date)?;
        Some(format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]))
    };
    paths.iter().find_map(date)
}

/// Sixteen hexadecimal digits that change with the vectors and passages.
fn fingerprint(manifest: &Manifest) -> String {
    let files = manifest.files().map(|file| file.sha256.to_string());
    let all: String = files.collect();
    let hash = ragdex_core::Sha256::of(all.as_bytes()).to_string();
    hash.chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wikis_are_told_from_sites_that_end_alike() {
        assert_eq!(
            wiki_host("https://en.wikipedia.org/wiki/A"),
            Some("en.wikipedia.org")
        );
        assert_eq!(
            wiki_host("https://wikidata.org/wiki/Q1"),
            Some("wikidata.org")
        );
        assert_eq!(wiki_host("https://notwikipedia.org/wiki/A"), None);
        assert_eq!(wiki_host("wikipedia.org"), None);
        assert_eq!(wiki_host("https://example.org/wikipedia.org/x"), None);
    }
}
