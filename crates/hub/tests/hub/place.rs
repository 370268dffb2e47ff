//! A hub with one model, a cache, and calls.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ragdex_core::{Cancel, NoReporter};
use ragdex_hub::{Cache, Error, Pulled, Settings, Timing, pull};
use ragdex_testing::{HubServer, Random};
use tempfile::TempDir;

pub(crate) const ID: &str = "org/model";

/// The large file of the model.
pub(crate) const WEIGHTS: &str = "model.safetensors";

/// A hub and a cache.
pub(crate) struct Place {
    pub(crate) hub: HubServer,
    pub(crate) folder: TempDir,
    pub(crate) settings: Settings,
    /// The files that ragdex reads.
    pub(crate) expected: BTreeMap<String, Vec<u8>>,
    pub(crate) commit: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let hub = HubServer::start();
        let folder = tempfile::tempdir().unwrap();
        let weights = weights(300_000);
        let files: [(&str, &[u8]); 6] = [
            ("config.json", b"{\"model_type\": \"bert\"}"),
            ("tokenizer.json", b"{}"),
            ("README.md", b"---\nlicense: apache-2.0\n---\n"),
            ("1_Pooling/config.json", b"{\"pooling_mode\": \"mean\"}"),
            (WEIGHTS, &weights),
            ("tf_model.h5", b"not for us"),
        ];
        let commit = hub.publish(ID, &files);
        let expected = files.iter().filter(|(name, _)| *name != "tf_model.h5");
        let expected = expected.map(|(name, content)| ((*name).to_owned(), content.to_vec()));
        let settings = settings(&hub.url(), folder.path());
        Self {
            expected: expected.collect(),
            hub,
            folder,
            settings,
            commit,
        }
    }

    pub(crate) fn pull(&self) -> Result<Pulled, Error> {
        self.pull_as(ID)
    }

    pub(crate) fn pull_as(&self, name: &str) -> Result<Pulled, Error> {
        pull(
            &name.parse()?,
            &self.settings,
            &NoReporter,
            &Cancel::default(),
        )
    }

    /// Fetches and holds every file against what was published.
    #[track_caller]
    pub(crate) fn pulls_whole(&self) -> Pulled {
        let pulled = self.pull().unwrap();
        assert_eq!(files(&pulled.folder), self.expected);
        let found = Cache::new(&self.settings.cache)
            .find(&ID.parse().unwrap())
            .unwrap()
            .unwrap();
        assert!(found.is_usable);
        assert_eq!(
            (&found.folder, &found.commit),
            (&pulled.folder, &self.commit)
        );
        pulled
    }

    /// Fetches in vain: no revision leads to a model.
    #[track_caller]
    pub(crate) fn fails(&self) -> Error {
        let error = self.pull().unwrap_err();
        assert!(
            Cache::new(&self.settings.cache)
                .find(&ID.parse().unwrap())
                .unwrap()
                .is_none()
        );
        error
    }

    /// How often the weights were asked for, and from which byte.
    pub(crate) fn asked_for_weights(&self) -> Vec<Option<usize>> {
        let requests = self.hub.requests().into_iter();
        requests
            .filter(|request| request.target.ends_with(WEIGHTS))
            .map(|request| request.from)
            .collect()
    }
}

/// Settings that wait for nothing long.
pub(crate) fn settings(endpoint: &str, cache: &Path) -> Settings {
    let mut settings = Settings::from_environment().unwrap();
    endpoint.clone_into(&mut settings.endpoint);
    settings.cache = cache.join("hub");
    settings.token = None;
    settings.is_offline = false;
    settings.certificates = None;
    settings.timing = Timing {
        // On a busy machine a second may pass without a byte.
        stall: Duration::from_secs(20),
        attempts: 4,
        pause: Duration::from_millis(1),
        longest_pause: Duration::from_secs(1),
    };
    settings
}

pub(crate) fn weights(n: usize) -> Vec<u8> {
    let mut random = Random::new(7);
    (0..n).map(|_| random.below(256) as u8).collect()
}

/// Every file below a folder by its name, links followed.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}
