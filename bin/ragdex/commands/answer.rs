//! `ragdex answer`.

use std::io::IsTerminal;
use std::path::Path;

use ragdex::results::{AnswerResult, FoundPassage, ScoreResult};
use ragdex::{
    AnswerOptions, Answerer, GenerationOptions, GivenPassages, GivenQuestion, KnowledgeBase,
    PassageReading, RagKind, Reader, Stage, Unit,
};

use super::questions;
use crate::App;
use crate::cli::{self, Answer};
use crate::hints::UserError;

/// Prints an answer to each question, with its sources; or how likely given answers are.
pub(crate) fn run(app: &App, args: &Answer) -> anyhow::Result<()> {
    let source = Source::open(app, args)?;
    if let Some(file) = &args.score_file {
        return score_file(app, &source, file);
    }
    if let Source::Questions(reader, given) = &source {
        return answer_given(app, args, reader, given);
    }
    let mut progress = Progress::new(app, None);
    questions::for_batches(&args.questions(), args.batch, |questions| {
        if args.score.is_empty() {
            for result in source.answer(app, questions)? {
                app.output.answer(&result)?;
            }
        } else {
            let answers: Vec<&str> = args.score.iter().map(String::as_str).collect();
            for question in questions {
                app.output.scores(&source.score(app, question, &answers)?)?;
            }
        }
        progress.advance(questions.len());
        Ok(())
    })
}

/// Where passages come from.
enum Source {
    /// A knowledge base.
    Base(Box<Answerer>),
    /// The same for every question.
    Common(Box<Reader>, Vec<FoundPassage>),
    /// Every question brings its own.
    Questions(Box<Reader>, Vec<GivenQuestion>),
}

impl Source {
    fn open(app: &App, args: &Answer) -> anyhow::Result<Self> {
        let (context, options) = (app.context(), options(args)?);
        if let Some(kb) = args.kb() {
            let kb = KnowledgeBase::open(kb, args.snapshot)?;
            return Ok(Self::Base(Box::new(kb.answerer(&options, &context)?)));
        }
        let questions = args.questions();
        if let Some(kb) = questions
            .first()
            .filter(|kb| Path::new(kb).join("CURRENT").is_file())
        {
            return Err(UserError::new(
                format!("`{kb}`: a question expected, found a knowledge base"),
                "leave it out: with `--passages` only questions are named",
            )
            .into());
        }
        let file = args.passages.as_deref().unwrap_or(Path::new("-"));
        let given = GivenPassages::read(file)?;
        let questions = args.questions();
        if let (GivenPassages::PerQuestion(_), Some(_)) = (&given, questions.first()) {
            let message = format!("`{}` brings its own questions", file.display());
            let hint = "leave the questions of the command line out";
            return Err(UserError::new(message, hint).into());
        }
        let reader = Box::new(Reader::open(&options, &context)?);
        Ok(match given {
            GivenPassages::Common(passages) => Self::Common(reader, passages),
            GivenPassages::PerQuestion(questions) => Self::Questions(reader, questions),
        })
    }

    fn answer(&self, app: &App, questions: &[&str]) -> Result<Vec<AnswerResult>, ragdex::Error> {
        let context = app.context();
        match self {
            Self::Base(answerer) => answerer.answer(questions, &context),
            Self::Common(reader, passages) => {
                let readings = questions.iter();
                let readings = readings.map(|&question| PassageReading { question, passages });
                reader.answer(&readings.collect::<Vec<_>>(), &context)
            }
            Self::Questions(..) => Ok(Vec::new()),
        }
    }

    fn score(
        &self,
        app: &App,
        question: &str,
        answers: &[&str],
    ) -> Result<ScoreResult, ragdex::Error> {
        let context = app.context();
        let passages = match self {
            Self::Base(answerer) => return answerer.score(question, answers, &context),
            Self::Common(_, passages) => passages.as_slice(),
            Self::Questions(_, given) => {
                let own = given.iter().find(|given| given.question == question);
                own.and_then(|own| own.passages.as_deref()).unwrap_or(&[])
            }
        };
        let reading = PassageReading { question, passages };
        self.reader().score(reading, answers, &context)
    }

    fn reader(&self) -> &Reader {
        match self {
            Self::Base(answerer) => answerer.reader(),
            Self::Common(reader, _) | Self::Questions(reader, _) => reader,
        }
    }
}

/// Answers, or scores with `--score`, the questions of a file with their own passages.
fn answer_given(
    app: &App,
    args: &Answer,
    reader: &Reader,
    given: &[GivenQuestion],
) -> anyhow::Result<()> {
    let context = app.context();
    let mut progress = Progress::new(app, Some(given.len()));
    let answers: Vec<&str> = args.score.iter().map(String::as_str).collect();
    for batch in given.chunks(args.batch.get()) {
        let readings: Vec<PassageReading<'_>> = batch.iter().map(reading).collect();
        if answers.is_empty() {
            for result in reader.answer(&readings, &context)? {
                app.output.answer(&result)?;
            }
        } else {
            for reading in readings {
                app.output
                    .scores(&reader.score(reading, &answers, &context)?)?;
            }
        }
        progress.advance(batch.len());
    }
    Ok(())
}

fn reading(given: &GivenQuestion) -> PassageReading<'_> {
    PassageReading {
        question: &given.question,
        passages: given.passages.as_deref().unwrap_or(&[]),
    }
}

/// Scores the answers of a file, with the passages of its lines where they bring some.
fn score_file(app: &App, source: &Source, file: &Path) -> anyhow::Result<()> {
    let context = app.context();
    let given = GivenQuestion::read_scored(file)?;
    let mut progress = Progress::new(app, Some(given.len()));
    for line in &given {
        let answers: Vec<&str> = line.answers.iter().map(String::as_str).collect();
        let result = match &line.passages {
            Some(_) => source.reader().score(reading(line), &answers, &context)?,
            None => source.score(app, &line.question, &answers)?,
        };
        app.output.scores(&result)?;
        progress.advance(1);
    }
    Ok(())
}

/// Progress, where answers do not go to the terminal that would show it.
struct Progress<'a> {
    app: &'a App,
    done: u64,
    shown: bool,
}

impl<'a> Progress<'a> {
    fn new(app: &'a App, total: Option<usize>) -> Self {
        let shown = !std::io::stdout().is_terminal() && !std::io::stdin().is_terminal();
        if shown {
            let total = total.map(|total| total as u64);
            app.reporter.start(Stage::Answer, Unit::Questions, total);
        }
        Self {
            app,
            done: 0,
            shown,
        }
    }

    fn advance(&mut self, questions: usize) {
        self.done += questions as u64;
        if self.shown {
            self.app.reporter.advance(Stage::Answer, self.done);
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.shown {
            self.app.reporter.finish(Stage::Answer);
        }
    }
}

fn options(args: &Answer) -> anyhow::Result<AnswerOptions> {
    let mut generation = GenerationOptions::default();
    for (name, value) in args.generation.given() {
        generation.set(name, value).map_err(ragdex::Error::from)?;
    }
    let preset = args.preset.as_ref();
    Ok(AnswerOptions {
        model: args.model.map(|model| match model {
            cli::RagKind::RagToken => RagKind::Token,
            cli::RagKind::RagSequence => RagKind::Sequence,
        }),
        n_docs: args.n_docs.map(std::num::NonZero::get),
        generator: args
            .generator
            .clone()
            .or(preset.and_then(|p| p.generator.clone())),
        question_encoder: args
            .question_encoder
            .clone()
            .or(preset.map(|p| p.question_encoder.clone())),
        index: args.searched.index.map(ragdex::IndexKind::from),
        expansion_search: args.searched.expansion_search,
        grounded: args.grounded,
        thorough: args.thorough,
        do_deduplication: args.do_deduplication,
        generator_precision: args.generator_precision,
        min_confidence: args.min_confidence,
        generation,
    })
}
