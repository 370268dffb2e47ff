//! Options of a build as a snapshot keeps them for the commands that follow.

use std::path::{Path, PathBuf};

use ragdex_core::Sha256;
use ragdex_store::Manifest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::models::{absolute_name, generator_sha256};
use crate::plan::contents;
use crate::{BuildOptions, Context, Reading, Result};

/// What `refresh` and `add` need to treat documents as the build did; in the manifest under `build`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Recorded {
    /// The model that answers unless another is named.
    pub(crate) generator: Option<String>,
    /// The hash of its weights; absent where an older version did not note it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) generator_sha256: Option<Sha256>,
    /// How sources are read.
    pub(crate) reading: Reading,
    /// Hashes of the files of rules for wikitext, as they were when documents were last parsed.
    pub(crate) rules: Vec<String>,
    /// The version of ragdex that all documents were last parsed with, whatever wrote snapshots since.
    pub(crate) parsed_by: String,
    /// Passages of a part, at least.
    pub(crate) part_passages: u64,
}

impl Default for Recorded {
    fn default() -> Self {
        Self {
            generator: None,
            generator_sha256: None,
            reading: Reading::default(),
            rules: Vec::new(),
            parsed_by: String::new(),
            part_passages: BuildOptions::DEFAULT_PART_PASSAGES,
        }
    }
}

impl Recorded {
    /// Notes the options of a build; files of rules by their absolute paths, the generator with its hash.
    pub(crate) fn of(options: &BuildOptions, context: &Context<'_>) -> Result<Self> {
        let mut reading = options.reading.clone();
        for paths in [&mut reading.wiki.templates, &mut reading.wiki.words] {
            for path in paths.iter_mut() {
                *path = absolute(path);
            }
        }
        Ok(Self {
            generator: Some(absolute_name(&options.models.generator)),
            generator_sha256: generator_sha256(&options.models.generator, context)?,
            rules: rules(&options.reading)?,
            parsed_by: env!("CARGO_PKG_VERSION").into(),
            reading,
            part_passages: options.part_passages,
        })
    }

    /// Reads the options of a snapshot; what an older version did not note has its default.
    pub(crate) fn in_manifest(manifest: &Manifest) -> Self {
        let noted = Value::Object(manifest.build.clone());
        serde_json::from_value(noted).unwrap_or_default()
    }

    /// As it stands in the manifest.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }
}

/// The hashes of the files of rules.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn rules(reading: &Reading) -> Result<Vec<String>> {
    let wiki = &reading.wiki;
    Ok([contents(&wiki.templates)?, contents(&wiki.words)?].concat())
}

/// The absolute path, in Unicode, which JSON can hold.
fn absolute(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.to_string_lossy().into_owned().into()
}
