//! `ragdex completions`.

use std::io::Write;

use clap::CommandFactory;

use crate::cli::{Cli, Completions};

/// Prints a completion script.
pub(crate) fn run(args: &Completions) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ragdex", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(())
}
