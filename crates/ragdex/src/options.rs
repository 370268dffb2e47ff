//! What a build is asked for.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use ragdex_core::Element;
use ragdex_corpus::{
    Columns, Format, PageKinds, ReadOptions, Shard, SplitOptions, SplitRule, WikiOptions,
};

use ragdex_models::PrecisionChoice;
use serde::{Deserialize, Serialize};

use crate::presets::{EncoderSettings, MINI, Preset};
use crate::{Context, IndexOptions};

/// Everything that decides the knowledge base that [`build`](crate::build()) makes.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Files, folders, or `-` for standard input, in this order.
    pub sources: Vec<PathBuf>,
    /// How they are read.
    pub reading: Reading,
    /// How documents are cut.
    pub splitting: SplitOptions,
    /// Which models serve.
    pub models: ModelNames,
    /// How vectors are stored.
    pub element: Element,
    /// Throws away what an interrupted build with other options left behind.
    pub restart: bool,
    /// Passages of a part, at least: what an interruption costs at most.
    pub part_passages: u64,
    /// See [`EncodeOptions::batch_tokens`](ragdex_models::EncodeOptions::batch_tokens); changes no result.
    pub batch_tokens: Option<NonZeroUsize>,
    /// Which indexes are made.
    pub indexes: IndexOptions,
    /// Vectors that are taken over instead of embedding the passages.
    pub embeddings: Option<GivenEmbeddings>,
}

/// Vectors that exist already, in files beside the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenEmbeddings {
    /// Files that [`VectorFiles`](ragdex_exchange::VectorFiles) reads, in the order of the sources. There are as
    /// many rows as records in the sources, where no record gave several passages, or as many as passages.
    pub files: Vec<PathBuf>,
    /// The column of Parquet and Arrow files that holds vectors.
    pub column: String,
    /// Whether the encoder of passages that the build names made them: it is recorded, once a few vectors are
    /// compared with its own. Otherwise no encoder is loaded or recorded, and questions are searched for by
    /// vectors or with an encoder named each time.
    pub is_encoder_named: bool,
}

impl BuildOptions {
    /// The default of [`BuildOptions::part_passages`]: 10 minutes of a BERT-base on one core; the 21
    /// million passages of Wikipedia make 5,000 parts.
    pub const DEFAULT_PART_PASSAGES: u64 = 4096;
}

impl Default for BuildOptions {
    /// No source, the bundled models, `f32`, the exact index.
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            reading: Reading::default(),
            splitting: SplitOptions::default(),
            models: ModelNames::default(),
            element: Element::default(),
            restart: false,
            part_passages: Self::DEFAULT_PART_PASSAGES,
            batch_tokens: None,
            indexes: IndexOptions::default(),
            embeddings: None,
        }
    }
}

/// How sources are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reading {
    /// What the sources are.
    pub format: Format,
    /// Columns of tables and fields of JSON lines.
    pub columns: Columns,
    /// Documents to read at most.
    pub limit: Option<u64>,
    /// Makes a bad record an error.
    pub strict: bool,
    /// Which pages of a wiki become documents; `None` leaves it to the splitting rule: [`SplitRule::Dpr`]
    /// takes what its authors took, the others every article, list and disambiguation page.
    pub pages: Option<PageKinds>,
    /// The namespaces of a wiki to read, in place of those of `pages`.
    pub namespaces: Option<BTreeSet<i32>>,
    /// Rules for wikitext beside the built-in ones.
    pub wiki: WikiOptions,
    /// Goes on behind a damaged place of a dump.
    pub keep_going: bool,
}

impl Reading {
    /// The pages of a wiki that become documents.
    pub(crate) fn pages(&self, rule: SplitRule) -> PageKinds {
        let by_rule = || match rule {
            SplitRule::Dpr => PageKinds::drqa(),
            _ => PageKinds::default(),
        };
        let mut pages = self.pages.clone().unwrap_or_else(by_rule);
        if let Some(namespaces) = &self.namespaces {
            pages.namespaces.clone_from(namespaces);
        }
        pages
    }

    /// What the reader is asked for, for documents that `splitting` cuts.
    pub(crate) fn read_options<'a>(
        &self,
        splitting: &SplitOptions,
        shard: Shard,
        context: &Context<'a>,
    ) -> ReadOptions<'a> {
        ReadOptions {
            format: self.format,
            columns: self.columns.clone(),
            pages: self.pages(splitting.rule),
            wiki: self.wiki.clone(),
            strict: self.strict,
            keep_going: self.keep_going,
            shard,
            threads: context.threads.get(),
            cancel: context.cancel.clone(),
            reporter: context.reporter,
            ..ReadOptions::default()
        }
    }
}

/// Models by hub id or folder; [`MINI`] names the bundled ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelNames {
    /// The encoder of passages.
    pub context_encoder: String,
    /// The encoder of questions.
    pub question_encoder: String,
    /// The model that writes answers.
    pub generator: String,
    /// What the encoders compute in; recorded, so that questions are encoded alike.
    pub precision: PrecisionChoice,
    /// How the encoders read texts, in place of what their files say; recorded likewise. `None`: as the presets
    /// that name them say, else their files.
    pub settings: Option<EncoderSettings>,
}

impl Default for ModelNames {
    /// The bundled models.
    fn default() -> Self {
        Self {
            context_encoder: MINI.into(),
            question_encoder: MINI.into(),
            generator: MINI.into(),
            precision: PrecisionChoice::default(),
            settings: None,
        }
    }
}

impl From<Preset> for ModelNames {
    fn from(preset: Preset) -> Self {
        Self {
            context_encoder: preset.context_encoder,
            question_encoder: preset.question_encoder,
            generator: preset.generator.unwrap_or_else(|| MINI.into()),
            precision: PrecisionChoice::default(),
            settings: preset.settings,
        }
    }
}
