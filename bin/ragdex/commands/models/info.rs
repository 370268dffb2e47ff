//! `ragdex models info`.

use ragdex::checkpoints::{self, ModelInfo, ModelUse};

use super::Lines;
use crate::App;
use crate::cli;

/// Prints what a model is.
pub(crate) fn run(app: &App, args: &cli::ModelInfo) -> anyhow::Result<()> {
    for info in checkpoints::info(super::id(&args.model), &app.context())? {
        app.output.value(&info, text)?;
    }
    Ok(())
}

fn text(info: &ModelInfo) -> String {
    let mut lines = Lines::new(&info.name);
    lines.add("kind", &info.kind);
    let uses: Vec<&str> = info.uses.iter().map(|part| name_of(*part)).collect();
    lines.add(
        "serves as",
        if uses.is_empty() {
            "nothing here".into()
        } else {
            uses.join(", ")
        },
    );
    lines.add_some("problem", info.problem.as_deref());
    lines.add_some("revision", info.revision.as_deref());
    lines.add_some("encoder layers", info.encoder_layers);
    lines.add_some("decoder layers", info.decoder_layers);
    lines.add_some("width", info.width);
    lines.add_some(
        "vectors",
        info.dimension.map(|dimension| vectors(info, dimension)),
    );
    lines.add_some(
        "longest input",
        info.max_tokens.map(|tokens| format!("{tokens} tokens")),
    );
    let vocabulary: Vec<String> = info.vocabulary.iter().map(usize::to_string).collect();
    lines.add("vocabulary", vocabulary.join(", "));
    lines.add(
        "weights",
        format!("{} ({})", info.parameters, info.formats.join(", ")),
    );
    lines.add("licence", info.licence.as_deref().unwrap_or("none named"));
    lines.add("SHA-256", &info.sha256);
    lines.add_some("folder", info.folder.as_deref());
    lines.0
}

fn name_of(part: ModelUse) -> &'static str {
    match part {
        ModelUse::ContextEncoder => "context encoder",
        ModelUse::QuestionEncoder => "question encoder",
        ModelUse::Generator => "generator",
    }
}

fn vectors(info: &ModelInfo, dimension: usize) -> String {
    let pooling = info
        .pooling
        .map(|pooling| format!("{pooling:?}").to_lowercase());
    let length = if info.normalize == Some(true) {
        ", of equal length"
    } else {
        ""
    };
    format!(
        "{dimension} dimensions, {} pooling{length}",
        pooling.unwrap_or_default()
    )
}
