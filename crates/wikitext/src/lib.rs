//! Wikitext to plain text in sections: pure, total, linear time.
//!
//! Wikitext is what the editors of a wiki write: prose mixed with templates, tables, references,
//! links and tags. [`Extractor::extract`] turns one page of it into the prose alone, as paragraphs
//! under heading paths, ready to be cut into passages.
//!
//! Three aims, in this order: never lose prose silently or eat a page because of a typing error in
//! it; never leak markup; be fast. Templates are not run: a table ([`Extractor::with_templates`])
//! says what the few dozen templates that carry prose give, every other template is dropped, and
//! the hole it leaves (`Albedo () or`) is repaired.
//!
//! Nothing here fails, panics or recurses without bound, whatever the input; the time is linear in
//! the page. There is no input, output or state: an [`Extractor`] is built once and shared by all
//! threads.
//!
//! The work is four passes, each a module: `structure` and `expand` (comments, opaque elements,
//! templates, tables), `inline` (links, tags, switches), `lines` (headings, lists, paragraphs) and
//! `prose` (bold and italic marks, entities, hole repair, white space).
//!
//! # Examples
//!
//! ```
//! use ragdex_wikitext::{Extractor, PageInput, PageKind};
//!
//! let text = "The '''kilometre''' is {{convert|1000|m}} long.<ref>Check.</ref>\n\
//!             == Use ==\nOn [[road]]s.\n== See also ==\n* [[Mile]]";
//! let page = Extractor::default().extract(&PageInput { title: "Kilometre", namespace: 0, redirect: None, text });
//!
//! assert_eq!(page.kind, PageKind::Article);
//! assert_eq!(page.text(), "The kilometre is 1000 m long.\n\nOn roads.");
//! assert_eq!(page.sections[1].path, ["Use"]);
//! ```

mod counters;
mod expand;
mod extractor;
mod inline;
mod lines;
mod marks;
mod opaque;
mod page;
mod prose;
mod rules;
mod site;
mod structure;
mod words;

pub use counters::{Cause, Counters};
pub use expand::{TemplateTableError, TemplateTableProblem};
pub use extractor::Extractor;
pub use page::{Page, PageInput, PageKind, PageKinds, Section};
pub use site::SiteInfo;
pub use words::WordListError;
