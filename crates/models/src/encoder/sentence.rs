//! The files that sentence-transformers puts beside a model.

use serde_json::Value;

use super::Pooling;
use crate::{Checkpoint, Error};

/// What follows the transformer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Module {
    /// An affine map from the weights in `folder` to vectors of `width`.
    Dense {
        folder: String,
        width: usize,
        /// Whether tanh follows.
        tanh: bool,
    },
    /// To length 1.
    Normalize,
}

/// A sentence encoder as its files describe it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SentenceModel {
    pub(super) pooling: Pooling,
    pub(super) modules: Vec<Module>,
    pub(super) max_tokens: Option<usize>,
    pub(super) passage_prompt: String,
    pub(super) question_prompt: String,
}

/// The names under which models keep the prompt of passages, in the order in which
/// sentence-transformers looks for them.
const PASSAGE_PROMPTS: [&str; 3] = ["document", "passage", "corpus"];

/// Reads the files; `None` when there is no `modules.json`.
pub(super) fn read(checkpoint: &Checkpoint) -> Result<Option<SentenceModel>, Error> {
    const MODULES: &str = "modules.json";
    let Some(json) = checkpoint.json(MODULES)? else {
        return Ok(None);
    };
    let mut modules = json.as_array().into_iter().flatten().map(|module| {
        let text = |key: &str| module.get(key).and_then(Value::as_str).unwrap_or_default();
        let kind = text("type").rsplit('.').next().unwrap_or_default();
        (kind, text("path"))
    });
    if !matches!(modules.next(), Some(("Transformer", ""))) {
        return refuse(
            checkpoint,
            MODULES,
            "type",
            "a Transformer at path `` expected first",
        );
    }
    let Some(("Pooling", folder)) = modules.next() else {
        return refuse(checkpoint, MODULES, "type", "Pooling expected second");
    };
    let pooling = read_pooling(checkpoint, folder)?;
    let modules = modules.map(|(kind, folder)| match kind {
        "Dense" => read_dense(checkpoint, folder),
        "Normalize" => Ok(Module::Normalize),
        other => {
            let what = format!("Dense or Normalize expected, found `{other}`");
            refuse(checkpoint, MODULES, "type", &what)
        }
    });
    let modules = modules.collect::<Result<_, _>>()?;
    let (passage_prompt, question_prompt) = read_prompts(checkpoint)?;
    Ok(Some(SentenceModel {
        pooling,
        modules,
        max_tokens: read_max_tokens(checkpoint)?,
        passage_prompt,
        question_prompt,
    }))
}

fn read_pooling(checkpoint: &Checkpoint, folder: &str) -> Result<Pooling, Error> {
    let name = format!("{folder}/config.json");
    let config = checkpoint.json(&name)?.unwrap_or_default();
    let modes = config.as_object().into_iter().flatten();
    let modes =
        modes.filter(|(key, on)| key.starts_with("pooling_mode_") && on.as_bool() == Some(true));
    let modes: Vec<&str> = modes
        .map(|(key, _)| &key["pooling_mode_".len()..])
        .collect();
    match *modes {
        ["cls_token"] => Ok(Pooling::Cls),
        ["mean_tokens"] => Ok(Pooling::Mean),
        ["max_tokens"] => Ok(Pooling::Max),
        _ => {
            let found = modes.join(", ");
            let what = format!("one of cls, mean and max expected, found `{found}`");
            refuse(checkpoint, &name, "pooling_mode", &what)
        }
    }
}

fn read_dense(checkpoint: &Checkpoint, folder: &str) -> Result<Module, Error> {
    let name = format!("{folder}/config.json");
    let config = checkpoint.json(&name)?.unwrap_or_default();
    let activation = config.get("activation_function").and_then(Value::as_str);
    let activation = activation
        .unwrap_or_default()
        .rsplit('.')
        .next()
        .unwrap_or_default();
    let tanh = match activation {
        "Tanh" => true,
        "Identity" => false,
        other => {
            let what = format!("Tanh or Identity expected, found `{other}`");
            return refuse(checkpoint, &name, "activation_function", &what);
        }
    };
    let width = config
        .get("out_features")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    if width == 0 {
        return refuse(
            checkpoint,
            &name,
            "out_features",
            "a positive number expected",
        );
    }
    Ok(Module::Dense {
        folder: folder.to_owned(),
        width: width as usize,
        tanh,
    })
}

fn read_max_tokens(checkpoint: &Checkpoint) -> Result<Option<usize>, Error> {
    const NAME: &str = "sentence_bert_config.json";
    let config = checkpoint.json(NAME)?.unwrap_or_default();
    if config.get("do_lower_case") == Some(&Value::Bool(true)) {
        return refuse(
            checkpoint,
            NAME,
            "do_lower_case",
            "only tokenizers change the case here",
        );
    }
    let length = config.get("max_seq_length").and_then(Value::as_u64);
    Ok(length.map(|length| length as usize))
}

/// The prompts of passages and of questions; empty when there are none.
fn read_prompts(checkpoint: &Checkpoint) -> Result<(String, String), Error> {
    let config = checkpoint
        .json("config_sentence_transformers.json")?
        .unwrap_or_default();
    let prompt = |name: &str| config.get("prompts")?.get(name)?.as_str();
    let default = config
        .get("default_prompt_name")
        .and_then(Value::as_str)
        .and_then(prompt);
    let passage = PASSAGE_PROMPTS
        .iter()
        .find_map(|name| prompt(name))
        .or(default);
    let question = prompt("query").or(default);
    Ok((
        passage.unwrap_or_default().to_owned(),
        question.unwrap_or_default().to_owned(),
    ))
}

fn refuse<T>(checkpoint: &Checkpoint, name: &str, key: &str, what: &str) -> Result<T, Error> {
    Err(Error::Config {
        path: checkpoint.path(name),
        key: key.into(),
        what: what.into(),
    })
}
