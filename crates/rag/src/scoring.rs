//! The calls that score given sequences.

use ragdex_models::bart::{Encoded, log_sum_exp};

use crate::answer::{
    AnswerOptions, AnswerScore, ModelScore, PassageInput, Query, RagKind, TokenEvidence,
};
use crate::loss::{
    Example, LossOptions, all_begin, marginal_log_probs, normalised, score_sequences,
    target_log_probs, token_loss,
};
use crate::prepared::Prepared;
use crate::{Error, GenerationSettings, RagModel, token};

impl RagModel {
    /// Scores given answers under the passages of a question, as RAG-Token and as RAG-Sequence.
    ///
    /// An answer is read as a target of training is: behind a space, begin and end token around it, and cut
    /// at `max_length`. All answers are read in one batch; [`AnswerOptions::kind`] decides only where the
    /// generation settings come from.
    ///
    /// # Errors
    /// As [`RagModel::answer`].
    pub fn score(
        &self,
        question: &str,
        passages: &[PassageInput],
        answers: &[&str],
        options: &AnswerOptions,
    ) -> Result<Vec<AnswerScore>, Error> {
        let settings = self.settings(options)?;
        let prepared = self.prepare(&Query { question, passages }, options)?;
        let encoded = self.encode(&[&prepared])?;
        let sequences = answers
            .iter()
            .map(|answer| self.target(answer, &settings))
            .collect::<Result<Vec<_>, _>>()?;
        let sequences: Vec<&[u32]> = sequences.iter().map(Vec::as_slice).collect();
        let pad = self.special_tokens().pad;
        let log_probs = target_log_probs(&self.generator, &encoded, &sequences, pad)?;
        sequences
            .iter()
            .zip(log_probs)
            .map(|(tokens, log_probs)| {
                self.score_tokens(&encoded, tokens, &log_probs, &prepared.log_priors)
            })
            .collect()
    }

    /// The start token and an answer as a target of training.
    fn target(&self, answer: &str, settings: &GenerationSettings) -> Result<Vec<u32>, Error> {
        let text = format!(" {}", answer.trim());
        let room = settings.max_length - 1;
        let mut tokens = vec![settings.decoder_start_token_id];
        tokens.extend(self.tokenizer.encode(&text, Some(room))?.ids);
        Ok(tokens)
    }

    /// Scores one answer, given `log p(y_t|x,z,y_<t)` of its targets under each passage.
    fn score_tokens(
        &self,
        encoded: &Encoded,
        tokens: &[u32],
        log_probs: &[Vec<f32>],
        log_priors: &[f32],
    ) -> Result<AnswerScore, Error> {
        let begins = all_begin(&[tokens], self.special_tokens());
        let spoken = usize::from(begins);
        let passages = log_probs.iter().map(|row| row[spoken..].iter().sum());
        let passages: Vec<f32> = passages.collect();
        let whole: Vec<f32> = passages
            .iter()
            .zip(log_priors)
            .map(|(a, b)| a + b)
            .collect();
        let rag_sequence = ModelScore {
            log_prob: log_sum_exp(&whole) as f32,
            loss: self.training_loss(RagKind::Sequence, encoded, &tokens[1..], log_priors)?,
            posterior: normalised(whole, log_priors),
        };
        let by_token = joint(log_probs, log_priors);
        let provenance = self.provenance(tokens, &by_token, log_priors)?;
        let rag_token = ModelScore {
            log_prob: token::log_prob(by_token.chunks_exact(log_priors.len())),
            loss: self.training_loss(RagKind::Token, encoded, &tokens[1..], log_priors)?,
            posterior: token::posterior(&provenance, |id| self.is_special(id)),
        };
        Ok(AnswerScore {
            tokens: tokens.to_vec(),
            passage_log_probs: passages,
            rag_token,
            rag_sequence,
        })
    }

    /// The loss with the settings of the checkpoint.
    fn training_loss(
        &self,
        kind: RagKind,
        encoded: &Encoded,
        labels: &[u32],
        log_priors: &[f32],
    ) -> Result<f32, Error> {
        let labels = unpadded(labels, self.special_tokens().pad);
        let smoothing = self.config.label_smoothing;
        let exclude_bos =
            self.config.exclude_bos_score && all_begin(&[labels], self.special_tokens());
        self.loss(
            kind,
            (encoded, log_priors),
            labels,
            (smoothing, exclude_bos),
        )
    }

    /// Computes the training losses of a batch, one for each example, or their sum.
    ///
    /// # Errors
    /// [`Error::Labels`] for fewer than two tokens; otherwise as [`RagModel::answer`].
    pub fn losses(
        &self,
        kind: RagKind,
        examples: &[Example<'_>],
        options: &LossOptions,
    ) -> Result<Vec<f32>, Error> {
        let special = self.special_tokens();
        let smoothing = options
            .label_smoothing
            .unwrap_or(self.config.label_smoothing);
        let exclude = options
            .exclude_bos_score
            .unwrap_or(self.config.exclude_bos_score);
        let labels: Vec<&[u32]> = examples.iter().map(|e| e.labels).collect();
        let exclude = exclude && all_begin(&labels, special);
        let losses = examples.iter().map(|example| {
            let (encoded, prepared) = self.encode_example(example)?;
            let tokens = unpadded(example.labels, special.pad);
            let contexts = (&encoded, &*prepared.log_priors);
            self.loss(kind, contexts, tokens, (smoothing, exclude))
        });
        let losses: Vec<f32> = losses.collect::<Result<_, Error>>()?;
        if options.reduce_loss.unwrap_or(self.config.reduce_loss) {
            return Ok(vec![losses.iter().sum()]);
        }
        Ok(losses)
    }

    /// The loss of one sequence of labels without padding at its end.
    fn loss(
        &self,
        kind: RagKind,
        (encoded, log_priors): (&Encoded, &[f32]),
        labels: &[u32],
        (smoothing, exclude_bos): (f32, bool),
    ) -> Result<f32, Error> {
        let (bart, special) = (&self.generator, self.special_tokens());
        if kind == RagKind::Token {
            let log_probs = marginal_log_probs(bart, encoded, labels, log_priors)?;
            return Ok(token_loss(&log_probs, labels, special.pad, smoothing));
        }
        let scores = score_sequences(bart, encoded, &[labels], special, exclude_bos)?;
        Ok(scores[0].loss(log_priors, smoothing, bart.config().vocab_size))
    }

    /// RAG-Token's `log p(y_t = v | x, y_<t)` behind every label, `vocab_size` each.
    ///
    /// # Errors
    /// As [`RagModel::losses`].
    pub fn marginal_log_probs(&self, example: &Example<'_>) -> Result<Vec<f32>, Error> {
        let (encoded, prepared) = self.encode_example(example)?;
        marginal_log_probs(
            &self.generator,
            &encoded,
            example.labels,
            &prepared.log_priors,
        )
    }

    /// RAG-Token: where each label behind the first comes from. The labels are the decoder's input as they
    /// stand: begin with the start token.
    ///
    /// # Errors
    /// As [`RagModel::losses`].
    pub fn provenance_of(&self, example: &Example<'_>) -> Result<Vec<TokenEvidence>, Error> {
        let (encoded, prepared) = self.encode_example(example)?;
        let (bart, pad) = (&self.generator, self.special_tokens().pad);
        let log_probs = target_log_probs(bart, &encoded, &[example.labels], pad)?;
        let joint = joint(&log_probs[0], &prepared.log_priors);
        self.provenance(example.labels, &joint, &prepared.log_priors)
    }

    fn encode_example<'a>(&self, example: &Example<'a>) -> Result<(Encoded, Prepared<'a>), Error> {
        if example.labels.len() < 2 {
            let what = format!("2 or more tokens expected, found {}", example.labels.len());
            return Err(Error::Labels { what });
        }
        let query = Query {
            question: example.question,
            passages: example.passages,
        };
        let prepared = self.prepare(&query, &AnswerOptions::default())?;
        Ok((self.encode(&[&prepared])?, prepared))
    }
}

/// `log p(z|x) p(y_t|x,z,y_<t)`: for each target a number for each passage.
fn joint(log_probs: &[Vec<f32>], log_priors: &[f32]) -> Vec<f32> {
    let targets = log_probs.first().map_or(0, Vec::len);
    let of_target = |t: usize| {
        let rows = log_probs.iter().zip(log_priors);
        rows.map(move |(row, log_prior)| row[t] + log_prior)
    };
    (0..targets).flat_map(of_target).collect()
}

/// Leaves padding at the end out, but not below the two tokens that a loss needs.
fn unpadded(tokens: &[u32], pad: u32) -> &[u32] {
    let end = tokens.iter().rposition(|&token| token != pad);
    &tokens[..end.map_or(2, |end| (end + 1).max(2))]
}
