//! Tokenizers of checkpoints that hold vocabularies only, as the reference converts them.
//!
//! The result is always the text of a `tokenizer.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::settings::Settings;
use super::{charsmap, merges};
use crate::Error;
use crate::checkpoint::Files;

/// Words longer than this, in characters, become `[UNK]`.
const MAX_WORD_CHARS: usize = 100;

/// Pieces and their ids.
pub(super) type Vocabulary = BTreeMap<String, u32>;

/// The text of a `tokenizer.json`.
pub(super) struct Definition {
    pub(super) json: Vec<u8>,
    /// The file it comes from.
    pub(super) path: PathBuf,
    /// Whether such tokenizers clean up decoded text when nothing else is said.
    pub(super) clean_up: bool,
}

/// Reads or makes the definition of the tokenizer in a folder; `prefix` is empty or ends in `/`.
pub(super) fn define(
    files: &Files,
    prefix: &str,
    settings: &Settings,
) -> Result<Definition, Error> {
    let find = |name: &str| -> Result<Option<(Vec<u8>, PathBuf)>, Error> {
        let name = format!("{prefix}{name}");
        let bytes = files.read(&name)?;
        Ok(bytes.map(|bytes| (bytes.into_owned(), files.path(&name))))
    };
    if let Some((json, path)) = find("tokenizer.json")? {
        merges::check(&json, &path)?;
        charsmap::check(&json, &path)?;
        let clean_up = false;
        return Ok(Definition {
            json,
            path,
            clean_up,
        });
    }
    if let Some((bytes, path)) = find("vocab.txt")? {
        let ids = lines(&bytes, &path)?.zip(0_u32..);
        let vocabulary = ids.map(|(piece, id)| (piece.to_owned(), id)).collect();
        let json = Source {
            vocabulary,
            settings,
            path: &path,
        }
        .word_piece()?;
        let (json, clean_up) = (json.to_string().into_bytes(), true);
        return Ok(Definition {
            json,
            path,
            clean_up,
        });
    }
    if let (Some((bytes, path)), Some((merges, merges_path))) =
        (find("vocab.json")?, find("merges.txt")?)
    {
        let vocabulary = serde_json::from_slice(&bytes).map_err(|source| Error::Json {
            path: path.clone(),
            source,
        })?;
        let merges = merges::read(&merges, &merges_path, &vocabulary)?;
        let json = Source {
            vocabulary,
            settings,
            path: &path,
        }
        .byte_level(&merges)?;
        let (json, clean_up) = (json.to_string().into_bytes(), false);
        return Ok(Definition {
            json,
            path,
            clean_up,
        });
    }
    Err(Error::MissingFile {
        path: files.path(prefix),
        expected: "`tokenizer.json`, `vocab.txt`, or `vocab.json` with `merges.txt`",
    })
}

/// Splits a text file into lines.
pub(super) fn lines<'a>(
    bytes: &'a [u8],
    path: &Path,
) -> Result<impl Iterator<Item = &'a str>, Error> {
    let text = std::str::from_utf8(bytes)
        .map_err(|e| Error::malformed(path, format!("byte {}: no UTF-8", e.valid_up_to())))?;
    Ok(text.lines())
}

/// What a tokenizer is made from.
struct Source<'a> {
    vocabulary: Vocabulary,
    settings: &'a Settings,
    path: &'a Path,
}

impl Source<'_> {
    /// A BERT tokenizer.
    fn word_piece(&self) -> Result<Value, Error> {
        let (cls, cls_id) = self.special_token("cls_token", "[CLS]")?;
        let (sep, sep_id) = self.special_token("sep_token", "[SEP]")?;
        let (unk, _) = self.special_token("unk_token", "[UNK]")?;
        let pad = self.settings.special_token("pad_token", "[PAD]");
        let mask = self.settings.special_token("mask_token", "[MASK]");
        let token = |segment: u8, id: &str| json!({"SpecialToken": {"id": id, "type_id": segment}});
        let text = |segment: u8, id: &str| json!({"Sequence": {"id": id, "type_id": segment}});
        let single = [token(0, &cls), text(0, "A"), token(0, &sep)];
        let second = [text(1, "B"), token(1, &sep)];
        let settings = self.settings;
        Ok(json!({
            "version": "1.0",
            "added_tokens": self.added_tokens(&[&cls, &sep, &unk, &pad, &mask], None),
            "normalizer": {
                "type": "BertNormalizer",
                "clean_text": true,
                "handle_chinese_chars": settings.flag("tokenize_chinese_chars").unwrap_or(true),
                "strip_accents": settings.flag("strip_accents"),
                "lowercase": settings.flag("do_lower_case").unwrap_or(true),
            },
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {
                "type": "TemplateProcessing",
                "pair": single.iter().chain(&second).collect::<Vec<_>>(),
                "single": single,
                "special_tokens": {
                    &cls: {"id": cls, "ids": [cls_id], "tokens": [cls]},
                    &sep: {"id": sep, "ids": [sep_id], "tokens": [sep]},
                },
            },
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
            "model": {
                "type": "WordPiece",
                "unk_token": unk,
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": MAX_WORD_CHARS,
                "vocab": self.vocabulary,
            },
        }))
    }

    /// A BART or RoBERTa tokenizer.
    fn byte_level(&self, merges: &[(String, String)]) -> Result<Value, Error> {
        let cls = self.special_token("cls_token", "<s>")?;
        let sep = self.special_token("sep_token", "</s>")?;
        let optional = |key, default| self.settings.special_token(key, default);
        let (bos, eos) = (optional("bos_token", "<s>"), optional("eos_token", "</s>"));
        let (pad, unk) = (
            optional("pad_token", "<pad>"),
            optional("unk_token", "<unk>"),
        );
        let mask = optional("mask_token", "<mask>");
        let special: [&str; 7] = [&cls.0, &sep.0, &bos, &eos, &pad, &unk, &mask];
        let byte_level = |add_prefix_space: bool| {
            json!({
                "type": "ByteLevel",
                "add_prefix_space": add_prefix_space,
                "trim_offsets": true,
                "use_regex": true,
            })
        };
        let prefix_space = self.settings.flag("add_prefix_space").unwrap_or(false);
        Ok(json!({
            "version": "1.0",
            "added_tokens": self.added_tokens(&special, Some(&mask)),
            "pre_tokenizer": byte_level(prefix_space),
            "post_processor": {
                "type": "RobertaProcessing",
                "sep": sep,
                "cls": cls,
                "trim_offsets": true,
                "add_prefix_space": prefix_space,
            },
            "decoder": byte_level(true),
            "model": {
                "type": "BPE",
                "continuing_subword_prefix": "",
                "end_of_word_suffix": "",
                "fuse_unk": false,
                "vocab": self.vocabulary,
                "merges": merges,
            },
        }))
    }

    /// A special token that the vocabulary must hold, with its id.
    fn special_token(&self, key: &str, default: &str) -> Result<(String, u32), Error> {
        let token = self.settings.special_token(key, default);
        let id = self.vocabulary.get(&token).copied();
        let id = id.ok_or_else(|| {
            Error::malformed(
                self.path,
                format!("the vocabulary lacks `{token}`, its {key}"),
            )
        })?;
        Ok((token, id))
    }

    /// Those of some special tokens that the vocabulary holds, in the order of their ids.
    /// `greedy`, the mask of BART, takes the space before it along.
    fn added_tokens(&self, tokens: &[&str], greedy: Option<&str>) -> Vec<Value> {
        let id = |token: &&str| self.vocabulary.get(*token).copied();
        let known: BTreeMap<u32, &str> = tokens
            .iter()
            .filter_map(|token| Some((id(token)?, *token)))
            .collect();
        let added = |(id, token): (u32, &str)| {
            json!({
                "id": id,
                "content": token,
                "single_word": false,
                "lstrip": greedy == Some(token),
                "rstrip": false,
                "normalized": false,
                "special": true,
            })
        };
        known.into_iter().map(added).collect()
    }
}
