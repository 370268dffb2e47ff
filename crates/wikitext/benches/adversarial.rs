//! Prints the time of hostile pages of 100 kB, 1 MB and 10 MB, and the throughput on real text.
//!
//! ```text
//! cargo bench -p ragdex-wikitext --bench adversarial -- [--throughput-only] [FILE…]
//! ```
//!
//! Each FILE is wikitext; pages in it are told apart by a line that holds only a form feed, so one
//! file can hold a whole sample. Each time is the best of a few runs; linear time shows as a factor of
//! about ten from column to column. A summary of the slowest follows.
#![expect(
    clippy::print_stdout,
    reason = "a program that prints its measurements"
)]

use std::hint::black_box;
use std::time::Instant;

use ragdex_wikitext::{Extractor, PageInput, SiteInfo};

const SIZES: [usize; 3] = [100_000, 1_000_000, 10_000_000];

/// Runs of each page, of which the best counts.
const RUNS: usize = 3;

/// Sequences of pieces drawn from all units.
const MIXES: u64 = 5;

/// How many of the slowest the summary names.
const NAMED: usize = 5;

/// What is repeated to fill a page; the parts after `…` stand once at the end for each repetition.
const UNITS: &[&str] = &[
    "{{",
    "{{{",
    "[[",
    "<ref>",
    "<nowiki>",
    "{{a|",
    "<!--",
    "'",
    "''",
    "'''''x",
    "=",
    "\n=",
    "<",
    "&",
    "*",
    "\n* ",
    "{|",
    "\n{|",
    "\n{|\n==a==\n",
    "[[File:a|",
    "[[a|",
    "-{",
    "-{a:b;",
    "}}",
    "]]",
    "|}",
    "\n|}",
    "|",
    "\n|",
    "<div>",
    "<div style=\"display:none\">",
    "<table>",
    "<ul></ul><ul>",
    "<math>",
    "<pre",
    "<b ",
    "<sup>1",
    "1<sup>",
    "[http://a ",
    "[http://a b]",
    "[//",
    "__",
    "__TOC__",
    "__a",
    "&#",
    "&amp",
    "&amp;",
    "(",
    "({{x}}",
    "{{x}},",
    "x<ref/>{{",
    "<ref/>, ",
    "{{small|",
    "{{small|a|",
    "{{{a|",
    "{{x\n|}",
    "\n x",
    " ",
    "\u{a0}",
    "e\u{301}",
    "<!---->",
    "<!---->\n",
    " <!---->",
    "<nowiki/>",
    "<ref name=a/>",
    "<<b>b>",
    "[{",
    "{[",
    "{{PAGENAME}}",
    "{{!}}",
    "{{(}}",
    "[[a\n",
    "[[File:a\n",
    "[[File:a|[[b|",
    "\n{{",
    "\n{{a\n|b",
    "<poem>\n:",
    "{{lc:",
    "{{convert|1|x|",
    "\r",
    "\u{1}",
    "{{small|{|\n",
    "a\n==b==\n",
    "&#91;",
    "{{nowrap|1=",
    "{{small|[[",
    "\n! a !!",
    "\n|-\n! a || b",
    "|}}",
    "''''",
    "<gallery>\n",
    "<includeonly>",
    "<syntaxhighlight inline>",
    "<blockquote>",
    "{{#if:",
    "{{subst:",
    "[[Category:a|",
    "[[a|]]",
    "-->",
];

/// Openings and closings that nest.
const NESTS: &[(&str, &str)] = &[
    ("{{", "}}"),
    ("{{{", "}}}"),
    ("{{small|", "}}"),
    ("{{{a|", "}}}"),
    ("{{a|", "}}"),
    ("[[", "]]"),
    ("[[a|", "]]"),
    ("[[File:a|", "]]"),
    ("[[File:a|[[b|", "]]]]"),
    ("{|\n", "\n|}"),
    ("<div>", "</div>"),
    ("<table>", "</table>"),
    ("<ref>", "</ref>"),
    ("<nowiki>", "</nowiki>"),
    ("(", "{{x}})"),
    ("[", "<ref/>]"),
    ("{{lc:", "}}"),
    ("{{small|{{x}}", "}}"),
    ("{{small|[[", "]]}}"),
    ("<blockquote>", "</blockquote>"),
];

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    if !arguments
        .iter()
        .any(|argument| argument == "--throughput-only")
    {
        hostile_pages();
    }
    for file in arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
    {
        throughput(file);
    }
}

fn hostile_pages() {
    let site = SiteInfo::new([], Some("zh"));
    let extractor = Extractor::new(site);
    println!(
        "{:>28} {:>9} {:>9} {:>9}  seconds",
        "construct", "100 kB", "1 MB", "10 MB"
    );
    let mut rows = Vec::new();
    for unit in UNITS {
        rows.push(row(&extractor, unit, |size| unit.repeat(size / unit.len())));
    }
    for (open, close) in NESTS {
        let name = format!("{open}…{close}");
        rows.push(row(&extractor, &name, |size| {
            let n = size / (open.len() + close.len() + 1);
            format!("{}{}{}", open.repeat(n), "x".repeat(n), close.repeat(n))
        }));
    }
    for seed in 1..=MIXES {
        let name = format!("all mixed, {seed}");
        rows.push(row(&extractor, &name, |size| mix(seed, size)));
    }
    summarise(rows);
}

/// Units in an order that the seed decides.
fn mix(mut seed: u64, size: usize) -> String {
    let mut text = String::with_capacity(size);
    while text.len() < size {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        text.push_str(UNITS[(seed >> 33) as usize % UNITS.len()]);
    }
    text
}

/// The times of one construct.
struct Row {
    name: String,
    seconds: [f64; SIZES.len()],
}

impl Row {
    /// Time per byte at each size, over that at the smallest.
    fn growth(&self) -> [f64; SIZES.len()] {
        let per_byte = |i: usize| self.seconds[i] / SIZES[i] as f64;
        [0, 1, 2].map(|i| per_byte(i) / per_byte(0))
    }
}

fn row(extractor: &Extractor, name: &str, page_of: impl Fn(usize) -> String) -> Row {
    let seconds = SIZES.map(|size| best_of(extractor, &page_of(size)));
    let name = name.escape_debug().to_string();
    let [a, b, c] = seconds;
    println!("{name:>28} {a:>9.5} {b:>9.5} {c:>9.5}");
    Row { name, seconds }
}

fn best_of(extractor: &Extractor, text: &str) -> f64 {
    let page = PageInput {
        title: "Title",
        namespace: 0,
        redirect: None,
        text,
    };
    let time = || {
        let start = Instant::now();
        black_box(extractor.extract(&page));
        start.elapsed().as_secs_f64()
    };
    (0..RUNS).map(|_| time()).fold(f64::INFINITY, f64::min)
}

/// Prints the constructs that took longest, and those whose time grew fastest with the page.
fn summarise(mut rows: Vec<Row>) {
    rows.sort_by(|a, b| b.seconds[1].total_cmp(&a.seconds[1]));
    println!("\n{} constructs; slowest at 1 MB:", rows.len());
    for Row { name, seconds } in &rows[..NAMED] {
        println!("{name:>28} {:.4} s", seconds[1]);
    }
    rows.sort_by(|a, b| b.growth()[2].total_cmp(&a.growth()[2]));
    println!("time per byte, 100 kB : 1 MB : 10 MB, steepest:");
    for row in &rows[..NAMED] {
        let [a, b, c] = row.growth();
        println!("{:>28} {a:.0} : {b:.2} : {c:.2}", row.name);
    }
}

/// Prints the best of five runs over all pages of `file`.
fn throughput(file: &str) {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return println!("{file}: {error}"),
    };
    let pages: Vec<&str> = text.split("\n\u{c}\n").collect();
    let extractor = Extractor::default();
    let mut n_bytes_out = 0;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        n_bytes_out = 0;
        for &text in &pages {
            let page = extractor.extract(&PageInput {
                title: "Title",
                namespace: 0,
                redirect: None,
                text,
            });
            n_bytes_out += page.paragraphs().map(str::len).sum::<usize>();
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    let megabytes = text.len() as f64 / 1e6;
    println!(
        "{file}: {} pages, {megabytes:.1} MB in, {:.1} MB out, {best:.3} s, {:.0} MB/s",
        pages.len(),
        n_bytes_out as f64 / 1e6,
        megabytes / best
    );
}
