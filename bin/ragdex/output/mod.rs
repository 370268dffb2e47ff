//! Results on standard output: as text for people, as JSON for programs.

mod answers;
mod excerpt;
mod reports;
mod state;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

const TITLE: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const ANSWER: Style = AnsiColor::Green.on_default().bold();

/// Where and how results are printed.
pub(crate) struct Output {
    json: bool,
    whole: bool,
}

impl Output {
    /// `json`: objects instead of text. `whole`: passages in full.
    pub(crate) fn new(json: bool, whole: bool) -> Self {
        Self { json, whole }
    }

    /// Prints a line of text, in text mode only.
    pub(crate) fn text(&self, line: &str) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        writeln!(anstream::stdout().lock(), "{line}")
    }

    /// Prints any value as JSON, or the text made of it.
    pub(crate) fn value<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        if self.json {
            return json(value);
        }
        write!(anstream::stdout().lock(), "{}", text(value))
    }
}

fn peak_memory(out: &mut impl Write, bytes: Option<u64>) -> io::Result<()> {
    match bytes {
        Some(bytes) => writeln!(out, ", peak memory {} MB", bytes / 1_000_000),
        None => writeln!(out),
    }
}

/// A number and its noun.
fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

/// Replaces control characters: a corpus may hold escape sequences meant for the reader's terminal.
pub(crate) fn printable(text: &str) -> String {
    let safe = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(safe).collect()
}

fn json<T: Serialize>(value: &T) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_of_a_corpus_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb"), "a\u{fffd}[31mb");
    }
}
