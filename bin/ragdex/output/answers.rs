//! What was found and answered.

use std::io::{self, Write};

use ragdex::results::{AnswerResult, FoundPassage, ScoreResult, SearchResult, SourcePassage};

use super::excerpt::{Word, excerpt, words};
use super::{ANSWER, FAINT, Output, TITLE, json, printable};

impl Output {
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

fn by_posterior(passages: &[SourcePassage]) -> Vec<&SourcePassage> {
    let mut sorted: Vec<&SourcePassage> = passages.iter().collect();
    sorted.sort_by(|a, b| b.posterior.total_cmp(&a.posterior));
    sorted
}
