//! A page as the dump has it.

/// One `<page>` with its last revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawPage {
    /// Bytes of XML before the page.
    pub(super) offset: u64,
    pub(super) title: String,
    pub(super) id: Option<u64>,
    pub(super) namespace: i32,
    /// The target, when the page is a redirect.
    pub(super) redirect: Option<String>,
    pub(super) revision: Option<u64>,
    /// When the revision was made.
    pub(super) timestamp: Option<String>,
    /// `wikitext` when the dump does not say.
    pub(super) model: Option<String>,
    pub(super) text: String,
    /// The checksum of the text, as the dump writes it.
    pub(super) sha1: Option<String>,
    /// The text was suppressed, or is not part of this dump.
    pub(super) withheld: bool,
    /// The text went over the limit and was not kept.
    pub(super) too_long: bool,
}

impl RawPage {
    /// Forgets what belongs to a revision: another one begins.
    pub(super) fn begin_revision(&mut self) {
        self.revision = None;
        self.timestamp = None;
        self.model = None;
        self.text.clear();
        self.sha1 = None;
        self.withheld = false;
        self.too_long = false;
    }
}
