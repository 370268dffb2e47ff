//! Checking a snapshot against everything that is known of it.

use std::collections::HashSet;

use bytes::Bytes;
use ragdex_core::{Cancel, ContentHash, Reporter, Rows, Stage, Unit, Vectors};

use crate::files::{DocumentRecord, PassageRecord, RowMask};
use crate::manifest::FileEntry;
use crate::part::OpenPart;
use crate::{Error, Result, Snapshot};

/// What [`Snapshot::verify`] found.
#[derive(Debug, Default)]
pub struct Verification {
    /// How many files were read.
    pub n_files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// What is wrong; empty when nothing is.
    pub problems: Vec<Error>,
}

impl Snapshot {
    /// Checks every byte of every file against its checksum, and every file against the others:
    /// passages against embeddings row for row, ids, documents against their passages and deletions,
    /// keys that occur twice, vectors that are not finite.
    ///
    /// Reads everything; memory: a 16-byte hash of each key in a set. Goes on after a problem, so that one run names
    /// them all; a part whose files do not check is not looked into.
    ///
    /// # Errors
    /// [`Error::Cancelled`] only; whatever is wrong comes in the result.
    pub fn verify(&self, reporter: &dyn Reporter, cancel: &Cancel) -> Result<Verification> {
        let mut check = Check {
            snapshot: self,
            reporter,
            cancel,
            keys: HashSet::new(),
            found: Verification::default(),
        };
        reporter.start(Stage::Verify, Unit::Bytes, Some(self.manifest().bytes()));
        for part in self.parts() {
            let mut whole = true;
            for (entry, content) in part.contents() {
                whole &= check.file(entry, content)?;
            }
            if let Some(deleted) = &part.entry().deleted {
                check.deletions(&deleted.file)?;
            }
            if whole {
                check.part(part)?;
            }
        }
        for (entry, content) in self.index_contents() {
            check.file(entry, content)?;
        }
        reporter.finish(Stage::Verify);
        Ok(check.found)
    }
}

struct Check<'a> {
    snapshot: &'a Snapshot,
    reporter: &'a dyn Reporter,
    cancel: &'a Cancel,
    keys: HashSet<ContentHash>,
    found: Verification,
}

impl Check<'_> {
    /// Checks one file, and says whether it is whole.
    fn file(&mut self, entry: &FileEntry, content: &Bytes) -> Result<bool> {
        self.cancel.check()?;
        let files = self.snapshot.files();
        let checked = files.check_sum(entry, &entry.path, content);
        self.found.n_files += 1;
        self.found.bytes += entry.bytes;
        self.reporter.advance(Stage::Verify, self.found.bytes);
        let whole = checked.is_ok();
        self.found.problems.extend(checked.err());
        Ok(whole)
    }

    /// Checks the file of deletions, which was understood when the snapshot was opened.
    fn deletions(&mut self, entry: &FileEntry) -> Result<()> {
        match self.snapshot.files().open_entry(entry, &entry.path) {
            Ok(content) => self.file(entry, &content).map(drop),
            Err(problem) => {
                self.found.problems.push(problem);
                Ok(())
            }
        }
    }

    /// Checks the files of a part against each other.
    fn part(&mut self, part: &OpenPart) -> Result<()> {
        for checked in [self.vectors(part), self.rows(part)] {
            match checked {
                Ok(()) => {}
                Err(Error::Cancelled(cancelled)) => return Err(cancelled.into()),
                Err(problem) => self.found.problems.push(problem),
            }
        }
        Ok(())
    }

    fn vectors(&self, part: &OpenPart) -> Result<()> {
        let Some(shape) = self.snapshot.manifest().embedding else {
            return Ok(());
        };
        let mut first_row = 0;
        for block in part.embeddings(shape)?.blocks() {
            self.cancel.check()?;
            if let Some((row, value)) = not_finite(block) {
                let path = self.snapshot.locate(&part.entry().embeddings.path);
                let row = (first_row + row) as u64;
                return Err(Error::NotFinite { path, row, value });
            }
            first_row += block.len();
        }
        Ok(())
    }

    /// Walks documents and passages side by side.
    fn rows(&mut self, part: &OpenPart) -> Result<()> {
        let mut passages = part.passage_table()?.stream()?.enumerate();
        let mut next_id = part.entry().first_passage;
        for (row, document) in part.document_table()?.stream()?.enumerate() {
            self.cancel.check()?;
            let document = document?;
            let deleted = is_deleted(part.deleted_documents(), row);
            for place in 0..document.n_passages {
                let Some((passage_row, passage)) = passages.next() else {
                    return Err(self.wrong_passages(part, "a passage", "the end"));
                };
                let passage = passage?;
                self.passage(part, &document, place, &passage)?;
                if is_deleted(part.deleted_passages(), passage_row) != deleted {
                    let expected = "all passages of a document deleted or none";
                    return Err(self.wrong_passages(part, expected, passage.id));
                }
                let id = part.ids()?.of(passage_row);
                if passage.id != id || id.0 < next_id {
                    return Err(self.wrong_passages(part, "ascending ids", passage.id));
                }
                next_id = id.0 + 1;
            }
            let key = ContentHash::of_fields(&[&document.meta.key]);
            if !deleted && !self.keys.insert(key) {
                let path = self.snapshot.locate(&part.entry().documents.path);
                let found = format!("`{}` again", document.meta.key.escape_debug());
                return Err(Error::malformed(path, "a key for each document", found));
            }
        }
        match passages.next() {
            None => Ok(()),
            Some(_) => Err(self.wrong_passages(part, "the last passage", "another")),
        }
    }

    fn passage(
        &self,
        part: &OpenPart,
        document: &DocumentRecord,
        place: u32,
        passage: &PassageRecord,
    ) -> Result<()> {
        let expected = document.first_passage.0.checked_add(place.into());
        if expected != Some(passage.id.0) || passage.document != document.meta.key {
            let expected = format!(
                "passage {place} of document `{}`",
                document.meta.key.escape_debug()
            );
            let found = format!(
                "passage {} of `{}`",
                passage.id,
                passage.document.escape_debug()
            );
            return Err(self.wrong_passages(part, &expected, found));
        }
        if passage.hash != passage.passage.content_hash() {
            let expected = format!("the hash of passage {}", passage.id);
            return Err(self.wrong_passages(part, &expected, passage.hash));
        }
        Ok(())
    }

    fn wrong_passages(
        &self,
        part: &OpenPart,
        expected: &str,
        found: impl std::fmt::Display,
    ) -> Error {
        let path = self.snapshot.locate(&part.entry().passages.path);
        Error::malformed(path, expected, found)
    }
}

fn is_deleted(mask: Option<&RowMask>, row: usize) -> bool {
    mask.is_some_and(|mask| mask.is_deleted(row))
}

/// The first number that is not finite, with its row.
fn not_finite(block: Vectors<'_>) -> Option<(usize, f32)> {
    let place = match block.rows() {
        Rows::F32(values) => {
            let place = values.iter().position(|value| !value.is_finite())?;
            (place, values[place])
        }
        Rows::F16(values) => {
            let place = values.iter().position(|value| !value.is_finite())?;
            (place, values[place].to_f32())
        }
    };
    Some((place.0 / block.dim(), place.1))
}
