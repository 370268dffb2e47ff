//! From queries to answers: what one call does in between.

use ragdex_models::DecodeOptions;
use ragdex_models::bart::{Encoded, log_sum_exp};

use crate::answer::{
    Answer, AnswerOptions, Candidate, PassageEvidence, PassageInput, Query, RagKind, TokenEvidence,
};
use crate::confidence::mean_probability;
use crate::grounding::{GroundText, Grounding, passage_texts};
use crate::locate::occurrences;
use crate::search::Search;
use crate::sequence::{Ranked, Ranking};
use crate::{Error, GenerationSettings, RagModel, sequence, token};

/// A query ready for the generator.
pub(crate) struct Prepared<'a> {
    /// The tokens of each context.
    pub(crate) contexts: Vec<Vec<u32>>,
    pub(crate) log_priors: Vec<f32>,
    passages: &'a [PassageInput],
    /// Text and title of each passage in tokens; empty unless answers are grounded.
    texts: Vec<Vec<GroundText>>,
}

/// A sequence with its score and its provenance.
struct Scored<'a> {
    tokens: &'a [u32],
    score: f32,
    confidence: f32,
    posterior: Vec<f32>,
    provenance: Vec<TokenEvidence>,
}

impl RagModel {
    pub(crate) fn prepare<'a>(
        &self,
        query: &Query<'a>,
        options: &AnswerOptions,
    ) -> Result<Prepared<'a>, Error> {
        let available = query.passages.len();
        let n_docs = options.n_docs.unwrap_or(self.config.n_docs.min(available));
        if n_docs == 0 || n_docs > available {
            return Err(Error::NDocs {
                n_docs,
                passages: available,
            });
        }
        let passages = &query.passages[..n_docs];
        if let Some(position) = passages.iter().position(|p| !p.score.is_finite()) {
            return Err(Error::Score { position });
        }
        let mut log_priors: Vec<f32> = passages.iter().map(|p| p.score).collect();
        ragdex_models::bart::log_softmax(&mut log_priors);
        let contexts = passages
            .iter()
            .map(|passage| Ok(self.context(query.question, passage, options)?.1))
            .collect::<Result<_, Error>>()?;
        let texts = |passage| passage_texts(passage, &self.tokenizer);
        Ok(Prepared {
            contexts,
            log_priors,
            passages,
            texts: if options.grounded {
                passages.iter().map(texts).collect::<Result<_, _>>()?
            } else {
                Vec::new()
            },
        })
    }

    /// Answers queries that are searched together.
    pub(crate) fn answer_run(
        &self,
        run: &[Prepared<'_>],
        settings: &GenerationSettings,
        options: &AnswerOptions,
    ) -> Result<Vec<Answer>, Error> {
        let encoded = self.encode(&run.iter().collect::<Vec<_>>())?;
        let found = match options.kind.unwrap_or(self.kind()) {
            RagKind::Token => self.find_by_token(run, &encoded, settings, options)?,
            RagKind::Sequence => self.find_by_sequence(run, &encoded, settings, options)?,
        };
        let pairs = run.iter().zip(found);
        pairs
            .map(|(prepared, candidates)| prepared.answer(candidates))
            .collect()
    }

    fn find_by_token(
        &self,
        run: &[Prepared<'_>],
        encoded: &Encoded,
        settings: &GenerationSettings,
        options: &AnswerOptions,
    ) -> Result<Vec<Vec<Candidate>>, Error> {
        let ground = |p: &Prepared<'_>| settings.grounding(p.texts.concat());
        let grounded = run.iter().filter(|_| options.grounded);
        let groundings: Vec<Grounding> = grounded.map(ground).collect();
        let search = Search {
            settings,
            groundings: &groundings,
            cancel: &options.cancel,
        };
        let log_priors = run.iter().map(|p| p.log_priors.clone()).collect();
        let hypotheses = token::generate(&self.generator, encoded.clone(), log_priors, &search)?;
        let own = run.iter().zip(hypotheses);
        own.map(|(prepared, hypotheses)| {
            let scored = hypotheses.iter().map(|found| {
                let tokens = settings.cut(&found.path.tokens);
                let provenance =
                    self.provenance(tokens, &found.path.evidence, &prepared.log_priors)?;
                Ok(Scored {
                    tokens,
                    score: found.score,
                    confidence: token::confidence(&provenance, begins(tokens, settings)),
                    posterior: token::posterior(&provenance, |id| self.is_special(id)),
                    provenance,
                })
            });
            self.candidates(scored, prepared, settings)
        })
        .collect()
    }

    /// Where each token behind the start token comes from; `joint` holds a number for each passage and
    /// token.
    pub(crate) fn provenance(
        &self,
        tokens: &[u32],
        joint: &[f32],
        log_priors: &[f32],
    ) -> Result<Vec<TokenEvidence>, Error> {
        let all = DecodeOptions {
            skip_special_tokens: false,
            clean_up: Some(false),
        };
        let pairs = tokens.iter().skip(1).zip(joint.chunks(log_priors.len()));
        pairs
            .map(|(&token, joint)| {
                Ok(TokenEvidence {
                    token,
                    text: self.tokenizer.decode(&[token], all)?,
                    probability: log_sum_exp(joint).exp().min(1.0) as f32,
                    passages: token::shares(joint, log_priors),
                })
            })
            .collect()
    }

    fn find_by_sequence(
        &self,
        run: &[Prepared<'_>],
        encoded: &Encoded,
        settings: &GenerationSettings,
        options: &AnswerOptions,
    ) -> Result<Vec<Vec<Candidate>>, Error> {
        let texts = run.iter().flat_map(|p| &p.texts);
        let groundings: Vec<Grounding> = texts.map(|t| settings.grounding(t.clone())).collect();
        let search = Search {
            settings,
            groundings: &groundings,
            cancel: &options.cancel,
        };
        let mut hypotheses = sequence::propose(&self.generator, encoded.clone(), &search)?;
        let mut groundings = groundings.as_slice();
        let own = run.iter().zip(parts(run, encoded));
        own.map(|(prepared, encoded)| {
            options.cancel.check()?;
            let n_docs = prepared.contexts.len();
            let own = hypotheses.drain(..n_docs).collect::<Vec<_>>();
            let here;
            (here, groundings) = groundings.split_at(n_docs.min(groundings.len()));
            let ranking = Ranking {
                settings,
                special: self.special_tokens(),
                label_smoothing: self.config.label_smoothing,
                do_deduplication: options
                    .do_deduplication
                    .unwrap_or(self.config.do_deduplication),
                decoding: options.sequence_decoding,
                groundings: here,
            };
            let ranked = ranking.rank(&self.generator, &encoded?, &prepared.log_priors, &own)?;
            self.found_sequences(&ranked, prepared, settings)
        })
        .collect()
    }

    fn found_sequences(
        &self,
        ranked: &[Ranked],
        prepared: &Prepared<'_>,
        settings: &GenerationSettings,
    ) -> Result<Vec<Candidate>, Error> {
        let scored = ranked.iter().map(|ranked| {
            let tokens = settings.cut(&ranked.tokens);
            let n_tokens = tokens.len() - 1 - begins(tokens, settings);
            Ok(Scored {
                tokens,
                score: ranked.log_prob,
                confidence: mean_probability(ranked.log_prob, n_tokens),
                posterior: ranked.score.posterior(&prepared.log_priors),
                provenance: Vec::new(),
            })
        });
        self.candidates(scored, prepared, settings)
    }

    fn candidates<'a>(
        &self,
        scored: impl Iterator<Item = Result<Scored<'a>, Error>>,
        prepared: &Prepared<'_>,
        settings: &GenerationSettings,
    ) -> Result<Vec<Candidate>, Error> {
        scored
            .map(|scored| {
                let scored = scored?;
                let text = match prepared.own_words(scored.tokens, &scored.posterior, settings) {
                    Some(text) => text,
                    None => self
                        .tokenizer
                        .decode(scored.tokens, DecodeOptions::default())?,
                };
                Ok(Candidate {
                    text: text.trim().to_owned(),
                    tokens: scored.tokens.to_vec(),
                    score: scored.score,
                    confidence: scored.confidence,
                    posterior: scored.posterior,
                    provenance: scored.provenance,
                })
            })
            .collect()
    }
}

impl Prepared<'_> {
    /// The characters of the likeliest passage that has the answer.
    fn own_words(
        &self,
        tokens: &[u32],
        posterior: &[f32],
        settings: &GenerationSettings,
    ) -> Option<String> {
        let mut order: Vec<usize> = (0..self.texts.len()).collect();
        order.sort_by(|&a, &b| posterior[b].total_cmp(&posterior[a]));
        order.into_iter().find_map(|i| {
            let grounding = settings.grounding(self.texts[i].clone());
            let (place, bytes) = grounding.find(tokens)?;
            let passage = &self.passages[i];
            let text = [&passage.text, &passage.title][place];
            text.get(bytes).map(str::to_owned)
        })
    }

    fn answer(&self, candidates: Vec<Candidate>) -> Result<Answer, Error> {
        let best = candidates.first().ok_or(Error::NoAnswer)?;
        let text = best.text.clone();
        let passages = self
            .passages
            .iter()
            .zip(&self.log_priors)
            .zip(&best.posterior);
        let passages = passages.map(|((passage, log_prior), posterior)| PassageEvidence {
            prior: log_prior.exp(),
            posterior: *posterior,
            occurrences: occurrences(&text, &passage.text),
        });
        Ok(Answer {
            passages: passages.collect(),
            text,
            candidates,
        })
    }
}

impl GenerationSettings {
    fn grounding(&self, texts: Vec<GroundText>) -> Grounding {
        let begin = self
            .bos_token_id
            .filter(|&bos| bos != self.decoder_start_token_id);
        let start = [self.decoder_start_token_id].into_iter().chain(begin);
        Grounding::new(texts, start.collect(), self.eos_token_ids.clone())
    }

    /// A sequence up to its first end token.
    fn cut<'a>(&self, tokens: &'a [u32]) -> &'a [u32] {
        let generated = tokens.iter().skip(1);
        let end = generated
            .take_while(|token| !self.eos_token_ids.contains(token))
            .count();
        &tokens[..(end + 2).min(tokens.len())]
    }
}

/// 1 for a sequence whose start token is followed by the begin token, which says nothing; else 0.
fn begins(tokens: &[u32], settings: &GenerationSettings) -> usize {
    let second = tokens.get(1).copied();
    usize::from(second.is_some() && second == settings.bos_token_id)
}

/// The encoded contexts of each query of a run.
fn parts<'a>(
    run: &'a [Prepared<'_>],
    encoded: &'a Encoded,
) -> impl Iterator<Item = Result<Encoded, Error>> + 'a {
    let mut first = 0;
    run.iter().map(move |prepared| {
        let next = first + prepared.contexts.len() as u32;
        let own: Vec<u32> = (first..next).collect();
        first = next;
        Ok(encoded.select(&own)?)
    })
}
