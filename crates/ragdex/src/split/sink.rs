//! Where a split puts its rows.

use std::io;
use std::path::PathBuf;

use ragdex_core::{Document, Passage, PassageId};
use ragdex_corpus::{DocumentsWriter, JsonlWriter, PsgsTsvWriter};
use ragdex_store::{DocumentMeta, FileEntry, PartsWriter, SplitPart, SplitRun, TextFile};

use super::{SplitJob, SplitTarget};
use crate::Result;

/// Takes documents with their passages in the form that was asked for.
pub(super) enum Sink<'r> {
    Parquet(Box<PartsWriter<'r>>),
    Text(Box<Text<'r>>),
}

/// One file of text.
pub(super) struct Text<'r> {
    path: PathBuf,
    rows: Rows<'r>,
    /// The id of the next passage.
    next_id: u64,
    /// Whether the passages of a table have ids of their own; none was written yet if unknown.
    has_ids: Option<bool>,
}

enum Rows<'r> {
    PsgsTsv(PsgsTsvWriter<TextFile<'r>>),
    Jsonl(JsonlWriter<TextFile<'r>>),
    Documents(DocumentsWriter<TextFile<'r>>),
}

/// The finished files.
#[derive(Default)]
pub(super) struct Files {
    pub(super) parts: Vec<SplitPart>,
    pub(super) texts: Vec<FileEntry>,
}

impl<'r> Sink<'r> {
    /// `first_id` is the id of the first passage, from 0.
    pub(super) fn open(run: &'r SplitRun, job: &SplitJob, first_id: u64) -> Result<Self> {
        let (stem, extension) = match job.target {
            SplitTarget::Parquet => {
                let parts = run.parts(job.part_passages, first_id);
                return Ok(Self::Parquet(Box::new(parts)));
            }
            SplitTarget::PsgsTsv => ("passages", "tsv"),
            SplitTarget::Jsonl => ("passages", "jsonl"),
            SplitTarget::Documents => ("documents", "jsonl"),
        };
        let file = run.text_file(stem, extension)?;
        let path = file.path();
        // DPR counts from 1.
        let first = u64::from(job.target == SplitTarget::PsgsTsv);
        Ok(Self::Text(Box::new(Text {
            rows: Rows::new(job.target, file).map_err(|error| write_error(&path, error))?,
            next_id: first_id + first,
            path,
            has_ids: None,
        })))
    }

    pub(super) fn push(&mut self, document: &Document, passages: &[Passage]) -> Result<()> {
        match self {
            Self::Parquet(parts) => Ok(parts.push(&DocumentMeta::from(document), passages)?),
            Self::Text(text) => {
                text.check_ids(document)?;
                let written = text.push(document, passages);
                written.map_err(|error| write_error(&text.path, error))
            }
        }
    }

    /// Finishes every file.
    pub(super) fn finish(self) -> Result<Files> {
        let mut files = Files::default();
        match self {
            Self::Parquet(parts) => files.parts = parts.finish()?,
            Self::Text(text) => {
                let file = text.rows.finish();
                let file = file.map_err(|error| write_error(&text.path, error))?;
                files.texts.push(file.finish()?);
            }
        }
        Ok(files)
    }
}

impl Text<'_> {
    /// Refuses to put ids of others and our own into one table.
    fn check_ids(&mut self, document: &Document) -> Result<()> {
        if !matches!(self.rows, Rows::PsgsTsv(_)) {
            return Ok(());
        }
        if *self.has_ids.get_or_insert(document.is_passage) == document.is_passage {
            return Ok(());
        }
        Err(crate::Error::MixedIds {
            path: self.path.clone(),
        })
    }

    fn push(&mut self, document: &Document, passages: &[Passage]) -> io::Result<()> {
        if let Rows::Documents(writer) = &mut self.rows {
            return writer.write(document);
        }
        for passage in passages {
            let id = self.next_id;
            self.next_id += 1;
            match &mut self.rows {
                // A passage that has an id keeps it.
                Rows::PsgsTsv(writer) if document.is_passage => {
                    writer.write(&document.key, passage)?;
                }
                Rows::PsgsTsv(writer) => writer.write(&id.to_string(), passage)?,
                Rows::Jsonl(writer) => writer.write(PassageId(id), passage, document)?,
                Rows::Documents(_) => {}
            }
        }
        Ok(())
    }
}

impl<'r> Rows<'r> {
    fn new(target: SplitTarget, file: TextFile<'r>) -> io::Result<Self> {
        Ok(match target {
            SplitTarget::PsgsTsv => Self::PsgsTsv(PsgsTsvWriter::new(file)?),
            SplitTarget::Jsonl => Self::Jsonl(JsonlWriter::new(file)),
            SplitTarget::Documents | SplitTarget::Parquet => {
                Self::Documents(DocumentsWriter::new(file))
            }
        })
    }

    fn finish(self) -> io::Result<TextFile<'r>> {
        match self {
            Self::PsgsTsv(writer) => writer.finish(),
            Self::Jsonl(writer) => writer.finish(),
            Self::Documents(writer) => writer.finish(),
        }
    }
}

fn write_error(path: &std::path::Path, source: io::Error) -> crate::Error {
    ragdex_store::Error::Io {
        action: ragdex_store::Action::Write,
        path: path.to_owned(),
        source,
    }
    .into()
}
