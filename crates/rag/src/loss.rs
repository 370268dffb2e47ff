//! Losses and scores of given sequences.

use ragdex_models::bart::{Bart, Encoded, TargetScore, log_mixture, log_softmax, log_sum_exp};

use crate::{Error, PassageInput};

/// A question with its passages and the sequence that a loss is wanted for.
#[derive(Debug, Clone, Copy)]
pub struct Example<'a> {
    /// The question.
    pub question: &'a str,
    /// What was retrieved for it.
    pub passages: &'a [PassageInput],
    /// Token ids of the generator, padding allowed at the end. They are the decoder's input as
    /// they stand; each is to predict the next.
    pub labels: &'a [u32],
}

/// How losses are computed; what is `None` comes from the checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LossOptions {
    /// The share of the loss that goes to all tokens alike.
    pub label_smoothing: Option<f32>,
    /// RAG-Sequence: leaves the begin token out, if every example of the batch has one.
    pub exclude_bos_score: Option<bool>,
    /// Sums the losses of the batch into one.
    pub reduce_loss: Option<bool>,
}

/// The special tokens that scoring depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpecialTokens {
    pub(crate) pad: u32,
    pub(crate) bos: Option<u32>,
}

/// The tokens that each token is to predict: the following ones, then padding.
pub(crate) fn targets(tokens: &[u32], pad: u32) -> Vec<u32> {
    let following = tokens.iter().skip(1).copied();
    following.chain([pad]).take(tokens.len()).collect()
}

/// Tells whether every sequence goes on with the begin token.
pub(crate) fn all_begin(sequences: &[&[u32]], special: SpecialTokens) -> bool {
    let begins = |tokens: &&[u32]| tokens.get(1).is_some_and(|&t| Some(t) == special.bos);
    special.bos.is_some() && sequences.iter().all(begins)
}

/// How likely one sequence is under each passage.
#[derive(Debug, Clone)]
pub(crate) struct SequenceScore {
    /// `log p(y|x,z)`.
    pub(crate) log_probs: Vec<f32>,
    /// The sums over the whole vocabulary at the same places.
    sums: Vec<f32>,
    /// The reference adds the prior at the second target, so a padded one loses it.
    prior_counts: bool,
}

impl SequenceScore {
    /// The logarithm of the probability over all passages.
    pub(crate) fn marginal(&self, log_priors: &[f32]) -> f32 {
        self.mix(&self.log_probs, log_priors, 1.0)
    }

    /// The loss as the reference computes it.
    ///
    /// Its smoothing term takes a log-sum-exp of sums of log-probabilities, which means nothing but
    /// has to be the same.
    pub(crate) fn loss(&self, log_priors: &[f32], smoothing: f32, vocab: usize) -> f32 {
        let vocab = vocab as f32;
        let nll = -self.marginal(log_priors);
        if smoothing == 0.0 {
            return nll;
        }
        let smooth = -self.mix(&self.sums, log_priors, vocab);
        (1.0 - smoothing) * nll + smoothing / vocab * smooth
    }

    /// `p(z|x,y)`; the prior when no passage can say the sequence.
    pub(crate) fn posterior(&self, log_priors: &[f32]) -> Vec<f32> {
        let pairs = self.log_probs.iter().zip(log_priors);
        normalised(pairs.map(|(a, b)| a + b).collect(), log_priors)
    }

    /// Lets a passage count as never saying the sequence.
    pub(crate) fn exclude(&mut self, passage: usize) {
        self.log_probs[passage] = f32::NEG_INFINITY;
        self.sums[passage] = f32::NEG_INFINITY;
    }

    fn mix(&self, values: &[f32], log_priors: &[f32], factor: f32) -> f32 {
        let weight = if self.prior_counts { factor } else { 0.0 };
        let pairs = values.iter().zip(log_priors);
        let joint: Vec<f32> = pairs.map(|(x, prior)| x + weight * prior).collect();
        log_sum_exp(&joint) as f32
    }
}

/// The softmax of `log_weights`; of `otherwise` when all are minus infinity.
pub(crate) fn normalised(mut log_weights: Vec<f32>, otherwise: &[f32]) -> Vec<f32> {
    if log_sum_exp(&log_weights) == f64::NEG_INFINITY {
        log_weights = otherwise.to_vec();
    }
    log_softmax(&mut log_weights);
    log_weights.into_iter().map(f32::exp).collect()
}

/// Scores sequences under every passage of one question, each read whole.
///
/// The sequences may end in padding. With `exclude_bos`, their first target is left out of the
/// log-probability.
pub(crate) fn score_sequences(
    bart: &Bart,
    encoded: &Encoded,
    sequences: &[&[u32]],
    special: SpecialTokens,
    exclude_bos: bool,
) -> Result<Vec<SequenceScore>, Error> {
    let per_run = sequences_per_run(encoded, sequences);
    let mut scores = Vec::with_capacity(sequences.len());
    for chunk in sequences.chunks(per_run) {
        let rows = score_rows(bart, encoded, chunk, special.pad)?;
        for (i, tokens) in chunk.iter().enumerate() {
            let targets = targets(tokens, special.pad);
            let own = rows.iter().skip(i).step_by(chunk.len());
            scores.push(sum_up(own, &targets, special.pad, exclude_bos)?);
        }
    }
    Ok(scores)
}

/// `log p` of every target of each sequence under each passage, without the target behind the end.
pub(crate) fn target_log_probs(
    bart: &Bart,
    encoded: &Encoded,
    sequences: &[&[u32]],
    pad: u32,
) -> Result<Vec<Vec<Vec<f32>>>, Error> {
    let mut found = Vec::with_capacity(sequences.len());
    for chunk in sequences.chunks(sequences_per_run(encoded, sequences)) {
        let rows = score_rows(bart, encoded, chunk, pad)?;
        for (i, tokens) in chunk.iter().enumerate() {
            let own = rows.iter().skip(i).step_by(chunk.len());
            let log_probs = |row: &Vec<TargetScore>| -> Vec<f32> {
                row[..tokens.len() - 1].iter().map(|s| s.log_prob).collect()
            };
            found.push(own.map(log_probs).collect());
        }
    }
    if found.iter().flatten().flatten().any(|x: &f32| x.is_nan()) {
        return Err(Error::NotANumber);
    }
    Ok(found)
}

/// How many of the sequences are read at once.
fn sequences_per_run(encoded: &Encoded, sequences: &[&[u32]]) -> usize {
    /// Bounds the decoder states in memory: 33 MB a layer for a large BART.
    const MAX_TOKENS: usize = 4096;
    let longest = sequences.iter().map(|s| s.len()).max().unwrap_or(0).max(1);
    (MAX_TOKENS / (longest * encoded.len())).max(1)
}

/// Scores of every target, row after row: all sequences under the first passage, then the next.
fn score_rows(
    bart: &Bart,
    encoded: &Encoded,
    sequences: &[&[u32]],
    pad: u32,
) -> Result<Vec<Vec<TargetScore>>, Error> {
    let longest = sequences.iter().map(|s| s.len()).max().unwrap_or(0);
    let padded = |tokens: &[u32]| {
        let mut row = tokens.to_vec();
        row.resize(longest, pad);
        row
    };
    let inputs: Vec<Vec<u32>> = sequences.iter().map(|s| padded(s)).collect();
    let outputs: Vec<Vec<u32>> = inputs.iter().map(|row| targets(row, pad)).collect();
    let n_docs = encoded.len();
    let mut decoding = bart.decode(encoded.clone(), sequences.len())?;
    let scores = decoding.score(
        &inputs.concat().repeat(n_docs),
        &outputs.concat().repeat(n_docs),
    )?;
    Ok(scores.chunks(longest).map(<[_]>::to_vec).collect())
}

fn sum_up<'a>(
    rows: impl Iterator<Item = &'a Vec<TargetScore>>,
    targets: &[u32],
    pad: u32,
    exclude_bos: bool,
) -> Result<SequenceScore, Error> {
    let counted = |t: &usize| targets[*t] != pad;
    let from = usize::from(exclude_bos);
    let (mut log_probs, mut sums) = (Vec::new(), Vec::new());
    for row in rows {
        let places = (0..targets.len()).filter(counted);
        log_probs.push(
            places
                .clone()
                .filter(|&t| t >= from)
                .map(|t| row[t].log_prob)
                .sum(),
        );
        sums.push(places.map(|t| row[t].sum_log_probs).sum());
    }
    if log_probs.iter().any(|x: &f32| x.is_nan()) {
        return Err(Error::NotANumber);
    }
    Ok(SequenceScore {
        log_probs,
        sums,
        prior_counts: targets.get(1).is_some_and(|&target| target != pad),
    })
}

/// Marginal log-probabilities behind every token of one sequence, `vocab_size` each.
pub(crate) fn marginal_log_probs(
    bart: &Bart,
    encoded: &Encoded,
    tokens: &[u32],
    log_priors: &[f32],
) -> Result<Vec<f32>, Error> {
    let vocab = bart.config().vocab_size;
    let mut decoding = bart.decode(encoded.clone(), 1)?;
    let mut logits = decoding.logits(&tokens.repeat(log_priors.len()))?;
    for row in logits.chunks_exact_mut(vocab) {
        if log_softmax(row).is_nan() {
            return Err(Error::NotANumber);
        }
    }
    let rows: Vec<&[f32]> = logits.chunks_exact(tokens.len() * vocab).collect();
    let log_priors: Vec<f64> = log_priors.iter().copied().map(f64::from).collect();
    Ok(log_mixture(&rows, &log_priors))
}

/// The loss of RAG-Token for one sequence without padding at its end.
pub(crate) fn token_loss(log_probs: &[f32], tokens: &[u32], pad: u32, smoothing: f32) -> f32 {
    let vocab = log_probs.len() / tokens.len();
    let rows = log_probs.chunks_exact(vocab).zip(targets(tokens, pad));
    let (mut nll, mut smooth) = (0.0, 0.0);
    for (row, target) in rows.filter(|(_, target)| *target != pad) {
        nll -= row[target as usize];
        smooth -= row.iter().sum::<f32>();
    }
    (1.0 - smoothing) * nll + smoothing / vocab as f32 * smooth
}
