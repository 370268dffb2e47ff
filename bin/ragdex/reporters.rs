//! Progress on standard error: the only place that draws.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use ragdex::{Reporter, Stage, Unit};

use crate::cli::{Global, Progress};

/// How often progress without a terminal prints a line.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Draws as the options and the terminal allow.
pub(crate) fn reporter(global: &Global) -> Box<dyn Reporter> {
    let warnings = !global.quiet;
    match global.progress {
        _ if global.quiet => Box::new(Plain::new(None, warnings)),
        Progress::None => Box::new(Plain::new(None, warnings)),
        Progress::Auto if std::io::stderr().is_terminal() => Box::new(Bars::default()),
        Progress::Auto | Progress::Plain => Box::new(Plain::new(Some(PLAIN_INTERVAL), warnings)),
    }
}

/// One bar a stage.
#[derive(Default)]
struct Bars {
    area: MultiProgress,
    bars: Mutex<HashMap<Stage, ProgressBar>>,
}

impl Bars {
    fn with(&self, stage: Stage, act: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = lock(&self.bars).get(&stage) {
            act(bar);
        }
    }
}

impl Reporter for Bars {
    fn start(&self, stage: Stage, unit: Unit, total: Option<u64>) {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        bar.set_style(bar_style(unit, total.is_some()));
        bar.set_prefix(stage.to_string());
        bar.enable_steady_tick(Duration::from_millis(200));
        lock(&self.bars).insert(stage, self.area.add(bar));
    }

    fn advance(&self, stage: Stage, done: u64) {
        self.with(stage, |bar| bar.set_position(done));
    }

    fn message(&self, stage: Stage, message: &str) {
        self.with(stage, |bar| bar.set_message(message.to_owned()));
    }

    fn finish(&self, stage: Stage) {
        if let Some(bar) = lock(&self.bars).remove(&stage) {
            bar.finish_and_clear();
        }
    }

    fn note(&self, message: &str) {
        self.area.suspend(|| print_line(message));
    }

    fn warn(&self, message: &str) {
        self.area.suspend(|| print_warning(message));
    }
}

fn bar_style(unit: Unit, known: bool) -> ProgressStyle {
    let count = match unit {
        Unit::Bytes if known => "{bytes}/{total_bytes} {bytes_per_sec}",
        Unit::Bytes => "{bytes} {bytes_per_sec}",
        _ if known => "{human_pos}/{human_len} {per_sec}",
        _ => "{human_pos} {per_sec}",
    };
    let template = if known {
        format!("{{prefix:>7}} {{wide_bar}} {count} ETA {{eta}} {{msg}}")
    } else {
        format!("{{prefix:>7}} {{spinner}} {count} {{elapsed}} {{msg}}")
    };
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A line every few seconds, or none.
struct Plain {
    interval: Option<Duration>,
    warnings: bool,
    stages: Mutex<HashMap<Stage, Line>>,
}

struct Line {
    unit: Unit,
    total: Option<u64>,
    started: Instant,
    printed: Instant,
    message: String,
}

impl Plain {
    fn new(interval: Option<Duration>, warnings: bool) -> Self {
        Self {
            interval,
            warnings,
            stages: Mutex::default(),
        }
    }
}

impl Reporter for Plain {
    fn start(&self, stage: Stage, unit: Unit, total: Option<u64>) {
        let now = Instant::now();
        let line = Line {
            unit,
            total,
            started: now,
            printed: now,
            message: String::new(),
        };
        lock(&self.stages).insert(stage, line);
    }

    fn advance(&self, stage: Stage, done: u64) {
        let mut stages = lock(&self.stages);
        let (Some(interval), Some(line)) = (self.interval, stages.get_mut(&stage)) else {
            return;
        };
        if line.printed.elapsed() < interval {
            return;
        }
        line.printed = Instant::now();
        print_line(&plain_line(stage, line, done));
    }

    fn message(&self, stage: Stage, message: &str) {
        if let Some(line) = lock(&self.stages).get_mut(&stage) {
            message.clone_into(&mut line.message);
        }
    }

    fn finish(&self, stage: Stage) {
        lock(&self.stages).remove(&stage);
    }

    fn note(&self, message: &str) {
        if self.warnings {
            print_line(message);
        }
    }

    fn warn(&self, message: &str) {
        if self.warnings {
            print_warning(message);
        }
    }
}

fn plain_line(stage: Stage, line: &Line, done: u64) -> String {
    let seconds = line.started.elapsed().as_secs_f64();
    let rate = done as f64 / seconds.max(1e-9);
    let unit = line.unit;
    let message = &line.message;
    match line.total {
        Some(total) if rate > 0.0 => {
            let eta = total.saturating_sub(done) as f64 / rate;
            format!("{stage}: {done} of {total} {unit}, {rate:.0}/s, ETA {eta:.0} s {message}")
        }
        _ => format!("{stage}: {done} {unit}, {rate:.0}/s {message}"),
    }
}

/// Prints a line to standard error; a closed standard error is nobody's loss.
pub(crate) fn print_line(line: &str) {
    let _ = writeln!(anstream::stderr(), "{}", line.trim_end());
}

/// Prints a warning.
pub(crate) fn print_warning(message: &str) {
    let style = anstyle::AnsiColor::Yellow.on_default().bold();
    let _ = writeln!(anstream::stderr(), "{style}warning:{style:#} {message}");
}

/// A panic of another thread while it drew leaves the map whole: go on with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
