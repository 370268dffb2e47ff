//! Answering from the passages found.

use std::time::Instant;

use crate::reader::{AnswerOptions, Reader, Reading};
use crate::results::{AnswerResult, FoundPassage, ScoreResult};
use crate::search::{Searcher, milliseconds};
use crate::{Context, Error, Result};

/// Answers questions from one snapshot. Loads the models once.
#[derive(Debug)]
pub struct Answerer {
    searcher: Searcher,
    reader: Reader,
    n_docs: usize,
}

/// The passages of several questions, and the milliseconds for each question.
struct Retrieved {
    passages: Vec<Vec<FoundPassage>>,
    encode: f64,
    search: f64,
}

impl Answerer {
    pub(crate) fn new(
        searcher: Searcher,
        reader: Reader,
        passages: u64,
        options: &AnswerOptions,
    ) -> Result<Self> {
        let n_docs = match options.n_docs {
            Some(n_docs) if n_docs as u64 > passages => {
                return Err(Error::TooFewPassages { n_docs, passages });
            }
            Some(n_docs) => n_docs,
            // A small knowledge base is no mistake: all it has is read.
            None => reader
                .n_docs()
                .min(usize::try_from(passages).unwrap_or(usize::MAX)),
        };
        Ok(Self {
            searcher,
            reader,
            n_docs,
        })
    }

    /// Answers questions together, in order; the same answers as one by one.
    ///
    /// # Errors
    /// What encoder, index, files and generator give; [`Error::Cancelled`].
    pub fn answer(&self, questions: &[&str], context: &Context<'_>) -> Result<Vec<AnswerResult>> {
        let retrieved = self.retrieve(questions, context)?;
        let pairs = questions.iter().zip(&retrieved.passages);
        let readings: Vec<Reading<'_>> = pairs
            .map(|(&question, passages)| Reading { question, passages })
            .collect();
        let mut results = self.reader.answer_found(&readings, context)?;
        for result in &mut results {
            result.snapshot = Some(self.searcher.snapshot().number());
            result.milliseconds.encode = retrieved.encode;
            result.milliseconds.search = retrieved.search;
        }
        Ok(results)
    }

    /// Scores given answers of a question under both models, with the passages found for it.
    ///
    /// # Errors
    /// As [`Answerer::answer`].
    pub fn score(
        &self,
        question: &str,
        answers: &[&str],
        context: &Context<'_>,
    ) -> Result<ScoreResult> {
        let retrieved = self.retrieve(&[question], context)?;
        let passages = &retrieved.passages[0];
        let reading = Reading { question, passages };
        let mut result = self.reader.score(reading, answers, context)?;
        result.snapshot = Some(self.searcher.snapshot().number());
        result.milliseconds.encode = retrieved.encode;
        result.milliseconds.search = retrieved.search;
        Ok(result)
    }

    /// The model that reads, for questions that bring their passages.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    fn retrieve(&self, questions: &[&str], context: &Context<'_>) -> Result<Retrieved> {
        let found = self.searcher.find(questions, self.n_docs, context)?;
        let fetch = Instant::now();
        let passages = found.hits.iter().map(|hits| self.searcher.fetch(hits));
        let passages = passages.collect::<Result<Vec<_>>>()?;
        let share = 1.0 / questions.len().max(1) as f64;
        Ok(Retrieved {
            passages,
            encode: found.encode * share,
            search: (found.search + milliseconds(fetch)) * share,
        })
    }
}
