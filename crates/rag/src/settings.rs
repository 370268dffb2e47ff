//! Generation settings as they are in force, and where they come from.

use crate::options::{EarlyStopping, GenerationOptions, TokenIds};
use crate::{Error, RagConfig, RagKind};

/// Everything that decides a search, resolved.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GenerationSettings {
    /// The longest sequence, the start token included.
    pub max_length: usize,
    /// The shortest sequence, the start token included; the end token may follow.
    pub min_length: usize,
    /// Sequences kept at every step; 1 is greedy search.
    pub num_beams: usize,
    /// Answers to return.
    pub num_return_sequences: usize,
    /// The power of the length by which a finished beam's score is divided.
    pub length_penalty: f64,
    /// When beam search may stop before the last position.
    pub early_stopping: EarlyStopping,
    /// Runs of so many tokens occur once at most; 0 for no limit.
    pub no_repeat_ngram_size: usize,
    /// Makes tokens that the sequence holds already less likely; 1 for no change.
    pub repetition_penalty: f64,
    /// Token sequences that must not occur.
    pub bad_words_ids: Vec<Vec<u32>>,
    /// The token that must follow the start token.
    pub forced_bos_token_id: Option<u32>,
    /// The tokens of which one must stand at the last position; none for no such rule.
    pub forced_eos_token_ids: Vec<u32>,
    /// The token that decoding starts with.
    pub decoder_start_token_id: u32,
    /// The token that begins a text.
    pub bos_token_id: Option<u32>,
    /// The tokens that end a text.
    pub eos_token_ids: Vec<u32>,
    /// The token that fills rows up.
    pub pad_token_id: u32,
}

impl GenerationSettings {
    /// Resolves the settings of one call.
    ///
    /// RAG-Token: the call, else `generation_config.json`; without that file the top level of
    /// `config.json`, with values that equal the global default replaced by `generator`'s.
    /// RAG-Sequence: the call, else `generator`; `num_beams` and `num_return_sequences` the call,
    /// else the top level.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn resolve(
        kind: RagKind,
        call: &GenerationOptions,
        config: &RagConfig,
    ) -> Result<Self, Error> {
        let mut options = match kind {
            RagKind::Token => call.clone().or(for_token(config)),
            RagKind::Sequence => call.clone().or(for_sequence(config)),
        };
        if let (RagKind::Sequence, Some(new)) = (kind, options.max_new_tokens.flatten()) {
            // The start token counts in `max_length` only.
            options.max_length = Some(new + 1);
        }
        let settings = from_options(options.or(GenerationOptions::defaults()))?;
        settings.check(kind)?;
        Ok(settings)
    }

    /// Checks that every token exists.
    pub(crate) fn check_tokens(&self, vocab_size: usize) -> Result<(), Error> {
        let bad_words = self.bad_words_ids.concat();
        let groups: [(_, &[u32]); 7] = [
            ("decoder_start_token_id", &[self.decoder_start_token_id]),
            ("forced_bos_token_id", self.forced_bos_token_id.as_slice()),
            ("forced_eos_token_id", &self.forced_eos_token_ids),
            ("bos_token_id", self.bos_token_id.as_slice()),
            ("eos_token_id", &self.eos_token_ids),
            ("pad_token_id", &[self.pad_token_id]),
            ("bad_words_ids", &bad_words),
        ];
        for (name, ids) in groups {
            if let Some(id) = ids.iter().find(|id| **id as usize >= vocab_size) {
                let what = format!("less than {vocab_size}, the vocabulary, expected, found {id}");
                return Err(Error::setting(name, what));
            }
        }
        Ok(())
    }

    fn check(&self, kind: RagKind) -> Result<(), Error> {
        if self.max_length < 2 {
            let what = format!("2 or more expected, found {}", self.max_length);
            return Err(Error::setting("max_length", what));
        }
        for (name, value) in [
            ("num_beams", self.num_beams),
            ("num_return_sequences", self.num_return_sequences),
        ] {
            if value == 0 {
                return Err(Error::setting(name, "1 or more expected, found 0"));
            }
        }
        if kind == RagKind::Token && self.num_return_sequences > self.num_beams {
            let what = format!(
                "at most `num_beams`, {}, expected, found {}",
                self.num_beams, self.num_return_sequences
            );
            return Err(Error::setting("num_return_sequences", what));
        }
        if !self.length_penalty.is_finite() {
            return Err(Error::setting("length_penalty", "a finite number expected"));
        }
        if !(self.repetition_penalty > 0.0 && self.repetition_penalty.is_finite()) {
            let what = format!("more than 0 expected, found {}", self.repetition_penalty);
            return Err(Error::setting("repetition_penalty", what));
        }
        if self.bad_words_ids.iter().any(Vec::is_empty) {
            return Err(Error::setting("bad_words_ids", "an entry has no token"));
        }
        Ok(())
    }
}

fn for_token(config: &RagConfig) -> GenerationOptions {
    let Some(file) = &config.generation_config else {
        let top = config.generation.clone().without_defaults();
        return top.or(config.generator_generation.clone());
    };
    file.clone()
}

fn for_sequence(config: &RagConfig) -> GenerationOptions {
    GenerationOptions {
        num_beams: config.generation.num_beams.or(Some(1)),
        num_return_sequences: config.generation.num_return_sequences.or(Some(1)),
        ..config.generator_generation.clone()
    }
}

fn from_options(options: GenerationOptions) -> Result<GenerationSettings, Error> {
    refuse_unsupported(&options)?;
    let missing = |name| Error::setting(name, "neither the call nor the checkpoint has it");
    let bos = options.bos_token_id.flatten();
    let eos = options.eos_token_id.flatten().unwrap_or_default().0;
    let start = options.decoder_start_token_id.flatten().or(bos);
    let pad = options.pad_token_id.flatten().or(eos.first().copied());
    let forced_eos: Option<TokenIds> = options.forced_eos_token_id.flatten();
    Ok(GenerationSettings {
        max_length: options.max_length.ok_or(missing("max_length"))?,
        min_length: options.min_length.unwrap_or_default(),
        num_beams: options.num_beams.ok_or(missing("num_beams"))?,
        num_return_sequences: options.num_return_sequences.unwrap_or(1),
        length_penalty: options.length_penalty.unwrap_or(1.0),
        early_stopping: options.early_stopping.unwrap_or_default(),
        no_repeat_ngram_size: options.no_repeat_ngram_size.unwrap_or_default(),
        repetition_penalty: options.repetition_penalty.unwrap_or(1.0),
        bad_words_ids: options.bad_words_ids.flatten().unwrap_or_default(),
        forced_bos_token_id: options.forced_bos_token_id.flatten(),
        forced_eos_token_ids: forced_eos.unwrap_or_default().0,
        decoder_start_token_id: start.ok_or(missing("decoder_start_token_id"))?,
        bos_token_id: bos,
        eos_token_ids: eos,
        pad_token_id: pad.ok_or(missing("pad_token_id"))?,
    })
}

/// Refuses what would silently change the answers.
fn refuse_unsupported(options: &GenerationOptions) -> Result<(), Error> {
    let unsupported = |name| Err(Error::setting(name, "this value is not supported"));
    if options.do_sample == Some(true) {
        return unsupported("do_sample");
    }
    if options.num_beam_groups.is_some_and(|groups| groups > 1) {
        return unsupported("num_beam_groups");
    }
    if options
        .encoder_no_repeat_ngram_size
        .is_some_and(|size| size > 0)
    {
        return unsupported("encoder_no_repeat_ngram_size");
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// BART's special tokens and the reference's defaults.
    pub(crate) fn settings() -> GenerationSettings {
        GenerationSettings {
            max_length: 20,
            min_length: 0,
            num_beams: 1,
            num_return_sequences: 1,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::Heuristic,
            no_repeat_ngram_size: 0,
            repetition_penalty: 1.0,
            bad_words_ids: Vec::new(),
            forced_bos_token_id: None,
            forced_eos_token_ids: vec![2],
            decoder_start_token_id: 2,
            bos_token_id: Some(0),
            eos_token_ids: vec![2],
            pad_token_id: 1,
        }
    }

    fn config() -> RagConfig {
        let section = |value| GenerationOptions::from_section(&value).expect("a section");
        RagConfig {
            generation: section(json!({"num_beams": 1, "decoder_start_token_id": null,
                "pad_token_id": 1, "max_length": 30})),
            generator_generation: section(json!({"num_beams": 3, "early_stopping": true,
                "decoder_start_token_id": 2, "eos_token_id": 2, "max_length": 12,
                "pad_token_id": 1, "bos_token_id": 0})),
            ..RagConfig::default()
        }
    }

    fn resolved(kind: RagKind, call: serde_json::Value, config: &RagConfig) -> GenerationSettings {
        let call = serde_json::from_value(call).expect("options");
        GenerationSettings::resolve(kind, &call, config).expect("settings")
    }

    #[test]
    fn rag_token_takes_defaults_from_the_generator() {
        let settings = resolved(RagKind::Token, json!({}), &config());
        assert_eq!((settings.num_beams, settings.max_length), (3, 30));
        assert_eq!(settings.early_stopping, EarlyStopping::Full);
        assert_eq!(settings.decoder_start_token_id, 2);
    }

    #[test]
    fn rag_token_takes_a_generation_config_alone() {
        let file = json!({"decoder_start_token_id": 2, "pad_token_id": 1, "num_beams": 2});
        let config = RagConfig {
            generation_config: Some(GenerationOptions::from_section(&file).expect("a section")),
            ..config()
        };
        let settings = resolved(RagKind::Token, json!({}), &config);
        assert_eq!((settings.num_beams, settings.max_length), (2, 20));
        assert_eq!(settings.early_stopping, EarlyStopping::Heuristic);
    }

    #[test]
    fn rag_sequence_takes_beams_from_the_top_and_the_rest_from_the_generator() {
        let settings = resolved(RagKind::Sequence, json!({}), &config());
        assert_eq!((settings.num_beams, settings.max_length), (1, 12));
        assert_eq!(settings.early_stopping, EarlyStopping::Full);
    }

    #[test]
    fn max_new_tokens_serves_rag_sequence_only() {
        let call = || json!({"max_new_tokens": 5});
        assert_eq!(resolved(RagKind::Sequence, call(), &config()).max_length, 6);
        assert_eq!(resolved(RagKind::Token, call(), &config()).max_length, 30);
    }

    #[test]
    fn the_call_wins_and_can_unset() {
        let call = json!({"num_beams": 2, "forced_eos_token_id": null});
        let settings = resolved(RagKind::Token, call, &config());
        assert_eq!(settings.num_beams, 2);
        assert_eq!(settings.forced_eos_token_ids, Vec::<u32>::new());
    }

    #[test]
    fn values_that_cannot_work_are_refused() {
        for call in [
            json!({"max_length": 0}),
            json!({"max_length": 1}),
            json!({"num_beams": 0}),
            json!({"num_beams": 2, "num_return_sequences": 3}),
            json!({"repetition_penalty": 0.0}),
            json!({"bad_words_ids": [[]]}),
            json!({"do_sample": true}),
        ] {
            let options = serde_json::from_value(call.clone()).expect("options");
            let result = GenerationSettings::resolve(RagKind::Token, &options, &config());
            assert!(matches!(result, Err(Error::Setting { .. })), "{call}");
        }
    }
}
