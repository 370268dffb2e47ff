//! Grounded decoding: answers are runs of whole words of a passage.

use std::ops::Range;

use ragdex_models::Tokenizer;

use crate::{Error, PassageInput};

/// The runs of tokens that an answer may be.
#[derive(Debug, Clone)]
pub(crate) struct Grounding {
    texts: Vec<GroundText>,
    start: Vec<u32>,
    end: Vec<u32>,
}

/// A title or a text with its tokens.
#[derive(Debug, Clone)]
pub(crate) struct GroundText {
    tokens: Vec<u32>,
    bytes: Vec<Range<usize>>,
    /// For each token and for the end, whether no word goes on across its beginning.
    boundaries: Vec<bool>,
}

impl Grounding {
    /// Reads the tokens of titles and texts. `start` is what a sequence begins with: the start
    /// token, and the begin token where there is one.
    pub(crate) fn new(texts: Vec<GroundText>, start: Vec<u32>, end: Vec<u32>) -> Self {
        Self { texts, start, end }
    }

    /// The tokens that may follow `tokens`, which begins with the start token.
    pub(crate) fn allowed(&self, tokens: &[u32]) -> Vec<u32> {
        if let Some(&next) = self.start.get(tokens.len()) {
            return vec![next];
        }
        let prefix = &tokens[self.start.len()..];
        let mut allowed = Vec::new();
        for text in &self.texts {
            for first in text.runs(prefix) {
                let next = first + prefix.len();
                if !prefix.is_empty() && text.boundaries[next] {
                    allowed.extend(&self.end);
                }
                allowed.extend(text.tokens.get(next));
            }
        }
        if allowed.is_empty() {
            return self.end.clone();
        }
        allowed.sort_unstable();
        allowed.dedup();
        allowed
    }

    /// Tells whether a sequence says something that stands in these texts.
    pub(crate) fn contains(&self, tokens: &[u32]) -> bool {
        let answer = self.answer(tokens);
        self.texts.iter().any(|text| text.find(answer).is_some())
    }

    /// The bytes of the text, and its place in the list, where a sequence's answer first stands.
    pub(crate) fn find(&self, tokens: &[u32]) -> Option<(usize, Range<usize>)> {
        let answer = self.answer(tokens);
        let mut found = self.texts.iter().enumerate();
        found.find_map(|(i, text)| Some((i, text.find(answer)?)))
    }

    /// A sequence without start, begin and end tokens.
    fn answer<'a>(&self, tokens: &'a [u32]) -> &'a [u32] {
        let tokens = tokens.strip_prefix(&*self.start).unwrap_or(tokens);
        let end = tokens.iter().position(|token| self.end.contains(token));
        &tokens[..end.unwrap_or(tokens.len())]
    }
}

impl GroundText {
    /// Splits a text with the generator's tokenizer.
    pub(crate) fn new(text: &str, tokenizer: &Tokenizer) -> Result<Self, Error> {
        // Byte-level vocabularies spell a word with the space before it, which it has in a context.
        let spaced = format!(" {text}");
        let pieces = tokenizer.split(&spaced)?;
        let within = |byte: usize| byte.saturating_sub(1).min(text.len());
        let bytes: Vec<Range<usize>> = pieces
            .iter()
            .map(|(_, range)| trimmed(text, within(range.start)..within(range.end)))
            .collect();
        let mut end = 0;
        let boundaries = bytes.iter().map(|range| {
            // A character of several tokens lies in the range of each of them.
            let parted = range.start < std::mem::replace(&mut end, range.end);
            !parted && is_word_boundary(text, range.start)
        });
        Ok(Self {
            boundaries: boundaries.chain([true]).collect(),
            tokens: pieces.iter().map(|(token, _)| *token).collect(),
            bytes,
        })
    }

    /// Where `run` stands and a word begins; every such place. White space begins none.
    fn runs<'a>(&'a self, run: &'a [u32]) -> impl Iterator<Item = usize> + 'a {
        let places = 0..(self.tokens.len() + 1).saturating_sub(run.len().max(1));
        places.filter(move |&i| {
            let begins = self.boundaries[i] && !self.bytes[i].is_empty();
            begins && self.tokens[i..].starts_with(run)
        })
    }

    fn find(&self, answer: &[u32]) -> Option<Range<usize>> {
        let last = answer.len().checked_sub(1)?;
        let place = self
            .runs(answer)
            .find(|i| self.boundaries[i + answer.len()])?;
        Some(self.bytes[place].start..self.bytes[place + last].end)
    }
}

/// The texts of one passage, in which answers are looked for: the passage before its title.
pub(crate) fn passage_texts(
    passage: &PassageInput,
    tokenizer: &Tokenizer,
) -> Result<Vec<GroundText>, Error> {
    [&passage.text, &passage.title]
        .into_iter()
        .map(|text| GroundText::new(text, tokenizer))
        .collect()
}

/// Tells whether no word goes on across this byte.
pub(crate) fn is_word_boundary(text: &str, byte: usize) -> bool {
    let (Some(before), Some(after)) = (text.get(..byte), text.get(byte..)) else {
        return false;
    };
    let in_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !(in_word(before.chars().next_back()) && in_word(after.chars().next()))
}

/// Leaves white space out at both ends.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let Some(slice) = text.get(range.clone()) else {
        return range;
    };
    let start = range.start + slice.len() - slice.trim_start().len();
    start..start + slice.trim().len()
}
