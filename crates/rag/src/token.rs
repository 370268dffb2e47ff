//! RAG-Token: passages are marginalised at every token.

use ragdex_models::bart::{Bart, Encoded};

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

/// How much each passage contributes to each token of a sequence behind its start token.
pub(crate) fn evidence(
    bart: &Bart,
    encoded: &Encoded,
    tokens: &[u32],
    log_priors: &[f32],
) -> Result<Vec<TokenEvidence>, Error> {
    let outputs = &tokens[1..];
    let inputs = &tokens[..outputs.len()];
    let n_docs = log_priors.len();
    let mut decoding = bart.decode(encoded.clone(), 1)?;
    let scores = decoding.score(&inputs.repeat(n_docs), &outputs.repeat(n_docs))?;
    let evidence = outputs.iter().enumerate().map(|(t, &token)| {
        let scores = scores[t..].iter().step_by(outputs.len());
        let joint = scores.zip(log_priors).map(|(s, prior)| s.log_prob + prior);
        TokenEvidence {
            token,
            passages: normalised(joint.collect(), log_priors),
        }
    });
    Ok(evidence.collect())
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
