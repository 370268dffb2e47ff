//! Versions of documents that are known already and need not be read again.

use std::fmt;

use ragdex_core::Document;

/// What a dump tells of a page before its text is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<'a> {
    /// As [`Document::key`].
    pub key: &'a str,
    /// As [`Document::title`].
    pub title: &'a str,
    /// As [`Document::revision`].
    pub revision: Option<&'a str>,
    /// As [`Document::sha1`].
    pub sha1: Option<&'a str>,
}

/// Somebody who has read documents before.
pub trait KnownVersions: Send + Sync {
    /// Whether this very version was read before, with the same options, so that its document is known.
    /// Called from several threads.
    fn knows(&self, version: &Version<'_>) -> bool;
}

impl fmt::Debug for dyn KnownVersions + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownVersions")
    }
}

/// What a source gives next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A document.
    Document(Document),
    /// The key of a document whose version is [known](KnownVersions); it was not parsed.
    Unchanged(String),
}
