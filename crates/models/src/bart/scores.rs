//! Log-probabilities over a vocabulary.

use rayon::prelude::*;

pub use ragdex_kernels::{log_mixture, log_softmax, log_sum_exp};

/// How likely the model finds one token at one position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetScore {
    /// `log p(target)`.
    pub log_prob: f32,
    /// The sum of `log p` over the whole vocabulary, for label smoothing.
    pub sum_log_probs: f32,
}

impl TargetScore {
    pub(super) fn of(logits: &[f32], target: u32) -> Self {
        let log_normaliser = log_sum_exp(logits);
        Self {
            log_prob: (f64::from(logits[target as usize]) - log_normaliser) as f32,
            sum_log_probs: logits
                .iter()
                .map(|x| f64::from(*x) - log_normaliser)
                .sum::<f64>() as f32,
        }
    }
}

/// Some rows to be joined, and what is added to each before.
pub type Mixture<'a> = (Vec<&'a [f32]>, Vec<f64>);

/// [`log_mixture`] of several mixtures, one behind another, on all threads.
pub fn log_mixtures(mixtures: &[Mixture<'_>]) -> Vec<f32> {
    let joined = mixtures.par_iter();
    let joined = joined.map(|(rows, weights)| log_mixture(rows, weights));
    joined.collect::<Vec<_>>().concat()
}

/// The log of the sum of exponentials of each row of `width` numbers.
pub fn log_normalisers(rows: &[f32], width: usize) -> Vec<f64> {
    rows.par_chunks_exact(width).map(log_sum_exp).collect()
}
