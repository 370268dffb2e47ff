//! Questions from arguments or, without any, a line each from standard input.

use std::io::{self, BufRead, IsTerminal};
use std::sync::atomic::Ordering;

use crate::WAITS_FOR_INPUT;
use crate::hints::UserError;
use crate::reporters::print_line;

/// Calls `ask` for each question in order, as it comes.
///
/// Blank lines of standard input are skipped.
///
/// # Errors
/// A [`UserError`] for an empty question among the arguments and when there is no question at all; what
/// `ask` returns.
pub(crate) fn for_each(
    arguments: &[String],
    mut ask: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if !arguments.is_empty() {
        return arguments.iter().try_for_each(|question| {
            if question.trim().is_empty() {
                return Err(no_question("the question is empty").into());
            }
            ask(question)
        });
    }
    if io::stdin().is_terminal() {
        print_line("type a question a line; end with Ctrl-D");
    }
    let mut asked = 0;
    let mut lines = io::stdin().lock().lines();
    while let Some(line) = wait_for(|| lines.next()) {
        let line = line.map_err(bad_line)?;
        if !line.trim().is_empty() {
            ask(line.trim())?;
            asked += 1;
        }
    }
    match asked {
        0 => Err(no_question("no question on standard input").into()),
        _ => Ok(()),
    }
}

/// Reads while Ctrl-C ends the program at once.
fn wait_for<T>(read: impl FnOnce() -> T) -> T {
    WAITS_FOR_INPUT.store(true, Ordering::Relaxed);
    let read = read();
    WAITS_FOR_INPUT.store(false, Ordering::Relaxed);
    read
}

fn no_question(message: &str) -> UserError {
    UserError::new(
        message,
        "give questions as arguments, or a line each on standard input",
    )
}

fn bad_line(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::InvalidData {
        let message = "standard input is not UTF-8 text";
        return UserError::new(message, "convert the questions to UTF-8").into();
    }
    anyhow::Error::from(error).context("reading questions from standard input")
}
