//! Options of reading and splitting, which `build` and `split` share.

use ragdex::{Columns, KindRules, PageKinds, SplitOptions, WikiOptions};

use crate::cli;

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
        wiki: WikiOptions {
            templates: args.wiki.templates.clone(),
            words: args.wiki.words_file.clone(),
            template_redirects: args.wiki.template_redirects,
            keep_all_sections: args.wiki.keep_all_sections,
        },
        keep_going: args.keep_going,
    }
}

/// The pages asked for; `None` when it is left to the splitting rule.
fn pages(args: &cli::Wiki) -> Option<PageKinds> {
    let others = args.namespaces != [0];
    let kinds = match &args.pages {
        Some(kinds) => kinds.clone(),
        None if others => vec![
            cli::PageKind::Articles,
            cli::PageKind::Disambiguation,
            cli::PageKind::Lists,
        ],
        None => return None,
    };
    Some(PageKinds {
        articles: kinds.contains(&cli::PageKind::Articles),
        disambiguation: kinds.contains(&cli::PageKind::Disambiguation),
        lists: kinds.contains(&cli::PageKind::Lists),
        namespaces: args.namespaces.iter().copied().collect(),
        rules: KindRules::default(),
    })
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
