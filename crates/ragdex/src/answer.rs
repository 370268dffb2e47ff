//! Answering from the passages found.

use std::time::Instant;

use ragdex_rag::{GenerationOptions, PassageInput, Query, RagKind, RagModel, SequenceDecoding};

use crate::results::{AnswerResult, AnswerTimes, Candidate, FoundPassage, SourcePassage};
use crate::search::{Searcher, milliseconds};
use crate::{Context, Error, Result};

/// How to answer; what is absent is taken from the checkpoint, as the reference does.
#[derive(Debug, Clone, Default)]
pub struct AnswerOptions {
    /// How passages are combined.
    pub model: Option<RagKind>,
    /// How many passages the model reads.
    pub n_docs: Option<usize>,
    /// The model that writes answers, in place of the recorded one.
    pub generator: Option<String>,
    /// The encoder of questions, in place of the recorded one.
    pub question_encoder: Option<String>,
    /// Only words that continue a run of words of a passage; on for the bundled model, off for others.
    pub grounded: Option<bool>,
    /// RAG-Sequence: whether every hypothesis is scored under every passage (the default, as the
    /// reference does) or only under those that proposed it.
    pub thorough: Option<bool>,
    /// RAG-Sequence: whether repeated hypotheses are dropped before scoring.
    pub do_deduplication: Option<bool>,
    /// Settings of generation.
    pub generation: GenerationOptions,
}

/// Answers questions from one snapshot. Loads the models once.
pub struct Answerer {
    searcher: Searcher,
    model: RagModel,
    options: ragdex_rag::AnswerOptions,
    n_docs: usize,
}

impl Answerer {
    pub(crate) fn new(
        searcher: Searcher,
        model: RagModel,
        is_bundled: bool,
        passages: u64,
        options: &AnswerOptions,
    ) -> Result<Self> {
        let n_docs = match options.n_docs {
            Some(n_docs) if n_docs as u64 > passages => {
                return Err(Error::TooFewPassages { n_docs, passages });
            }
            Some(n_docs) => n_docs,
            // A small knowledge base is no mistake: all it has is read.
            None => model
                .config()
                .n_docs
                .min(usize::try_from(passages).unwrap_or(usize::MAX)),
        };
        let options = ragdex_rag::AnswerOptions {
            kind: options.model,
            n_docs: Some(n_docs),
            generation: options.generation.clone(),
            grounded: options.grounded.unwrap_or(is_bundled),
            do_deduplication: options.do_deduplication,
            sequence_decoding: match options.thorough {
                Some(false) => SequenceDecoding::Fast,
                _ => SequenceDecoding::Thorough,
            },
            ..ragdex_rag::AnswerOptions::default()
        };
        model.settings(&options)?;
        Ok(Self {
            searcher,
            model,
            options,
            n_docs,
        })
    }

    /// Answers questions, in order.
    ///
    /// # Errors
    /// What encoder, index, files and generator give; [`Error::Cancelled`].
    pub fn answer(&self, questions: &[&str], context: &Context<'_>) -> Result<Vec<AnswerResult>> {
        let found = self.searcher.find(questions, self.n_docs, context)?;
        let fetch = Instant::now();
        let passages = found.hits.iter().map(|hits| self.searcher.fetch(hits));
        let passages = passages.collect::<Result<Vec<_>>>()?;
        let search = found.search + milliseconds(fetch);
        let generate = Instant::now();
        let answers = self.generate(questions, &passages, context)?;
        let share = 1.0 / questions.len().max(1) as f64;
        let times = AnswerTimes {
            encode: found.encode * share,
            search: search * share,
            generate: milliseconds(generate) * share,
        };
        let results = questions.iter().zip(passages).zip(answers);
        let results = results
            .map(|((question, passages), answer)| self.result(question, passages, answer, times));
        Ok(results.collect())
    }

    fn generate(
        &self,
        questions: &[&str],
        passages: &[Vec<FoundPassage>],
        context: &Context<'_>,
    ) -> Result<Vec<ragdex_rag::Answer>> {
        let inputs: Vec<Vec<PassageInput>> = passages
            .iter()
            .map(|passages| passages.iter().map(input).collect())
            .collect();
        let queries: Vec<Query<'_>> = questions
            .iter()
            .zip(&inputs)
            .map(|(&question, passages)| Query { question, passages })
            .collect();
        let options = ragdex_rag::AnswerOptions {
            cancel: context.cancel.clone(),
            ..self.options.clone()
        };
        Ok(self.model.answer_batch(&queries, &options)?)
    }

    fn result(
        &self,
        question: &str,
        passages: Vec<FoundPassage>,
        answer: ragdex_rag::Answer,
        milliseconds: AnswerTimes,
    ) -> AnswerResult {
        let candidates = answer.candidates.into_iter().map(|candidate| Candidate {
            text: candidate.text,
            tokens: candidate.tokens,
            score: candidate.score,
        });
        let sources = passages.into_iter().zip(answer.passages);
        let sources = sources.map(|(passage, evidence)| SourcePassage {
            passage,
            prior: f64::from(evidence.prior),
            posterior: f64::from(evidence.posterior),
            answer_spans: evidence
                .occurrences
                .into_iter()
                .map(|span| (span.start, span.end))
                .collect(),
        });
        AnswerResult {
            question: question.to_owned(),
            answer: answer.text,
            model: self.options.kind.unwrap_or(self.model.kind()).to_string(),
            snapshot: self.searcher.snapshot().number(),
            candidates: candidates.collect(),
            passages: sources.collect(),
            milliseconds,
        }
    }
}

impl std::fmt::Debug for Answerer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answerer")
            .field("searcher", &self.searcher)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

fn input(passage: &FoundPassage) -> PassageInput {
    PassageInput {
        title: passage.title.clone(),
        text: passage.text.clone(),
        score: passage.score,
    }
}
