//! From an error to what the user sees: message, remedy, exit code.

use std::io;
use std::process::ExitCode;

use ragdex::ErrorKind;

use crate::reporters::print_line;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Failed, may be tried again.
    Failed = 1,
    /// The input or the configuration is bad: trying again cannot help.
    BadInput = 3,
    /// Stopped by Ctrl-C.
    Stopped = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error of the command itself: something in what the user typed or piped in.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct UserError {
    message: String,
    hint: Option<String>,
}

impl UserError {
    /// An error with its remedy.
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }
}

/// Prints the whole chain once, with the remedy; tells the exit code.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    if is_broken_pipe(error) {
        return Exit::Done;
    }
    let (exit, hint) = classify(error);
    let style = anstyle::AnsiColor::Red.on_default().bold();
    print_line(&format!("{style}error:{style:#} {}", chain(error)));
    if let Some(hint) = hint {
        let style = anstyle::AnsiColor::Cyan.on_default().bold();
        print_line(&format!("{style}hint:{style:#} {hint}"));
    }
    exit
}

fn classify(error: &anyhow::Error) -> (Exit, Option<String>) {
    if let Some(error) = error.downcast_ref::<ragdex::Error>() {
        let exit = match error.kind() {
            ErrorKind::BadInput => Exit::BadInput,
            ErrorKind::Cancelled => Exit::Stopped,
            _ => Exit::Failed,
        };
        return (exit, error.hint());
    }
    if let Some(error) = error.downcast_ref::<UserError>() {
        return (Exit::BadInput, error.hint.clone());
    }
    let full = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>());
    let full = full
        .map(io::Error::kind)
        .any(|kind| kind == io::ErrorKind::StorageFull);
    (
        Exit::Failed,
        full.then(|| "free some space and try again".to_owned()),
    )
}

/// Joins the messages of the chain, leaving out a cause that the message before it already tells.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_ends_quietly() {
        let error = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(report(&error.context("while printing")), Exit::Done);
    }

    #[test]
    fn a_cause_told_twice_is_printed_once() {
        let inner = anyhow::anyhow!("disk full");
        assert_eq!(chain(&inner.context("`kb`: disk full")), "`kb`: disk full");
    }
}
