//! The merges of byte-pair encodings.
//!
//! They are checked here because the tokenizers crate indexes out of bounds on a merge whose
//! result is longer than every piece of the vocabulary.

use std::path::Path;

use serde::Deserialize;

use super::vocabulary::{Vocabulary, lines};
use crate::Error;

/// Reads `merges.txt`: a pair of pieces a line, most frequent first.
pub(super) fn read(
    bytes: &[u8],
    path: &Path,
    vocabulary: &Vocabulary,
) -> Result<Vec<(String, String)>, Error> {
    let mut pairs = Vec::new();
    for (line, number) in lines(bytes, path)?.zip(1..) {
        if line.starts_with("#version") || line.is_empty() {
            continue;
        }
        let pair = line.split_once(' ');
        let pair = pair.filter(|(first, second)| is_merge(first, second, vocabulary));
        let (first, second) = pair.ok_or_else(|| {
            let what = "two pieces whose join is in the vocabulary expected";
            Error::malformed(path, format!("line {number}: {what}"))
        })?;
        pairs.push((first.to_owned(), second.to_owned()));
    }
    Ok(pairs)
}

/// Checks the merges of a `tokenizer.json`. Everything else in it is left to the tokenizers crate.
pub(super) fn check(json: &[u8], path: &Path) -> Result<(), Error> {
    let Ok(Definition {
        model:
            Model {
                merges,
                vocab,
                continuing_subword_prefix,
            },
    }) = serde_json::from_slice(json)
    else {
        return Ok(()); // another kind of model, or damage that loading reports
    };
    let prefix = continuing_subword_prefix.unwrap_or_default();
    for (merge, number) in merges.iter().zip(1..) {
        let pair = match merge {
            Merge::Pair(first, second) => Some((&**first, &**second)),
            Merge::Line(line) => line.split_once(' '),
        };
        let joins = |(first, second): (&str, &str)| {
            let tail = second.strip_prefix(&*prefix);
            tail.is_some_and(|tail| vocab.contains_key(&format!("{first}{tail}")))
        };
        if !pair.is_some_and(joins) {
            let what = format!("merge {number}: its result is not in the vocabulary");
            return Err(Error::malformed(path, what));
        }
    }
    Ok(())
}

fn is_merge(first: &str, second: &str, vocabulary: &Vocabulary) -> bool {
    let held = |piece: &str| vocabulary.contains_key(piece);
    held(first) && held(second) && held(&format!("{first}{second}"))
}

#[derive(Deserialize)]
struct Definition {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    merges: Vec<Merge>,
    vocab: Vocabulary,
    continuing_subword_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Line(String),
}
