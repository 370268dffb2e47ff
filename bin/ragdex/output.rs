//! Results on standard output: as text for people, as JSON for programs.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use ragdex::results::{
    AnswerResult, BuildReport, EmbedEstimate, EmbedReport, EncoderPairInfo, FoundPassage,
    IndexInfo, IndexReport, Info, ScoreResult, SearchResult, SourcePassage, SplitReport,
    SplitSummary,
};
use serde::Serialize;

const TITLE: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const ANSWER: Style = AnsiColor::Green.on_default().bold();
/// Words shown of a passage unless it is printed whole.
const EXCERPT_WORDS: usize = 40;
/// Words of an excerpt that stand before the answer.
const EXCERPT_LEAD: usize = 15;

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

    /// Prints what a build did.
    pub(crate) fn build(&self, kb: &str, report: &BuildReport) -> io::Result<()> {
        if self.json {
            return json(report);
        }
        let out = &mut anstream::stdout().lock();
        let n_documents = report.documents.added + report.documents.unchanged;
        let seconds = &report.seconds;
        writeln!(
            out,
            "{kb}: snapshot {}, {n_documents} documents, {} passages",
            report.snapshot, report.passages.total
        )?;
        for (reason, count) in report.skipped.iter().filter(|(_, count)| **count > 0) {
            writeln!(out, "  skipped: {count} {reason}")?;
        }
        write!(
            out,
            "  read {:.1} s, split {:.1} s, embed {:.1} s, index {:.1} s, total {:.1} s",
            seconds.read, seconds.split, seconds.embed, seconds.index, seconds.total
        )?;
        peak_memory(out, report.peak_memory_bytes)
    }

    /// Prints the indexes that a knowledge base has now.
    pub(crate) fn index(&self, kb: &str, report: &IndexReport) -> io::Result<()> {
        if self.json {
            return json(report);
        }
        let out = &mut anstream::stdout().lock();
        let passages = report.passages;
        let done = if report.unchanged { ", unchanged" } else { "" };
        writeln!(
            out,
            "{kb}: snapshot {}, {passages} passages{done}",
            report.snapshot
        )?;
        for index in &report.indexes {
            writeln!(out, "  index {}", described(index))?;
        }
        write!(out, "  total {:.1} s", report.seconds)?;
        peak_memory(out, report.peak_memory_bytes)
    }

    /// Prints what a split did; with `details` what was dropped from wikitext.
    pub(crate) fn split(
        &self,
        folder: &str,
        report: &SplitReport,
        details: bool,
    ) -> io::Result<()> {
        if self.json {
            return json(report);
        }
        let out = &mut anstream::stdout().lock();
        let summary = &report.summary;
        if report.unchanged {
            writeln!(out, "{folder}: made before, nothing to do")?;
        }
        let n_files = report.files.len() as u64;
        writeln!(
            out,
            "{folder}: {}, {} in {}",
            counted(summary.documents, "document"),
            counted(summary.passages, "passage"),
            counted(n_files, "file")
        )?;
        split_counts(out, summary)?;
        if details {
            dropped(out, report)?;
        }
        let seconds = &report.seconds;
        write!(
            out,
            "  read {:.1} s, split {:.1} s, write {:.1} s, total {:.1} s",
            seconds.read, seconds.split, seconds.write, seconds.total
        )?;
        peak_memory(out, report.peak_memory_bytes)
    }

    /// Prints what embedding did.
    pub(crate) fn embed(&self, folder: &str, report: &EmbedReport) -> io::Result<()> {
        if self.json {
            return json(report);
        }
        let out = &mut anstream::stdout().lock();
        let passages = &report.passages;
        writeln!(
            out,
            "{folder}: {} in {}, {} × {} by {}",
            counted(passages.total, "passage"),
            counted(report.parts, "file"),
            report.dimension,
            report.vectors,
            name(&report.encoder)
        )?;
        if passages.kept > 0 {
            writeln!(out, "  made before: {}", counted(passages.kept, "passage"))?;
        }
        if report.remaining > 0 {
            writeln!(out, "  not made yet: {}", counted(report.remaining, "file"))?;
        }
        let seconds = &report.seconds;
        let rate = |n: u64| n as f64 / seconds.embed.max(1e-9);
        write!(
            out,
            "  embedded {}: {:.1} a second, {:.0} tokens a second, {:.1} % padding; {:.1} s, total {:.1} s",
            passages.embedded,
            rate(passages.embedded),
            rate(report.tokens),
            report.padding * 100.0,
            seconds.embed,
            seconds.total
        )?;
        peak_memory(out, report.peak_memory_bytes)
    }

    /// Prints what embedding would take.
    pub(crate) fn embed_estimate(&self, folder: &str, found: &EmbedEstimate) -> io::Result<()> {
        if self.json {
            return json(found);
        }
        let out = &mut anstream::stdout().lock();
        writeln!(
            out,
            "{folder}: {} in {} to embed by {}, about {} tokens",
            counted(found.passages, "passage"),
            counted(found.parts, "file"),
            name(&found.encoder),
            found.tokens
        )?;
        writeln!(
            out,
            "  about {} on this machine; {:.1} MB of vectors, {} × {}",
            duration(found.seconds),
            found.bytes as f64 / 1e6,
            found.dimension,
            found.vectors
        )?;
        let sample = &found.sample;
        writeln!(
            out,
            "  by {} with {} tokens in {:.1} s; nothing was written",
            counted(sample.passages, "passage"),
            sample.tokens,
            sample.seconds
        )
    }

    /// Prints what was found.
    pub(crate) fn search(&self, result: &SearchResult) -> io::Result<()> {
        if self.json {
            return json(result);
        }
        let out = &mut anstream::stdout().lock();
        writeln!(out, "{TITLE}{}{TITLE:#}", printable(&result.query))?;
        for passage in &result.passages {
            heading(out, passage.rank, passage, "")?;
            self.passage(out, &passage.text, &[])?;
        }
        writeln!(out)
    }

    /// Prints an answer and its sources, the most important first.
    pub(crate) fn answer(&self, result: &AnswerResult) -> io::Result<()> {
        if self.json {
            return json(result);
        }
        let out = &mut anstream::stdout().lock();
        writeln!(out, "{TITLE}{}{TITLE:#}", printable(&result.question))?;
        let answer = printable(&result.answer);
        if !result.answered {
            writeln!(out, "{}", unsure(result))?;
        } else if answer.is_empty() {
            writeln!(out, "{FAINT}(no answer){FAINT:#}")?;
        } else {
            writeln!(out, "{ANSWER}{answer}{ANSWER:#}")?;
        }
        if self.whole {
            provenance(out, result)?;
        }
        for other in result.candidates.iter().skip(1) {
            let text = printable(other.text.trim());
            writeln!(out, "{FAINT}or: {text} ({:.2}){FAINT:#}", other.score)?;
        }
        for (place, source) in by_posterior(&result.passages).into_iter().enumerate() {
            let weights = format!(
                ", posterior {:.2}, prior {:.2}",
                source.posterior, source.prior
            );
            heading(out, place + 1, &source.passage, &weights)?;
            self.passage(out, &source.passage.text, &source.answer_spans)?;
        }
        writeln!(out)
    }

    /// Prints how likely given answers are, and the passages that they were scored with.
    pub(crate) fn scores(&self, result: &ScoreResult) -> io::Result<()> {
        if self.json {
            return json(result);
        }
        let out = &mut anstream::stdout().lock();
        writeln!(out, "{TITLE}{}{TITLE:#}", printable(&result.question))?;
        for score in &result.scores {
            let (token, sequence) = (&score.rag_token, &score.rag_sequence);
            writeln!(
                out,
                "{ANSWER}{}{ANSWER:#}: log p {:.4} as rag-token, {:.4} as rag-sequence; loss {:.4}, {:.4}",
                printable(&score.text),
                token.log_prob,
                sequence.log_prob,
                token.loss,
                sequence.loss
            )?;
            writeln!(
                out,
                "     {FAINT}posterior {} as rag-token, {} as rag-sequence{FAINT:#}",
                largest(&token.posterior),
                largest(&sequence.posterior)
            )?;
        }
        for scored in &result.passages {
            let prior = format!(", prior {:.2}", scored.prior);
            heading(out, scored.passage.rank, &scored.passage, &prior)?;
            self.passage(out, &scored.passage.text, &[])?;
        }
        writeln!(out)
    }

    /// Prints the state of a knowledge base.
    pub(crate) fn info(&self, info: &Info) -> io::Result<()> {
        if self.json {
            return json(info);
        }
        let out = &mut anstream::stdout().lock();
        writeln!(
            out,
            "snapshot          {} of {}",
            info.snapshot, info.created
        )?;
        writeln!(out, "documents         {}", info.documents)?;
        writeln!(out, "passages          {}", info.passages)?;
        writeln!(
            out,
            "vectors           {} × {}",
            info.dimension, info.vectors
        )?;
        let EncoderPairInfo { context, question } = &info.encoder;
        for (role, encoder) in [("context encoder", context), ("question encoder", question)] {
            model(out, role, name(encoder), encoder["sha256"].as_str())?;
        }
        if let Some(sum) = info.encoder.context["tokenizer_sha256"].as_str() {
            writeln!(out, "tokenizer         sha256 {sum}")?;
        }
        if let Some(generator) = &info.generator {
            model(
                out,
                "generator",
                generator,
                info.generator_sha256.as_deref(),
            )?;
        }
        for index in &info.indexes {
            writeln!(out, "index             {}", described(index))?;
        }
        writeln!(out, "on disk           {:.1} MB", info.bytes as f64 / 1e6)
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

    fn passage(
        &self,
        out: &mut impl Write,
        text: &str,
        spans: &[(usize, usize)],
    ) -> io::Result<()> {
        let words = words(text, spans);
        let shown = if self.whole {
            0..words.len()
        } else {
            excerpt(&words)
        };
        let before = if shown.start > 0 { "… " } else { "" };
        let after = if shown.end < words.len() { " …" } else { "" };
        let body: Vec<String> = words[shown].iter().map(Word::styled).collect();
        writeln!(out, "     {before}{}{after}", body.join(" "))
    }
}

/// Prints the name of a model and the checksum of its weights.
fn model(out: &mut impl Write, role: &str, name: &str, sha256: Option<&str>) -> io::Result<()> {
    match sha256 {
        Some(sum) => writeln!(out, "{role:<17} {name} {FAINT}sha256 {sum}{FAINT:#}"),
        None => writeln!(out, "{role:<17} {name}"),
    }
}

/// The name of an encoder.
fn name(encoder: &serde_json::Value) -> &str {
    encoder["id"].as_str().unwrap_or("unknown")
}

/// A time in the unit that a person would take.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} minutes", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} hours", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

/// An index with what it takes and finds.
fn described(index: &IndexInfo) -> String {
    let files = match index.bytes {
        0 => "no files of its own".to_owned(),
        bytes => {
            let megabytes = bytes as f64 / 1e6;
            format!(
                "{megabytes:.1} MB, {:.0} bytes a passage",
                index.bytes_per_passage
            )
        }
    };
    let memory = index.memory_bytes as f64 / 1e6;
    if index.parameters["graphs"] == 0 {
        return format!(
            "{} (no graph: too few passages for one, all are scanned)",
            index.kind
        );
    }
    let recall = &index.parameters["recall"];
    let share = |at: &str| {
        recall[at]
            .as_f64()
            .map(|share| format!("{:.2} %", share * 100.0))
    };
    let found = match (share("at_5"), share("at_20"), share("at_100")) {
        (Some(at_5), Some(at_20), Some(at_100)) => {
            format!("; finds of the nearest 5 {at_5}, 20 {at_20}, 100 {at_100}")
        }
        _ => String::new(),
    };
    let kind = &index.kind;
    format!("{kind} ({files}; searching without the disk takes {memory:.1} MB of memory){found}")
}

/// Says that no answer is given, and what it would have been.
fn unsure(result: &AnswerResult) -> String {
    let best = result.candidates.first();
    let guess = printable(best.map_or("", |best| best.text.trim()));
    let (found, least) = (result.confidence, result.min_confidence);
    format!(
        "no answer found in these passages {FAINT}(best guess: {guess}; confidence {found:.2}, below \
         {least:.2}){FAINT:#}"
    )
}

/// Prints where each token of the answer comes from: passages by their rank.
fn provenance(out: &mut impl Write, result: &AnswerResult) -> io::Result<()> {
    let Some(best) = result.candidates.first() else {
        return Ok(());
    };
    for token in &best.provenance {
        let text = format!("{:?}", token.text);
        let (p, shares) = (token.probability, largest(&token.passages));
        writeln!(out, "     {FAINT}{text:<16} p {p:.2}; {shares}{FAINT:#}")?;
    }
    Ok(())
}

/// The largest shares with the rank of their passages, as `1: 0.93, 4: 0.05`.
fn largest(shares: &[f32]) -> String {
    /// Smaller ones are left out.
    const LEAST: f32 = 0.005;
    let mut ranked: Vec<(usize, f32)> = (1..).zip(shares.iter().copied()).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shown = ranked.iter().filter(|(_, share)| *share >= LEAST);
    let shown = shown.map(|(rank, share)| format!("{rank}: {share:.2}"));
    shown.collect::<Vec<_>>().join(", ")
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

/// Prints what a split left out and what it noticed.
fn split_counts(out: &mut impl Write, summary: &SplitSummary) -> io::Result<()> {
    let skipped = summary.skipped.iter();
    let skipped = skipped.map(|(reason, count)| ("skipped", reason.as_str(), *count));
    let duplicates = &summary.duplicates;
    let noted = [
        ("skipped", "duplicates", duplicates.dropped),
        (
            "noted",
            "duplicates (`--dedup` leaves them out)",
            duplicates.found - duplicates.dropped,
        ),
        (
            "noted",
            "documents without a passage",
            summary.without_passages,
        ),
        (
            "noted",
            "documents with the key of an earlier one",
            summary.repeated_keys,
        ),
        (
            "noted",
            "pages that do not match their checksum",
            summary.checksum_mismatches,
        ),
    ];
    for (what, reason, count) in skipped.chain(noted).filter(|(.., count)| *count > 0) {
        writeln!(out, "  {what}: {count} {reason}")?;
    }
    Ok(())
}

/// Prints what was dropped from wikitext, and the templates without a rule.
fn dropped(out: &mut impl Write, report: &SplitReport) -> io::Result<()> {
    if !report.summary.dropped.is_empty() {
        writeln!(out, "  dropped from wikitext:")?;
    }
    for (cause, count) in &report.summary.dropped {
        writeln!(out, "  {count:>10}  {}", cause.replace('_', " "))?;
    }
    if !report.summary.unknown_templates.is_empty() {
        writeln!(out, "  templates without a rule:")?;
    }
    for template in &report.summary.unknown_templates {
        writeln!(
            out,
            "  {:>10}  {}",
            template.count,
            printable(&template.name)
        )?;
    }
    Ok(())
}

/// Prints title, section, scores and address of a passage; one without a title goes by the key of its
/// document.
fn heading(
    out: &mut impl Write,
    number: usize,
    passage: &FoundPassage,
    more: &str,
) -> io::Result<()> {
    let title = match &*passage.title {
        "" => printable(&passage.document),
        title => printable(title),
    };
    let section = if passage.section.is_empty() {
        String::new()
    } else {
        format!(" › {}", printable(&passage.section))
    };
    writeln!(
        out,
        "{:>3}. {TITLE}{title}{TITLE:#}{section} {FAINT}[{}] score {:.2}{more}{FAINT:#}",
        number, passage.id, passage.score
    )?;
    match &passage.url {
        Some(url) => writeln!(out, "     {FAINT}{}{FAINT:#}", printable(url)),
        None => Ok(()),
    }
}

/// A word of a passage, and whether the answer stands in it.
struct Word<'a> {
    text: &'a str,
    /// The part of `text` that belongs to the answer.
    answer: std::ops::Range<usize>,
}

impl Word<'_> {
    fn styled(&self) -> String {
        if self.answer.is_empty() {
            return printable(self.text);
        }
        let (before, rest) = self.text.split_at(self.answer.start);
        let (answer, after) = rest.split_at(self.answer.len());
        let (before, after) = (printable(before), printable(after));
        format!("{before}{ANSWER}{}{ANSWER:#}{after}", printable(answer))
    }
}

fn words<'a>(text: &'a str, spans: &[(usize, usize)]) -> Vec<Word<'a>> {
    let base = text.as_ptr() as usize;
    let word = |text: &'a str| {
        let start = text.as_ptr() as usize - base;
        let end = start + text.len();
        let overlap = spans.iter().find(|span| span.0 < end && span.1 > start);
        let answer = overlap.map_or(0..0, |span| {
            span.0.max(start) - start..span.1.min(end) - start
        });
        Word { text, answer }
    };
    text.split_whitespace().map(word).collect()
}

/// The words to show: a window round the answer, else the beginning.
fn excerpt(words: &[Word<'_>]) -> std::ops::Range<usize> {
    let answer = words.iter().position(|word| !word.answer.is_empty());
    let latest = words.len().saturating_sub(EXCERPT_WORDS);
    let start = answer.unwrap_or(0).saturating_sub(EXCERPT_LEAD).min(latest);
    start..words.len().min(start + EXCERPT_WORDS)
}

fn by_posterior(passages: &[SourcePassage]) -> Vec<&SourcePassage> {
    let mut sorted: Vec<&SourcePassage> = passages.iter().collect();
    sorted.sort_by(|a, b| b.posterior.total_cmp(&a.posterior));
    sorted
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
    fn an_answer_across_words_marks_each_of_them() {
        let text = "the town of New York, today";
        let words = words(text, &[(12, 20)]);
        let marked: Vec<&str> = words.iter().map(|w| &w.text[w.answer.clone()]).collect();
        assert_eq!(marked, ["", "", "", "New", "York", ""]);
    }

    #[test]
    fn times_come_in_a_unit_of_their_size() {
        let times = [0.4, 89.0, 90.0, 5399.0, 7200.0, 259_200.0].map(duration);
        let expected = [
            "0 s",
            "89 s",
            "2 minutes",
            "90 minutes",
            "2.0 hours",
            "3.0 days",
        ];
        assert_eq!(times, expected);
    }

    #[test]
    fn the_excerpt_holds_the_answer() {
        let text = vec!["w"; 100].join(" ");
        for at in 0..100 {
            let words = words(&text, &[(2 * at, 2 * at + 1)]);
            let shown = excerpt(&words);
            assert!(shown.contains(&at) && shown.len() == EXCERPT_WORDS, "{at}");
        }
    }

    #[test]
    fn escape_sequences_of_a_corpus_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb"), "a\u{fffd}[31mb");
    }
}
