//! The calls that score given sequences.

use ragdex_models::bart::{Bart, Encoded};

use crate::answer::{AnswerOptions, AnswerScore, PassageInput, Query, RagKind};
use crate::loss::{
    Example, LossOptions, SpecialTokens, all_begin, marginal_log_probs, score_sequences, token_loss,
};
use crate::prepared::Prepared;
use crate::{Error, RagModel, token};

impl RagModel {
    /// Scores given answers under the passages of a question.
    ///
    /// An answer is read as a target of training is: behind a space, begin and end token around it.
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
        let special = self.special_tokens();
        answers
            .iter()
            .map(|answer| {
                let mut tokens = vec![settings.decoder_start_token_id];
                let text = format!(" {}", answer.trim_start());
                tokens.extend(
                    self.tokenizer
                        .encode(&text, Some(settings.max_length - 1))?
                        .ids,
                );
                match options.kind.unwrap_or(self.kind()) {
                    RagKind::Token => self.score_token(&encoded, &tokens, &prepared.log_priors),
                    RagKind::Sequence => {
                        let log_priors = &prepared.log_priors;
                        score_sequence(&self.generator, &encoded, &tokens, log_priors, special)
                    }
                }
            })
            .collect()
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
            let (tokens, log_priors) =
                (unpadded(example.labels, special.pad), &prepared.log_priors);
            if kind == RagKind::Token {
                let log_probs = marginal_log_probs(&self.generator, &encoded, tokens, log_priors)?;
                return Ok(token_loss(&log_probs, tokens, special.pad, smoothing));
            }
            let scores = score_sequences(&self.generator, &encoded, &[tokens], special, exclude)?;
            let vocab = self.generator.config().vocab_size;
            Ok(scores[0].loss(log_priors, smoothing, vocab))
        });
        let losses: Vec<f32> = losses.collect::<Result<_, Error>>()?;
        if options.reduce_loss.unwrap_or(self.config.reduce_loss) {
            return Ok(vec![losses.iter().sum()]);
        }
        Ok(losses)
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

    fn score_token(
        &self,
        encoded: &Encoded,
        tokens: &[u32],
        log_priors: &[f32],
    ) -> Result<AnswerScore, Error> {
        let vocab = self.generator.config().vocab_size;
        let special = self.special_tokens();
        let log_probs = marginal_log_probs(&self.generator, encoded, tokens, log_priors)?;
        let pairs = tokens[1..].iter().zip(log_probs.chunks_exact(vocab));
        let passages = score_sequences(&self.generator, encoded, &[tokens], special, false)?;
        let evidence = token::evidence(&self.generator, encoded, tokens, log_priors)?;
        Ok(AnswerScore {
            log_prob: pairs.map(|(&token, row)| row[token as usize]).sum(),
            passage_log_probs: passages[0].log_probs.clone(),
            posterior: token::posterior(&evidence, |id| self.is_special(id)),
        })
    }
}

fn score_sequence(
    bart: &Bart,
    encoded: &Encoded,
    tokens: &[u32],
    log_priors: &[f32],
    special: SpecialTokens,
) -> Result<AnswerScore, Error> {
    let exclude_bos = all_begin(&[tokens], special);
    let scores = score_sequences(bart, encoded, &[tokens], special, exclude_bos)?;
    Ok(AnswerScore {
        log_prob: scores[0].marginal(log_priors),
        passage_log_probs: scores[0].log_probs.clone(),
        posterior: scores[0].posterior(log_priors),
    })
}

/// Leaves padding at the end out, but not below the two tokens that a loss needs.
fn unpadded(tokens: &[u32], pad: u32) -> &[u32] {
    let end = tokens.iter().rposition(|&token| token != pad);
    &tokens[..end.map_or(2, |end| (end + 1).max(2))]
}
