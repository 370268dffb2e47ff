//! Questions from arguments or, without any, a line each from standard input.

use std::io::{self, BufRead, IsTerminal};

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
    for line in io::stdin().lock().lines() {
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
