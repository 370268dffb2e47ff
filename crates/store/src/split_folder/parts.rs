//! Documents and passages to Parquet files of bounded size.

use ragdex_core::{Passage, PassageId};

use super::{SplitPart, SplitRun};
use crate::Result;
use crate::files::{DocumentMeta, PartWriter};

/// Writes documents with their passages, giving out passage ids.
///
/// Memory: one document, and the compressed pages of one part.
pub struct PartsWriter<'r> {
    run: &'r SplitRun,
    part_passages: u64,
    next_passage: u64,
    current: Option<OpenPart>,
    finished: Vec<SplitPart>,
}

struct OpenPart {
    files: Box<PartWriter>,
    first_passage: u64,
    n_documents: u64,
    n_passages: u64,
}

impl<'r> PartsWriter<'r> {
    pub(super) fn new(run: &'r SplitRun, part_passages: u64, first_passage: u64) -> Self {
        Self {
            run,
            part_passages: part_passages.max(1),
            next_passage: first_passage,
            current: None,
            finished: Vec::new(),
        }
    }

    /// Adds a document with its passages, of which it may have none.
    pub fn push(&mut self, document: &DocumentMeta, passages: &[Passage]) -> Result<()> {
        let mut part = match self.current.take() {
            Some(part) => part,
            None => self.begin()?,
        };
        let hashes: Vec<_> = passages.iter().map(Passage::content_hash).collect();
        let first = PassageId(self.next_passage);
        part.files.push(document, passages, &hashes, first)?;
        part.n_documents += 1;
        part.n_passages += passages.len() as u64;
        self.next_passage += passages.len() as u64;
        if part.n_passages >= self.part_passages || part.n_documents >= self.part_passages {
            self.close(part)?;
        } else {
            self.current = Some(part);
        }
        Ok(())
    }

    /// Finishes the last part and gives them all.
    pub fn finish(mut self) -> Result<Vec<SplitPart>> {
        if let Some(part) = self.current.take() {
            self.close(part)?;
        }
        Ok(self.finished)
    }

    fn number(&self) -> u32 {
        self.finished.len() as u32
    }

    fn begin(&self) -> Result<OpenPart> {
        let [documents, passages] = self.run.name.part(self.number());
        Ok(OpenPart {
            files: Box::new(PartWriter::create(self.run.files(), documents, passages)?),
            first_passage: self.next_passage,
            n_documents: 0,
            n_passages: 0,
        })
    }

    fn close(&mut self, part: OpenPart) -> Result<()> {
        let names = self.run.name.part(self.number());
        let (documents, passages) = part.files.finish(self.run.files(), names)?;
        self.finished.push(SplitPart {
            documents,
            passages,
            n_documents: part.n_documents,
            n_passages: part.n_passages,
            first_passage: part.first_passage,
        });
        Ok(())
    }
}
