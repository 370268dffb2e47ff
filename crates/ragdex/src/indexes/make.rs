//! One way to make indexes, for every command that commits.

use ragdex_core::Sha256;
use ragdex_store::{Index, Part, PartEmbeddings, Staging};

use super::{IndexKind, IndexOptions, exact, hnsw};
use crate::{Context, Result};

/// What becomes of the graphs of the snapshot before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Graphs {
    /// Those that still serve stay.
    Kept,
    /// All are built anew.
    Anew,
}

/// The vectors of a part of the next snapshot.
pub(super) struct PartVectors {
    pub(super) number: u32,
    pub(super) rows: u64,
    /// Hash of the embeddings file.
    pub(super) sha256: Sha256,
    pub(super) vectors: PartEmbeddings,
    first_passage: u64,
}

impl PartVectors {
    /// Rows that are not deleted.
    pub(super) fn live(&self) -> u64 {
        let dead = self
            .vectors
            .deleted()
            .map_or(0, |mask| mask.n_deleted() as u64);
        self.rows.saturating_sub(dead)
    }
}

/// Makes the indexes of the next snapshot: over the parts that stay, as [`Draft::keep`] will name
/// them, and the staged ones, all of which must be split and embedded. Gives the entries for
/// [`Draft::indexes`].
///
/// Follows a refresh: graphs of the current snapshot stay while few of their rows are dead, new parts
/// get graphs, and recall is measured over what results. Interrupted, the same call under the same plan
/// finds its finished files again. Progress is told as [`Stage::Index`](ragdex_core::Stage::Index).
///
/// # Errors
/// What reading vectors, building and writing give.
///
/// [`Draft::keep`]: ragdex_store::Draft::keep
/// [`Draft::indexes`]: ragdex_store::Draft::indexes
pub(crate) fn make_indexes(
    staging: &Staging<'_>,
    keep: &[Part],
    options: &IndexOptions,
    graphs: Graphs,
    context: &Context<'_>,
) -> Result<Vec<Index>> {
    let (dim, parts) = part_vectors(staging, keep)?;
    let old = |kind: IndexKind| {
        let indexes = &staging.base()?.indexes;
        let index = indexes.iter().find(|index| index.kind == kind.name());
        index.filter(|_| graphs == Graphs::Kept)
    };
    let make = |kind: &IndexKind| match kind {
        IndexKind::Exact => exact::make(staging, &parts, old(*kind), context),
        IndexKind::Hnsw => hnsw::make(staging, &parts, dim, options.hnsw, old(*kind), context),
    };
    options.kinds.iter().map(make).collect()
}

/// The vectors of all parts of the next snapshot, by ascending ids, and their width.
fn part_vectors(staging: &Staging<'_>, keep: &[Part]) -> Result<(usize, Vec<PartVectors>)> {
    let base = staging.base().and_then(|base| base.embedding);
    let mut dim = base.filter(|_| !keep.is_empty()).map(|shape| shape.dim);
    let kept = keep.iter().map(|part| {
        Ok(PartVectors {
            number: part.number,
            rows: part.n_passages,
            sha256: part.embeddings.sha256,
            vectors: staging.kept_embeddings(part)?,
            first_passage: part.first_passage,
        })
    });
    let mut parts = kept.collect::<Result<Vec<_>>>()?;
    for part in staging.parts()? {
        let vectors = staging.embeddings(&part)?;
        let Some((file, shape)) = part.embeddings_file().zip(part.embedded()) else {
            continue;
        };
        dim.get_or_insert(shape.dim);
        parts.push(PartVectors {
            number: part.number(),
            rows: part.n_passages(),
            sha256: file.sha256,
            vectors,
            first_passage: part.first_passage().0,
        });
    }
    parts.sort_by_key(|part| {
        (
            part.first_passage,
            part.first_passage + part.rows,
            part.number,
        )
    });
    // Without parts there is nothing that has a width.
    Ok((dim.unwrap_or(1), parts))
}
