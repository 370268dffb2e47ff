//! The documents file and the passages file of one part, written side by side.

use ragdex_core::{ContentHash, Passage, PassageId};

use super::{DocumentMeta, DocumentsWriter, PassagesWriter};
use crate::manifest::FileEntry;
use crate::storage::Files;
use crate::{KbPath, Result};

/// Writes the two files of a part; keeps their compressed pages in memory.
pub(crate) struct PartWriter {
    documents: DocumentsWriter,
    documents_path: KbPath,
    passages: PassagesWriter,
    passages_path: KbPath,
}

impl PartWriter {
    pub(crate) fn create(
        files: &Files,
        documents_path: KbPath,
        passages_path: KbPath,
    ) -> Result<Self> {
        let documents = files.create(&documents_path)?;
        let passages = files.create(&passages_path)?;
        Ok(Self {
            documents: DocumentsWriter::create(documents, files.locate(&documents_path))?,
            documents_path,
            passages: PassagesWriter::create(passages, files.locate(&passages_path))?,
            passages_path,
        })
    }

    /// Adds a document with its passages and their hashes; `first` is the id of the first.
    pub(crate) fn push(
        &mut self,
        document: &DocumentMeta,
        passages: &[Passage],
        hashes: &[ContentHash],
        first: PassageId,
    ) -> Result<()> {
        let n_passages = passages.len() as u32;
        self.documents.push(document, first, n_passages)?;
        for ((id, passage), hash) in (first.0..).zip(passages).zip(hashes) {
            self.passages
                .push(PassageId(id), &document.key, passage, *hash)?;
        }
        Ok(())
    }

    /// Finishes both files, documents first; the entries name them as `named` says.
    pub(crate) fn finish(
        self,
        files: &Files,
        named: [KbPath; 2],
    ) -> Result<(FileEntry, FileEntry)> {
        let [documents_name, passages_name] = named;
        let documents = self.documents.into_file()?;
        let passages = self.passages.into_file()?;
        Ok((
            files.finish(documents, &self.documents_path, documents_name)?,
            files.finish(passages, &self.passages_path, passages_name)?,
        ))
    }
}
