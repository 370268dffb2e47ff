//! How often to try again, and how long to wait between.

use std::thread;
use std::time::{Duration, Instant};

use ragdex_core::{Cancel, Cancelled};

use crate::Error;
use crate::client::Client;

/// How often a pause looks whether it was stopped.
const TICK: Duration = Duration::from_millis(50);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    failures: u32,
}

impl Patience {
    /// Something came: the next failure counts as the first.
    pub(crate) fn renew(&mut self) {
        self.failures = 0;
    }

    /// Waits after a failure that may pass; gives any other back, and the last of too many.
    pub(crate) fn wait(&mut self, error: Error, client: &Client<'_>) -> Result<(), Error> {
        let timing = &client.settings.timing;
        self.failures += 1;
        client.cancel.check()?;
        if self.failures >= timing.attempts || !passes(&error) {
            return Err(error);
        }
        let doubled = timing.pause * 2_u32.saturating_pow(self.failures - 1);
        let pause = match asked_pause(&error) {
            Some(asked) if asked > timing.longest_pause => return Err(error),
            Some(asked) => asked.max(timing.pause),
            None => doubled.min(timing.longest_pause),
        };
        Ok(sleep(pause, client.cancel)?)
    }

    /// Tries until it succeeds or patience ends.
    pub(crate) fn attempt<T>(
        client: &Client<'_>,
        mut act: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut patience = Self::default();
        loop {
            match act() {
                Ok(value) => return Ok(value),
                Err(error) => patience.wait(error, client)?,
            }
        }
    }
}

/// Whether an error may be gone at the next attempt.
fn passes(error: &Error) -> bool {
    match error {
        Error::Connection { is_unreachable, .. } => !is_unreachable,
        Error::Stalled { .. } | Error::Length { .. } => true,
        Error::Status { .. } => error.is_transient(),
        _ => false,
    }
}

fn asked_pause(error: &Error) -> Option<Duration> {
    match error {
        Error::Status { retry_after, .. } => retry_after.map(Duration::from_secs),
        _ => None,
    }
}

/// Waits; an error as soon as the work is stopped.
pub(crate) fn sleep(pause: Duration, cancel: &Cancel) -> Result<(), Cancelled> {
    let until = Instant::now() + pause;
    loop {
        cancel.check()?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(TICK));
    }
}
