//! Rules that change the scores of next tokens, in the reference's order.
//!
//! A later rule overwrites an earlier one and nothing is normalised afterwards: a forced token adds
//! exactly 0 to a sequence's score.

use crate::GenerationSettings;
use crate::grounding::Grounding;

const BANNED: f32 = f32::NEG_INFINITY;

/// The rules of one search.
pub(crate) struct Processors<'a> {
    settings: &'a GenerationSettings,
    bad_words: Vec<&'a [u32]>,
}

impl<'a> Processors<'a> {
    pub(crate) fn new(settings: &'a GenerationSettings) -> Self {
        // A lone end token cannot be a bad word.
        let is_end = |ids: &[u32]| matches!(ids, [id] if settings.eos_token_ids.contains(id));
        let bad_words = settings.bad_words_ids.iter().map(Vec::as_slice);
        Self {
            settings,
            bad_words: bad_words.filter(|ids| !is_end(ids)).collect(),
        }
    }

    /// Changes `scores` of the token behind `tokens`, which begins with the start token.
    pub(crate) fn apply(&self, tokens: &[u32], scores: &mut [f32], grounding: Option<&Grounding>) {
        self.penalise_repetition(tokens, scores);
        self.ban_repeated_ngrams(tokens, scores);
        self.ban_bad_words(tokens, scores);
        if tokens.len() < self.settings.min_length {
            ban(scores, &self.settings.eos_token_ids);
        }
        if let Some(grounding) = grounding {
            keep_only(scores, &grounding.allowed(tokens));
        }
        self.force(tokens, scores);
    }

    fn penalise_repetition(&self, tokens: &[u32], scores: &mut [f32]) {
        let penalty = self.settings.repetition_penalty as f32;
        if penalty == 1.0 {
            return;
        }
        let mut seen: Vec<u32> = tokens.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            let score = &mut scores[token as usize];
            *score = if *score < 0.0 {
                *score * penalty
            } else {
                *score / penalty
            };
        }
    }

    fn ban_repeated_ngrams(&self, tokens: &[u32], scores: &mut [f32]) {
        let size = self.settings.no_repeat_ngram_size;
        if size == 0 || tokens.len() + 1 < size {
            return;
        }
        let last = &tokens[tokens.len() + 1 - size..];
        for ngram in tokens.windows(size) {
            if &ngram[..size - 1] == last {
                ban(scores, &ngram[size - 1..]);
            }
        }
    }

    fn ban_bad_words(&self, tokens: &[u32], scores: &mut [f32]) {
        for ids in &self.bad_words {
            let [before @ .., last] = ids else { continue };
            // The reference skips entries longer than the sequence so far, though all but the last
            // of their tokens would be enough to match.
            let fits = before.is_empty() || ids.len() <= tokens.len();
            if fits && tokens.ends_with(before) {
                ban(scores, &[*last]);
            }
        }
    }

    fn force(&self, tokens: &[u32], scores: &mut [f32]) {
        if let (1, Some(bos)) = (tokens.len(), self.settings.forced_bos_token_id) {
            scores.fill(BANNED);
            set_zero(scores, bos);
        }
        let last = tokens.len() + 1 == self.settings.max_length;
        if last && !self.settings.forced_eos_token_ids.is_empty() {
            scores.fill(BANNED);
            for &eos in &self.settings.forced_eos_token_ids {
                set_zero(scores, eos);
            }
        }
    }
}

fn ban(scores: &mut [f32], tokens: &[u32]) {
    for &token in tokens {
        if let Some(score) = scores.get_mut(token as usize) {
            *score = BANNED;
        }
    }
}

fn set_zero(scores: &mut [f32], token: u32) {
    if let Some(score) = scores.get_mut(token as usize) {
        *score = 0.0;
    }
}

fn keep_only(scores: &mut [f32], allowed: &[u32]) {
    let kept: Vec<(u32, f32)> = allowed
        .iter()
        .filter_map(|&token| Some((token, *scores.get(token as usize)?)))
        .collect();
    scores.fill(BANNED);
    for (token, score) in kept {
        scores[token as usize] = score;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    fn processed(change: impl Fn(&mut GenerationSettings), tokens: &[u32]) -> Vec<f32> {
        let mut settings = settings();
        change(&mut settings);
        let mut scores = vec![-1.0, -2.0, -3.0, -4.0];
        Processors::new(&settings).apply(tokens, &mut scores, None);
        scores
    }

    #[test]
    fn repetition_is_penalised_once_per_token() {
        let scores = processed(|s| s.repetition_penalty = 2.0, &[2, 0, 0]);
        assert_eq!(scores, [-2.0, -2.0, -6.0, -4.0]);
    }

    #[test]
    fn ngrams_do_not_repeat() {
        let scores = processed(|s| s.no_repeat_ngram_size = 2, &[2, 0, 3, 0]);
        assert_eq!(scores, [-1.0, -2.0, -3.0, BANNED]);
        let scores = processed(|s| s.no_repeat_ngram_size = 1, &[2, 0]);
        assert_eq!(scores, [BANNED, -2.0, BANNED, -4.0]);
    }

    #[test]
    fn bad_words_need_their_beginning_and_never_ban_a_lone_end() {
        let words = vec![vec![0, 1], vec![2], vec![3]];
        let change = |s: &mut GenerationSettings| s.bad_words_ids.clone_from(&words);
        assert_eq!(processed(change, &[2, 0]), [-1.0, BANNED, -3.0, BANNED]);
        assert_eq!(processed(change, &[2, 1]), [-1.0, -2.0, -3.0, BANNED]);
    }

    #[test]
    fn forced_tokens_score_zero_and_overrule_the_rest() {
        let change = |s: &mut GenerationSettings| {
            s.forced_bos_token_id = Some(0);
            s.min_length = 9;
            s.max_length = 3;
        };
        assert_eq!(processed(change, &[2]), [0.0, BANNED, BANNED, BANNED]);
        assert_eq!(processed(change, &[2, 0]), [BANNED, BANNED, 0.0, BANNED]);
    }

    #[test]
    fn the_end_waits_for_the_minimum_length() {
        assert_eq!(processed(|s| s.min_length = 2, &[2])[2], BANNED);
        assert_eq!(processed(|s| s.min_length = 2, &[2, 0])[2], -3.0);
    }
}
