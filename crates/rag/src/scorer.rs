//! Scores of next tokens, by the generator alone or marginalised over passages.

use ragdex_models::bart::{Bart, Decoding, Encoded, Mixture, log_mixtures, log_normalisers};

use crate::Error;

/// Scores the next tokens of items: questions for RAG-Token, passages for RAG-Sequence.
///
/// Each item has the same number of beams. The tokens of a beam are read once for every passage of
/// its item, and all beams of a passage share its cross-attention.
pub(crate) struct Scorer<'a> {
    decoding: Decoding<'a>,
    vocab: usize,
    beams: usize,
    items: Vec<Item>,
    /// The last step's logits, and for each row the log of their sum of exponentials; kept for
    /// [`Scorer::evidence`] where passages are marginalised.
    logits: Vec<f32>,
    normalisers: Vec<f64>,
}

struct Item {
    n_docs: usize,
    /// The log of each passage's prior; `None` for raw logits of one passage.
    log_priors: Option<Vec<f32>>,
}

impl<'a> Scorer<'a> {
    /// Every encoded context is an item, and the scores are its logits.
    pub(crate) fn of_passages(
        bart: &'a Bart,
        encoded: Encoded,
        beams: usize,
    ) -> Result<Self, Error> {
        let single = |_| Item {
            n_docs: 1,
            log_priors: None,
        };
        let items = (0..encoded.len()).map(single).collect();
        Self::new(bart, encoded, beams, items)
    }

    /// Every question is an item, with as many contexts in turn as it has priors, and the scores
    /// are marginal log-probabilities.
    pub(crate) fn of_questions(
        bart: &'a Bart,
        encoded: Encoded,
        beams: usize,
        log_priors: Vec<Vec<f32>>,
    ) -> Result<Self, Error> {
        let item = |log_priors: Vec<f32>| Item {
            n_docs: log_priors.len(),
            log_priors: Some(log_priors),
        };
        let items = log_priors.into_iter().map(item).collect();
        Self::new(bart, encoded, beams, items)
    }

    fn new(
        bart: &'a Bart,
        encoded: Encoded,
        beams: usize,
        items: Vec<Item>,
    ) -> Result<Self, Error> {
        Ok(Self {
            decoding: bart.decode(encoded, beams)?,
            vocab: bart.config().vocab_size,
            beams,
            items,
            logits: Vec::new(),
            normalisers: Vec::new(),
        })
    }

    pub(crate) fn items(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn vocab(&self) -> usize {
        self.vocab
    }

    /// Appends one token to each beam; gives a row of scores for each, item after item.
    pub(crate) fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Error> {
        let per_item = self.items.iter().zip(tokens.chunks_exact(self.beams));
        let rows = per_item.flat_map(|(item, tokens)| tokens.repeat(item.n_docs));
        let logits = self.decoding.step(&rows.collect::<Vec<_>>())?;
        if self.items.iter().all(|item| item.log_priors.is_none()) {
            return Ok(logits);
        }
        self.logits = logits;
        Ok(self.marginal())
    }

    /// Tells for each passage of an item `log p(z|x) p(token|x,z,y_<t)` behind what a beam was before
    /// the last step; nothing for an item of one passage without priors.
    pub(crate) fn evidence(&self, item: usize, beam: usize, token: u32) -> Vec<f32> {
        let Some(log_priors) = &self.items[item].log_priors else {
            return Vec::new();
        };
        let docs_before: usize = self.items[..item].iter().map(|item| item.n_docs).sum();
        let joint = log_priors.iter().enumerate().map(|(doc, log_prior)| {
            let row = (docs_before + doc) * self.beams + beam;
            let logit = f64::from(self.logits[row * self.vocab + token as usize]);
            (logit - self.normalisers[row] + f64::from(*log_prior)) as f32
        });
        joint.collect()
    }

    /// Makes beam `i` of each item continue what its beam `parents[i]` was.
    pub(crate) fn reorder(&mut self, parents: &[usize]) -> Result<(), Error> {
        let mut rows = Vec::with_capacity(self.decoding.rows());
        for (item, parents) in self.items.iter().zip(parents.chunks_exact(self.beams)) {
            for _ in 0..item.n_docs {
                let first = rows.len();
                rows.extend(parents.iter().map(|parent| (first + parent) as u32));
            }
        }
        Ok(self.decoding.reorder(&rows)?)
    }

    /// Keeps the named items only; they are in ascending order.
    pub(crate) fn keep(&mut self, items: &[usize]) -> Result<(), Error> {
        let mut contexts = Vec::new();
        let mut first = 0;
        let mut kept = Vec::with_capacity(items.len());
        for (i, item) in std::mem::take(&mut self.items).into_iter().enumerate() {
            let next = first + item.n_docs as u32;
            if items.contains(&i) {
                contexts.extend(first..next);
                kept.push(item);
            }
            first = next;
        }
        self.items = kept;
        Ok(self.decoding.keep_contexts(&contexts)?)
    }

    /// Joins the logits of each beam's passages: `log Σ_z p(z|x) p(y_t|x,z,y_<t)`.
    fn marginal(&mut self) -> Vec<f32> {
        let rows: Vec<&[f32]> = self.logits.chunks_exact(self.vocab).collect();
        self.normalisers = log_normalisers(&self.logits, self.vocab);
        let mut mixtures: Vec<Mixture<'_>> = Vec::with_capacity(self.items.len() * self.beams);
        let mut first = 0;
        for item in &self.items {
            let log_priors = item.log_priors.as_deref().unwrap_or(&[0.0]);
            for beam in first..first + self.beams {
                let own = (beam..).step_by(self.beams).zip(log_priors);
                let own =
                    own.map(|(row, prior)| (rows[row], f64::from(*prior) - self.normalisers[row]));
                mixtures.push(own.unzip());
            }
            first += item.n_docs * self.beams;
        }
        log_mixtures(&mixtures)
    }
}
