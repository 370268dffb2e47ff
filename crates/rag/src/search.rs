//! Runs greedy or beam search for several items at once, dropping those that are done.

use ragdex_core::Cancel;
use ragdex_models::bart::log_softmax;

use crate::beam::BeamSearch;
use crate::grounding::Grounding;
use crate::processors::Processors;
use crate::scorer::Scorer;
use crate::{Error, GenerationSettings};

/// A sequence, and where its tokens come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    /// From the start token to the end token, or to where the longest length cut it.
    pub(crate) tokens: Vec<u32>,
    /// For each token behind the start token, one number for each passage: what [`Evidence`] says.
    pub(crate) evidence: Vec<f32>,
}

impl Path {
    pub(crate) fn new(start: u32) -> Self {
        Self {
            tokens: vec![start],
            evidence: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, token: u32, evidence: &[f32]) {
        self.tokens.push(token);
        self.evidence.extend(evidence);
    }
}

/// Tells for a beam and its next token `log p(z|x) p(y_t|x,z,y_<t)` of each passage; nothing where an
/// item has one passage only.
pub(crate) type Evidence<'a> = &'a dyn Fn(usize, u32) -> Vec<f32>;

/// A sequence found for an item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hypothesis {
    pub(crate) path: Path,
    /// Beam search: the log-probability divided by the power of the length. Greedy search: the
    /// sum of the chosen scores.
    pub(crate) score: f32,
}

/// What a search does and how it is bounded.
pub(crate) struct Search<'a> {
    pub(crate) settings: &'a GenerationSettings,
    /// For each item, what it may say; empty for anything.
    pub(crate) groundings: &'a [Grounding],
    pub(crate) cancel: &'a Cancel,
}

impl Search<'_> {
    /// Searches all items of `scorer`; gives the hypotheses of each, best first.
    pub(crate) fn run(&self, scorer: Scorer<'_>) -> Result<Vec<Vec<Hypothesis>>, Error> {
        let items = scorer.items();
        let state = |_| -> Box<dyn ItemSearch + '_> {
            if self.settings.num_beams == 1 {
                Box::new(GreedySearch::new(self.settings))
            } else {
                Box::new(BeamSearch::new(self.settings))
            }
        };
        self.steps(scorer, (0..items).map(state).collect())
    }

    fn steps(
        &self,
        mut scorer: Scorer<'_>,
        mut searches: Vec<Box<dyn ItemSearch + '_>>,
    ) -> Result<Vec<Vec<Hypothesis>>, Error> {
        let mut active: Vec<usize> = (0..searches.len()).collect();
        let processors = Processors::new(self.settings);
        while !active.is_empty() {
            self.cancel.check()?;
            let last: Vec<u32> = active.iter().flat_map(|&i| searches[i].last()).collect();
            let mut scores = scorer.step(&last)?;
            let vocab = scorer.vocab();
            let mut parents = Vec::with_capacity(last.len());
            let rows = scores.chunks_mut(vocab * self.beams());
            for (place, (&item, scores)) in active.iter().zip(rows).enumerate() {
                let step = Step {
                    processors: &processors,
                    grounding: self.groundings.get(item),
                    vocab,
                    evidence: &|beam, token| scorer.evidence(place, beam, token),
                };
                parents.extend(searches[item].step(scores, &step)?);
            }
            scorer.reorder(&parents)?;
            let keep = |place: &usize| !searches[active[*place]].is_done();
            let kept: Vec<usize> = (0..active.len()).filter(keep).collect();
            if kept.len() < active.len() {
                active = kept.iter().map(|&place| active[place]).collect();
                if !active.is_empty() {
                    scorer.keep(&kept)?;
                }
            }
        }
        Ok(searches.into_iter().map(ItemSearch::finish).collect())
    }

    fn beams(&self) -> usize {
        self.settings.num_beams
    }
}

/// What an item's search needs beside scores.
struct Step<'a> {
    processors: &'a Processors<'a>,
    grounding: Option<&'a Grounding>,
    vocab: usize,
    evidence: Evidence<'a>,
}

/// The search state of one item.
trait ItemSearch {
    /// The last token of each beam.
    fn last(&self) -> Vec<u32>;
    /// Takes the scores of the next token, a row for each beam; gives the beams continued.
    fn step(&mut self, scores: &mut [f32], step: &Step<'_>) -> Result<Vec<usize>, Error>;
    fn is_done(&self) -> bool;
    fn finish(self: Box<Self>) -> Vec<Hypothesis>;
}

impl ItemSearch for BeamSearch<'_> {
    fn last(&self) -> Vec<u32> {
        let last = |tokens: &[u32]| tokens.last().copied();
        self.sequences().filter_map(last).collect()
    }

    fn step(&mut self, scores: &mut [f32], step: &Step<'_>) -> Result<Vec<usize>, Error> {
        for (row, tokens) in scores.chunks_exact_mut(step.vocab).zip(self.sequences()) {
            if log_softmax(row).is_nan() {
                return Err(Error::NotANumber);
            }
            step.processors.apply(tokens, row, step.grounding);
        }
        Ok(self.advance(scores, step.vocab, step.evidence))
    }

    fn is_done(&self) -> bool {
        Self::is_done(self)
    }

    fn finish(self: Box<Self>) -> Vec<Hypothesis> {
        self.into_hypotheses()
    }
}

/// Takes the best token at every step.
struct GreedySearch<'a> {
    settings: &'a GenerationSettings,
    hypothesis: Hypothesis,
    done: bool,
}

impl<'a> GreedySearch<'a> {
    fn new(settings: &'a GenerationSettings) -> Self {
        Self {
            settings,
            hypothesis: Hypothesis {
                path: Path::new(settings.decoder_start_token_id),
                score: 0.0,
            },
            done: false,
        }
    }
}

impl ItemSearch for GreedySearch<'_> {
    fn last(&self) -> Vec<u32> {
        self.hypothesis
            .path
            .tokens
            .last()
            .copied()
            .into_iter()
            .collect()
    }

    fn step(&mut self, scores: &mut [f32], step: &Step<'_>) -> Result<Vec<usize>, Error> {
        if scores.iter().any(|score| score.is_nan()) {
            return Err(Error::NotANumber);
        }
        let Hypothesis { path, score } = &mut self.hypothesis;
        step.processors.apply(&path.tokens, scores, step.grounding);
        let (token, best) = first_largest(scores);
        path.push(token, &(step.evidence)(0, token));
        *score += best;
        self.done = self.settings.eos_token_ids.contains(&token)
            || path.tokens.len() >= self.settings.max_length;
        Ok(vec![0])
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn finish(self: Box<Self>) -> Vec<Hypothesis> {
        vec![self.hypothesis]
    }
}

fn first_largest(scores: &[f32]) -> (u32, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, &score) in scores.iter().enumerate() {
        if score > best.1 {
            best = (token as u32, score);
        }
    }
    best
}
