//! `ragdex search`.

use ragdex::KnowledgeBase;

use super::questions;
use crate::App;
use crate::cli::Search;

/// Prints the passages nearest to each question.
pub(crate) fn run(app: &App, args: &Search) -> anyhow::Result<()> {
    let context = app.context();
    let kb = KnowledgeBase::open(&args.kb, args.snapshot)?;
    let searcher = kb.searcher(args.question_encoder.as_deref(), &context)?;
    let kind = args.searched.index.map(ragdex::IndexKind::from);
    let searcher = searcher.with_index(kind, args.searched.expansion_search)?;
    questions::for_each(&args.queries, |query| {
        for result in searcher.search(&[query], args.k.get(), &context)? {
            app.output.search(&result)?;
        }
        Ok(())
    })
}
