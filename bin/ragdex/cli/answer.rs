//! The options of `answer`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ragdex::presets::Preset;

use super::preset;

use super::Searched;

/// Answer questions from the passages found, with the sources.
///
/// `prior` is how likely the retriever finds a passage, `posterior` how much the answer rests on
/// it by the model's own probabilities: p(z|x,y). With rag-sequence it is in proportion to p(z|x)
/// p(y|x,z). With rag-token each token has a passage of its own, `r_t(z)` in proportion to
/// `p(z|x) p(y_t|x,z,y_<t)`, and the posterior is the mean of `r_t` over the words; `-v` and
/// `--json` show `r_t` for each token.
///
/// Examples:
///   ragdex answer kb "Who was the first woman to win a Nobel Prize?"
///   ragdex answer kb --json --batch 8 < questions.txt > answers.jsonl
///   ragdex answer kb "Who wrote Hamlet?" --score Shakespeare --score Marlowe
///   ragdex answer --passages passages.jsonl "Who wrote Hamlet?" --generator facebook/rag-token-nq
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Answer {
    /// The knowledge base; left out with `--passages`.
    #[arg(required_unless_present = "passages")]
    kb: Option<PathBuf>,
    /// Questions; without any, one a line from standard input.
    questions: Vec<String>,
    /// Read these passages in place of a knowledge base. JSON lines, one of two kinds: passages for every
    /// question, `{"title": "…", "text": "…", "score": 75.0}`; or questions with their own,
    /// `{"question": "…", "passages": [{"title": "…", "text": "…", "score": 75.0}, …]}`. Without scores all
    /// passages are as likely. All are read, unless `--n-docs` takes the first ones.
    #[arg(long, value_name = "FILE.jsonl", conflicts_with_all = ["snapshot", "index", "expansion_search"])]
    pub passages: Option<PathBuf>,
    /// Answer so many questions together: faster, with the same answers, printed in order when all of them
    /// are done. A program that waits for each answer before it asks again needs 1.
    #[arg(long, value_name = "N", default_value = "1")]
    pub batch: std::num::NonZeroUsize,
    /// Do not generate: score this answer under rag-token and rag-sequence, as log p(y|x) and as the
    /// reference's training loss; repeatable.
    #[arg(long, value_name = "ANSWER")]
    pub score: Vec<String>,
    /// Score the answers of JSON lines `{"question": "…", "answers": ["…", …]}`, which may bring `passages` as
    /// in `--passages`; `-` is standard input.
    #[arg(long, value_name = "FILE.jsonl", conflicts_with_all = ["score", "questions"])]
    pub score_file: Option<PathBuf>,
    /// How passages are combined [default: the checkpoint's own, else rag-token].
    #[arg(long, value_enum)]
    pub(crate) model: Option<RagKind>,
    /// How many passages the model reads [default: the checkpoint's own, else 5].
    #[arg(long, value_name = "N")]
    pub n_docs: Option<std::num::NonZeroUsize>,
    /// Answer from an older snapshot.
    #[arg(long, value_name = "N")]
    pub snapshot: Option<u64>,
    /// The model that writes answers, in place of the recorded one.
    #[arg(long, value_name = "ID_OR_DIR")]
    pub generator: Option<String>,
    /// The encoder of questions, in place of the recorded one.
    #[arg(long, value_name = "ID_OR_DIR")]
    pub question_encoder: Option<String>,
    /// Take the encoder of questions of a named set of models, and its generator if it has one, in place of the
    /// recorded ones; they are fetched when they are not on this machine.
    #[arg(long, value_name = "NAME", value_parser = preset::parser(), hide_possible_values = true)]
    pub preset: Option<Preset>,
    /// Only words that continue a run of words of a passage, in its own spelling [default: true for the
    /// bundled model, false for others].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub grounded: Option<bool>,
    /// Give no answer that the model is less sure of, from 0 to 1, and say so; the best passages are shown all the
    /// same, and `--json` keeps the answer among the candidates. Confidence is the geometric mean of the
    /// probabilities of the answer's tokens; 0 gives every answer [default: 0.25 for the bundled model, 0 for
    /// others].
    #[arg(long, value_name = "X", value_parser = confidence)]
    pub min_confidence: Option<f64>,
    /// RAG-Sequence: score every hypothesis under every passage [default: true]; false is the faster way of
    /// the paper, which asks only the passages that proposed it.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub thorough: Option<bool>,
    /// RAG-Sequence: drop repeated hypotheses before scoring [default: the checkpoint's own].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub do_deduplication: Option<bool>,
    /// What the generator computes in: `f32`, `f16`, `bf16` or `int8`. The last three read fewer bytes for
    /// each token and are faster on most processors; they may change answers.
    #[arg(long, value_name = "KIND", default_value_t)]
    pub generator_precision: ragdex::Precision,
    #[command(flatten)]
    pub searched: Searched,
    #[command(flatten)]
    pub generation: Generation,
}

/// Reads a confidence.
fn confidence(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    let within = number.filter(|number| (0.0..=1.0).contains(number));
    within.ok_or_else(|| "a number from 0 to 1 expected".to_owned())
}

/// How passages are combined into one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RagKind {
    /// Every token may rest on another passage.
    RagToken,
    /// The whole answer rests on one passage, summed over all.
    RagSequence,
}

/// Settings of generation, by the names of the reference; the checkpoint's own hold otherwise. Values
/// are read by the library, which knows what each may be.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Generation (defaults: the checkpoint's own; `none` unsets one)")]
pub(crate) struct Generation {
    /// Beams; 1 is greedy search.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub num_beams: Option<String>,
    /// Answers to return for each question, at most `--num-beams`.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub num_return_sequences: Option<String>,
    /// Longest answer in tokens, the start token included.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub max_length: Option<String>,
    /// The same without the start token; RAG-Sequence only, as in the reference.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub max_new_tokens: Option<String>,
    /// Shortest answer in tokens, the start token included.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub min_length: Option<String>,
    /// Above 0 favours long answers, below 0 short ones.
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub length_penalty: Option<String>,
    /// `true`: stop when enough beams are finished; `false`: when open ones are worse; `never`: when none can become better.
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub early_stopping: Option<String>,
    /// Let no run of this many tokens occur twice; 0 lets all.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub no_repeat_ngram_size: Option<String>,
    /// Above 1 makes tokens that occurred less likely.
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub repetition_penalty: Option<String>,
    /// Token sequences that must not occur, such as `[[0,0]]`.
    #[arg(long, value_name = "IDS", allow_hyphen_values = true)]
    pub bad_words_ids: Option<String>,
    /// The token that must come first.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub forced_bos_token_id: Option<String>,
    /// The token that must come last at full length.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub forced_eos_token_id: Option<String>,
    /// The token that decoding starts with.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub decoder_start_token_id: Option<String>,
    /// The token that begins a text.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub bos_token_id: Option<String>,
    /// The token that ends a text, or several, such as `[2,3]`.
    #[arg(long, value_name = "IDS", allow_hyphen_values = true)]
    pub eos_token_id: Option<String>,
    /// The token that fills rows up.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub pad_token_id: Option<String>,
}

impl Answer {
    /// The knowledge base; `None` when passages are given.
    pub(crate) fn kb(&self) -> Option<&Path> {
        self.kb.as_deref().filter(|_| self.passages.is_none())
    }

    /// The questions; with passages given, what stands in the place of a knowledge base is the first.
    pub(crate) fn questions(&self) -> Vec<String> {
        let first = self.kb.iter().filter(|_| self.passages.is_some());
        let first = first.map(|question| question.to_string_lossy().into_owned());
        first.chain(self.questions.iter().cloned()).collect()
    }
}

impl Generation {
    /// The settings given, by name.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("num_beams", &self.num_beams),
            ("num_return_sequences", &self.num_return_sequences),
            ("max_length", &self.max_length),
            ("max_new_tokens", &self.max_new_tokens),
            ("min_length", &self.min_length),
            ("length_penalty", &self.length_penalty),
            ("early_stopping", &self.early_stopping),
            ("no_repeat_ngram_size", &self.no_repeat_ngram_size),
            ("repetition_penalty", &self.repetition_penalty),
            ("bad_words_ids", &self.bad_words_ids),
            ("forced_bos_token_id", &self.forced_bos_token_id),
            ("forced_eos_token_id", &self.forced_eos_token_id),
            ("decoder_start_token_id", &self.decoder_start_token_id),
            ("bos_token_id", &self.bos_token_id),
            ("eos_token_id", &self.eos_token_id),
            ("pad_token_id", &self.pad_token_id),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {

    #[test]
    fn every_setting_that_is_supported_has_its_option() {
        /// Those of which only the default is supported.
        const FIXED: [&str; 3] = [
            "do_sample",
            "num_beam_groups",
            "encoder_no_repeat_ngram_size",
        ];
        let command = <crate::cli::Cli as clap::CommandFactory>::command();
        let answer = command.find_subcommand("answer").expect("a command");
        let has = |name: &str| {
            let long = name.replace('_', "-");
            answer.get_arguments().any(|a| a.get_long() == Some(&long))
        };
        for name in ragdex::GenerationOptions::NAMES {
            assert_ne!(has(name), FIXED.contains(name), "{name}");
        }
    }
}
