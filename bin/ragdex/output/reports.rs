//! What building, splitting and embedding did.

use std::io::{self, Write};

use ragdex::results::{
    BuildReport, EmbedEstimate, EmbedReport, IndexReport, SplitReport, SplitSummary,
};

use super::state::{described, name};
use super::{Output, counted, json, peak_memory, printable};

impl Output {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
