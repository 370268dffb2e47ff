//! Split folders as the source of a build or a refresh: documents and passages as they are, and their vectors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ragdex_core::{Element, Passage, Stage, Unit};
use ragdex_corpus::{Format, KeySet, SplitOptions};
use ragdex_models::EncoderDescription;
use ragdex_store::{
    DocumentMeta, DocumentRecord, EmbeddingShape, PassageRecord, SplitEmbeddings, SplitFolder,
    SplitManifest, SplitPart, SplitWriter,
};
use serde_json::{Map, Value, json};

use crate::embed::parts;
use crate::models::record;
use crate::vectors::{RecordRows, TakenVectors, VectorsOf};
use crate::{Context, Error, Result};

/// Folders that `split` made.
pub(crate) struct SplitSource {
    folders: Vec<SplitFolder>,
    paths: Vec<PathBuf>,
}

/// What was copied, and what was left out.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    pub(crate) documents: u64,
    pub(crate) skipped: BTreeMap<String, u64>,
    /// Rows of the passages that were left out, counted over all parts from 0, ascending.
    pub(crate) left_out: Vec<u64>,
    /// Whether all was copied, with no limit reached.
    pub(crate) is_whole: bool,
    /// Rows of passages met.
    pub(crate) rows: u64,
}

impl SplitSource {
    /// Takes the sources for split folders, if they are; `None` for sources of other kinds, and where the
    /// format was named.
    ///
    /// # Errors
    /// [`Error::MixedSources`] for folders of a split beside other sources; [`Error::SplitFolder`] for one
    /// that is not finished.
    pub(crate) fn find(sources: &[PathBuf], format: Format) -> Result<Option<Self>> {
        let is_split = |path: &&PathBuf| path.is_dir() && SplitFolder::is_one(path);
        let n_split = sources.iter().filter(is_split).count();
        if n_split == 0 || format != Format::Auto {
            return Ok(None);
        }
        if let Some(other) = sources.iter().find(|path| !is_split(path)) {
            return Err(Error::MixedSources {
                other: other.clone(),
            });
        }
        let open = |path: &PathBuf| SplitFolder::open(path).map_err(Error::SplitFolder);
        Ok(Some(Self {
            folders: sources.iter().map(open).collect::<Result<_>>()?,
            paths: sources.to_vec(),
        }))
    }

    /// Everything that decides what is copied; nothing of what `embed` does later.
    pub(crate) fn plan(&self) -> Result<Vec<Value>> {
        let plan = |(folder, path): (&SplitFolder, &PathBuf)| {
            let manifests = folder.manifests().map_err(Error::SplitFolder)?;
            let parts: Vec<_> = manifests
                .into_iter()
                .flat_map(|(_, manifest)| manifest.parts)
                .collect();
            let absolute = path.canonicalize().unwrap_or_else(|_| path.clone());
            Ok(json!({"path": absolute.to_string_lossy(), "parts": parts}))
        };
        self.folders.iter().zip(&self.paths).map(plan).collect()
    }

    /// How the passages were cut, as the first folder says.
    pub(crate) fn splitting(&self) -> Result<Option<Map<String, Value>>> {
        let first = self.folders.first();
        let manifests = first.map(SplitFolder::manifests).transpose();
        let manifests = manifests.map_err(Error::SplitFolder)?.unwrap_or_default();
        Ok(manifests.first().and_then(|(_, shard)| splitting_of(shard)))
    }

    /// Refuses passages that were cut otherwise than `expected`: those of a knowledge base beside which they
    /// are to lie.
    ///
    /// # Errors
    /// [`Error::OtherSplitting`].
    pub(crate) fn check_splitting(&self, expected: SplitOptions) -> Result<()> {
        for (folder, path) in self.folders.iter().zip(&self.paths) {
            for (_, shard) in folder.manifests().map_err(Error::SplitFolder)? {
                let found = splitting_of(&shard).map(Value::Object);
                let found: Option<SplitOptions> =
                    found.and_then(|found| serde_json::from_value(found).ok());
                if let Some(found) = found.filter(|found| whole(*found) != whole(expected)) {
                    return Err(Error::OtherSplitting {
                        path: path.clone(),
                        expected,
                        found,
                    });
                }
            }
        }
        Ok(())
    }

    /// Copies documents with their passages, at most `limit`. Leaves out documents whose key an earlier
    /// one had.
    ///
    /// # Errors
    /// [`Error::SplitFolder`] for files that are damaged or contradict each other.
    pub(crate) fn copy(
        &self,
        to: &mut SplitWriter<'_>,
        limit: Option<u64>,
        context: &Context<'_>,
    ) -> Result<Copied> {
        let mut copied = Copied::default();
        let mut keys = KeySet::default();
        let limit = limit.unwrap_or(u64::MAX);
        self.each_document(context, |document, passages| {
            if copied.documents < limit {
                copied.take(&document, &passages, &mut keys, to)?;
            }
            Ok(copied.documents < limit)
        })?;
        copied.is_whole = copied.documents < limit;
        warn_of_repeated(&copied, context);
        Ok(copied)
    }

    /// Hands every document with its passages to `take`, until that says `false`; every part is checked all
    /// the same.
    ///
    /// # Errors
    /// As [`SplitSource::copy`]; what `take` gives.
    pub(crate) fn each_document(
        &self,
        context: &Context<'_>,
        mut take: impl FnMut(DocumentMeta, Vec<Passage>) -> Result<bool>,
    ) -> Result<()> {
        let reporter = context.reporter;
        let all = self.parts(context)?;
        let total = all.iter().map(|(_, part)| part.n_documents).sum();
        reporter.start(Stage::Split, Unit::Documents, Some(total));
        let (mut goes_on, mut done) = (true, 0);
        for (folder, part) in &all {
            context.cancel.check()?;
            folder.check_part(part).map_err(Error::SplitFolder)?;
            if goes_on {
                goes_on = each_of_part(folder, part, &mut take)?;
            }
            done += part.n_documents;
            reporter.advance(Stage::Split, done);
        }
        reporter.finish(Stage::Split);
        Ok(())
    }

    /// The vectors of the folders, when all are made and are those of the encoder; says why not.
    pub(crate) fn vectors(
        &self,
        encoder: &EncoderDescription,
        shape: EmbeddingShape,
        rows: RecordRows,
        context: &Context<'_>,
    ) -> Result<Option<TakenVectors>> {
        for folder in &self.folders {
            let embeddings = folder.embeddings().map_err(Error::SplitFolder)?;
            let Some(embeddings) = embeddings else {
                return Ok(None);
            };
            if let Some(reason) = unfit(folder, &embeddings, encoder, shape, context)? {
                context.reporter.warn(&format!(
                    "`{}`: its vectors are not taken over: {reason}",
                    folder.path().display()
                ));
                return Ok(None);
            }
        }
        Ok(Some(TakenVectors {
            of: VectorsOf::Split,
            files: self.paths.clone(),
            left_out: rows.left_out,
            is_whole: rows.is_whole,
        }))
    }

    fn parts(&self, context: &Context<'_>) -> Result<Vec<(&SplitFolder, SplitPart)>> {
        let mut all = Vec::new();
        for folder in &self.folders {
            let of_folder = parts(folder, context)?.into_iter();
            all.extend(of_folder.map(|part| (folder, part)));
        }
        Ok(all)
    }
}

/// Why the vectors of a folder cannot be taken over; `None` when they can.
fn unfit(
    folder: &SplitFolder,
    embeddings: &SplitEmbeddings,
    encoder: &EncoderDescription,
    shape: EmbeddingShape,
    context: &Context<'_>,
) -> Result<Option<String>> {
    let found = embeddings.manifest();
    // Numbers of single precision become those of half precision that the encoder's own would.
    let stored = EmbeddingShape {
        element: match (found.embedding.element, shape.element) {
            (Element::F32, _) => Element::F32,
            (_, wanted) => wanted,
        },
        ..shape
    };
    if let Err(other) = embeddings.check_same(record(encoder), stored) {
        let hint = match (&found.encoder.id, found.embedding.element) {
            (id, _) if *id != encoder.id => format!("`--context-encoder {id}` made them"),
            (_, Element::F16) if shape.element == Element::F32 => {
                "`--vectors f16` takes them over".into()
            }
            _ => format!("`{}` made them with other options", found.encoder.id),
        };
        return Ok(Some(format!("{other}; {hint}")));
    }
    for part in parts(folder, context)? {
        context.cancel.check()?;
        if !embeddings.is_finished(&part).map_err(Error::SplitFolder)? {
            let reason =
                "they are not finished, or damaged; run the same `ragdex embed` to make them so";
            return Ok(Some(reason.into()));
        }
    }
    Ok(None)
}

fn warn_of_repeated(copied: &Copied, context: &Context<'_>) {
    if let Some(repeated) = copied.skipped.get(REPEATED) {
        context.reporter.warn(&format!(
            "{repeated} documents are left out because an earlier one has their key; of several wikis or \
             folders, make a knowledge base each"
        ));
    }
}

/// How documents are counted that an earlier one has the key of.
const REPEATED: &str = "repeated keys";

impl Copied {
    /// Copies a document, or notes that an earlier one had its key.
    fn take(
        &mut self,
        document: &DocumentMeta,
        passages: &[Passage],
        keys: &mut KeySet,
        to: &mut SplitWriter<'_>,
    ) -> Result<()> {
        let rows = self.rows..self.rows + passages.len() as u64;
        self.rows = rows.end;
        if keys.insert(&document.key) {
            to.push(document, passages)?;
            self.documents += 1;
        } else {
            *self.skipped.entry(REPEATED.into()).or_default() += 1;
            self.left_out.extend(rows);
        }
        Ok(())
    }
}

/// Options with their defaults filled in.
fn whole(splitting: SplitOptions) -> SplitOptions {
    let tail = splitting
        .tail
        .unwrap_or_else(|| splitting.rule.default_tail());
    SplitOptions {
        tail: Some(tail),
        ..splitting
    }
}

/// How the passages of a shard were cut, if it says so.
fn splitting_of(shard: &SplitManifest) -> Option<Map<String, Value>> {
    shard.plan.get("splitting")?.as_object().cloned()
}

/// Hands the documents of one part to `take`; gives whether it wants more.
fn each_of_part(
    folder: &SplitFolder,
    part: &SplitPart,
    take: &mut impl FnMut(DocumentMeta, Vec<Passage>) -> Result<bool>,
) -> Result<bool> {
    let documents = folder.documents(part).map_err(Error::SplitFolder)?;
    let mut passages = folder.passages(part).map_err(Error::SplitFolder)?;
    for document in documents {
        let document = document.map_err(Error::SplitFolder)?;
        let own = passages.by_ref().take(document.n_passages as usize);
        let own = own.collect::<Result<Vec<_>, _>>();
        let own = passages_of(&document, own.map_err(Error::SplitFolder)?, folder, part)?;
        if !take(document.meta, own)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The passages of a document, once it is sure that they are its own.
fn passages_of(
    document: &DocumentRecord,
    records: Vec<PassageRecord>,
    folder: &SplitFolder,
    part: &SplitPart,
) -> Result<Vec<Passage>> {
    let key = &document.meta.key;
    let is_whole = records.len() == document.n_passages as usize;
    if is_whole && records.iter().all(|record| record.document == *key) {
        return Ok(records.into_iter().map(|record| record.passage).collect());
    }
    Err(Error::SplitFolder(ragdex_store::Error::Malformed {
        path: folder.path().join(Path::new(part.passages.path.as_str())),
        expected: format!(
            "{} passages of `{}`",
            document.n_passages,
            key.escape_debug()
        ),
        found: "others".into(),
    }))
}
