//! The parts of a split folder, as work for the pipeline.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ragdex_core::Vectors;
use ragdex_corpus::Shard;
use ragdex_store::{EmbedPart, Holder, SplitEmbeddings, SplitFolder, SplitPart, SplitPartWriter};

use super::pipeline::{Part, Passages};
use crate::{Context, Error, Result};

/// The parts of a folder in their order, whatever shard of the split they come from.
///
/// Tells of shards that are not in the folder: they may be on another machine, or lost.
///
/// # Errors
/// [`Error::NoParquet`] when the split wrote text.
pub(crate) fn parts(folder: &SplitFolder, context: &Context<'_>) -> Result<Vec<SplitPart>> {
    let manifests = folder.manifests().map_err(Error::SplitFolder)?;
    let n_shards = manifests.first().map_or(0, |(name, _)| name.count());
    let missing = n_shards.saturating_sub(manifests.len() as u64);
    if missing > 0 {
        context.reporter.warn(&format!(
            "`{}`: {missing} of {n_shards} shards of the split are not in this folder",
            folder.path().display()
        ));
    }
    let parts = manifests
        .into_iter()
        .flat_map(|(_, manifest)| manifest.parts);
    let parts: Vec<SplitPart> = parts.collect();
    if parts.is_empty() {
        return Err(Error::NoParquet {
            path: folder.path(),
        });
    }
    Ok(parts)
}

/// The parts that a shard takes: every n-th.
pub(crate) fn share(parts: &[SplitPart], shard: Shard) -> Vec<SplitPart> {
    let (first, step) = (shard.index() as usize - 1, shard.count() as usize);
    parts.iter().skip(first).step_by(step).cloned().collect()
}

/// The part that another process was making when its turn came, if there was one.
#[derive(Debug, Default)]
pub(crate) struct Held(Mutex<Option<(PathBuf, Holder)>>);

impl Held {
    fn note(&self, path: PathBuf, holder: Holder) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get_or_insert((path, holder));
    }

    /// An error that names it.
    pub(crate) fn into_result(self) -> Result<()> {
        match self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some((path, holder)) => Err(Error::SplitFolder(ragdex_store::Error::Locked {
                path,
                holder,
            })),
        }
    }
}

/// Takes parts one after another, as the pipeline draws them; leaves out those that others make or made.
pub(crate) fn take<'a>(
    folder: &'a SplitFolder,
    embeddings: &'a SplitEmbeddings,
    parts: &'a [SplitPart],
    held: &'a Held,
) -> impl Iterator<Item = Result<FolderPart>> + Send + 'a {
    parts.iter().filter_map(
        move |part| match embeddings.begin(part).map_err(Error::SplitFolder) {
            Err(error) => Some(Err(error)),
            Ok(EmbedPart::Finished) => None,
            Ok(EmbedPart::Held { path, holder }) => {
                held.note(path, holder);
                None
            }
            Ok(EmbedPart::Open(writer)) => Some(Ok(FolderPart {
                folder: folder.clone(),
                writer,
            })),
        },
    )
}

/// A part of a folder that is being made.
pub(crate) struct FolderPart {
    folder: SplitFolder,
    writer: Box<SplitPartWriter>,
}

impl Part for FolderPart {
    fn passages(&self) -> Result<Passages> {
        let passages = self.folder.passages(self.writer.part());
        let passages = passages.map_err(Error::SplitFolder)?;
        Ok(Box::new(
            passages.map(|row| row.map_err(Error::SplitFolder)),
        ))
    }

    fn push(&mut self, vectors: Vectors<'_>) -> Result<()> {
        self.writer.push(vectors).map_err(Error::SplitFolder)
    }

    fn finish(self) -> Result<()> {
        self.writer.finish().map(drop).map_err(Error::SplitFolder)
    }
}

#[cfg(test)]
mod tests {
    use ragdex_core::Sha256;
    use ragdex_store::{FileEntry, KbPath};

    use super::*;

    fn part(number: u64) -> SplitPart {
        let file = |folder: &str| FileEntry {
            path: KbPath::new(format!("{folder}/part-{number:05}.parquet")).unwrap(),
            bytes: 0,
            sha256: Sha256::of(b""),
        };
        SplitPart {
            documents: file("documents"),
            passages: file("passages"),
            n_documents: 1,
            n_passages: 1,
            first_passage: number,
        }
    }

    #[test]
    fn shares_hold_every_part_once() {
        let parts: Vec<SplitPart> = (0..7).map(part).collect();
        for count in [1, 2, 3, 9] {
            let shards = (1..=count).map(|index| format!("{index}/{count}").parse().unwrap());
            let mut taken: Vec<u64> = shards
                .flat_map(|shard| share(&parts, shard))
                .map(|part| part.first_passage)
                .collect();
            taken.sort_unstable();
            assert_eq!(taken, [0, 1, 2, 3, 4, 5, 6]);
        }
    }
}
