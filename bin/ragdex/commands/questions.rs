//! Questions from arguments or, without any, a line each from standard input.

use std::io::{self, BufRead, IsTerminal};
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;

use crate::WAITS_FOR_INPUT;
use crate::hints::UserError;
use crate::reporters::print_line;

/// Calls `ask` for each question in order, as it comes.
///
/// Blank lines of standard input are skipped.
///
/// # Errors
/// As [`for_batches`].
pub(crate) fn for_each(
    arguments: &[String],
    mut ask: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for_batches(arguments, NonZeroUsize::MIN, |questions| {
        questions.iter().try_for_each(|question| ask(question))
    })
}

/// Calls `ask` for `size` questions at a time, in order, as soon as so many have come; the last time for
/// what is left.
///
/// # Errors
/// A [`UserError`] for an empty question among the arguments and when there is no question at all; what
/// `ask` returns.
pub(crate) fn for_batches(
    arguments: &[String],
    size: NonZeroUsize,
    mut ask: impl FnMut(&[&str]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if !arguments.is_empty() {
        let mut questions: Vec<&str> = Vec::with_capacity(arguments.len());
        for question in arguments {
            if question.trim().is_empty() {
                return Err(no_question("the question is empty").into());
            }
            questions.push(question);
        }
        return questions.chunks(size.get()).try_for_each(ask);
    }
    if io::stdin().is_terminal() {
        print_line("type a question a line; end with Ctrl-D");
    }
    let mut asked = 0;
    let mut lines = io::stdin().lock().lines();
    loop {
        let batch = wait_for(|| next_lines(&mut lines, size.get()));
        let (batch, end) = batch.map_err(bad_line)?;
        let questions: Vec<&str> = batch.iter().map(|line| line.trim()).collect();
        if !questions.is_empty() {
            ask(&questions)?;
            asked += questions.len();
        }
        match (end, asked) {
            (true, 0) => return Err(no_question("no question on standard input").into()),
            (true, _) => return Ok(()),
            (false, _) => {}
        }
    }
}

/// The next lines that are not blank, at most `size`, and whether the input ends there.
fn next_lines(
    lines: &mut impl Iterator<Item = io::Result<String>>,
    size: usize,
) -> io::Result<(Vec<String>, bool)> {
    let mut batch = Vec::with_capacity(size.min(1024));
    while batch.len() < size {
        match lines.next() {
            Some(line) => batch.push(line?),
            None => return Ok((batch, true)),
        }
        batch.pop_if(|line| line.trim().is_empty());
    }
    Ok((batch, false))
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
