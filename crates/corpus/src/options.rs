//! What a reader is asked for.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::thread;

use ragdex_core::{Cancel, NoReporter, Reporter};
use serde::{Deserialize, Serialize};

use crate::{KnownVersions, Shard};

/// The form of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum Format {
    /// Found out from the first bytes and the name.
    #[default]
    Auto,
    /// A MediaWiki XML dump.
    MediaWiki,
    /// `id<TAB>text<TAB>title` with a header, as DPR publishes its passages: each row is a passage,
    /// and its text is one paragraph with every byte of the field.
    PsgsTsv,
    /// One JSON object a line, with a title and a text.
    Jsonl,
    /// Comma or tab separated, with a header or with the two columns title and text.
    Csv,
    /// Parquet files with columns for a title and a text, as the hub has them.
    Parquet,
    /// The output of `WikiExtractor`, JSON lines or `<doc>` elements.
    WikiExtractor,
    /// The knowledge source of KILT.
    Kilt,
    /// A bulk file of Wikipedia's search index.
    Cirrus,
    /// A snapshot of Wikimedia Enterprise, HTML in JSON lines, in a tar archive or not. Files are read
    /// a first time to find the newest version of pages that occur more than once; of a stream every
    /// version is given out.
    Enterprise,
    /// Text, Markdown or HTML files, one document each.
    Text,
}

impl Format {
    /// Every format with its name.
    const NAMES: [(Self, &'static str, &'static str); 11] = [
        (Self::Auto, "auto", "automatic"),
        (Self::MediaWiki, "mediawiki", "MediaWiki XML"),
        (Self::PsgsTsv, "psgs-tsv", "DPR passages"),
        (Self::Jsonl, "jsonl", "JSON lines"),
        (Self::Csv, "csv", "a table"),
        (Self::Parquet, "parquet", "Parquet"),
        (Self::WikiExtractor, "wikiextractor", "WikiExtractor output"),
        (Self::Kilt, "kilt", "the KILT knowledge source"),
        (Self::Cirrus, "cirrus", "a Cirrus search dump"),
        (
            Self::Enterprise,
            "enterprise",
            "a Wikimedia Enterprise snapshot",
        ),
        (Self::Text, "text", "text files"),
    ];

    /// The name that options use.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// A few words for people.
    pub fn description(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Self, &'static str, &'static str) {
        let row = Self::NAMES.into_iter().find(|row| row.0 == self);
        row.expect("every format has a row")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let row = Self::NAMES.into_iter().find(|row| row.1 == name);
        row.map(|row| row.0).ok_or_else(|| UnknownName {
            name: name.into(),
            known: Self::NAMES.map(|row| row.1).join(", "),
        })
    }
}

impl From<Format> for String {
    fn from(format: Format) -> Self {
        format.name().into()
    }
}

impl TryFrom<String> for Format {
    type Error = UnknownName;

    fn try_from(name: String) -> Result<Self, UnknownName> {
        name.parse()
    }
}

/// A name that stands for nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("one of {known} expected, found `{name}`")]
pub struct UnknownName {
    /// The name that was given.
    pub name: String,
    /// The names that are known.
    pub known: String,
}

/// Which columns of a table or a Parquet file, or fields of a JSON object, hold what.
///
/// A column that is not named is looked for under its usual names: `key`, `id`, `_id`; `title`;
/// `text`, `contents`, `content`, `body`, `passage`; `url`; `revision`, `revid`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Columns {
    /// What names the document for ever.
    pub key: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// The text.
    pub text: Option<String>,
    /// Where a person can read the document.
    pub url: Option<String>,
    /// The source's own version of the document.
    pub revision: Option<String>,
    /// The column of a Parquet file that holds vectors. In files that have it each row is a passage:
    /// its text is one paragraph with every byte of the field. The vectors are not read here; row
    /// numbers tell which is whose, see [`Summary::records`](crate::Summary::records).
    pub embeddings: Option<String>,
    /// Takes quotation marks in tables for themselves: a record is a line, a field never holds the
    /// separator.
    pub literal_quotes: bool,
}

/// Which pages of a wiki become documents.
///
/// Of pages that others have extracted the kind is told by title, by id, and by what marks Cirrus and
/// Wikimedia Enterprise give; the namespace is known of these two only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PageKinds {
    /// Articles.
    pub articles: bool,
    /// Pages that tell apart what shares a name.
    pub disambiguation: bool,
    /// Pages that are lists.
    pub lists: bool,
    /// The namespaces to read; 0 holds the articles.
    pub namespaces: BTreeSet<i32>,
    /// By which rules a page is told to be a disambiguation page or a list.
    pub rules: KindRules,
}

/// How a disambiguation page or a list is recognised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KindRules {
    /// By templates, categories, magic words and titles.
    #[default]
    Wikitext,
    /// As `DrQA` did for the passages of DPR: by title, by a lower-case `{{disambig}}` or
    /// `{{disambiguation}}` at the start of a line, and two page ids. What marks the source itself
    /// gives to disambiguation pages counts too.
    ///
    /// # Source
    /// `DrQA`, `scripts/retriever/prep_wikipedia.py`; `WikiExtractor`, `--filter_disambig_pages`.
    Drqa,
}

impl Default for PageKinds {
    /// Every page of namespace 0 that is no redirect.
    fn default() -> Self {
        Self {
            articles: true,
            disambiguation: true,
            lists: true,
            namespaces: BTreeSet::from([0]),
            rules: KindRules::Wikitext,
        }
    }
}

impl PageKinds {
    /// Articles alone.
    #[must_use]
    pub fn articles() -> Self {
        Self {
            disambiguation: false,
            lists: false,
            ..Self::default()
        }
    }

    /// What `DrQA` kept, from which the passages of DPR were cut.
    #[must_use]
    pub fn drqa() -> Self {
        Self {
            rules: KindRules::Drqa,
            ..Self::articles()
        }
    }
}

/// What is added to the rules by which the wikitext of dumps becomes prose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WikiOptions {
    /// Files of rules for templates, which go before the built-in ones; their form is that of
    /// [`Extractor::with_templates`](ragdex_wikitext::Extractor::with_templates).
    pub templates: Vec<PathBuf>,
    /// Files of words of other languages; their form is that of
    /// [`Extractor::with_words`](ragdex_wikitext::Extractor::with_words).
    pub words: Vec<PathBuf>,
    /// Reads every dump a first time for the redirects among its templates, so that all names of a
    /// known template are known. Needs files, and about the time of unpacking them; the redirects
    /// of all dumps hold for all.
    pub template_redirects: bool,
    /// Keeps sections such as *References* and *See also*, of Wikimedia Enterprise's HTML too.
    pub keep_all_sections: bool,
}

/// How a [`Source`](crate::Source) is read.
#[derive(Clone)]
pub struct ReadOptions<'a> {
    /// The form of the source.
    pub format: Format,
    /// Columns of tables and fields of JSON lines.
    pub columns: Columns,
    /// Which pages of a wiki become documents.
    pub pages: PageKinds,
    /// What is added to the rules for wikitext.
    pub wiki: WikiOptions,
    /// Keeps code blocks of Markdown and HTML files.
    pub code_blocks: bool,
    /// Makes a bad record an error instead of skipping and counting it.
    pub strict: bool,
    /// Goes on after damage in a dump: data that cannot be unpacked, XML that breaks the rules, or
    /// the end of a file that is cut off. Each such place is a bad record with its byte and the id
    /// of the last whole page before it; reading goes on at the next page that can be found, after
    /// the next good block in bzip2. Without it such damage is an error.
    pub keep_going: bool,
    /// Folders that are not read when a source is a folder in which they lie, such as the one that is
    /// written. They may be missing; two paths of one folder are the same.
    pub exclude: Vec<PathBuf>,
    /// Versions of pages of dumps that are not parsed again; see [`Source::read`](crate::Source::read).
    pub known: Option<Arc<dyn KnownVersions>>,
    /// Which share of the documents is read; all by default.
    pub shard: Shard,
    /// How many threads convert, at least 1. The documents and their order do not depend on it.
    pub threads: usize,
    /// Stops the reading; checked once a document.
    pub cancel: Cancel,
    /// Hears warnings, from the thread that asks for documents.
    pub reporter: &'a dyn Reporter,
}

impl Default for ReadOptions<'_> {
    fn default() -> Self {
        Self {
            format: Format::Auto,
            columns: Columns::default(),
            pages: PageKinds::default(),
            wiki: WikiOptions::default(),
            code_blocks: true,
            strict: false,
            keep_going: false,
            exclude: Vec::new(),
            known: None,
            shard: Shard::default(),
            threads: thread::available_parallelism().map_or(1, usize::from),
            cancel: Cancel::default(),
            reporter: &NoReporter,
        }
    }
}

impl fmt::Debug for ReadOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadOptions")
            .field("format", &self.format)
            .field("columns", &self.columns)
            .field("pages", &self.pages)
            .field("wiki", &self.wiki)
            .field("code_blocks", &self.code_blocks)
            .field("strict", &self.strict)
            .field("keep_going", &self.keep_going)
            .field("exclude", &self.exclude)
            .field("known", &self.known)
            .field("shard", &self.shard)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_formats_read_back() {
        for (format, name, _) in Format::NAMES {
            assert_eq!(name.parse(), Ok(format));
            assert_eq!(format.to_string(), name);
        }
        assert!("pdf".parse::<Format>().is_err());
    }
}
