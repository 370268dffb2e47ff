//! `ragdex build`.

use ragdex::presets::Preset;
use ragdex::results::BuildReport;
use ragdex::{BuildOptions, Element, GivenEmbeddings, ModelNames};

use crate::App;
use crate::cli::{self, Build};
use crate::commands::{index, reading};
use crate::hints::UserError;
use crate::memory;

/// Builds a knowledge base and prints what was done.
pub(crate) fn run(app: &App, args: &Build) -> anyhow::Result<()> {
    reading::warn_without_effect(app, &args.splitting);
    reading::heed_waiting(&args.sources);
    let options = options(args)?;
    if is_encoder_unknown(&options) {
        app.reporter.warn(
            "which encoder made the vectors is not known: search with `--vectors`, or with the encoder of questions \
             that belongs to it as `--question-encoder`",
        );
    } else if !args.models.preset.as_ref().is_some_and(Preset::is_bundled) {
        warn_of_bundled(app, &options.models);
    }
    let report = build(app, &args.kb, &options)?;
    app.output.build(&args.kb.to_string_lossy(), &report)?;
    Ok(())
}

fn is_encoder_unknown(options: &BuildOptions) -> bool {
    let given = options.embeddings.as_ref();
    given.is_some_and(|given| !given.is_encoder_named)
}

/// Says for which work no model was named, so that a small one serves.
fn warn_of_bundled(app: &App, models: &ModelNames) {
    let roles = [
        ("encoder", &models.context_encoder),
        ("question encoder", &models.question_encoder),
        ("generator", &models.generator),
    ];
    let bundled = roles
        .into_iter()
        .filter(|(_, name)| *name == ragdex::presets::MINI);
    let bundled: Vec<&str> = bundled.map(|(role, _)| role).collect();
    if !bundled.is_empty() {
        app.reporter.warn(&format!(
            "the small bundled model serves as {}; better ones: `--preset minilm` and others of `ragdex models \
             list`, or a sentence-transformers folder as `--context-encoder`",
            bundled.join(" and ")
        ));
    }
}

/// Builds and adds what only the process knows.
pub(crate) fn build(
    app: &App,
    kb: &std::path::Path,
    options: &BuildOptions,
) -> Result<BuildReport, ragdex::Error> {
    let report = ragdex::build(kb, options, &app.context())?;
    Ok(BuildReport {
        peak_memory_bytes: memory::peak_bytes(),
        ..report
    })
}

fn options(args: &Build) -> Result<BuildOptions, UserError> {
    let models = models(&args.models);
    let mut reading = reading::reading(&args.reading);
    let embeddings = embeddings(args)?;
    // Without an encoder that is said to have made them, vectors of the source are of no use.
    let is_named = models.context_encoder != ragdex::presets::MINI && embeddings.is_none();
    let column = Some(args.embeddings_column.clone());
    reading.columns.embeddings = column.filter(|name| is_named && name != "none");
    Ok(BuildOptions {
        sources: args.sources.clone(),
        reading,
        splitting: reading::splitting(&args.splitting),
        models,
        element: element(args.vectors),
        restart: args.restart,
        part_passages: args.part_passages,
        batch_tokens: args.batch_tokens,
        indexes: index::options(&args.index, args.hnsw),
        embeddings,
    })
}

/// The files of vectors; `None` without any.
fn embeddings(args: &Build) -> Result<Option<GivenEmbeddings>, UserError> {
    if args.embeddings.is_empty() {
        return Ok(None);
    }
    let models = &args.models;
    let is_encoder_named = models.context_encoder.is_some() || models.preset.is_some();
    if let (false, Some(question)) = (is_encoder_named, &models.question_encoder) {
        return Err(UserError::new(
            format!("`{question}` alone does not tell which encoder made the vectors"),
            "name that one as `--context-encoder`, or leave `--question-encoder` to `ragdex search`",
        ));
    }
    Ok(Some(GivenEmbeddings {
        files: args.embeddings.clone(),
        column: args.embeddings_column.clone(),
        is_encoder_named,
    }))
}

/// How vectors are stored.
pub(crate) fn element(format: cli::VectorFormat) -> Element {
    match format {
        cli::VectorFormat::F32 => Element::F32,
        cli::VectorFormat::F16 => Element::F16,
    }
}

fn models(args: &cli::ModelOptions) -> ModelNames {
    let mut names = encoders(
        args.preset.as_ref(),
        args.context_encoder.as_deref(),
        args.question_encoder.as_deref(),
    );
    if let Some(generator) = &args.generator {
        names.generator.clone_from(generator);
    }
    names.precision = args.precision;
    names
}

/// The models of the preset, the encoders replaced by those named. A passage encoder named alone encodes
/// questions too, as sentence-transformers do.
pub(crate) fn encoders(
    preset: Option<&Preset>,
    context: Option<&str>,
    question: Option<&str>,
) -> ModelNames {
    let mut names = preset
        .cloned()
        .map_or_else(ModelNames::default, ModelNames::from);
    if let Some(context) = context {
        context.clone_into(&mut names.context_encoder);
        context.clone_into(&mut names.question_encoder);
    }
    if let Some(question) = question {
        question.clone_into(&mut names.question_encoder);
    }
    names
}
