//! What the readers of all formats give: documents, and the reasons why a record is none.

mod columns;
mod jsonl;
mod lines;
mod parquet;
mod table;
mod versions;
mod wikipedia;

use ragdex_core::Document;
use ragdex_wikitext::Counters;

pub(crate) use columns::{Row, paragraphs, without_nul};
pub(crate) use jsonl::read as read_jsonl;
pub(crate) use parquet::Rows;
pub(crate) use table::{has_header, read as read_table};
pub(crate) use versions::{VersionScan, Versions};
pub(crate) use wikipedia::{read_cirrus, read_enterprise, read_kilt, read_wikiextractor};

use crate::BadRecord;
use crate::split::is_space;

/// What reading one record led to.
#[derive(Debug)]
pub(crate) enum Record {
    /// A document with text.
    Document(Document),
    /// A document whose version is known, by its key.
    Unchanged(String),
    /// A record that is left out on purpose, with its key if its shard was not looked at.
    Skipped(Skip, Option<String>),
    /// A record that cannot be used.
    Bad(BadRecord),
    /// Something to tell that is no error.
    Note(String),
    /// The text of the next record does not match its checksum.
    ChecksumMismatch,
    /// What was dropped from the wikitext of the next record.
    Wikitext(Box<Counters>),
}

/// Why a good record is no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skip {
    Redirect,
    Namespace,
    Model,
    Article,
    Disambiguation,
    List,
    Withheld,
    TooLong,
    Empty,
    OtherShard,
    Superseded,
}

impl Record {
    /// Takes a document, unless it has no text.
    pub(crate) fn of(mut document: Document) -> Self {
        document
            .sections
            .retain(|section| !section.paragraphs.is_empty());
        let has_text = document
            .paragraphs()
            .any(|paragraph| paragraph.contains(|c| !is_space(c)));
        if has_text {
            Self::Document(document)
        } else {
            Self::Skipped(Skip::Empty, Some(document.key))
        }
    }
}
