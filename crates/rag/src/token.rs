//! RAG-Token: passages are marginalised at every token.

use ragdex_models::bart::{Bart, Encoded, log_sum_exp};

use crate::confidence::mean_probability;
use crate::loss::normalised;
use crate::scorer::Scorer;
use crate::search::{Hypothesis, Search};
use crate::{Error, TokenEvidence};

/// Searches the sequences of several questions; `log_priors` holds one list for each.
pub(crate) fn generate(
    bart: &Bart,
    encoded: Encoded,
    log_priors: Vec<Vec<f32>>,
    search: &Search<'_>,
) -> Result<Vec<Vec<Hypothesis>>, Error> {
    let beams = search.settings.num_beams;
    let scorer = Scorer::of_questions(bart, encoded, beams, log_priors)?;
    let mut found = search.run(scorer)?;
    for hypotheses in &mut found {
        hypotheses.truncate(search.settings.num_return_sequences);
    }
    Ok(found)
}

/// `r_t(z)` of one token: `joint` holds `log p(z|x) p(y_t|x,z,y_<t)` of each passage.
pub(crate) fn shares(joint: &[f32], log_priors: &[f32]) -> Vec<f32> {
    normalised(joint.to_vec(), log_priors)
}

/// `log Σ_z p(z|x) p(y_t|x,z,y_<t)`, summed over the tokens.
pub(crate) fn log_prob<'a>(joint: impl Iterator<Item = &'a [f32]>) -> f32 {
    joint.map(log_sum_exp).sum::<f64>() as f32
}

/// The geometric mean of the probabilities behind the first tokens that are left out.
pub(crate) fn confidence(evidence: &[TokenEvidence], left_out: usize) -> f32 {
    let counted = evidence.get(left_out..).unwrap_or_default();
    let log_prob = counted.iter().map(|e| e.probability.ln()).sum();
    mean_probability(log_prob, counted.len())
}

/// The mean over the tokens that are not special; over all when all are.
pub(crate) fn posterior(evidence: &[TokenEvidence], is_special: impl Fn(u32) -> bool) -> Vec<f32> {
    let spoken: Vec<_> = evidence.iter().filter(|e| !is_special(e.token)).collect();
    let counted = if spoken.is_empty() {
        evidence.iter().collect()
    } else {
        spoken
    };
    let n_docs = evidence.first().map_or(0, |e| e.passages.len());
    let mean = |z: usize| {
        let sum: f32 = counted.iter().map(|e| e.passages[z]).sum();
        sum / counted.len() as f32
    };
    (0..n_docs).map(mean).collect()
}
