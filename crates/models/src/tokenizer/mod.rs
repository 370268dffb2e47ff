//! Tokenizers: text to token ids and back, as the reference does it.

mod charsmap;
mod clean_up;
mod merges;
mod settings;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use ragdex_core::Sha256;
use tokenizers::{PostProcessor as _, TruncationParams, truncate_encodings};

use self::clean_up::clean_up;
use self::settings::Settings;
use self::vocabulary::Definition;
use crate::Error;
use crate::checkpoint::Files;

/// The tokens of one text or pair of texts, special tokens included, without padding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Token ids.
    pub ids: Vec<u32>,
    /// For each token, the segment that the tokenizer puts it in: 0, or 1 for the second text of a
    /// pair. DPR encoders are fed zeros instead.
    pub type_ids: Vec<u32>,
}

/// How [`Tokenizer::decode`] writes text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Leaves out special tokens, `[UNK]` among them.
    pub skip_special_tokens: bool,
    /// Takes the space before punctuation and contractions out of the whole text. `None`: as the
    /// checkpoint says, see [`Tokenizer::cleans_up`].
    pub clean_up: Option<bool>,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            skip_special_tokens: true,
            clean_up: None,
        }
    }
}

/// A tokenizer of a checkpoint: `tokenizer.json`, or else a WordPiece built from `vocab.txt`, or
/// a byte-level BPE built from `vocab.json` and `merges.txt`. Clones share the vocabulary.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: Arc<tokenizers::Tokenizer>,
    sha256: Sha256,
    path: PathBuf,
    max_length: Option<usize>,
    clean_up: bool,
}

impl Tokenizer {
    /// Opens the tokenizer in a folder of a checkpoint.
    pub(crate) fn open(files: &Files, folder: &str) -> Result<Self, Error> {
        let prefix = match folder {
            "" => String::new(),
            folder => format!("{}/", folder.trim_end_matches('/')),
        };
        let settings = Settings::read(files, &prefix)?;
        let Definition {
            json,
            path,
            clean_up,
        } = vocabulary::define(files, &prefix, &settings)?;
        let tokenizer_error = |source| Error::Tokenizer {
            path: path.clone(),
            source,
        };
        let mut inner = tokenizers::Tokenizer::from_bytes(&json).map_err(tokenizer_error)?;
        // Lengths are chosen by the caller; some published files hold those of their last use.
        inner.with_truncation(None).map_err(tokenizer_error)?;
        inner.with_padding(None);
        Ok(Self {
            inner: Arc::new(inner),
            sha256: Sha256::of(&json),
            path,
            max_length: settings.max_length,
            clean_up: settings.clean_up.unwrap_or(clean_up),
        })
    }

    /// The SHA-256 of the definition: of `tokenizer.json`, or of the one that was made from a
    /// vocabulary.
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// The longest input in tokens that the checkpoint names, special tokens included
    /// (`model_max_length`); `None` when it names none.
    pub fn max_length(&self) -> Option<usize> {
        self.max_length
    }

    /// Whether decoding cleans up spaces by default: `clean_up_tokenization_spaces` where the
    /// checkpoint has it, else only for tokenizers built from `vocab.txt`.
    pub fn cleans_up(&self) -> bool {
        self.clean_up
    }

    /// The number of tokens, added ones included.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The id of a token, such as `[SEP]`.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The token of an id, as the vocabulary spells it.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Encodes a text with its special tokens, at most `max_length` tokens in all; what is too
    /// long is cut at its end.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn encode(&self, text: &str, max_length: Option<usize>) -> Result<Encoding, Error> {
        self.encode_parts(text, None, max_length)
    }

    /// The number of tokens of a text that has more than `limit`, special ones included; `None` for others.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn overflow(&self, text: &str, limit: usize) -> Result<Option<usize>, Error> {
        // A token has at least a byte; most questions need no tokenizing to be found short.
        if text.len() + self.special_tokens(false) <= limit {
            return Ok(None);
        }
        let tokens = self.encode(text, None)?.ids.len();
        Ok((tokens > limit).then_some(tokens))
    }

    /// Encodes a pair of texts with its special tokens, at most `max_length` tokens in all.
    ///
    /// What is too long is cut "longest first": when the shorter text takes at most half of the
    /// room only the longer is cut; else the shorter gets half, rounded down, and the longer the
    /// rest. The second counts as longer when both are equal. Texts are cut at their ends.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn encode_pair(
        &self,
        first: &str,
        second: &str,
        max_length: Option<usize>,
    ) -> Result<Encoding, Error> {
        self.encode_parts(first, Some(second), max_length)
    }

    /// Splits a text into tokens without special ones, each with its bytes in the text.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn split(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>, Error> {
        let encoding = self.inner.encode(text, false).map_err(|e| self.error(e))?;
        let ranges = encoding
            .get_offsets()
            .iter()
            .map(|&(start, end)| start..end);
        Ok(encoding.get_ids().iter().copied().zip(ranges).collect())
    }

    /// Writes tokens as text.
    ///
    /// WordPiece glues `##` pieces on and sets other words apart by a space, taking the space
    /// before `.`, `?`, `!`, `,` and contractions out token by token; then, with
    /// [`DecodeOptions::clean_up`], the same over the whole text, so that `who didn ' t` becomes
    /// `who didn't`. Unknown ids are left out.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn decode(&self, ids: &[u32], options: DecodeOptions) -> Result<String, Error> {
        let text = self
            .inner
            .decode(ids, options.skip_special_tokens)
            .map_err(|e| self.error(e))?;
        if options.clean_up.unwrap_or(self.clean_up) {
            Ok(clean_up(&text))
        } else {
            Ok(text)
        }
    }

    fn encode_parts(
        &self,
        first: &str,
        second: Option<&str>,
        max_length: Option<usize>,
    ) -> Result<Encoding, Error> {
        let bare = |text| self.inner.encode_fast(text, false);
        let tokens = || {
            let first = bare(first)?;
            let mut second = second.map(bare).transpose()?;
            if let Some(second) = &mut second {
                second.set_type_ids(vec![1; second.len()]);
            }
            let (first, second) = match max_length {
                Some(max_length) => {
                    let special = self.special_tokens(second.is_some());
                    let params = TruncationParams {
                        max_length: max_length.saturating_sub(special),
                        ..TruncationParams::default()
                    };
                    truncate_encodings(first, second, &params)?
                }
                None => (first, second),
            };
            self.inner.post_process(first, second, true)
        };
        let encoding = tokens().map_err(|e| self.error(e))?;
        Ok(Encoding {
            ids: encoding.get_ids().to_vec(),
            type_ids: encoding.get_type_ids().to_vec(),
        })
    }

    /// Counts the special tokens that are added to a text or a pair.
    fn special_tokens(&self, pair: bool) -> usize {
        let processor = self.inner.get_post_processor();
        processor.map_or(0, |processor| processor.added_tokens(pair))
    }

    fn error(&self, source: tokenizers::Error) -> Error {
        Error::Tokenizer {
            path: self.path.clone(),
            source,
        }
    }
}
