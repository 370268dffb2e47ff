//! `ragdex demo`: the main job on the bundled sample.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use ragdex::{AnswerOptions, BuildOptions, KnowledgeBase, ModelNames};

use super::build;
use crate::App;
use crate::cli::Demo;
use crate::hints::UserError;

/// Builds the sample, unless an earlier run did, asks five questions, and says what to try next.
pub(crate) fn run(app: &App, args: &Demo) -> anyhow::Result<()> {
    let context = app.context();
    prepare(app, &args.kb)?;
    let loading = Instant::now();
    let kb = KnowledgeBase::open(&args.kb, None)?;
    let answerer = kb.answerer(&AnswerOptions::default(), &context)?;
    let loading = loading.elapsed().as_secs_f64();
    let answering = Instant::now();
    app.output.text("")?;
    for question in ragdex_sample::DEMO_QUESTIONS {
        for result in answerer.answer(&[question], &context)? {
            app.output.answer(&result)?;
        }
    }
    app.output.text(&format!(
        "models loaded in {loading:.2} s, {} questions answered in {:.2} s\n",
        ragdex_sample::DEMO_QUESTIONS.len(),
        answering.elapsed().as_secs_f64()
    ))?;
    app.output
        .text(&next_steps(&args.kb))
        .map_err(anyhow::Error::from)
}

/// Makes the knowledge base, or takes the one that is there.
fn prepare(app: &App, path: &Path) -> anyhow::Result<()> {
    if let Ok(kb) = KnowledgeBase::open(path, None) {
        let info = kb.info()?;
        if info.encoder.context["id"] != ragdex::presets::MINI {
            let message = format!(
                "`{}`: holds a knowledge base of other models",
                path.display()
            );
            return Err(UserError::new(message, "name another folder for the demo").into());
        }
        let found = format!("reusing {}: {} passages", path.display(), info.passages);
        return Ok(app.output.text(&found)?);
    }
    let dump = path.with_file_name(ragdex_sample::SAMPLE_DUMP_NAME);
    write_sample(&dump).with_context(|| format!("`{}`", dump.display()))?;
    let options = BuildOptions {
        sources: vec![dump],
        models: ModelNames::default(),
        ..BuildOptions::default()
    };
    let report = build::build(app, path, &options)?;
    app.output.build(&path.to_string_lossy(), &report)?;
    Ok(())
}

/// Writes the bundled dump beside the knowledge base, where the reader opens it as it would any other;
/// one that is there stays, so that an interrupted demo goes on.
fn write_sample(dump: &Path) -> anyhow::Result<()> {
    match std::fs::read(dump) {
        Ok(found) if found == ragdex_sample::SAMPLE_DUMP => return Ok(()),
        Ok(_) => {
            let message = format!("`{}`: is not the bundled sample", dump.display());
            return Err(UserError::new(message, "move it away, or name another folder").into());
        }
        Err(_) => {}
    }
    if let Some(folder) = dump.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(dump, ragdex_sample::SAMPLE_DUMP)?)
}

fn next_steps(kb: &Path) -> String {
    let kb = kb.display();
    format!(
        "Try next:\n  \
         ragdex answer {kb} \"Who was the first woman to win a Nobel Prize?\"\n  \
         ragdex search {kb} \"birds that cannot fly\"\n  \
         ragdex info {kb}\n  \
         ragdex build my-kb FOLDER    # your own text and Markdown files\n"
    )
}
