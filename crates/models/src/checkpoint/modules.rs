//! `modules.json` of sentence-transformers: the steps of a model and their folders.

use serde_json::Value;

use super::Files;
use crate::Error;

/// The file.
pub(crate) const MODULES: &str = "modules.json";

/// The names of the first step. The first releases had one for each family of models.
const TRANSFORMERS: [&str; 5] = ["Transformer", "BERT", "RoBERTa", "XLMRoBERTa", "CamemBERT"];

/// One step of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModuleEntry {
    /// The class, without the modules that lead to it.
    pub(crate) kind: String,
    /// The folder of its files; empty for the root.
    pub(crate) folder: String,
}

impl ModuleEntry {
    /// Whether this is the model itself.
    pub(crate) fn is_transformer(&self) -> bool {
        TRANSFORMERS.contains(&&*self.kind)
    }
}

/// Reads the steps; `None` when there is no such file.
///
/// # Errors
/// [`Error::Malformed`] for a folder that is not directly below the checkpoint.
pub(crate) fn read_modules(files: &Files) -> Result<Option<Vec<ModuleEntry>>, Error> {
    let Some(json) = files.json(MODULES)? else {
        return Ok(None);
    };
    let modules = json.as_array().into_iter().flatten().map(|module| {
        let text = |key: &str| module.get(key).and_then(Value::as_str).unwrap_or_default();
        let folder = text("path");
        if folder.contains(['/', '\\', ':']) || folder.starts_with('.') {
            let what = format!("`{folder}`: a plain folder name expected");
            return Err(Error::malformed(files.path(MODULES), what));
        }
        Ok(ModuleEntry {
            kind: text("type")
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
            folder: folder.to_owned(),
        })
    });
    modules.collect::<Result<_, _>>().map(Some)
}

/// Where the model is: the folder of the first step, with a slash behind it, or empty.
pub(super) fn transformer_folder(files: &Files) -> Result<String, Error> {
    let modules = read_modules(files)?.unwrap_or_default();
    let first = modules.first().filter(|module| module.is_transformer());
    Ok(match first {
        Some(module) if !module.folder.is_empty() => format!("{}/", module.folder),
        _ => String::new(),
    })
}
