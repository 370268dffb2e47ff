//! From the name of a model to its files: a folder, the model cache, the hub.
//!
//! This is the one place where names are looked up. Opening uses no network; only [`fetch_missing`] and
//! [`pull`] do, for names that the user gave.

mod conversion;
mod info;

use std::path::Path;

use ragdex_hub::{Cache, CachedModel, ModelName, Pulled, Settings};
use ragdex_models::Checkpoint;
use serde::Serialize;

pub use self::conversion::{Conversion, ConvertReport, convert};
pub use self::info::{ModelInfo, ModelUse, info};
use crate::presets::MINI;
use crate::{Context, Error, ModelNames, Result};

/// What was fetched of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PullReport {
    /// The model.
    pub name: String,
    /// The commit that its revision leads to.
    pub revision: String,
    /// Its folder in the cache.
    pub folder: String,
    /// The licence that its publisher names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The files that ragdex reads.
    pub files: usize,
    /// Their length together.
    pub bytes: u64,
    /// What came over the network.
    pub fetched: u64,
}

impl From<Pulled> for PullReport {
    fn from(pulled: Pulled) -> Self {
        Self {
            name: pulled.id,
            revision: pulled.commit,
            folder: pulled.folder.display().to_string(),
            licence: pulled.licence,
            files: pulled.files,
            bytes: pulled.bytes,
            fetched: pulled.fetched,
        }
    }
}

/// A commit of a model in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CachedReport {
    /// The model.
    pub name: String,
    /// The commit.
    pub revision: String,
    /// The branches and tags that lead to it.
    pub revisions: Vec<String>,
    /// Its folder.
    pub folder: String,
    /// The length of its files.
    pub bytes: u64,
    /// The licence on its model card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Whether nothing that ragdex reads is missing.
    pub available: bool,
}

impl From<CachedModel> for CachedReport {
    fn from(model: CachedModel) -> Self {
        Self {
            name: model.id,
            revision: model.commit,
            revisions: model.revisions,
            folder: model.folder.display().to_string(),
            bytes: model.bytes,
            licence: model.licence,
            available: model.is_usable,
        }
    }
}

/// Opens a checkpoint: a folder, or else a model in the cache. Uses no network.
///
/// # Errors
/// [`Error::Hub`] for a name that is neither; what files give.
pub(crate) fn open(name: &str) -> Result<Checkpoint> {
    if Path::new(name).is_dir() {
        return Ok(Checkpoint::from_folder(crate::models::absolute_name(name))?);
    }
    let settings = Settings::from_environment()?;
    let parsed: ModelName = name.parse()?;
    match Cache::new(&settings.cache).find(&parsed)? {
        Some(model) => Ok(Checkpoint::from_snapshot(name, model.commit, model.folder)?),
        None => Err(not_cached(&parsed, settings)),
    }
}

/// Whether a model can be opened without a network.
pub(crate) fn is_at_hand(name: &str) -> bool {
    name == MINI
        || Path::new(name).is_dir()
        || matches!(cached(name), Ok(Some(model)) if model.is_usable)
}

/// The licence that the card of a model names, in its folder or in the cache.
pub(crate) fn licence(name: &str) -> Option<String> {
    if Path::new(name).is_dir() {
        let card = std::fs::read_to_string(Path::new(name).join("README.md")).ok()?;
        return ragdex_hub::licence_of_card(&card);
    }
    cached(name).ok()??.licence
}

/// Fetches those of the models that the user named and that are neither folders nor in the cache, and says
/// so. Where the network may not be used, a missing one is an error that says how to get it.
///
/// # Errors
/// [`Error::Hub`].
pub fn fetch_missing(names: &[&str], context: &Context<'_>) -> Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for &name in names {
        if seen.contains(&name) || is_at_hand(name) {
            continue;
        }
        seen.push(name);
        let settings = Settings::from_environment()?;
        let parsed: ModelName = name.parse()?;
        if settings.is_offline {
            // Of one that is not whole, opening it tells what is missing.
            if cached(name)?.is_some() {
                continue;
            }
            return Err(not_cached(&parsed, settings));
        }
        let from = &settings.endpoint;
        context.reporter.note(&format!(
            "{name} is not on this machine: fetching it from {from}"
        ));
        let report = fetch(&parsed, &settings, context)?;
        let licence = report.licence.as_deref().unwrap_or("none named");
        context.reporter.note(&format!(
            "{name}: licence {licence}, {} bytes",
            report.bytes
        ));
    }
    Ok(())
}

/// As [`fetch_missing`], for the models of a build.
pub(crate) fn fetch_named(models: &ModelNames, context: &Context<'_>) -> Result<()> {
    let names = [
        &models.context_encoder,
        &models.question_encoder,
        &models.generator,
    ];
    fetch_missing(&names.map(String::as_str), context)
}

/// Fetches a model into the cache that Python shares, or what is missing of it; `revision` is a branch, a tag
/// or a commit, in place of the one behind `@` in the name.
///
/// # Errors
/// [`Error::Hub`]; a folder has nothing to fetch, [`Error::IsFolder`].
pub fn pull(name: &str, revision: Option<&str>, context: &Context<'_>) -> Result<PullReport> {
    let parsed = name.parse::<ModelName>();
    if parsed.is_err() && Path::new(name).is_dir() {
        return Err(Error::IsFolder { path: name.into() });
    }
    let named = match revision {
        Some(revision) => parsed?.at(revision)?,
        None => parsed?,
    };
    fetch(&named, &Settings::from_environment()?, context)
}

/// Lists what is in the cache, by name and commit.
///
/// # Errors
/// [`Error::Hub`].
pub fn list_cached() -> Result<Vec<CachedReport>> {
    let settings = Settings::from_environment()?;
    let models = Cache::new(settings.cache).list()?;
    Ok(models.into_iter().map(CachedReport::from).collect())
}

fn fetch(name: &ModelName, settings: &Settings, context: &Context<'_>) -> Result<PullReport> {
    let pulled = ragdex_hub::pull(name, settings, context.reporter, context.cancel)?;
    Ok(pulled.into())
}

fn cached(name: &str) -> Result<Option<CachedModel>> {
    let settings = Settings::from_environment()?;
    Ok(Cache::new(settings.cache).find(&name.parse()?)?)
}

fn not_cached(name: &ModelName, settings: Settings) -> Error {
    Error::Hub(ragdex_hub::Error::NotCached {
        name: name.to_string(),
        cache: settings.cache,
        is_offline: settings.is_offline,
    })
}
