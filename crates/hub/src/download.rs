//! One file: fetched in as many pieces as it takes, checked, and put among the blobs.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;

use ragdex_core::Reporter;
use ureq::Body;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use ureq::http::{Response, StatusCode};

use crate::Error;
use crate::client::Client;
use crate::listing::Blob;
use crate::model_folder::{ModelFolder, create_parent};
use crate::patience::Patience;

/// Bytes written between two looks whether the work was stopped.
const CHUNK_BYTES: usize = 1 << 16;

/// A connection that brought so much was a good one: failures are counted anew. Less would let a server that
/// cuts every connection after some bytes hold the program for hours.
const PROGRESS_BYTES: u64 = 1 << 20;

/// One file to fetch.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client<'a>,
    pub(crate) folder: &'a ModelFolder,
    pub(crate) url: &'a str,
    /// The name of the file, for people.
    pub(crate) name: &'a str,
    pub(crate) blob: &'a Blob,
    pub(crate) reporter: &'a dyn Reporter,
    /// Hears how many bytes of the file are there.
    pub(crate) on_progress: &'a dyn Fn(u64),
}

impl Download<'_> {
    /// Fetches the file unless it is there; tells how many bytes came over the network.
    ///
    /// What came before a failure or a stop stays and is not fetched again. A file whose checksum is wrong
    /// is fetched once more from its beginning.
    ///
    /// # Errors
    /// [`Error::Checksum`], [`Error::Length`], [`Error::DiskFull`], [`Error::Cancelled`], and what the network
    /// gives when patience ends.
    pub(crate) fn run(&self) -> Result<u64, Error> {
        let target = self.folder.blob(&self.blob.checksum);
        if self.is_there() {
            return Ok(0);
        }
        let cancel = self.client.cancel;
        let _lock = self
            .folder
            .lock(&self.blob.checksum, self.name, self.reporter, cancel)?;
        if self.is_there() {
            return Ok(0);
        }
        create_parent(&target)?;
        let mut fetched = self.fetch()?;
        if let Err(error) = self.check() {
            self.discard()?;
            if !matches!(error, Error::Checksum { .. }) {
                return Err(error);
            }
            self.reporter
                .warn(&format!("{}: damaged on its way, fetched again", self.name));
            fetched += self.fetch()?;
            self.check().inspect_err(|_| drop(self.discard()))?;
        }
        fs::rename(self.incomplete(), &target).map_err(Error::writing(&target))?;
        Ok(fetched)
    }

    /// Whether the whole file lies among the blobs.
    fn is_there(&self) -> bool {
        let metadata = fs::metadata(self.folder.blob(&self.blob.checksum));
        metadata.is_ok_and(|file| file.is_file() && file.len() == self.blob.bytes)
    }

    fn incomplete(&self) -> PathBuf {
        self.folder.incomplete(&self.blob.checksum)
    }

    /// How much of the file is there.
    fn length(&self) -> u64 {
        fs::metadata(self.incomplete()).map_or(0, |file| file.len())
    }

    fn discard(&self) -> Result<(), Error> {
        let path = self.incomplete();
        fs::remove_file(&path).map_err(Error::writing(&path))
    }

    /// Fetches what is missing, connection after connection.
    fn fetch(&self) -> Result<u64, Error> {
        let mut patience = Patience::default();
        let mut fetched = 0;
        loop {
            let mut came = 0;
            let result = self.fetch_once(&mut came);
            fetched += came;
            match result {
                Ok(()) => return Ok(fetched),
                Err(error) => {
                    if came >= PROGRESS_BYTES {
                        patience.renew();
                    }
                    patience.wait(error, self.client)?;
                }
            }
        }
    }

    /// Fetches over one connection, counting what comes.
    fn fetch_once(&self, came: &mut u64) -> Result<(), Error> {
        let path = self.incomplete();
        let have = self.length();
        if have > self.blob.bytes {
            self.discard()?;
            return self.fetch_once(came);
        }
        if have == self.blob.bytes {
            let file = File::options().create(true).append(true).open(&path);
            return file.map(drop).map_err(Error::writing(&path));
        }
        let response = match self.client.get(self.url, have) {
            Err(error @ Error::Status { status: 416, .. }) if have > 0 => {
                self.discard()?;
                return Err(error);
            }
            response => response?,
        };
        let goes_on = response.status() == StatusCode::PARTIAL_CONTENT;
        if goes_on && first_byte(&response) != Some(have) {
            self.discard()?;
            return Err(self.length_error(have));
        }
        let have = if goes_on { have } else { 0 };
        self.check_announced(&response, have)?;
        let mut options = File::options();
        options
            .create(true)
            .append(goes_on)
            .write(true)
            .truncate(!goes_on);
        let file = options.open(&path).map_err(Error::writing(&path))?;
        self.receive(response, file, have, came)
    }

    /// Refuses a body that is announced with another length than the file has, before it is read.
    fn check_announced(&self, response: &Response<Body>, have: u64) -> Result<(), Error> {
        let announced = response.headers().get(CONTENT_LENGTH);
        let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        match announced {
            Some(bytes) if bytes != self.blob.bytes - have => {
                Err(self.length_error(bytes.saturating_add(have)))
            }
            _ => Ok(()),
        }
    }

    /// Writes a body behind the `have` bytes that are there.
    fn receive(
        &self,
        response: Response<Body>,
        mut file: File,
        have: u64,
        came: &mut u64,
    ) -> Result<(), Error> {
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; CHUNK_BYTES];
        let path = self.incomplete();
        loop {
            self.client.cancel.check()?;
            let read = body.read(&mut buffer);
            // The other thread ends the connection when the work is stopped.
            self.client.cancel.check()?;
            let n = read.map_err(|error| self.client.broken(self.url, error))?;
            let done = have + *came;
            if n == 0 && done == self.blob.bytes {
                return file.sync_all().map_err(Error::writing(&path));
            }
            if n == 0 || done + n as u64 > self.blob.bytes {
                return Err(self.length_error(done + n as u64));
            }
            file.write_all(&buffer[..n])
                .map_err(Error::writing(&path))?;
            *came += n as u64;
            (self.on_progress)(have + *came);
        }
    }

    fn length_error(&self, found: u64) -> Error {
        Error::Length {
            url: self.url.to_owned(),
            expected: self.blob.bytes,
            found,
        }
    }

    fn check(&self) -> Result<(), Error> {
        let found = self
            .blob
            .kind
            .hash(&self.incomplete(), self.client.cancel)?;
        if found == self.blob.checksum {
            return Ok(());
        }
        Err(Error::Checksum {
            url: self.url.to_owned(),
            expected: self.blob.checksum.clone(),
            found,
        })
    }
}

/// The first byte that a partial answer holds: `bytes 7-9/10`.
fn first_byte(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let first = range.trim().strip_prefix("bytes ")?.split('-').next()?;
    first.trim().parse().ok()
}
