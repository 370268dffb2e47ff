//! Reading passages: answers and scores, without a knowledge base.

use std::num::NonZeroUsize;
use std::time::Instant;

use ragdex_models::Precision;
use ragdex_rag::{
    GenerationOptions, PassageEvidence, PassageInput, Query, RagKind, RagModel, SequenceDecoding,
};

use crate::checkpoints::fetch_missing;
use crate::models::open_generator;
use crate::presets::MINI;
use crate::results::{
    AnswerResult, AnswerTimes, Candidate, CandidateScore, FoundPassage, ModelScore, ScoreResult,
    ScoredPassage, SourcePassage, TokenProvenance,
};
use crate::search::milliseconds;
use crate::{Context, Error, IndexKind, Result};

/// How to answer; what is absent is taken from the checkpoint, as the reference does.
#[derive(Debug, Clone, Default)]
pub struct AnswerOptions {
    /// How passages are combined.
    pub model: Option<RagKind>,
    /// How many passages the model reads. Of passages that are given: all of them by default.
    pub n_docs: Option<usize>,
    /// The model that writes answers, in place of the recorded one.
    pub generator: Option<String>,
    /// The encoder of questions, in place of the recorded one.
    pub question_encoder: Option<String>,
    /// The index to search, in place of the first that the knowledge base names.
    pub index: Option<IndexKind>,
    /// Candidates that an approximate search weighs, see [`Searcher::with_index`](crate::Searcher::with_index).
    pub expansion_search: Option<NonZeroUsize>,
    /// Only words that continue a run of words of a passage; on for the bundled model, off for others.
    pub grounded: Option<bool>,
    /// RAG-Sequence: whether every hypothesis is scored under every passage (the default, as the
    /// reference does) or only under those that proposed it.
    pub thorough: Option<bool>,
    /// RAG-Sequence: whether repeated hypotheses are dropped before scoring.
    pub do_deduplication: Option<bool>,
    /// What the generator's products with weights compute in.
    pub generator_precision: Precision,
    /// The confidence, from 0 to 1, that an answer must reach to be given; 0 gives every answer. By default
    /// [`Reader::BUNDLED_MIN_CONFIDENCE`] for the bundled model, 0 for others.
    pub min_confidence: Option<f64>,
    /// Settings of generation.
    pub generation: GenerationOptions,
}

/// Answers questions from passages that are given. Loads the model once.
pub struct Reader {
    model: RagModel,
    options: ragdex_rag::AnswerOptions,
    min_confidence: f64,
}

/// A question, and the passages found for it or given with it, best first.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The question.
    pub question: &'a str,
    /// The passages.
    pub passages: &'a [FoundPassage],
}

impl Reader {
    /// The confidence that answers of the bundled model must reach to be given.
    ///
    /// # Source
    /// The largest that keeps 95 of 100 right answers to held-out questions; the curve is in
    /// `training/README.md`.
    pub const BUNDLED_MIN_CONFIDENCE: f64 = 0.25;

    /// Loads the generator that the options name, else the bundled one.
    ///
    /// # Errors
    /// What checkpoints give; [`ragdex_rag::Error::Setting`] for a setting that cannot be used.
    pub fn open(options: &AnswerOptions, context: &Context<'_>) -> Result<Self> {
        let named = [&options.generator, &options.question_encoder];
        let named: Vec<&str> = named.into_iter().flatten().map(String::as_str).collect();
        fetch_missing(&named, context)?;
        let name = options.generator.as_deref().unwrap_or(MINI);
        let encoder = options.question_encoder.as_deref().unwrap_or(MINI);
        let model = open_generator(name, encoder, options.generator_precision, context)?;
        Self::new(model, name == MINI, options)
    }

    pub(crate) fn new(model: RagModel, is_bundled: bool, options: &AnswerOptions) -> Result<Self> {
        let usual = if is_bundled {
            Self::BUNDLED_MIN_CONFIDENCE
        } else {
            0.0
        };
        let min_confidence = options.min_confidence.unwrap_or(usual);
        let options = ragdex_rag::AnswerOptions {
            kind: options.model,
            n_docs: options.n_docs,
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
            model,
            options,
            min_confidence,
        })
    }

    /// The number of passages that the checkpoint reads by default.
    pub(crate) fn n_docs(&self) -> usize {
        self.model.config().n_docs
    }

    /// Answers questions together, in order; the same answers as one by one.
    ///
    /// A question that the question tokenizer has to cut is warned of.
    ///
    /// # Errors
    /// [`Error::TooFewPassages`]; what the generator gives; [`Error::Cancelled`].
    pub fn answer(
        &self,
        readings: &[Reading<'_>],
        context: &Context<'_>,
    ) -> Result<Vec<AnswerResult>> {
        self.warn_of_cuts(readings, context)?;
        self.answer_found(readings, context)
    }

    /// As [`Reader::answer`], without a warning: who searched for the passages has given it.
    pub(crate) fn answer_found(
        &self,
        readings: &[Reading<'_>],
        context: &Context<'_>,
    ) -> Result<Vec<AnswerResult>> {
        let started = Instant::now();
        let mut answers = Vec::with_capacity(readings.len());
        // Questions with as many passages share a batch.
        for run in readings.chunk_by(|a, b| a.passages.len() == b.passages.len()) {
            let inputs: Vec<Vec<PassageInput>> = run.iter().map(|r| inputs(r.passages)).collect();
            let pairs = run.iter().zip(&inputs);
            let queries: Vec<Query<'_>> = pairs
                .map(|(reading, passages)| Query {
                    question: reading.question,
                    passages,
                })
                .collect();
            let options = self.options_for(run[0].passages.len(), context)?;
            answers.extend(self.model.answer_batch(&queries, &options)?);
        }
        let generate = milliseconds(started) / readings.len().max(1) as f64;
        let pairs = readings.iter().zip(answers);
        Ok(pairs
            .map(|(reading, answer)| self.result(*reading, answer, generate))
            .collect())
    }

    /// Scores given answers of one question under both models.
    ///
    /// # Errors
    /// As [`Reader::answer`].
    pub fn score(
        &self,
        reading: Reading<'_>,
        answers: &[&str],
        context: &Context<'_>,
    ) -> Result<ScoreResult> {
        let started = Instant::now();
        let options = self.options_for(reading.passages.len(), context)?;
        let inputs = inputs(reading.passages);
        let n_docs = options.n_docs.unwrap_or(inputs.len());
        let scores = self
            .model
            .score(reading.question, &inputs, answers, &options)?;
        let priors = priors(&inputs[..n_docs]);
        let read = reading.passages.iter().zip(priors);
        let passages = read.map(|(passage, prior)| ScoredPassage {
            passage: passage.clone(),
            prior,
        });
        let pairs = answers.iter().zip(scores);
        let scores = pairs.map(|(answer, score)| CandidateScore {
            text: (*answer).to_owned(),
            tokens: score.tokens,
            passage_log_probs: score.passage_log_probs,
            rag_token: model_score(score.rag_token),
            rag_sequence: model_score(score.rag_sequence),
        });
        Ok(ScoreResult {
            question: reading.question.to_owned(),
            snapshot: None,
            scores: scores.collect(),
            passages: passages.collect(),
            milliseconds: AnswerTimes {
                generate: milliseconds(started),
                ..AnswerTimes::default()
            },
        })
    }

    fn options_for(
        &self,
        passages: usize,
        context: &Context<'_>,
    ) -> Result<ragdex_rag::AnswerOptions> {
        let n_docs = self.options.n_docs.unwrap_or(passages);
        if n_docs > passages {
            let passages = passages as u64;
            return Err(Error::TooFewPassages { n_docs, passages });
        }
        Ok(ragdex_rag::AnswerOptions {
            n_docs: Some(n_docs),
            cancel: context.cancel.clone(),
            ..self.options.clone()
        })
    }

    fn warn_of_cuts(&self, readings: &[Reading<'_>], context: &Context<'_>) -> Result<()> {
        for reading in readings {
            if let Some((tokens, limit)) = self.model.question_cut(reading.question)? {
                warn_of_cut(reading.question, tokens, limit, context);
            }
        }
        Ok(())
    }

    fn result(
        &self,
        reading: Reading<'_>,
        answer: ragdex_rag::Answer,
        generate: f64,
    ) -> AnswerResult {
        let best = answer.candidates.first();
        let confidence = best.map_or(0.0, |best| best.confidence);
        let answered = f64::from(confidence) >= self.min_confidence;
        let sources = reading.passages.iter().zip(answer.passages);
        let sources = sources.map(|(passage, evidence)| source(passage, evidence, answered));
        AnswerResult {
            question: reading.question.to_owned(),
            answer: if answered { answer.text } else { String::new() },
            answered,
            confidence,
            min_confidence: self.min_confidence,
            model: self.options.kind.unwrap_or(self.model.kind()).to_string(),
            snapshot: None,
            candidates: answer.candidates.into_iter().map(candidate).collect(),
            passages: sources.collect(),
            milliseconds: AnswerTimes {
                generate,
                ..AnswerTimes::default()
            },
        }
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Says that the end of a question is not read.
pub(crate) fn warn_of_cut(question: &str, tokens: usize, limit: usize, context: &Context<'_>) {
    let beginning: String = question.chars().take(40).collect();
    context.reporter.warn(&format!(
        "the question `{beginning}…` has {tokens} tokens and the question encoder reads {limit}: its end is \
         left out"
    ));
}

fn inputs(passages: &[FoundPassage]) -> Vec<PassageInput> {
    let input = |passage: &FoundPassage| PassageInput {
        title: passage.title.clone(),
        text: passage.text.clone(),
        score: passage.score,
    };
    passages.iter().map(input).collect()
}

/// The softmax of the scores.
fn priors(passages: &[PassageInput]) -> Vec<f64> {
    let scores = passages.iter().map(|passage| f64::from(passage.score));
    let largest = scores.clone().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.map(|score| (score - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// A passage with its evidence; the words of an answer that is not given are not told.
fn source(passage: &FoundPassage, evidence: PassageEvidence, answered: bool) -> SourcePassage {
    let spans = evidence.occurrences.into_iter().filter(|_| answered);
    SourcePassage {
        passage: passage.clone(),
        prior: f64::from(evidence.prior),
        posterior: f64::from(evidence.posterior),
        answer_spans: spans.map(|span| (span.start, span.end)).collect(),
    }
}

fn candidate(candidate: ragdex_rag::Candidate) -> Candidate {
    let provenance = candidate.provenance.into_iter();
    let provenance = provenance.map(|token| TokenProvenance {
        token: token.token,
        text: token.text,
        probability: token.probability,
        passages: token.passages,
    });
    Candidate {
        text: candidate.text,
        tokens: candidate.tokens,
        score: candidate.score,
        confidence: candidate.confidence,
        posterior: candidate.posterior,
        provenance: provenance.collect(),
    }
}

fn model_score(score: ragdex_rag::ModelScore) -> ModelScore {
    ModelScore {
        log_prob: score.log_prob,
        loss: score.loss,
        posterior: score.posterior,
    }
}
