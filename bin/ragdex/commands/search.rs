//! `ragdex search`.

use std::path::Path;

use ragdex::{KnowledgeBase, QuestionVectors};

use super::questions;
use crate::App;
use crate::cli::Search;

/// Prints the passages nearest to each question.
pub(crate) fn run(app: &App, args: &Search) -> anyhow::Result<()> {
    let context = app.context();
    let kb = KnowledgeBase::open(&args.kb, args.snapshot)?;
    if let Some(file) = &args.vectors {
        return search_vectors(app, args, &kb, file);
    }
    let preset = args.preset.as_ref().map(|preset| &preset.question_encoder);
    let encoder = args.question_encoder.as_ref().or(preset);
    let searcher = kb.searcher(encoder.map(String::as_str), &context)?;
    let kind = args.searched.index.map(ragdex::IndexKind::from);
    let searcher = searcher.with_index(kind, args.searched.expansion_search)?;
    questions::for_each(&args.queries, |query| {
        for result in searcher.search(&[query], args.k.get(), &context)? {
            app.output.search(&result)?;
        }
        Ok(())
    })
}

/// Prints the passages nearest to each row of a file.
fn search_vectors(app: &App, args: &Search, kb: &KnowledgeBase, file: &Path) -> anyhow::Result<()> {
    let kind = args.searched.index.map(ragdex::IndexKind::from);
    let searcher = kb.vector_searcher()?;
    let searcher = searcher.with_index(kind, args.searched.expansion_search)?;
    let vectors = QuestionVectors::open(file, &searcher)?;
    vectors.search(&searcher, args.k.get(), &app.context(), |result| {
        app.output.search(&result)?;
        anyhow::Ok(())
    })
}
