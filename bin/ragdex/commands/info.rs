//! `ragdex info`.

use ragdex::KnowledgeBase;

use crate::App;
use crate::cli::Kb;

/// Prints what a knowledge base holds.
pub(crate) fn run(app: &App, args: &Kb) -> anyhow::Result<()> {
    let kb = KnowledgeBase::open(&args.kb, None)?;
    app.output.info(&kb.info()?)?;
    Ok(())
}
