//! Which files of a model ragdex reads.
//!
//! Models are published for several frameworks at once; of the weights one form is fetched, and nothing that
//! is read by others only (TensorFlow, Flax, ONNX, `OpenVINO`).

use crate::Error;

/// Configuration and tokenizer of a folder.
const SMALL_FILES: [&str; 12] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
];

/// What tells of origin and licence; at the top only.
const PAPERS: [&str; 4] = ["README.md", "LICENSE", "LICENSE.txt", "LICENSE.md"];

/// The tokenizers of a RAG checkpoint.
const RAG_TOKENIZERS: [&str; 2] = ["question_encoder_tokenizer", "generator_tokenizer"];

/// Weights in one file, and the list of their shards with the beginning and the end of a shard's name. The
/// first form that a folder has is taken: pickles last.
const WEIGHTS: [(&str, Option<(&str, &str)>); 4] = [
    ("model.safetensors", None),
    (
        "model.safetensors.index.json",
        Some(("model-", ".safetensors")),
    ),
    ("pytorch_model.bin", None),
    (
        "pytorch_model.bin.index.json",
        Some(("pytorch_model-", ".bin")),
    ),
];

/// Chooses among the files of a model, in the order of their names.
///
/// # Errors
/// [`Error::NothingUsable`] for a model without configuration or weights.
pub(crate) fn choose<'a>(names: &[&'a str], id: &str) -> Result<Vec<&'a str>, Error> {
    let missing = |missing| Error::NothingUsable {
        id: id.to_owned(),
        missing,
    };
    if !names
        .iter()
        .any(|name| is_model_file(name, &["config.json"]))
    {
        return Err(missing("config.json"));
    }
    let mut folders: Vec<&str> = names.iter().map(|name| split(name).0).collect();
    folders.sort_unstable();
    folders.dedup();
    let weights = folders.iter().filter(|folder| is_of_model(folder));
    let weights: Vec<&str> = weights
        .flat_map(|folder| weights_in(folder, names))
        .collect();
    if weights.is_empty() {
        return Err(missing("model.safetensors or pytorch_model.bin"));
    }
    let small = names.iter().copied().filter(|name| is_small(name));
    let mut chosen: Vec<&str> = small.chain(weights).collect();
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

/// Whether a folder of the cache that holds these files can be opened: an interrupted download, or one by a
/// program that needs other files, may lack some.
pub(crate) fn is_usable(names: &[&str]) -> bool {
    let tokenizers = ["tokenizer.json", "vocab.txt", "vocab.json"];
    let has_tokenizer = names.iter().any(|name| {
        let (folder, file) = split(name);
        (is_of_model(folder) || RAG_TOKENIZERS.contains(&folder)) && tokenizers.contains(&file)
    });
    has_tokenizer && choose(names, "").is_ok_and(|chosen| has_all_shards(&chosen))
}

/// A file's folder, empty at the top, and its name.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

/// Whether a folder belongs to the model itself: the top, or a numbered one of sentence-transformers.
fn is_of_model(folder: &str) -> bool {
    let digits = folder.bytes().take_while(u8::is_ascii_digit).count();
    let behind = &folder[digits..];
    folder.is_empty()
        || digits > 0 && !folder.contains('/') && (behind.is_empty() || behind.starts_with('_'))
}

fn is_model_file(name: &str, files: &[&str]) -> bool {
    let (folder, file) = split(name);
    is_of_model(folder) && files.contains(&file)
}

fn is_small(name: &str) -> bool {
    let (folder, file) = split(name);
    is_model_file(name, &SMALL_FILES)
        || RAG_TOKENIZERS.contains(&folder) && SMALL_FILES.contains(&file)
        || PAPERS.contains(&name)
}

/// The weights of a folder in the best form it has.
fn weights_in<'a>(folder: &str, names: &[&'a str]) -> Vec<&'a str> {
    let here = |name: &&'a str| split(name).0 == folder;
    for (file, shards) in WEIGHTS {
        let first = names
            .iter()
            .copied()
            .find(|name| here(name) && split(name).1 == file);
        let Some(first) = first else { continue };
        let is_shard = |name: &&'a str| {
            let file = split(name).1;
            shards.is_some_and(|(start, end)| file.starts_with(start) && file.ends_with(end))
        };
        let shards = names
            .iter()
            .copied()
            .filter(|name| here(name) && is_shard(name));
        return [first].into_iter().chain(shards).collect();
    }
    Vec::new()
}

/// Whether no shard is missing, by the count in names such as `model-00001-of-00003.safetensors`.
fn has_all_shards(chosen: &[&str]) -> bool {
    chosen
        .iter()
        .filter(|name| name.ends_with(".index.json"))
        .all(|index| {
            let (folder, _) = split(index);
            let counts = chosen.iter().filter(|name| split(name).0 == folder);
            let counts: Vec<usize> = counts.filter_map(|name| shard_count(name)).collect();
            counts.first().is_some_and(|&count| counts.len() == count)
        })
}

fn shard_count(name: &str) -> Option<usize> {
    let behind = name.rsplit_once("-of-")?.1;
    behind.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&'static str]) -> Vec<&'static str> {
        choose(names, "id").unwrap()
    }

    #[test]
    fn one_form_of_the_weights_is_chosen_and_none_of_other_frameworks() {
        let files = [
            "tf_model.h5",
            "flax_model.msgpack",
            "rust_model.ot",
            "onnx/model.onnx",
            "openvino/config.json",
            ".gitattributes",
            "coreml/model.mlmodel",
            "pytorch_model.bin",
            "config.json",
            "vocab.txt",
            "README.md",
            "training_args.bin",
            "optimizer.pt",
        ];
        let expected = ["README.md", "config.json", "pytorch_model.bin", "vocab.txt"];
        assert_eq!(chosen(&files), expected);
        let both = [&files[..], &["model.safetensors"]].concat();
        let expected = ["README.md", "config.json", "model.safetensors", "vocab.txt"];
        assert_eq!(chosen(&both), expected);
    }

    #[test]
    fn shards_are_chosen_with_their_index() {
        let files = [
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "pytorch_model-00001-of-00001.bin",
            "pytorch_model.bin.index.json",
        ];
        assert_eq!(chosen(&files), files[..4]);
    }

    #[test]
    fn sentence_transformers_and_rag_bring_their_folders() {
        let sentence = [
            "1_Pooling/config.json",
            "2_Dense/config.json",
            "2_Dense/model.safetensors",
            "2_Dense/pytorch_model.bin",
            "config.json",
            "model.safetensors",
            "modules.json",
            "other/config.json",
            "tokenizer.json",
        ];
        let expected = [
            "1_Pooling/config.json",
            "2_Dense/config.json",
            "2_Dense/model.safetensors",
            "config.json",
            "model.safetensors",
            "modules.json",
            "tokenizer.json",
        ];
        assert_eq!(chosen(&sentence), expected);
        let rag = [
            "config.json",
            "generator_tokenizer/merges.txt",
            "generator_tokenizer/vocab.json",
            "pytorch_model.bin",
            "question_encoder_tokenizer/vocab.txt",
        ];
        assert_eq!(chosen(&rag), rag);
        assert!(is_usable(&rag) && is_usable(&expected));
    }

    #[test]
    fn a_model_without_weights_or_configuration_is_refused() {
        for files in [
            &["config.json", "tf_model.h5"][..],
            &["model.safetensors"],
            &[],
            &["a/config.json"],
        ] {
            assert!(choose(files, "id").is_err(), "{files:?}");
        }
    }

    #[test]
    fn a_folder_is_usable_once_nothing_is_missing() {
        let files = [
            "config.json",
            "vocab.txt",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ];
        assert!(is_usable(&files));
        for missing in 0..files.len() {
            let mut some = files.to_vec();
            some.remove(missing);
            assert!(!is_usable(&some), "without {}", files[missing]);
        }
    }
}
