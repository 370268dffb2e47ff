//! `ragdex show`.

use ragdex::KnowledgeBase;
use ragdex::results::ShownPassage;

use crate::App;
use crate::cli::Show;
use crate::output::printable;

/// Prints passages by id.
pub(crate) fn run(app: &App, args: &Show) -> anyhow::Result<()> {
    let kb = KnowledgeBase::open(&args.kb, args.snapshot)?;
    for passage in kb.passages(&args.ids)? {
        app.output.value(&passage, text)?;
    }
    Ok(())
}

fn text(passage: &ShownPassage) -> String {
    let section = match &*passage.section {
        "" => String::new(),
        section => format!(" › {}", printable(section)),
    };
    let url = passage
        .url
        .as_deref()
        .map_or(String::new(), |url| format!("  {}\n", printable(url)));
    format!(
        "{}{section} [{}] of document {} in snapshot {}\n{url}  {}\n",
        printable(&passage.title),
        passage.id,
        printable(&passage.document),
        passage.snapshot,
        printable(&passage.text)
    )
}
