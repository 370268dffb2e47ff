//! What a reading of a source gives, and what must hold for it.

use std::io::{self, Read};

use ragdex_core::Document;
use ragdex_corpus::{Error, ReadOptions, Source, Summary};

/// Documents, totals and the error at the end of one reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) documents: Vec<Document>,
    pub(crate) summary: Summary,
    pub(crate) error: Option<String>,
}

impl Reading {
    /// Reads `bytes` as the file `name`, of which a reader gives at most `piece` bytes at a time.
    pub(crate) fn of(name: &str, bytes: &[u8], piece: usize, options: &ReadOptions<'_>) -> Self {
        let reader = Pieces {
            bytes: bytes.to_vec(),
            at: 0,
            piece,
        };
        let mut reading = Self {
            documents: Vec::new(),
            summary: Summary::default(),
            error: None,
        };
        match Source::from_reader(name, reader, options.clone()) {
            Err(error) => reading.error = Some(message(&error)),
            Ok(mut source) => {
                for document in source.by_ref() {
                    match document {
                        Ok(document) => reading.documents.push(document),
                        Err(error) => reading.error = Some(message(&error)),
                    }
                }
                assert!(source.next().is_none(), "something after the end");
                reading.summary = source.summary().clone();
            }
        }
        reading
    }

    /// Checks that nothing was lost silently and that every document can be used.
    pub(crate) fn check(&self, strict: bool) {
        let summary = &self.summary;
        assert_eq!(summary.documents, self.documents.len() as u64);
        let skipped: u64 = summary.skipped().map(|(_, n)| n).sum();
        assert_eq!(summary.records, summary.documents + skipped, "{summary:?}");
        assert!(
            !strict || summary.bad_records == 0,
            "strict let bad records pass"
        );
        self.documents.iter().for_each(check_document);
    }
}

fn check_document(document: &Document) {
    assert!(!document.key.is_empty(), "no key: {document:?}");
    assert!(!document.text().trim().is_empty(), "no text: {document:?}");
    for section in &document.sections {
        assert!(
            !section.paragraphs.is_empty(),
            "an empty section: {document:?}"
        );
    }
    // A passage of others keeps every byte.
    let mut texts = document.paragraphs().chain([&*document.title, &*document.key]);
    assert!(
        document.is_passage || !texts.any(|text| text.contains('\0')),
        "NUL: {document:?}"
    );
}

/// An error as people see it, with its causes. Damage is told by the decoder that meets it, as far as
/// that has read, and damaged marks look like missing ones: only what is damaged is the same for all.
fn message(error: &Error) -> String {
    if let Error::Damaged { compression, .. } | Error::Truncated { compression, .. } = error {
        return format!("the {compression} data is damaged or cut off");
    }
    let first: &dyn std::error::Error = error;
    let causes = std::iter::successors(Some(first), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

/// A reader that hands out little at a time, as pipes do.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    piece: usize,
}

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        let n = rest.len().min(buf.len()).min(self.piece);
        buf[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}
