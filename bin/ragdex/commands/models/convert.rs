//! `ragdex models convert`.

use ragdex::RagKind;
use ragdex::checkpoints::{self, Conversion, ConvertReport};

use super::{Lines, megabytes};
use crate::App;
use crate::cli::{self, Convert};

/// Makes a folder and prints what is in it.
pub(crate) fn run(app: &App, args: &Convert) -> anyhow::Result<()> {
    let named = [&args.model, &args.question_encoder, &args.generator];
    let named: Vec<&str> = named
        .into_iter()
        .flatten()
        .map(|name| super::id(name))
        .collect();
    let context = app.context();
    checkpoints::fetch_missing(&named, &context)?;
    let report = checkpoints::convert(&conversion(args), &args.to, args.force, &context)?;
    app.output.value(&report, text)?;
    Ok(())
}

fn conversion(args: &Convert) -> Conversion {
    let model = args.model.as_deref().map(super::id);
    let model = model.unwrap_or(ragdex::presets::MINI).to_owned();
    match (&args.question_encoder, &args.generator) {
        (Some(question_encoder), Some(generator)) => Conversion::Consolidated {
            question_encoder: question_encoder.clone(),
            generator: generator.clone(),
            kind: match args.kind {
                cli::RagKind::RagToken => RagKind::Token,
                cli::RagKind::RagSequence => RagKind::Sequence,
            },
        },
        _ if args.split => Conversion::Separated { model },
        _ => Conversion::Safetensors { model },
    }
}

fn text(report: &ConvertReport) -> String {
    let mut lines = Lines::new(&report.folder);
    for file in &report.files {
        lines.add(&megabytes(file.bytes), &file.name);
    }
    lines.0
}
