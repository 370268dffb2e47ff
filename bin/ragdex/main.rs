//! `ragdex`: build, search and ask retrieval indexes.
//!
//! This package knows the command line, the terminal and exit codes, and nothing else; the work is in
//! the crates.

mod cli;
mod commands;
mod hints;
mod memory;
mod output;
mod reporters;

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use clap::Parser;
use ragdex::{Cancel, Devices, Reporter};

use crate::cli::{Cli, Command};
use crate::hints::Exit;
use crate::output::Output;

fn main() -> ExitCode {
    quiet_caught_panics();
    let cli = Cli::parse();
    if cli.command.embeds() {
        memory::return_large_buffers();
    }
    match run(cli) {
        Ok(()) => Exit::Done.into(),
        Err(error) => hints::report(&error).into(),
    }
}

/// A panic that the library turns into an error about a damaged file is not printed; any other is a bug, and
/// says so.
fn quiet_caught_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !ragdex::is_catching() {
            reporters::print_line("this is a bug in ragdex; please report it with what follows");
            print(info);
        }
    }));
}

/// What every command works with.
struct App {
    output: Output,
    reporter: Box<dyn Reporter>,
    cancel: Cancel,
    devices: Devices,
    threads: NonZeroUsize,
}

impl App {
    fn context(&self) -> ragdex::Context<'_> {
        ragdex::Context {
            bundled: Some(ragdex::Bundled {
                encoder: ragdex_sample::MINI_ENCODER,
                generator: ragdex_sample::MINI_GENERATOR,
                tokenizer: ragdex_sample::MINI_TOKENIZER,
                tokenizer_config: ragdex_sample::MINI_TOKENIZER_CONFIG,
            }),
            reporter: &*self.reporter,
            cancel: &self.cancel,
            devices: &self.devices,
            threads: self.threads,
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let app = App {
        output: Output::new(cli.global.json, cli.global.verbose),
        reporter: reporters::reporter(&cli.global),
        cancel: cancel_on_signals()?,
        devices: Devices::new(cli.global.device),
        threads: threads(cli.global.threads)?,
    };
    match cli.command {
        Command::Build(args) => commands::build::run(&app, &args),
        Command::Refresh(args) => commands::refresh::refresh(&app, &args),
        Command::Add(args) => commands::refresh::add(&app, &args),
        Command::Remove(args) => commands::refresh::remove(&app, &args),
        Command::Export(args) => commands::export::run(&app, &args),
        Command::Split(args) => commands::split::run(&app, &args),
        Command::Embed(args) => commands::embed::run(&app, &args),
        Command::Index(args) => commands::index::run(&app, &args),
        Command::Search(args) => commands::search::run(&app, &args),
        Command::Show(args) => commands::show::run(&app, &args),
        Command::Answer(args) => commands::answer::run(&app, &args),
        Command::Info(args) => commands::info::run(&app, &args),
        Command::History(args) => commands::history::history(&app, &args),
        Command::Diff(args) => commands::history::diff(&app, &args),
        Command::Rollback(args) => commands::history::rollback(&app, &args),
        Command::Gc(args) => commands::history::gc(&app, &args),
        Command::Compact(args) => commands::refresh::compact(&app, &args),
        Command::Verify(args) => commands::verify::run(&app, &args),
        Command::Models(args) => commands::models::run(&app, &args),
        Command::Demo(args) => commands::demo::run(&app, &args),
        Command::Completions(args) => commands::completions::run(&args),
    }
}

/// Whether the program waits for a line from its user: nothing is under way that could be stopped between
/// two steps.
static WAITS_FOR_INPUT: AtomicBool = AtomicBool::new(false);

/// The first Ctrl-C asks the work to stop, leaving finished pieces in place; the second ends it.
fn cancel_on_signals() -> anyhow::Result<Cancel> {
    let cancel = Cancel::default();
    let flag = cancel.clone();
    ctrlc::set_handler(move || {
        if flag.is_cancelled() || WAITS_FOR_INPUT.load(Ordering::Relaxed) {
            end_now();
        }
        flag.cancel();
        if std::io::stderr().is_terminal() {
            reporters::print_line("stopping; press Ctrl-C again to end at once");
        }
    })
    .context("installing the handler of Ctrl-C")?;
    Ok(cancel)
}

#[expect(
    clippy::exit,
    reason = "the user asked a second time, or nothing is under way"
)]
fn end_now() {
    std::process::exit(Exit::Stopped as i32);
}

/// Sizes the thread pool that all computation shares.
fn threads(asked: Option<u16>) -> anyhow::Result<NonZeroUsize> {
    let asked = asked.and_then(|threads| NonZeroUsize::new(threads.into()));
    let available = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = asked.unwrap_or_else(available);
    ragdex::set_threads(threads)?;
    Ok(threads)
}
