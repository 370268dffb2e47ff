//! An opened knowledge base.

use std::path::{Path, PathBuf};

use ragdex_core::PassageId;
use ragdex_store::{Manifest, Snapshot, Store};
use serde_json::Value;

use crate::answer::Answerer;
use crate::checkpoints::fetch_missing;
use crate::models::{open_generator, open_named_question_encoder, open_question_encoder};
use crate::presets::MINI;
use crate::reader::{AnswerOptions, Reader};
use crate::results::{EncoderPairInfo, Info, ShownPassage, VerifyReport};
use crate::search::Searcher;
use crate::{Context, Error, Result, indexes};

/// The name in the manifest's options of the model that writes answers.
pub(crate) const GENERATOR: &str = "generator";

/// The name of the hash of its weights.
const GENERATOR_SHA256: &str = "generator_sha256";

/// One snapshot of a knowledge base, for reading.
#[derive(Debug, Clone)]
pub struct KnowledgeBase {
    path: PathBuf,
    snapshot: Snapshot,
}

impl KnowledgeBase {
    /// Opens the current snapshot, or an older one by its number.
    ///
    /// Takes no lock; what is opened stays as it is, whatever writers do.
    ///
    /// # Errors
    /// What the store gives for a folder that is no knowledge base, a snapshot that is not there and
    /// damaged files.
    pub fn open(path: &Path, snapshot: Option<u64>) -> Result<Self> {
        let store = Store::open(path)?;
        let snapshot = match snapshot {
            Some(number) => store.snapshot(number)?,
            None => store.current()?,
        };
        Ok(Self {
            path: path.to_owned(),
            snapshot,
        })
    }

    /// The number of the snapshot.
    pub fn snapshot(&self) -> u64 {
        self.snapshot.number()
    }

    /// Looks up passages by id, in the order asked for. An id never stands for another passage.
    ///
    /// # Errors
    /// [`ragdex_store::Error::NoSuchPassage`] for an id that this snapshot does not have, or not any more.
    pub fn passages(&self, ids: &[u64]) -> Result<Vec<ShownPassage>> {
        let ids: Vec<PassageId> = ids.iter().copied().map(PassageId).collect();
        let records = self.snapshot.passages(&ids)?.into_iter();
        let documents = self.snapshot.documents_of(&ids)?;
        let shown = records
            .zip(documents)
            .map(|(record, document)| ShownPassage {
                id: record.id.0,
                snapshot: self.snapshot(),
                title: record.passage.title,
                text: record.passage.text,
                document: record.document,
                section: record.passage.section,
                url: document.meta.url,
                revision: document.meta.revision,
            });
        Ok(shown.collect())
    }

    /// Loads what searching needs; `question_encoder` replaces the recorded one.
    ///
    /// # Errors
    /// What checkpoints give; [`Error::OtherWeights`] and [`Error::EncoderPair`] for an encoder that
    /// does not fit the vectors; [`Error::NoEncoder`] where none is recorded and none is named.
    pub fn searcher(
        &self,
        question_encoder: Option<&str>,
        context: &Context<'_>,
    ) -> Result<Searcher> {
        let manifest = self.manifest();
        let no_encoder = || Error::NoEncoder {
            path: self.path.clone(),
        };
        let dim = manifest.embedding.ok_or_else(no_encoder)?.dim;
        fetch_missing(question_encoder.as_slice(), context)?;
        let encoder = match (&manifest.encoder, question_encoder) {
            (Some(recorded), name) => open_question_encoder(name, recorded, dim, context)?,
            (None, Some(name)) => open_named_question_encoder(name, dim, context)?,
            (None, None) => return Err(no_encoder()),
        };
        Searcher::new(self.snapshot.clone(), self.path.clone(), Some(encoder), dim)
    }

    /// Loads what searching by vectors needs: no encoder.
    ///
    /// # Errors
    /// [`Error::NoEncoder`] for a knowledge base without vectors; what the files give.
    pub fn vector_searcher(&self) -> Result<Searcher> {
        let shape = self.manifest().embedding.ok_or_else(|| Error::NoEncoder {
            path: self.path.clone(),
        })?;
        Searcher::new(self.snapshot.clone(), self.path.clone(), None, shape.dim)
    }

    /// Loads what answering needs.
    ///
    /// # Errors
    /// As [`KnowledgeBase::searcher`] and [`Searcher::with_index`], and [`Error::TooFewPassages`].
    pub fn answerer(&self, options: &AnswerOptions, context: &Context<'_>) -> Result<Answerer> {
        let searcher = self.searcher(options.question_encoder.as_deref(), context)?;
        let searcher = searcher.with_index(options.index, options.expansion_search)?;
        let name = options.generator.as_deref();
        // What a knowledge base names is not fetched: it may come from anybody.
        fetch_missing(name.as_slice(), context)?;
        let name = name.or_else(|| self.recorded_generator()).unwrap_or(MINI);
        let question_encoder = searcher.encoder_id().to_owned();
        let precision = options.generator_precision;
        let model = open_generator(name, &question_encoder, precision, context)?;
        let reader = Reader::new(model, name == MINI, options)?;
        Answerer::new(searcher, reader, self.manifest().passages, options)
    }

    /// Tells what the snapshot holds.
    pub fn info(&self) -> Result<Info> {
        let manifest = self.manifest();
        let encoder = |which: fn(&ragdex_store::EncoderPair) -> &ragdex_store::Encoder| {
            let encoder = manifest.encoder.as_ref().map(which);
            serde_json::to_value(encoder).unwrap_or_default()
        };
        let indexes = manifest.indexes.iter();
        let indexes = indexes.map(|index| indexes::info(index, manifest));
        Ok(Info {
            snapshot: manifest.snapshot,
            documents: manifest.documents,
            passages: manifest.passages,
            dimension: manifest.embedding.map_or(0, |shape| shape.dim),
            vectors: manifest
                .embedding
                .map_or(String::new(), |shape| shape.element.to_string()),
            encoder: EncoderPairInfo {
                context: encoder(|pair| &pair.context),
                question: encoder(|pair| &pair.question),
            },
            generator: self.recorded_generator().map(str::to_owned),
            generator_sha256: self.noted(GENERATOR_SHA256).map(str::to_owned),
            splitter: Value::Object(manifest.splitting.clone()),
            indexes: indexes.collect(),
            bytes: manifest.bytes(),
            created: manifest.created.clone(),
        })
    }

    /// Opens the current snapshot and checks it; where files are missing, so that it does not open, all of
    /// them are told.
    ///
    /// # Errors
    /// As [`KnowledgeBase::open`] and [`KnowledgeBase::verify`].
    pub fn verify_at(path: &Path, context: &Context<'_>) -> Result<VerifyReport> {
        let error = match Self::open(path, None) {
            Ok(kb) => return kb.verify(context),
            Err(error) => error,
        };
        let store = Store::open(path)?;
        let mut problems = match store.missing_files(store.current_number()?) {
            Ok(problems) => problems.into_iter(),
            // The manifest itself is to blame.
            Err(_) => return Err(error),
        };
        match problems.next() {
            Some(first) => Err(Error::Damaged {
                first: Box::new(first),
                more: problems.collect(),
            }),
            None => Err(error),
        }
    }

    /// Checks every checksum and every reference between files.
    ///
    /// # Errors
    /// [`Error::Damaged`] with every problem found.
    pub fn verify(&self, context: &Context<'_>) -> Result<VerifyReport> {
        let found = self.snapshot.verify(context.reporter, context.cancel)?;
        let mut problems = found.problems.into_iter();
        match problems.next() {
            Some(first) => Err(Error::Damaged {
                first: Box::new(first),
                more: problems.collect(),
            }),
            None => Ok(VerifyReport {
                snapshot: self.snapshot(),
                files: found.n_files,
                bytes: found.bytes,
            }),
        }
    }

    /// The snapshot as it is stored.
    pub(crate) fn stored(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn manifest(&self) -> &Manifest {
        self.snapshot.manifest()
    }

    fn recorded_generator(&self) -> Option<&str> {
        self.noted(GENERATOR)
    }

    /// A text among the manifest's options of the build.
    fn noted(&self, name: &str) -> Option<&str> {
        self.manifest().build.get(name)?.as_str()
    }
}
