//! The files that sentence-transformers puts beside a model.

use serde_json::Value;

use super::Pooling;
use crate::checkpoint::{ModuleEntry, read_modules};
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
/// sentence-transformers looks for them. The first that is not empty counts: recent releases write an
/// empty `document` beside whatever a model has.
const PASSAGE_PROMPTS: [&str; 3] = ["document", "passage", "corpus"];

/// The list of modules.
const MODULES: &str = "modules.json";

/// Reads the files; `None` when there is no `modules.json`.
pub(super) fn read(checkpoint: &Checkpoint) -> Result<Option<SentenceModel>, Error> {
    let Some(modules) = read_modules(checkpoint.files())? else {
        return Ok(None);
    };
    let [model, pooling, modules @ ..] = &modules[..] else {
        let what = "a Transformer and a Pooling expected";
        return refuse(checkpoint, MODULES, "type", what);
    };
    if !model.is_transformer() {
        let what = format!("a Transformer expected first, found `{}`", model.kind);
        return refuse(checkpoint, MODULES, "type", &what);
    }
    if pooling.kind != "Pooling" {
        let what = format!("Pooling expected second, found `{}`", pooling.kind);
        return refuse(checkpoint, MODULES, "type", &what);
    }
    let with_files = [pooling].into_iter().chain(modules);
    if let Some(module) = with_files
        .filter(|m| m.kind != "Normalize")
        .find(|m| m.folder.is_empty())
    {
        let what = format!("a folder expected for `{}`, found none", module.kind);
        return refuse(checkpoint, MODULES, "path", &what);
    }
    let (passage_prompt, question_prompt) = read_prompts(checkpoint)?;
    let has_prompts = !(passage_prompt.is_empty() && question_prompt.is_empty());
    let pooling = read_pooling(checkpoint, &pooling.folder, has_prompts)?;
    let modules = modules.iter().map(|module| read_module(checkpoint, module));
    let modules = modules.collect::<Result<_, _>>()?;
    Ok(Some(SentenceModel {
        pooling,
        modules,
        max_tokens: read_max_tokens(checkpoint)?,
        passage_prompt,
        question_prompt,
    }))
}

fn read_module(checkpoint: &Checkpoint, module: &ModuleEntry) -> Result<Module, Error> {
    match &*module.kind {
        "Dense" => read_dense(checkpoint, &module.folder),
        "Normalize" => Ok(Module::Normalize),
        other => {
            let what = format!("Dense or Normalize expected, found `{other}`");
            refuse(checkpoint, MODULES, "type", &what)
        }
    }
}

fn read_pooling(
    checkpoint: &Checkpoint,
    folder: &str,
    has_prompts: bool,
) -> Result<Pooling, Error> {
    let name = format!("{folder}/config.json");
    let config = checkpoint.json(&name)?.unwrap_or_default();
    if has_prompts && config.get("include_prompt") == Some(&Value::Bool(false)) {
        let what = "prompts that count as text expected, found `false`";
        return refuse(checkpoint, &name, "include_prompt", what);
    }
    let modes = pooling_modes(&config);
    match *modes {
        ["cls" | "cls_token"] => Ok(Pooling::Cls),
        ["mean" | "mean_tokens"] => Ok(Pooling::Mean),
        ["max" | "max_tokens"] => Ok(Pooling::Max),
        _ => {
            let found = modes.join(", ");
            let what = format!("one of cls, mean and max expected, found `{found}`");
            refuse(checkpoint, &name, "pooling_mode", &what)
        }
    }
}

/// The names of the poolings that are joined: of one key since release 5.6, before of a switch each.
fn pooling_modes(config: &Value) -> Vec<&str> {
    match config.get("pooling_mode") {
        Some(Value::String(mode)) => vec![mode],
        Some(modes) => modes
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
        None => {
            let switches = config.as_object().into_iter().flatten();
            let on = switches.filter(|(_, on)| on.as_bool() == Some(true));
            on.filter_map(|(key, _)| key.strip_prefix("pooling_mode_"))
                .collect()
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
    let name = &format!("{}sentence_bert_config.json", checkpoint.folder());
    let config = checkpoint.json(name)?.unwrap_or_default();
    let task = config.get("transformer_task").and_then(Value::as_str);
    if let Some(task) = task.filter(|task| *task != "feature-extraction") {
        let what = format!("`feature-extraction` expected, found `{task}`");
        return refuse(checkpoint, name, "transformer_task", &what);
    }
    if config.get("do_lower_case") == Some(&Value::Bool(true)) {
        return refuse(
            checkpoint,
            name,
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
        .filter_map(|name| prompt(name))
        .find(|prompt| !prompt.is_empty())
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
