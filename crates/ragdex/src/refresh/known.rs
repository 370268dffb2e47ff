//! The documents that a snapshot holds, by key.

use std::collections::HashMap;

use ragdex_core::{ContentHash, Document};
use ragdex_corpus::{KnownVersions, Version};
use ragdex_store::{DocumentMeta, Snapshot};

use crate::Result;

/// Where a document lies: part and row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) part: u32,
    pub(super) row: u32,
}

/// What is known of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) place: Place,
    /// Of the document as it was read.
    pub(super) hash: ContentHash,
    /// Of title and version as the source names it; zero for a document without.
    version: ContentHash,
}

impl Known {
    /// Whether a document is as it was.
    pub(super) fn is(&self, document: &Document) -> bool {
        self.hash == document.content_hash()
    }
}

/// Every live document of a snapshot. 64 bytes for each, up to twice that while the table grows.
#[derive(Debug, Default)]
pub(super) struct KnownDocuments {
    by_key: HashMap<ContentHash, Known>,
    /// Whether a version that is met again stands for the document that was made of it.
    trusts_versions: bool,
}

impl KnownDocuments {
    /// Reads keys, hashes and versions; `trusts_versions` when documents are read now as they were read
    /// then.
    pub(super) fn of(snapshot: &Snapshot, trusts_versions: bool) -> Result<Self> {
        let mut by_key = HashMap::with_capacity(snapshot.manifest().documents as usize);
        for (part, rows) in (0..).zip(snapshot.rows()) {
            let deleted = rows.deleted_documents();
            for (row, document) in rows.documents()?.enumerate() {
                let meta = document?.meta;
                if deleted.is_deleted(row) {
                    continue;
                }
                let row = row as u32;
                let known = Known {
                    place: Place { part, row },
                    hash: meta.hash,
                    version: version_of(&meta),
                };
                by_key.insert(key_hash(&meta.key), known);
            }
        }
        Ok(Self {
            by_key,
            trusts_versions,
        })
    }

    /// The document of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Known> {
        self.by_key.get(&key_hash(key))
    }
}

impl KnownVersions for KnownDocuments {
    fn knows(&self, version: &Version<'_>) -> bool {
        let Some(known) = self.get(version.key).filter(|_| self.trusts_versions) else {
            return false;
        };
        let names = [("sha1", version.sha1), ("revision", version.revision)];
        let mut names = names
            .into_iter()
            .filter_map(|(kind, name)| Some((kind, name?)));
        names.any(|(kind, name)| version_hash(version.title, kind, name) == known.version)
    }
}

fn key_hash(key: &str) -> ContentHash {
    ContentHash::of_fields(&[key])
}

/// The title is part of it: a page that is moved keeps its text and its checksum.
fn version_hash(title: &str, kind: &str, name: &str) -> ContentHash {
    ContentHash::of_fields(&[title, kind, name])
}

/// The checksum goes before the revision, which changes with edits that leave the text alone.
fn version_of(meta: &DocumentMeta) -> ContentHash {
    let of = |kind, name: &str| version_hash(&meta.title, kind, name);
    match (&meta.sha1, &meta.revision) {
        (Some(sha1), _) => of("sha1", sha1),
        (None, Some(revision)) => of("revision", revision),
        (None, None) => ContentHash::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knowing(meta: &DocumentMeta) -> KnownDocuments {
        let known = Known {
            place: Place { part: 0, row: 0 },
            hash: meta.hash,
            version: version_of(meta),
        };
        KnownDocuments {
            by_key: HashMap::from([(key_hash(&meta.key), known)]),
            trusts_versions: true,
        }
    }

    #[test]
    fn a_version_is_known_by_its_checksum_or_else_its_revision_under_the_same_title() {
        let mut meta = DocumentMeta {
            key: "12".into(),
            title: "Aruba".into(),
            revision: Some("7".into()),
            ..DocumentMeta::default()
        };
        let version = |title, revision, sha1| Version {
            key: "12",
            title,
            revision,
            sha1,
        };
        let by_revision = knowing(&meta);
        assert!(by_revision.knows(&version("Aruba", Some("7"), None)));
        assert!(by_revision.knows(&version("Aruba", Some("7"), Some("abc"))));
        assert!(!by_revision.knows(&version("Aruba", Some("8"), None)));
        assert!(!by_revision.knows(&version("Oruba", Some("7"), None)));
        meta.sha1 = Some("abc".into());
        let by_sum = knowing(&meta);
        assert!(by_sum.knows(&version("Aruba", Some("8"), Some("abc"))));
        assert!(!by_sum.knows(&version("Aruba", Some("7"), Some("abd"))));
        assert!(!by_sum.knows(&version("Oruba", Some("7"), Some("abc"))));
        assert!(!by_sum.knows(&version("Aruba", None, None)));
    }

    #[test]
    fn a_document_without_a_version_is_never_known_by_it() {
        let meta = DocumentMeta::default();
        let nothing = Version {
            key: "",
            title: "",
            revision: None,
            sha1: None,
        };
        assert!(!knowing(&meta).knows(&nothing));
    }
}
