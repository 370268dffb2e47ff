//! Beam search over the scores of one question or passage: no model in here.
//!
//! # Source
//! `GenerationMixin._beam_search` of transformers 4.57.6, which differs from the scorer class of
//! former versions: an end token ranked behind the first `num_beams` candidates is lost.

use crate::GenerationSettings;
use crate::options::EarlyStopping;
use crate::search::{Evidence, Hypothesis, Path};

/// Stands for "impossible" in running and finished scores, as in the reference.
const IMPOSSIBLE: f32 = -1e9;

/// The state of one search.
pub(crate) struct BeamSearch<'a> {
    settings: &'a GenerationSettings,
    running: Vec<Beam>,
    finished: Vec<Slot>,
    can_improve: bool,
    all_ended: bool,
}

#[derive(Clone)]
struct Beam {
    path: Path,
    score: f32,
}

#[derive(Clone)]
struct Slot {
    path: Path,
    score: f32,
    finished: bool,
}

/// One way to go on: a beam, a token, and the score with it.
#[derive(Clone, Copy)]
struct Candidate {
    beam: usize,
    token: u32,
    score: f32,
}

impl<'a> BeamSearch<'a> {
    pub(crate) fn new(settings: &'a GenerationSettings) -> Self {
        let start = Path::new(settings.decoder_start_token_id);
        let running = (0..settings.num_beams).map(|beam| Beam {
            path: start.clone(),
            // All begin alike, so only the first may be continued.
            score: if beam == 0 { 0.0 } else { IMPOSSIBLE },
        });
        let empty = Slot {
            path: start.clone(),
            score: IMPOSSIBLE,
            finished: false,
        };
        Self {
            settings,
            running: running.collect(),
            finished: vec![empty; settings.num_beams],
            can_improve: true,
            all_ended: false,
        }
    }

    /// The tokens of each running beam.
    pub(crate) fn sequences(&self) -> impl Iterator<Item = &[u32]> {
        self.running.iter().map(|beam| beam.path.tokens.as_slice())
    }

    /// Tells whether no further step can change the result.
    pub(crate) fn is_done(&self) -> bool {
        !self.can_improve || self.is_full() || self.all_ended
    }

    /// Takes the processed log-probabilities of the next token, a row of `vocab` for each beam.
    /// Returns, for each new beam, the former beam it continues.
    pub(crate) fn advance(
        &mut self,
        log_probs: &[f32],
        vocab: usize,
        evidence: Evidence<'_>,
    ) -> Vec<usize> {
        let candidates = self.best_candidates(log_probs, vocab);
        let ends: Vec<bool> = candidates.iter().map(|c| self.ends(*c)).collect();
        self.all_ended = ends.iter().all(|&end| end);
        self.finish(&candidates, &ends, evidence);
        let parents = self.go_on(&candidates, &ends, evidence);
        self.update_can_improve();
        parents
    }

    /// The finished sequences, best first.
    pub(crate) fn into_hypotheses(self) -> Vec<Hypothesis> {
        let finished = self.finished.into_iter().filter(|slot| slot.finished);
        finished
            .map(|slot| Hypothesis {
                path: slot.path,
                score: slot.score,
            })
            .collect()
    }

    fn best_candidates(&self, log_probs: &[f32], vocab: usize) -> Vec<Candidate> {
        let per_beam = (1 + self.settings.eos_token_ids.len()).max(2);
        let wanted = per_beam * self.running.len();
        let mut best: Vec<Candidate> = Vec::with_capacity(wanted + 1);
        for (beam, row) in log_probs.chunks_exact(vocab).enumerate() {
            let before = self.running[beam].score;
            for (token, log_prob) in row.iter().enumerate() {
                let score = log_prob + before;
                if best.len() == wanted && best[wanted - 1].score >= score {
                    continue;
                }
                let place = best.partition_point(|c| c.score >= score);
                let token = token as u32;
                best.insert(place, Candidate { beam, token, score });
                best.truncate(wanted);
            }
        }
        best
    }

    /// The length of the sequences now, start token included.
    fn length(&self) -> usize {
        self.running[0].path.tokens.len()
    }

    fn ends(&self, candidate: Candidate) -> bool {
        self.settings.eos_token_ids.contains(&candidate.token)
            || self.length() + 1 >= self.settings.max_length
    }

    fn is_full(&self) -> bool {
        self.settings.early_stopping == EarlyStopping::Full
            && self.finished.iter().all(|slot| slot.finished)
    }

    fn extended(&self, candidate: Candidate, evidence: Evidence<'_>) -> Path {
        let mut path = self.running[candidate.beam].path.clone();
        path.push(candidate.token, &evidence(candidate.beam, candidate.token));
        path
    }

    fn penalised(&self, score: f32, length: usize) -> f32 {
        score / (length as f64).powf(self.settings.length_penalty) as f32
    }

    /// Moves what ended among the first `num_beams` candidates into the slots, if it is better.
    fn finish(&mut self, candidates: &[Candidate], ends: &[bool], evidence: Evidence<'_>) {
        let beams = self.running.len();
        let (full, generated) = (self.is_full(), self.length());
        for (rank, (&candidate, &end)) in candidates.iter().zip(ends).enumerate().take(beams) {
            let score = self.penalised(candidate.score, generated);
            if !end || full || !self.can_improve || score <= IMPOSSIBLE {
                continue;
            }
            debug_assert!(rank < beams);
            let place = self.finished.partition_point(|slot| slot.score >= score);
            let slot = Slot {
                path: self.extended(candidate, evidence),
                score,
                finished: true,
            };
            self.finished.insert(place, slot);
            self.finished.truncate(beams);
        }
    }

    /// Continues the best candidates that did not end; an ended one only for want of others.
    fn go_on(
        &mut self,
        candidates: &[Candidate],
        ends: &[bool],
        evidence: Evidence<'_>,
    ) -> Vec<usize> {
        let lowered = candidates
            .iter()
            .zip(ends)
            .map(|(candidate, &end)| Candidate {
                score: candidate.score + if end { IMPOSSIBLE } else { 0.0 },
                ..*candidate
            });
        let mut order: Vec<Candidate> = lowered.collect();
        // Stable, so that equal scores keep the order of the candidates.
        order.sort_by(|a, b| b.score.total_cmp(&a.score));
        order.truncate(self.running.len());
        let next = order.iter().map(|&candidate| Beam {
            path: self.extended(candidate, evidence),
            score: candidate.score,
        });
        self.running = next.collect();
        order.iter().map(|candidate| candidate.beam).collect()
    }

    fn update_can_improve(&mut self) {
        let never = self.settings.early_stopping == EarlyStopping::Never;
        let length = if never && self.settings.length_penalty > 0.0 {
            self.settings.max_length - 1
        } else {
            self.length() - 1
        };
        let best = self.penalised(self.running[0].score, length);
        let worst = self.finished.iter().map(|slot| slot.score);
        self.can_improve &= best > worst.fold(f32::INFINITY, f32::min);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    /// Runs two beams over a vocabulary of four (2 ends) with the same scores at every step.
    fn search(change: impl Fn(&mut GenerationSettings), scores: [f32; 4]) -> Vec<Hypothesis> {
        let mut settings = settings();
        settings.num_beams = 2;
        settings.forced_eos_token_ids = Vec::new();
        change(&mut settings);
        let mut search = BeamSearch::new(&settings);
        while !search.is_done() {
            search.advance(&[scores, scores].concat(), 4, &|_, _| Vec::new());
        }
        search.into_hypotheses()
    }

    #[test]
    fn the_length_penalty_chooses_between_long_and_short() {
        let scores = [-0.7, -9.0, -1.2, -9.0];
        let short = search(|s| s.length_penalty = -1.0, scores);
        assert_eq!(short[0].path.tokens, [2, 2]);
        let long = search(|s| (s.length_penalty, s.max_length) = (2.0, 5), scores);
        assert_eq!(long[0].path.tokens, [2, 0, 0, 0, 0]);
    }

    #[test]
    fn an_end_behind_the_first_beams_is_lost() {
        let first = search(|s| s.max_length = 3, [-1.0, -1.5, -2.0, -9.0]);
        assert!(first.iter().all(|h| h.path.tokens != [2, 2]));
    }

    #[test]
    fn full_slots_stop_an_early_search() {
        let found = search(
            |s| s.early_stopping = EarlyStopping::Full,
            [-2.0, -9.0, -0.2, -9.0],
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].path.tokens, [2, 2]);
        assert_eq!(found[1].path.tokens, [2, 0, 2]);
    }

    #[test]
    fn nothing_is_found_where_nothing_is_allowed() {
        assert!(search(|_| (), [f32::NEG_INFINITY; 4]).is_empty());
    }
}
