//! How work that takes long tells how far it is, and how it is told to stop.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A step of the work that a person waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Fetching a model.
    Download,
    /// Reading a source a first time, for what must be known before its first document.
    Scan,
    /// Reading the source and cutting it into passages.
    Split,
    /// Computing vectors.
    Embed,
    /// Building an index.
    Index,
    /// Checking files.
    Verify,
    /// Answering or scoring questions.
    Answer,
    /// Writing files for others.
    Export,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Download => "download",
            Self::Scan => "scan",
            Self::Split => "split",
            Self::Embed => "embed",
            Self::Index => "index",
            Self::Verify => "verify",
            Self::Answer => "answer",
            Self::Export => "export",
        })
    }
}

/// What a stage counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Bytes of input.
    Bytes,
    /// Files.
    Files,
    /// Documents.
    Documents,
    /// Passages.
    Passages,
    /// Vectors.
    Vectors,
    /// Questions.
    Questions,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Files => "files",
            Self::Documents => "documents",
            Self::Passages => "passages",
            Self::Vectors => "vectors",
            Self::Questions => "questions",
        })
    }
}

/// Hears how far a stage is. Every method may be called from any thread and must return at once.
pub trait Reporter: Sync {
    /// A stage begins. `total` is in `unit`, absent when it cannot be known (standard input).
    fn start(&self, stage: Stage, unit: Unit, total: Option<u64>) {
        let _ = (stage, unit, total);
    }

    /// `done` units of the stage are done in all.
    fn advance(&self, stage: Stage, done: u64) {
        let _ = (stage, done);
    }

    /// A few words on the state of the stage, such as `412 articles`, replacing the former ones.
    fn message(&self, stage: Stage, message: &str) {
        let _ = (stage, message);
    }

    /// The stage is over.
    fn finish(&self, stage: Stage) {
        let _ = stage;
    }

    /// Something that may interest, said once: what a file was taken for.
    fn note(&self, message: &str) {
        let _ = message;
    }

    /// Something the user should know, said once: a record skipped, a default taken.
    fn warn(&self, message: &str) {
        let _ = message;
    }
}

/// A [`Reporter`] that hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoReporter;

impl Reporter for NoReporter {}

/// Asks running work to stop. Clones share one flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks for the stop; work stops at its next check, leaving what is finished in place.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Tells whether a stop was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns an error once a stop was asked for; called once a batch.
    ///
    /// # Errors
    /// [`Cancelled`], after [`Cancel::cancel`].
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() {
            Err(Cancelled)
        } else {
            Ok(())
        }
    }
}

/// The work was stopped by [`Cancel::cancel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped before it was done")
    }
}

impl std::error::Error for Cancelled {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_flag() {
        let cancel = Cancel::default();
        let clone = cancel.clone();
        assert_eq!(clone.check(), Ok(()));
        cancel.cancel();
        assert_eq!(clone.check(), Err(Cancelled));
    }
}
