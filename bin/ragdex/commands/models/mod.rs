//! `ragdex models`.

mod convert;
mod info;
mod list;
mod pull;

use std::fmt::Write as _;

use crate::App;
use crate::cli::Models;

/// Runs one of the commands on models.
pub(crate) fn run(app: &App, args: &Models) -> anyhow::Result<()> {
    match args {
        Models::List => list::run(app),
        Models::Pull(args) => pull::run(app, args),
        Models::Info(args) => info::run(app, args),
        Models::Convert(args) => convert::run(app, args),
    }
}

/// The id of a model as it was typed: the bundled one has a short name, unless a folder has it.
fn id(name: &str) -> &str {
    match name {
        "mini" if !std::path::Path::new(name).is_dir() => ragdex::presets::MINI,
        name => name,
    }
}

/// Lines of a name and a value each, for people.
struct Lines(String);

impl Lines {
    fn new(title: &str) -> Self {
        Self(format!("{title}\n"))
    }

    fn add(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "  {name:<17} {value}");
    }

    /// Adds a line if there is a value.
    fn add_some(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

/// A number of bytes, for people.
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
