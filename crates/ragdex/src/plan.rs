//! The plan of a build: what decides its result, so that an interrupted one is not mixed with another.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use ragdex_core::{Sha256, Sha256Hasher};
use ragdex_corpus::{KindRules, SplitRule};
use ragdex_models::EncoderPair;
use serde_json::{Value, json};
use walkdir::WalkDir;

use crate::split_source::SplitSource;
use crate::{BuildOptions, Error, Reading, Result, SplitJob};

/// Standard input among the sources.
pub(crate) const STDIN: &str = "-";

/// Makes the plan of a build. Reads no source, only how long its files are and when they were changed.
///
/// # Errors
/// [`ragdex_corpus::Error::Open`] for a source that cannot be found.
pub(crate) fn plan(
    kb: &Path,
    options: &BuildOptions,
    encoders: Option<&EncoderPair>,
) -> Result<Value> {
    let mut plan = json!({
        "command": "build",
        "sources": match SplitSource::find(&options.sources, options.reading.format)? {
            Some(split) => split.plan()?,
            None => sources(&options.sources, kb)?,
        },
        "reading": reading(&options.reading, options.splitting.rule)?,
        "splitting": options.splitting,
        "context_encoder": encoders.map(|pair| pair.context().description()),
        "question_encoder": encoders.map(|pair| pair.question().description()),
        "generator": options.models.generator,
        "vectors": options.element.to_string(),
        "part_passages": options.part_passages,
        "indexes": {
            "kinds": options.indexes.kinds,
            "connectivity": options.indexes.hnsw.connectivity,
            "expansion_add": options.indexes.hnsw.expansion_add,
        },
    });
    if let Some(given) = &options.embeddings {
        plan["embeddings"] = json!({
            "files": sources(&given.files, kb)?,
            "column": given.column,
        });
    }
    Ok(plan)
}

/// Makes the plan of a split into `folder`.
///
/// # Errors
/// As [`plan`].
pub(crate) fn split_plan(folder: &Path, job: &SplitJob) -> Result<Value> {
    Ok(json!({
        "command": "split",
        "sources": sources(&job.sources, folder)?,
        "reading": reading(&job.reading, job.splitting.rule)?,
        "splitting": job.splitting,
        "to": job.target.name(),
        "shard": job.shard.to_string(),
        "dedup": job.dedup,
        "part_passages": job.part_passages,
    }))
}

pub(crate) fn sources(paths: &[PathBuf], folder: &Path) -> Result<Vec<Value>> {
    let folder = resolved(folder);
    paths.iter().map(|path| source(path, &folder)).collect()
}

/// Everything about the reading that decides what comes out, the contents of rule files included.
pub(crate) fn reading(reading: &Reading, rule: SplitRule) -> Result<Value> {
    let columns = &reading.columns;
    let pages = reading.pages(rule);
    let wiki = &reading.wiki;
    Ok(json!({
        "format": reading.format.name(),
        "columns": [
            columns.key, columns.title, columns.text, columns.url, columns.revision, columns.embeddings,
        ],
        "literal_quotes": columns.literal_quotes,
        "pages": [pages.articles, pages.disambiguation, pages.lists, pages.rules == KindRules::Drqa],
        "namespaces": pages.namespaces,
        "templates": contents(&wiki.templates)?,
        "words": contents(&wiki.words)?,
        "template_redirects": wiki.template_redirects,
        "keep_all_sections": wiki.keep_all_sections,
        "limit": reading.limit,
        "strict": reading.strict,
        "keep_going": reading.keep_going,
    }))
}

/// The hashes of files.
pub(crate) fn contents(paths: &[PathBuf]) -> Result<Vec<String>> {
    let hash = |path: &PathBuf| {
        let content = std::fs::read(path).map_err(|source| open_error(path, source))?;
        Ok(Sha256::of(&content).to_string())
    };
    paths.iter().map(hash).collect()
}

/// The absolute path of a folder that may not be there yet.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if let Ok(found) = absolute.canonicalize() {
        return found;
    }
    match (
        absolute.parent().map(Path::canonicalize),
        absolute.file_name(),
    ) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => absolute,
    }
}

/// Names a source so that another content has, as far as the file system tells, another name. A knowledge
/// base inside its own source, which changes as it is built, is no part of it.
fn source(path: &Path, kb: &Path) -> Result<Value> {
    if path == Path::new(STDIN) {
        return Ok(json!({"path": STDIN}));
    }
    let absolute = path
        .canonicalize()
        .map_err(|source| open_error(path, source))?;
    let mut hasher = Sha256Hasher::default();
    let mut bytes = 0;
    let walk = WalkDir::new(&absolute)
        .follow_links(true)
        .sort_by_file_name();
    for entry in walk.into_iter().filter_entry(|entry| entry.path() != kb) {
        // What cannot be looked at is reported by the reader.
        let Ok((entry, metadata)) = entry.and_then(|e| e.metadata().map(|m| (e, m))) else {
            continue;
        };
        if !metadata.is_file() {
            continue;
        }
        let changed = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let changed = changed.map_or(0, |time| time.as_nanos());
        bytes += metadata.len();
        hasher.update(entry.path().as_os_str().as_encoded_bytes());
        hasher.update(&[0]);
        hasher.update(&metadata.len().to_le_bytes());
        hasher.update(&changed.to_le_bytes());
    }
    let state = hasher.finish();
    Ok(json!({"path": absolute.to_string_lossy(), "bytes": bytes, "state": state}))
}

fn open_error(path: &Path, source: std::io::Error) -> Error {
    Error::Corpus(ragdex_corpus::Error::Open {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_source_is_an_error_and_standard_input_is_none() {
        assert!(source(Path::new("no such file"), Path::new("kb")).is_err());
        assert_eq!(
            source(Path::new("-"), Path::new("kb")).ok(),
            Some(json!({"path": "-"}))
        );
    }
}
