//! Storage that fails at a chosen call.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use ragdex_store::{KbPath, Lock, PendingFile, Storage};

/// Which call fails, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The number of the call, from 0, counted over all methods and over writing to files.
    pub at: u64,
    /// Whether the failing call still has its effect.
    pub when: When,
    /// What becomes of the calls behind it.
    pub after: After,
}

/// Whether a failing call has its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It has none; a write puts down half of its bytes.
    Before,
    /// It has it, and the caller does not learn so.
    Afterwards,
}

/// What becomes of the calls behind the failing one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// They work: the disk was full for a moment.
    GoOn,
    /// They fail: the process is as good as dead.
    Stop,
}

/// A [`Storage`] that fails as told, and counts its calls.
#[derive(Debug, Clone)]
pub struct FailingStorage {
    inner: Arc<dyn Storage>,
    counter: Arc<Counter>,
}

#[derive(Debug)]
struct Counter {
    calls: AtomicU64,
    failure: Option<Failure>,
}

impl FailingStorage {
    /// Fails at the call that `failure` names; without one, counts only.
    pub fn new(inner: Arc<dyn Storage>, failure: Option<Failure>) -> Self {
        let counter = Counter {
            calls: AtomicU64::new(0),
            failure,
        };
        Self {
            inner,
            counter: Arc::new(counter),
        }
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.counter.calls.load(Ordering::Relaxed)
    }
}

impl Counter {
    /// Counts a call and carries it out as far as it goes.
    fn call<T>(&self, carry_out: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.fails() {
            None => carry_out(),
            Some(When::Before) => Err(full()),
            Some(When::Afterwards) => carry_out().and(Err(full())),
        }
    }

    fn fails(&self) -> Option<When> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let failure = self.failure?;
        let stopped = call > failure.at && failure.after == After::Stop;
        if call == failure.at {
            Some(failure.when)
        } else {
            stopped.then_some(When::Before)
        }
    }
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

impl Storage for FailingStorage {
    fn locate(&self, path: &KbPath) -> PathBuf {
        self.inner.locate(path)
    }

    fn create(&self, path: &KbPath) -> io::Result<Box<dyn PendingFile>> {
        let file = self.counter.call(|| self.inner.create(path))?;
        Ok(Box::new(FailingFile {
            file,
            counter: Arc::clone(&self.counter),
        }))
    }

    fn open(&self, path: &KbPath) -> io::Result<Bytes> {
        self.counter.call(|| self.inner.open(path))
    }

    fn length(&self, path: &KbPath) -> io::Result<u64> {
        self.counter.call(|| self.inner.length(path))
    }

    fn list(&self, folder: &KbPath) -> io::Result<Vec<String>> {
        self.counter.call(|| self.inner.list(folder))
    }

    fn rename(&self, from: &KbPath, to: &KbPath) -> io::Result<()> {
        self.counter.call(|| self.inner.rename(from, to))
    }

    fn remove(&self, path: &KbPath) -> io::Result<()> {
        self.counter.call(|| self.inner.remove(path))
    }

    fn remove_folder(&self, folder: &KbPath) -> io::Result<()> {
        self.counter.call(|| self.inner.remove_folder(folder))
    }

    fn sync_folder(&self, folder: &KbPath) -> io::Result<()> {
        self.counter.call(|| self.inner.sync_folder(folder))
    }

    fn replace(&self, path: &KbPath, content: &[u8]) -> io::Result<()> {
        self.counter.call(|| self.inner.replace(path, content))
    }

    fn lock(&self, path: &KbPath, holder: &[u8]) -> io::Result<Lock> {
        self.counter.call(|| self.inner.lock(path, holder))
    }
}

struct FailingFile {
    file: Box<dyn PendingFile>,
    counter: Arc<Counter>,
}

impl Write for FailingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.counter.fails() {
            None => self.file.write(bytes),
            Some(When::Before) => {
                self.file.write_all(&bytes[..bytes.len() / 2])?;
                Err(full())
            }
            Some(When::Afterwards) => self.file.write_all(bytes).and(Err(full())),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl PendingFile for FailingFile {
    fn finish(self: Box<Self>) -> io::Result<()> {
        let Self { file, counter } = *self;
        counter.call(|| file.finish())
    }
}
