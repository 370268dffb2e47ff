//! RAG-Sequence: passages are marginalised over whole sequences.

use ragdex_models::bart::{Bart, Encoded};

use crate::grounding::Grounding;
use crate::loss::{SequenceScore, SpecialTokens, all_begin, score_sequences};
use crate::scorer::Scorer;
use crate::search::{Hypothesis, Search};
use crate::{Error, GenerationSettings, SequenceDecoding};

/// A hypothesis with its score under every passage.
pub(crate) struct Ranked {
    /// As the reference returns it, but for padding at the end.
    pub(crate) tokens: Vec<u32>,
    /// `log p(y|x)`, or what smoothing and fast decoding make of it.
    pub(crate) log_prob: f32,
    pub(crate) score: SequenceScore,
}

/// How the proposals of one question's passages are ranked.
pub(crate) struct Ranking<'a> {
    pub(crate) settings: &'a GenerationSettings,
    pub(crate) special: SpecialTokens,
    pub(crate) label_smoothing: f32,
    pub(crate) do_deduplication: bool,
    pub(crate) decoding: SequenceDecoding,
    /// One for each passage; empty when any sequence is an answer.
    pub(crate) groundings: &'a [Grounding],
}

/// Searches the sequences of every encoded context by itself.
pub(crate) fn propose(
    bart: &Bart,
    encoded: Encoded,
    search: &Search<'_>,
) -> Result<Vec<Vec<Hypothesis>>, Error> {
    let scorer = Scorer::of_passages(bart, encoded, search.settings.num_beams)?;
    search.run(scorer)
}

/// A sequence to be scored, and the passages that proposed it.
struct Proposal {
    tokens: Vec<u32>,
    proposed_by: Vec<usize>,
}

impl Ranking<'_> {
    /// Ranks what the passages of one question propose; best first, at most
    /// `num_return_sequences`.
    pub(crate) fn rank(
        &self,
        bart: &Bart,
        encoded: &Encoded,
        log_priors: &[f32],
        hypotheses: &[Vec<Hypothesis>],
    ) -> Result<Vec<Ranked>, Error> {
        let proposals = self.proposals(hypotheses);
        let sequences: Vec<&[u32]> = proposals.iter().map(|p| p.tokens.as_slice()).collect();
        let exclude_bos = all_begin(&sequences, self.special);
        let mut scores = score_sequences(bart, encoded, &sequences, self.special, exclude_bos)?;
        for (proposal, score) in proposals.iter().zip(&mut scores) {
            for (passage, grounding) in self.groundings.iter().enumerate() {
                if !grounding.contains(&proposal.tokens) {
                    score.exclude(passage);
                }
            }
        }
        let vocab = bart.config().vocab_size;
        let ranked = proposals
            .into_iter()
            .zip(scores)
            .map(|(proposal, score)| Ranked {
                log_prob: self.log_prob(&proposal, &score, log_priors, vocab),
                tokens: proposal.tokens,
                score,
            });
        let mut ranked: Vec<Ranked> = ranked.collect();
        // Stable: equal scores keep the order of the proposals.
        ranked.sort_by(|a, b| b.log_prob.total_cmp(&a.log_prob));
        ranked.truncate(self.settings.num_return_sequences);
        Ok(ranked)
    }

    fn log_prob(
        &self,
        proposal: &Proposal,
        score: &SequenceScore,
        log_priors: &[f32],
        vocab: usize,
    ) -> f32 {
        match self.decoding {
            SequenceDecoding::Thorough => -score.loss(log_priors, self.label_smoothing, vocab),
            SequenceDecoding::Fast => {
                let mut score = score.clone();
                for passage in 0..log_priors.len() {
                    if !proposal.proposed_by.contains(&passage) {
                        score.exclude(passage);
                    }
                }
                score.marginal(log_priors)
            }
        }
    }

    /// Lists the hypotheses in order, each once unless that is switched off.
    fn proposals(&self, hypotheses: &[Vec<Hypothesis>]) -> Vec<Proposal> {
        let fill = self.fill(hypotheses);
        let mut proposals: Vec<Proposal> = Vec::new();
        for (passage, own) in hypotheses.iter().enumerate() {
            for hypothesis in own {
                let tokens = fill(&hypothesis.path.tokens);
                match proposals.iter_mut().find(|p| p.tokens == tokens) {
                    Some(known) if self.do_deduplication => known.proposed_by.push(passage),
                    _ => proposals.push(Proposal {
                        tokens,
                        proposed_by: vec![passage],
                    }),
                }
            }
        }
        if !self.do_deduplication {
            share_proposers(&mut proposals);
        }
        proposals
    }

    /// The reference's beam search fills rows up with the end token when padding has id 0 (a zero
    /// counts as no token there), and RAG-Sequence then scores those end tokens too. Grounded
    /// decoding, which the reference does not have, does without.
    fn fill(&self, hypotheses: &[Vec<Hypothesis>]) -> impl Fn(&[u32]) -> Vec<u32> {
        let lengths = hypotheses.iter().flatten().map(|h| h.path.tokens.len());
        let longest = lengths.max().unwrap_or(0);
        let as_reference = self.settings.num_beams > 1 && self.groundings.is_empty();
        let end = self.settings.eos_token_ids.first().copied();
        let end = end.filter(|_| as_reference && self.special.pad == 0);
        move |tokens| {
            let mut tokens = tokens.to_vec();
            if let Some(end) = end {
                tokens.resize(longest, end);
            }
            tokens
        }
    }
}

/// Gives equal proposals the same proposers.
fn share_proposers(proposals: &mut [Proposal]) {
    let all: Vec<(Vec<u32>, usize)> = proposals
        .iter()
        .flat_map(|p| {
            p.proposed_by
                .iter()
                .map(|&passage| (p.tokens.clone(), passage))
        })
        .collect();
    for proposal in proposals {
        let own = all.iter().filter(|(tokens, _)| *tokens == proposal.tokens);
        proposal.proposed_by = own.map(|(_, passage)| *passage).collect();
    }
}
