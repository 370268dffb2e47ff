//! Reads sources and prints what came in: `cargo run --release --example count -- THREADS SOURCE…`.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::time::Instant;

use ragdex_corpus::{Error, ReadOptions, Source, SplitOptions, SplitRule, Splitter};

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(1);
    let paths: Vec<String> = arguments.collect();
    let options = ReadOptions {
        threads,
        ..ReadOptions::default()
    };
    let rules = [SplitRule::Plain, SplitRule::Section, SplitRule::Dpr];
    let splitters = rules.map(|rule| {
        let options = SplitOptions {
            rule,
            ..SplitOptions::default()
        };
        Splitter::new(options).expect("100 words, no overlap")
    });

    let start = Instant::now();
    let mut source = Source::open(&paths, options)?;
    let (mut words, mut passages) = (0, [0; 3]);
    for document in source.by_ref() {
        let document = document?;
        words += document.text().split_whitespace().count();
        for (n, splitter) in passages.iter_mut().zip(&splitters) {
            *n += splitter.split(&document).len();
        }
    }
    println!("{}; {words} words", source.summary());
    for (rule, n) in rules.iter().zip(passages) {
        println!("{n} passages by the rule `{rule}`");
    }
    println!(
        "{:.2} s with {threads} threads",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
