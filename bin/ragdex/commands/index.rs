//! `ragdex index`.

use ragdex::results::IndexReport;
use ragdex::{HnswOptions, IndexJob, IndexOptions};

use crate::App;
use crate::cli::{self, Index};
use crate::memory;

/// Adds, rebuilds and drops indexes, and prints what there is then.
pub(crate) fn run(app: &App, args: &Index) -> anyhow::Result<()> {
    let job = IndexJob {
        build: args.kinds.iter().map(|&kind| kind.into()).collect(),
        drop: args.drop.iter().map(|&kind| kind.into()).collect(),
        connectivity: args.hnsw.connectivity.map(usize::from),
        expansion_add: args.hnsw.expansion_add.map(usize::from),
        restart: args.restart,
    };
    let report = IndexReport {
        peak_memory_bytes: memory::peak_bytes(),
        ..ragdex::index(&args.kb, &job, &app.context())?
    };
    app.output.index(&args.kb.to_string_lossy(), &report)?;
    Ok(())
}

/// The indexes that `build` makes.
pub(crate) fn options(kinds: &[cli::IndexKind], hnsw: cli::Hnsw) -> IndexOptions {
    let defaults = IndexOptions::default();
    let mut chosen: Vec<ragdex::IndexKind> = Vec::new();
    for &kind in kinds {
        if !chosen.contains(&kind.into()) {
            chosen.push(kind.into());
        }
    }
    IndexOptions {
        kinds: if chosen.is_empty() {
            defaults.kinds
        } else {
            chosen
        },
        hnsw: HnswOptions {
            connectivity: hnsw
                .connectivity
                .map_or(defaults.hnsw.connectivity, usize::from),
            expansion_add: hnsw
                .expansion_add
                .map_or(defaults.hnsw.expansion_add, usize::from),
        },
    }
}
