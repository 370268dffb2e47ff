//! `ragdex answer`.

use ragdex::{AnswerOptions, GenerationOptions, KnowledgeBase, RagKind};

use super::questions;
use crate::App;
use crate::cli::{self, Answer};

/// Prints an answer to each question, with its sources.
pub(crate) fn run(app: &App, args: &Answer) -> anyhow::Result<()> {
    let context = app.context();
    let kb = KnowledgeBase::open(&args.kb, args.snapshot)?;
    let answerer = kb.answerer(&options(args)?, &context)?;
    questions::for_each(&args.questions, |question| {
        for result in answerer.answer(&[question], &context)? {
            app.output.answer(&result)?;
        }
        Ok(())
    })
}

fn options(args: &Answer) -> anyhow::Result<AnswerOptions> {
    let mut generation = GenerationOptions::default();
    for (name, value) in args.generation.given() {
        generation.set(name, value).map_err(ragdex::Error::from)?;
    }
    Ok(AnswerOptions {
        model: args.model.map(|model| match model {
            cli::RagKind::RagToken => RagKind::Token,
            cli::RagKind::RagSequence => RagKind::Sequence,
        }),
        n_docs: args.n_docs.map(std::num::NonZero::get),
        generator: args.generator.clone(),
        question_encoder: args.question_encoder.clone(),
        grounded: args.grounded,
        thorough: args.thorough,
        do_deduplication: args.do_deduplication,
        generation,
    })
}
