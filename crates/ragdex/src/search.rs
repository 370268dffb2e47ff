//! Finding passages.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use ragdex_core::{PassageId, Vectors};
use ragdex_index::{Hit, SearchOptions};
use ragdex_models::Encoder;
use ragdex_store::{PartEmbeddings, Snapshot};

use crate::indexes::OpenIndex;
use crate::reader::warn_of_cut;
use crate::results::{FoundPassage, SearchResult, SearchTimes};
use crate::{Context, Error, IndexKind, Result};

/// Finds passages of one snapshot. Loads the question encoder once; may be used from several threads.
pub struct Searcher {
    snapshot: Snapshot,
    path: PathBuf,
    dim: usize,
    parts: Vec<PartEmbeddings>,
    index: OnceLock<OpenIndex>,
    /// None where only vectors are searched for.
    encoder: Option<Arc<dyn Encoder>>,
}

/// The hits of a batch of questions, and how long each step took for all of them.
pub(crate) struct Found {
    pub(crate) hits: Vec<Vec<Hit>>,
    pub(crate) encode: f64,
    pub(crate) search: f64,
}

impl Searcher {
    pub(crate) fn new(
        snapshot: Snapshot,
        path: PathBuf,
        encoder: Option<Arc<dyn Encoder>>,
        dim: usize,
    ) -> Result<Self> {
        Ok(Self {
            parts: snapshot.embeddings()?,
            index: OnceLock::new(),
            dim,
            snapshot,
            path,
            encoder,
        })
    }

    /// Finds the best `k` passages for each question, fewer when there are fewer.
    ///
    /// # Errors
    /// What the encoder, the index and the files give; [`Error::Cancelled`].
    pub fn search(
        &self,
        queries: &[&str],
        k: usize,
        context: &Context<'_>,
    ) -> Result<Vec<SearchResult>> {
        let found = self.find(queries, k, context)?;
        self.results(queries, &found)
    }

    /// Finds the best `k` passages for each row of `vectors`, whose names in the results are `names`.
    ///
    /// # Errors
    /// [`Error::VectorWidth`] for vectors of another width than the knowledge base's; otherwise as
    /// [`Searcher::search`].
    pub fn search_vectors(
        &self,
        names: &[&str],
        vectors: Vectors<'_>,
        k: usize,
        context: &Context<'_>,
    ) -> Result<Vec<SearchResult>> {
        if vectors.dim() != self.dim {
            return Err(Error::VectorWidth {
                expected: self.dim,
                found: vectors.dim(),
            });
        }
        let started = Instant::now();
        let found = Found {
            hits: self.hits(vectors, k, context)?,
            encode: 0.0,
            search: milliseconds(started),
        };
        self.results(names, &found)
    }

    /// The width of the vectors.
    pub fn dim(&self) -> usize {
        self.dim
    }

    fn results(&self, queries: &[&str], found: &Found) -> Result<Vec<SearchResult>> {
        let share = 1.0 / queries.len().max(1) as f64;
        let results = queries.iter().zip(&found.hits).map(|(query, hits)| {
            let fetch = Instant::now();
            let passages = self.fetch(hits)?;
            Ok(SearchResult {
                query: (*query).to_owned(),
                snapshot: self.snapshot.number(),
                index: self.index()?.kind().name().into(),
                passages,
                milliseconds: SearchTimes {
                    encode: found.encode * share,
                    search: found.search * share,
                    fetch: milliseconds(fetch),
                },
            })
        });
        results.collect()
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The name of the encoder of questions; empty without one.
    pub(crate) fn encoder_id(&self) -> &str {
        let encoder = self.encoder.as_ref();
        encoder.map_or("", |encoder| &encoder.description().id)
    }

    /// Encodes the questions and searches the index.
    pub(crate) fn find(&self, queries: &[&str], k: usize, context: &Context<'_>) -> Result<Found> {
        let started = Instant::now();
        let encoder = self.encoder.as_ref().ok_or_else(|| Error::NoEncoder {
            path: self.path.clone(),
        })?;
        for question in queries {
            if let Some(tokens) = encoder.question_overflow(question)? {
                warn_of_cut(question, tokens, encoder.description().max_tokens, context);
            }
        }
        let questions = encoder.encode_questions(queries, &context.encode_options())?;
        let encode = milliseconds(started);
        let started = Instant::now();
        let questions = Vectors::f32(&questions, self.dim).expect("rows of the encoder's width");
        Ok(Found {
            hits: self.hits(questions, k, context)?,
            encode,
            search: milliseconds(started),
        })
    }

    fn hits(
        &self,
        questions: Vectors<'_>,
        k: usize,
        context: &Context<'_>,
    ) -> Result<Vec<Vec<Hit>>> {
        let options = SearchOptions {
            k,
            cancel: context.cancel.clone(),
        };
        self.index()?.search(&self.parts, questions, &options)
    }

    /// Reads the passages found, best first.
    pub(crate) fn fetch(&self, hits: &[Hit]) -> Result<Vec<FoundPassage>> {
        let ids: Vec<PassageId> = hits.iter().map(|hit| hit.id).collect();
        let records = self.snapshot.passages(&ids)?;
        let documents = self.snapshot.documents_of(&ids)?;
        let found = hits.iter().zip(records).zip(documents).enumerate();
        let found = found.map(|(place, ((hit, record), document))| FoundPassage {
            rank: place + 1,
            id: hit.id.0,
            score: hit.score,
            title: record.passage.title,
            text: record.passage.text,
            document: record.document,
            section: record.passage.section,
            url: document.meta.url,
        });
        Ok(found.collect())
    }

    /// Searches another kind of index than the first that the snapshot names, weighing `expansion`
    /// candidates for each question where the kind is approximate; `None` leaves the default.
    ///
    /// # Errors
    /// [`Error::NoSuchIndex`]; [`Error::NothingToExpand`] for an `expansion` where the kind is exact; what damaged
    /// files give.
    pub fn with_index(
        mut self,
        kind: Option<IndexKind>,
        expansion: Option<NonZeroUsize>,
    ) -> Result<Self> {
        let expansion = expansion.map(NonZeroUsize::get);
        self.index = OnceLock::from(OpenIndex::open(
            &self.snapshot,
            &self.path,
            kind,
            expansion,
        )?);
        Ok(self)
    }

    /// The index that is searched, opened when first used.
    fn index(&self) -> Result<&OpenIndex> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let opened = OpenIndex::open(&self.snapshot, &self.path, None, None)?;
        Ok(self.index.get_or_init(|| opened))
    }
}

impl std::fmt::Debug for Searcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Searcher")
            .field("path", &self.path)
            .field("snapshot", &self.snapshot.number())
            .finish_non_exhaustive()
    }
}

/// Milliseconds since `started`.
pub(crate) fn milliseconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}
