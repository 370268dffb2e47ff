//! Cutting a stream of documents into parts.

use ragdex_core::{Passage, PassageId, Sha256, Sha256Hasher};
use serde_json::Value;

use super::Staging;
use super::receipt::{SplitMarker, SplitReceipt};
use crate::files::{DocumentMeta, PartWriter};
use crate::{Error, KbPath, Result, names};

/// Passages of a part, unless the caller says otherwise: with 768 dimensions in f32, 25 MB of vectors
/// are what an interruption costs at most.
pub const DEFAULT_PART_PASSAGES: u64 = 8192;

/// Writes documents with their passages into parts, giving out passage ids.
///
/// Memory: one document, and the compressed pages of one part.
pub struct SplitWriter<'s> {
    staging: &'s Staging<'s>,
    part_passages: u64,
    next_passage: u64,
    next_part: u32,
    current: Option<OpenPart>,
    finished: Vec<SplitReceipt>,
}

impl<'s> SplitWriter<'s> {
    pub(super) fn new(staging: &'s Staging<'s>, part_passages: u64) -> Result<Self> {
        let base = staging.writer.base();
        // Gone before the first part is touched: it vouches for all of them.
        let marker = names::staged(names::SPLIT);
        if staging.files().is_there(&marker)? {
            staging.files().remove(&marker)?;
            staging.files().sync_folder(&names::staging())?;
        }
        Ok(Self {
            staging,
            part_passages: part_passages.max(1),
            next_passage: base.map_or(0, |base| base.next_passage),
            next_part: base.map_or(0, |base| base.next_part),
            current: None,
            finished: Vec::new(),
        })
    }

    /// Adds a document with all its passages, and gives the id of the first. A document may have none.
    ///
    /// # Errors
    /// [`Error::SourceChanged`] when a finished part was made from other documents.
    pub fn push(&mut self, document: &DocumentMeta, passages: &[Passage]) -> Result<PassageId> {
        let first = PassageId(self.next_passage);
        self.next_passage += passages.len() as u64;
        self.add(document, passages, first)?;
        Ok(first)
    }

    /// Writes a document of the current snapshot anew under its old ids, which begin with `first`. Such
    /// documents come by ascending ids, and [`SplitWriter::cut`] stands between them and whatever else
    /// is written, and wherever a part of the current snapshot that stays lies between two of them.
    ///
    /// # Errors
    /// As [`SplitWriter::push`].
    pub fn push_again(
        &mut self,
        document: &DocumentMeta,
        passages: &[Passage],
        first: PassageId,
    ) -> Result<()> {
        self.add(document, passages, first)
    }

    /// Ends the part that is being filled, if there is one.
    ///
    /// # Errors
    /// As [`SplitWriter::push`].
    pub fn cut(&mut self) -> Result<()> {
        match self.current.take() {
            Some(part) => self.close(part),
            None => Ok(()),
        }
    }

    fn add(
        &mut self,
        document: &DocumentMeta,
        passages: &[Passage],
        first: PassageId,
    ) -> Result<()> {
        let mut part = match self.current.take() {
            Some(part) => part,
            None => OpenPart::begin(self.staging, self.next_part, first.0)?,
        };
        part.push(document, passages, first)?;
        if part.n_passages >= self.part_passages || part.n_documents >= self.part_passages {
            self.close(part)?;
        } else {
            self.current = Some(part);
        }
        Ok(())
    }

    /// How many passages were added with new ids.
    pub fn n_passages(&self) -> u64 {
        let base = self.staging.writer.base();
        self.next_passage - base.map_or(0, |base| base.next_passage)
    }

    /// Notes that there are no more documents, with whatever the caller wants to know again when it
    /// goes on without reading the source.
    ///
    /// # Errors
    /// As [`SplitWriter::push`].
    pub fn finish(mut self, summary: &Value) -> Result<()> {
        self.cut()?;
        let marker = SplitMarker {
            parts: self.finished,
            summary: summary.clone(),
        };
        self.staging
            .write_receipt(&names::staged(names::SPLIT), &marker)
    }

    fn close(&mut self, part: OpenPart) -> Result<()> {
        self.finished.push(part.finish(self.staging)?);
        self.next_part += 1;
        Ok(())
    }
}

/// The part being filled.
struct OpenPart {
    number: u32,
    first_passage: u64,
    end_passage: u64,
    n_documents: u64,
    n_passages: u64,
    digest: Sha256Hasher,
    target: Target,
}

/// Where the documents of a part go.
enum Target {
    /// Into files.
    Files(Box<PartWriter>),
    /// Nowhere: the files are there from an earlier run.
    Finished(Box<SplitReceipt>),
}

impl OpenPart {
    fn begin(staging: &Staging<'_>, number: u32, first_passage: u64) -> Result<Self> {
        let receipt = staging.read_receipt::<SplitReceipt>(&SplitReceipt::path(number))?;
        let target = match receipt {
            Some(receipt) => Target::Finished(Box::new(receipt)),
            None => Target::Files(Box::new(create(staging, number)?)),
        };
        Ok(Self {
            number,
            first_passage,
            end_passage: first_passage,
            n_documents: 0,
            n_passages: 0,
            digest: Sha256Hasher::default(),
            target,
        })
    }

    fn push(
        &mut self,
        document: &DocumentMeta,
        passages: &[Passage],
        first: PassageId,
    ) -> Result<()> {
        if !passages.is_empty() {
            if self.n_passages == 0 {
                self.first_passage = first.0;
            }
            self.end_passage = first.0 + passages.len() as u64;
        }
        self.n_documents += 1;
        self.n_passages += passages.len() as u64;
        let hashes: Vec<_> = passages.iter().map(Passage::content_hash).collect();
        digest_document(&mut self.digest, document);
        for (passage, hash) in passages.iter().zip(&hashes) {
            self.digest.update(&hash.0);
            self.digest.update(&passage.ordinal.to_le_bytes());
            digest_text(&mut self.digest, Some(&passage.section));
        }
        let Target::Files(files) = &mut self.target else {
            return Ok(());
        };
        files.push(document, passages, &hashes, first)
    }

    fn finish(self, staging: &Staging<'_>) -> Result<SplitReceipt> {
        let digest = self.digest.finish();
        match self.target {
            Target::Finished(receipt) => {
                let ids = (self.first_passage, self.end_passage);
                check_same(staging, &receipt, digest, ids)?;
                Ok(*receipt)
            }
            Target::Files(files) => {
                let named = [names::documents(self.number), names::passages(self.number)];
                let (documents, passages) = files.finish(staging.files(), named)?;
                let receipt = SplitReceipt {
                    number: self.number,
                    n_documents: self.n_documents,
                    n_passages: self.n_passages,
                    first_passage: self.first_passage,
                    end_passage: self.end_passage,
                    digest,
                    documents,
                    passages,
                };
                staging.write_receipt(&SplitReceipt::path(self.number), &receipt)?;
                Ok(receipt)
            }
        }
    }
}

/// Begins the files of a part in the staging folder.
fn create(staging: &Staging<'_>, number: u32) -> Result<PartWriter> {
    let place = |named: KbPath| named.below(&names::staging());
    PartWriter::create(
        staging.files(),
        place(names::documents(number)),
        place(names::passages(number)),
    )
}

fn check_same(
    staging: &Staging<'_>,
    receipt: &SplitReceipt,
    digest: Sha256,
    ids: (u64, u64),
) -> Result<()> {
    if receipt.digest == digest && (receipt.first_passage, receipt.end_passage) == ids {
        return Ok(());
    }
    Err(Error::SourceChanged {
        path: staging
            .files()
            .locate(&receipt.passages.path.below(&names::staging())),
        expected: receipt.digest,
        found: digest,
    })
}

fn digest_document(digest: &mut Sha256Hasher, document: &DocumentMeta) {
    digest_text(digest, Some(&document.key));
    digest_text(digest, Some(&document.title));
    digest_text(digest, document.url.as_deref());
    digest_text(digest, document.revision.as_deref());
    digest_text(digest, document.timestamp.as_deref());
    digest_text(digest, document.sha1.as_deref());
    digest.update(&document.hash.0);
}

/// Adds a text so that no two lists of texts give the same input.
fn digest_text(digest: &mut Sha256Hasher, text: Option<&str>) {
    let length = text.map_or(u64::MAX, |text| text.len() as u64);
    digest.update(&length.to_le_bytes());
    digest.update(text.unwrap_or("").as_bytes());
}
