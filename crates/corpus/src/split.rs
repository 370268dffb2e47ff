//! Documents to passages, by rules that have names.

mod rules;
#[cfg(test)]
mod tests;
mod window;
mod word;

use std::fmt;
use std::str::FromStr;

use ragdex_core::{Document, Passage};
use serde::{Deserialize, Serialize};

use crate::UnknownName;
pub(crate) use word::is_space;

/// How documents are cut into passages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SplitRule {
    /// Runs of words over the whole text; the title stays apart. In scripts without spaces the
    /// words are those of Unicode's word segmentation, which knows no dictionary: a sign of Chinese,
    /// a run of katakana, a consonant of Thai with its vowel signs.
    #[default]
    Plain,
    /// As [`SplitRule::Plain`], beginning anew at each heading, so that an edit moves the passages
    /// of its own section only.
    Section,
    /// As the passages of DPR: the words of the title come first, a document with fewer words than
    /// a passage is left out, and the last passage is filled from the beginning. Words are what
    /// stands between white space, in every script. The text is in NFC, the title beside it in NFD,
    /// as in the published file.
    ///
    /// `DrQA`, through which the original went, decoded the character references of HTML once
    /// more. That is not done: prose from wikitext holds none, except where an author shows one
    /// (`&lt;` in an article on HTML), and a table that says `&amp;` means it.
    ///
    /// # Source
    /// Dense Passage Retrieval (Karpukhin et al. 2020), §4.1; the details are those that the
    /// published `psgs_w100.tsv` shows.
    Dpr,
    /// As the example `use_own_knowledge_dataset` of Hugging Face: cut at each single space, line
    /// breaks inside paragraphs kept. What is cut is the text as it was read: one blank line stands
    /// between paragraphs however many stood there, and CR LF is LF.
    Hf,
    /// As KILT: whole sentences of one paragraph up to the number of words, punctuation counted as
    /// words; short ends of paragraphs join the passage before in the same section. Sentences and
    /// words are those of Unicode, where KILT used spaCy's.
    ///
    /// # Source
    /// `create_kilt_data_paragraphs.py` of KILT (Petroni et al. 2021).
    Kilt,
    /// Each document is one passage, its paragraphs apart by a blank line. Number of words, overlap
    /// and tail are without effect; a document without text gives no passage.
    Whole,
}

/// What becomes of the last passage when it has fewer words than asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tail {
    /// It stays short.
    Keep,
    /// With fewer than half of the words it joins the passage before, if there is one.
    Merge,
    /// It is filled from the beginning of what is cut (the text, or by the rule `section` the
    /// section), if that is long enough to fill a passage.
    Wrap,
    /// It is left out.
    Drop,
}

impl SplitRule {
    const NAMES: [(Self, &'static str); 6] = [
        (Self::Plain, "plain"),
        (Self::Section, "section"),
        (Self::Dpr, "dpr"),
        (Self::Hf, "hf"),
        (Self::Kilt, "kilt"),
        (Self::Whole, "whole"),
    ];

    /// What the rule does with a short last passage unless told otherwise.
    pub fn default_tail(self) -> Tail {
        match self {
            Self::Dpr => Tail::Wrap,
            _ => Tail::Keep,
        }
    }
}

impl Tail {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Keep, "keep"),
        (Self::Merge, "merge"),
        (Self::Wrap, "wrap"),
        (Self::Drop, "drop"),
    ];
}

impl fmt::Display for SplitRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(*self, &Self::NAMES))
    }
}

impl FromStr for SplitRule {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        value_of(name, &Self::NAMES)
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(*self, &Self::NAMES))
    }
}

impl FromStr for Tail {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        value_of(name, &Self::NAMES)
    }
}

fn name_of<T: Copy + PartialEq>(value: T, names: &[(T, &'static str)]) -> &'static str {
    let row = names.iter().find(|row| row.0 == value);
    row.expect("every value has a name").1
}

fn value_of<T: Copy>(name: &str, names: &[(T, &'static str)]) -> Result<T, UnknownName> {
    let row = names.iter().find(|row| row.1 == name);
    row.map(|row| row.0).ok_or_else(|| {
        let known: Vec<&str> = names.iter().map(|row| row.1).collect();
        UnknownName {
            name: name.into(),
            known: known.join(", "),
        }
    })
}

/// What a [`Splitter`] is built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitOptions {
    /// The rule.
    pub rule: SplitRule,
    /// How many words a passage has. The rule `whole` takes as many as there are.
    pub words: usize,
    /// How many words at the end of a passage begin the next one again. The rules `kilt` and
    /// `whole` have none.
    pub overlap: usize,
    /// What becomes of a short last passage; `None` leaves it to the rule. The rules `kilt` and
    /// `whole` have their own way.
    pub tail: Option<Tail>,
}

impl Default for SplitOptions {
    /// 100 words, the length of DPR's passages, without overlap.
    fn default() -> Self {
        Self {
            rule: SplitRule::default(),
            words: 100,
            overlap: 0,
            tail: None,
        }
    }
}

/// Why no [`Splitter`] can be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitOptionsError {
    /// Passages without words.
    #[error("at least 1 word to a passage expected, found 0")]
    NoWords,
    /// Passages that never move on.
    #[error("an overlap of fewer than {words} words expected, found {overlap}")]
    Overlap {
        /// The words of a passage.
        words: usize,
        /// The words that are repeated.
        overlap: usize,
    },
}

/// Cuts documents into passages. Cannot fail; the same document always gives the same passages.
///
/// # Examples
///
/// ```
/// use ragdex_core::{Document, Section};
/// use ragdex_corpus::{SplitOptions, Splitter};
///
/// let document = Document {
///     title: "Aruba".into(),
///     sections: vec![Section::lead(vec!["Aruba is an island.".into()])],
///     ..Document::default()
/// };
/// let splitter = Splitter::new(SplitOptions { words: 3, ..SplitOptions::default() })?;
/// let texts: Vec<_> = splitter.split(&document).into_iter().map(|p| p.text).collect();
/// assert_eq!(texts, ["Aruba is an", "island."]);
/// # Ok::<(), ragdex_corpus::SplitOptionsError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Splitter {
    options: SplitOptions,
}

impl Splitter {
    /// Checks the options.
    ///
    /// # Errors
    /// [`SplitOptionsError`] when passages would have no words or never move on.
    pub fn new(options: SplitOptions) -> Result<Self, SplitOptionsError> {
        let SplitOptions { words, overlap, .. } = options;
        match (words, overlap) {
            (0, _) => Err(SplitOptionsError::NoWords),
            _ if overlap >= words => Err(SplitOptionsError::Overlap { words, overlap }),
            _ => Ok(Self { options }),
        }
    }

    /// The options it was built from.
    pub fn options(&self) -> &SplitOptions {
        &self.options
    }

    /// Cuts a document, in reading order. May give nothing.
    ///
    /// A document that is a passage already stays one, whatever the rule: its title and the bytes
    /// of its text are left alone.
    pub fn split(&self, document: &Document) -> Vec<Passage> {
        let rule = if document.is_passage {
            SplitRule::Whole
        } else {
            self.options.rule
        };
        let pieces = match rule {
            SplitRule::Plain => rules::plain(document, &self.options),
            SplitRule::Section => rules::section(document, &self.options),
            SplitRule::Dpr => rules::dpr(document, &self.options),
            SplitRule::Hf => rules::hf(document, &self.options),
            SplitRule::Kilt => rules::kilt(document, &self.options),
            SplitRule::Whole => rules::whole(document),
        };
        let title = match rule {
            SplitRule::Dpr => word::nfd(&document.title),
            _ => document.title.clone(),
        };
        let passage = |(ordinal, piece): (usize, rules::Piece)| Passage {
            ordinal: ordinal as u32,
            title: title.clone(),
            section: piece.section.map_or_else(String::new, |section| {
                document.sections[section].path.join(" > ")
            }),
            text: piece.text,
        };
        pieces.into_iter().enumerate().map(passage).collect()
    }
}
