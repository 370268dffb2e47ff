//! A model and everything that ragdex reads of it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{iter, thread};

use ragdex_core::{Cancel, Reporter, Stage, Unit};

use crate::choice::choose;
use crate::client::Client;
use crate::download::Download;
use crate::listing::{Blob, Listing, RemoteFile, encoded};
use crate::model_folder::ModelFolder;
use crate::{Error, ModelName, Settings};

/// How often is looked whether the work was stopped while a connection gives nothing.
const WATCH_PAUSE: Duration = Duration::from_millis(50);

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pulled {
    /// The model, without revision.
    pub id: String,
    /// The commit, 40 hexadecimal digits.
    pub commit: String,
    /// The folder in the cache.
    pub folder: PathBuf,
    /// The licence that the hub names.
    pub licence: Option<String>,
    /// How many files ragdex reads of it.
    pub files: usize,
    /// Their length together.
    pub bytes: u64,
    /// What came over the network; less when some was there.
    pub fetched: u64,
}

/// Fetches a model into the cache, or what is missing of it, and checks every length and checksum.
///
/// Only the files that ragdex reads are fetched: configuration, tokenizers, one form of the weights, the model
/// card. The revision leads to the new commit once all of them are there; until then it leads to what it led
/// to before. After an interruption the same call goes on where it stopped. Two calls at once, also of
/// Python's client, share the work.
///
/// # Errors
/// [`Error::NotCached`] in offline mode; [`Error::UnknownModel`], [`Error::UnknownRevision`], [`Error::Gated`],
/// [`Error::NothingUsable`]; what networks and disks give; [`Error::Cancelled`].
pub fn pull(
    name: &ModelName,
    settings: &Settings,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<Pulled, Error> {
    if settings.is_offline {
        return Err(Error::NotCached {
            name: name.to_string(),
            cache: settings.cache.clone(),
            is_offline: true,
        });
    }
    let client = Client::new(settings, name.id(), cancel)?;
    let pull = Pull {
        name,
        client: &client,
        folder: ModelFolder::new(&settings.cache, name),
        reporter,
    };
    let is_done = AtomicBool::new(false);
    let pulled = thread::scope(|scope| {
        let agent = client.agent();
        let is_done = &is_done;
        scope.spawn(move || {
            while !is_done.load(Ordering::Relaxed) && !cancel.is_cancelled() {
                thread::sleep(WATCH_PAUSE);
            }
            if cancel.is_cancelled() {
                agent.shutdown();
            }
        });
        let pulled = pull.run();
        is_done.store(true, Ordering::Relaxed);
        pulled
    });
    // A connection that was cut by the stop fails in its own words.
    match pulled {
        Err(_) if cancel.is_cancelled() => Err(Error::Cancelled(ragdex_core::Cancelled)),
        pulled => pulled,
    }
}

/// One call under way.
struct Pull<'a> {
    name: &'a ModelName,
    client: &'a Client<'a>,
    folder: ModelFolder,
    reporter: &'a dyn Reporter,
}

/// A file with what is known of its content.
struct Wanted<'a> {
    file: &'a RemoteFile,
    url: String,
    blob: Blob,
}

impl Pull<'_> {
    fn run(&self) -> Result<Pulled, Error> {
        let listing = Listing::fetch(self.client, self.name)?;
        let wanted = self.wanted(&listing)?;
        let bytes = wanted
            .iter()
            .map(|wanted| wanted.blob.bytes)
            .fold(0, u64::saturating_add);
        self.reporter
            .start(Stage::Download, Unit::Bytes, Some(bytes));
        let fetched = self.fetch(&wanted);
        self.reporter.finish(Stage::Download);
        let fetched = fetched?;
        let commit = &listing.commit;
        for Wanted { file, blob, .. } in &wanted {
            self.folder.link(commit, &file.name, &blob.checksum)?;
        }
        self.folder.set_commit(self.name.revision(), commit)?;
        Ok(Pulled {
            id: self.name.id().to_owned(),
            folder: self.folder.snapshot(commit),
            licence: listing.licence.clone(),
            files: wanted.len(),
            bytes,
            fetched,
            commit: commit.clone(),
        })
    }

    /// The files to fetch, small ones first: what is wrong with a model shows before its weights come.
    fn wanted<'l>(&self, listing: &'l Listing) -> Result<Vec<Wanted<'l>>, Error> {
        let names: Vec<&str> = listing.files.iter().map(|file| &*file.name).collect();
        let chosen = choose(&names, self.name.id())?;
        let chosen = listing
            .files
            .iter()
            .filter(|file| chosen.contains(&&*file.name));
        let wanted = chosen.map(|file| {
            let url = self.url(&listing.commit, &file.name);
            let blob = Listing::blob(file, &url, self.client)?;
            Ok(Wanted { file, url, blob })
        });
        let mut wanted = wanted.collect::<Result<Vec<_>, Error>>()?;
        wanted.sort_by(|a, b| (a.blob.bytes, &a.file.name).cmp(&(b.blob.bytes, &b.file.name)));
        Ok(wanted)
    }

    fn url(&self, commit: &str, file: &str) -> String {
        let endpoint = &self.client.settings.endpoint;
        let file = encoded(file, true);
        format!("{endpoint}/{}/resolve/{commit}/{file}", self.name.id())
    }

    /// Fetches the files one after the other; gives the bytes that came over the network.
    fn fetch(&self, wanted: &[Wanted<'_>]) -> Result<u64, Error> {
        let ends = wanted.iter().scan(0_u64, |end, wanted| {
            *end = end.saturating_add(wanted.blob.bytes);
            Some(*end)
        });
        let mut fetched = 0;
        for (Wanted { file, url, blob }, start) in wanted.iter().zip(iter::once(0).chain(ends)) {
            self.reporter.message(Stage::Download, &file.name);
            let on_progress = |bytes| self.reporter.advance(Stage::Download, start + bytes);
            let download = Download {
                client: self.client,
                folder: &self.folder,
                url,
                name: &file.name,
                blob,
                reporter: self.reporter,
                on_progress: &on_progress,
            };
            fetched += download.run()?;
            on_progress(blob.bytes);
        }
        Ok(fetched)
    }
}
