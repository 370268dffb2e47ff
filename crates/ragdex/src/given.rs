//! Passages and answers given in a file, in place of a knowledge base.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::results::FoundPassage;
use crate::{Error, Result};

/// A question with what belongs to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GivenQuestion {
    /// The question.
    pub question: String,
    /// The passages to read, in order; `None` where the line names none.
    pub passages: Option<Vec<FoundPassage>>,
    /// Answers to be scored.
    pub answers: Vec<String>,
}

/// What a file of passages holds.
#[derive(Debug, Clone, PartialEq)]
pub enum GivenPassages {
    /// Passages for every question.
    Common(Vec<FoundPassage>),
    /// Questions, each with its own.
    PerQuestion(Vec<GivenQuestion>),
}

/// A passage as a line or an entry of a line.
#[derive(Deserialize)]
struct Passage {
    #[serde(default)]
    title: String,
    text: String,
    score: Option<f32>,
    id: Option<u64>,
    #[serde(default)]
    document: String,
    #[serde(default)]
    section: String,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    question: String,
    passages: Option<Vec<Passage>>,
    #[serde(default)]
    answers: Vec<String>,
}

impl GivenPassages {
    /// Reads JSON lines: either a passage each, `{"title", "text", "score"}`, which are read for every
    /// question, or a question each, `{"question", "passages": […]}`. Blank lines are skipped.
    ///
    /// `title` may be absent. So may the scores, of all passages of a list: all are then as likely. `id`,
    /// `document`, `section` and `url` are handed on; an `id` that is absent is the place in the list, from 0.
    ///
    /// # Errors
    /// [`Error::Given`] with the line; [`Error::OpenGiven`] when the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let lines = lines(path)?;
        if lines.iter().any(|(_, line)| names_a_question(line)) {
            let questions = lines.iter().map(|(number, line)| {
                let given = question(path, *number, line)?;
                if given.passages.is_none() {
                    return Err(wrong(
                        path,
                        *number,
                        "`passages` expected beside `question`",
                    ));
                }
                Ok(given)
            });
            return Ok(Self::PerQuestion(questions.collect::<Result<_>>()?));
        }
        let passages = lines.iter().map(|(number, line)| {
            serde_json::from_str(line).map_err(|error| malformed(path, *number, &error))
        });
        let passages = passages.collect::<Result<Vec<Passage>>>()?;
        let last = lines.last().map_or(1, |(number, _)| *number);
        found(path, last, passages).map(Self::Common)
    }
}

impl GivenQuestion {
    /// Reads JSON lines `{"question", "answers": […]}`, each with `passages` or without; `-` is standard
    /// input.
    ///
    /// # Errors
    /// As [`GivenPassages::read`]; a line without answers is one.
    pub fn read_scored(path: &Path) -> Result<Vec<Self>> {
        let lines = lines(path)?;
        let questions = lines.iter().map(|(number, line)| {
            let given = question(path, *number, line)?;
            if given.answers.is_empty() {
                return Err(wrong(path, *number, "`answers` expected, at least one"));
            }
            Ok(given)
        });
        questions.collect()
    }
}

/// The lines that are not blank, with their numbers from 1.
fn lines(path: &Path) -> Result<Vec<(usize, String)>> {
    let open = |source| Error::OpenGiven {
        path: path.to_owned(),
        source,
    };
    let reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(open)?))
    };
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(reader.lines()) {
        let line = line.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => wrong(path, number, "UTF-8 text expected"),
            _ => open(error),
        })?;
        if !line.trim().is_empty() {
            lines.push((number, line));
        }
    }
    if lines.is_empty() {
        return Err(wrong(path, 1, "JSON lines expected, found none"));
    }
    Ok(lines)
}

fn names_a_question(line: &str) -> bool {
    serde_json::from_str::<Line>(line).is_ok()
}

fn question(path: &Path, number: usize, line: &str) -> Result<GivenQuestion> {
    let line: Line = serde_json::from_str(line).map_err(|error| malformed(path, number, &error))?;
    if line.question.trim().is_empty() {
        return Err(wrong(path, number, "the question is empty"));
    }
    let passages = line.passages.map(|passages| found(path, number, passages));
    Ok(GivenQuestion {
        question: line.question,
        passages: passages.transpose()?,
        answers: line.answers,
    })
}

/// Makes of a list what a search would have found.
fn found(path: &Path, number: usize, passages: Vec<Passage>) -> Result<Vec<FoundPassage>> {
    if passages.is_empty() {
        return Err(wrong(path, number, "passages expected, found none"));
    }
    let scored = passages.iter().filter(|p| p.score.is_some()).count();
    if scored != 0 && scored != passages.len() {
        let what = format!(
            "a score for each of {} passages expected, or for none; found {scored}",
            passages.len()
        );
        return Err(wrong(path, number, what));
    }
    if let Some(place) = passages
        .iter()
        .position(|p| p.score.is_some_and(|s| !s.is_finite()))
    {
        let what = format!("passage {}: a finite score expected", place + 1);
        return Err(wrong(path, number, what));
    }
    let found = passages.into_iter().enumerate();
    let found = found.map(|(place, passage)| FoundPassage {
        rank: place + 1,
        id: passage.id.unwrap_or(place as u64),
        score: passage.score.unwrap_or(0.0),
        title: passage.title,
        text: passage.text,
        document: passage.document,
        section: passage.section,
        url: passage.url,
    });
    Ok(found.collect())
}

/// The parser counts lines within the line; its column is all that tells anything.
fn malformed(path: &Path, line: usize, error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    wrong(path, line, format!("byte {}: {what}", error.column()))
}

fn wrong(path: &Path, line: usize, what: impl Into<String>) -> Error {
    Error::Given {
        path: PathBuf::from(path),
        line,
        what: what.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(content.as_bytes()).expect("a written file");
        file
    }

    fn read(content: &str) -> Result<GivenPassages> {
        GivenPassages::read(file(content).path())
    }

    #[test]
    fn passages_may_be_common_to_all_questions() {
        let content = "{\"text\": \"b\"}\n\n{\"title\": \"t\", \"text\": \"c\", \"id\": 7}\n";
        let Ok(GivenPassages::Common(passages)) = read(content) else {
            panic!("common passages");
        };
        let ids: Vec<(usize, u64, f32)> =
            passages.iter().map(|p| (p.rank, p.id, p.score)).collect();
        assert_eq!(ids, [(1, 0, 0.0), (2, 7, 0.0)]);
    }

    #[test]
    fn a_question_may_bring_its_own() {
        let content = r#"{"question": "q?", "passages": [{"text": "a", "score": 1.5}]}"#;
        let Ok(GivenPassages::PerQuestion(questions)) = read(content) else {
            panic!("questions");
        };
        let passages = questions[0].passages.as_ref().expect("passages");
        assert_eq!((&*questions[0].question, passages[0].score), ("q?", 1.5));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (content, line, word) in [
            ("", 1, "none"),
            ("{\"text\": \"a\"}\nnonsense", 2, "expected"),
            ("{\"title\": \"a\"}", 1, "text"),
            (
                "{\"text\": \"a\", \"score\": 1}\n{\"text\": \"b\"}",
                2,
                "found 1",
            ),
            ("{\"text\": \"a\", \"score\": 1e99}", 1, "out of range"),
            ("{\"question\": \"q\", \"passages\": []}", 1, "none"),
            (
                "{\"question\": \" \", \"passages\": [{\"text\": \"a\"}]}",
                1,
                "empty",
            ),
            ("{\"question\": \"q\"}", 1, "passages"),
        ] {
            let error = read(content).expect_err(content);
            assert!(
                matches!(&error, Error::Given { line: found, .. } if *found == line),
                "{error}"
            );
            assert!(error.to_string().contains(word), "{error}");
        }
        let scored = file("{\"question\": \"q\"}");
        let error = GivenQuestion::read_scored(scored.path()).expect_err("no answers");
        assert!(error.to_string().contains("answers"), "{error}");
    }
}
