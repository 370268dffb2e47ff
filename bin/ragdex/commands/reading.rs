//! Options of reading and splitting, which `build` and `split` share.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use ragdex::{Columns, KindRules, PageKinds, SplitOptions, WikiOptions};

use crate::{App, cli};

/// How sources are read.
pub(crate) fn reading(args: &cli::Reading) -> ragdex::Reading {
    ragdex::Reading {
        format: args.format,
        columns: Columns {
            key: args.key_column.clone(),
            title: args.title_column.clone(),
            text: args.text_column.clone(),
            url: args.url_column.clone(),
            revision: args.revision_column.clone(),
            literal_quotes: args.literal_quotes,
            ..Columns::default()
        },
        limit: args.limit,
        strict: args.strict,
        pages: pages(&args.wiki),
        namespaces: args
            .wiki
            .namespaces
            .as_ref()
            .map(|numbers| numbers.iter().copied().collect()),
        wiki: WikiOptions {
            templates: args.wiki.templates.clone(),
            words: args.wiki.words_file.clone(),
            template_redirects: args.wiki.template_redirects,
            keep_all_sections: args.wiki.keep_all_sections,
        },
        keep_going: args.keep_going,
    }
}

/// The kinds of pages asked for; `None` when it is left to the splitting rule.
fn pages(args: &cli::Wiki) -> Option<PageKinds> {
    let kinds = args.pages.as_ref()?;
    Some(PageKinds {
        articles: kinds.contains(&cli::PageKind::Articles),
        disambiguation: kinds.contains(&cli::PageKind::Disambiguation),
        lists: kinds.contains(&cli::PageKind::Lists),
        rules: KindRules::default(),
        ..PageKinds::default()
    })
}

/// Warns of options that change nothing.
pub(crate) fn warn_without_effect(app: &App, args: &cli::Splitting) {
    let (words, overlap) = (args.words.get() != 100, args.overlap != 0);
    let tail = args.tail.is_some();
    let idle = match args.splitter {
        ragdex::SplitRule::Whole => [words, overlap, tail],
        ragdex::SplitRule::Kilt => [false, overlap, tail],
        _ => return,
    };
    let names = ["--words", "--overlap", "--tail"].into_iter().zip(idle);
    for (name, _) in names.filter(|(_, is_given)| *is_given) {
        let rule = args.splitter;
        app.reporter
            .warn(&format!("`{name}` has no effect with `--splitter {rule}`"));
    }
}

/// Lets the first Ctrl-C end the program where it may wait for standard input: nothing is lost by that, and
/// nobody would hear of the request to stop.
pub(crate) fn heed_waiting(sources: &[PathBuf]) {
    if sources.iter().any(|source| source == Path::new("-")) {
        crate::WAITS_FOR_INPUT.store(true, Ordering::Relaxed);
    }
}

/// How documents are cut.
pub(crate) fn splitting(args: &cli::Splitting) -> SplitOptions {
    SplitOptions {
        rule: args.splitter,
        words: args.words.get(),
        overlap: args.overlap,
        tail: args.tail,
    }
}
