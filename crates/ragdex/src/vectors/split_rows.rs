//! The vectors of split folders, row for row with the passages of all their parts.

use std::collections::VecDeque;
use std::path::PathBuf;

use half::f16;
use ragdex_core::Rows;
use ragdex_store::{PartEmbeddings, SplitEmbeddings, SplitFolder, SplitPart};

use crate::{Error, Result};

/// Streams vectors through the parts of folders, in order.
pub(super) struct SplitRows {
    parts: VecDeque<(SplitEmbeddings, SplitPart)>,
    current: Option<PartEmbeddings>,
    dim: usize,
    /// The next row of the current part.
    at: usize,
}

impl SplitRows {
    /// Begins at row `start`, counted over all parts of all folders from 0. Opens no part before it.
    ///
    /// # Errors
    /// [`Error::SplitFolder`]: what folders give that are damaged, or not embedded any more.
    pub(super) fn open(folders: &[PathBuf], dim: usize, start: u64) -> Result<Self> {
        let mut parts = VecDeque::new();
        for folder in folders {
            parts.extend(parts_of(folder).map_err(Error::SplitFolder)?);
        }
        let mut left = start;
        while let Some((_, part)) = parts.front()
            && part.n_passages <= left
        {
            left -= part.n_passages;
            parts.pop_front();
        }
        Ok(Self {
            parts,
            current: None,
            dim,
            at: left as usize,
        })
    }

    /// Shows the next vector to `take`; `false` behind the last.
    pub(super) fn next(
        &mut self,
        take: impl FnOnce(&mut dyn Iterator<Item = f32>),
    ) -> Result<bool> {
        loop {
            if let Some(part) = &self.current {
                if let Some(mut vector) = vector(part, self.at, self.dim) {
                    take(&mut vector);
                    self.at += 1;
                    return Ok(true);
                }
                self.at = 0;
            }
            let Some((embeddings, part)) = self.parts.pop_front() else {
                self.current = None;
                return Ok(false);
            };
            self.current = Some(embeddings.vectors(&part).map_err(Error::SplitFolder)?);
        }
    }
}

fn parts_of(folder: &PathBuf) -> ragdex_store::Result<Vec<(SplitEmbeddings, SplitPart)>> {
    let folder = SplitFolder::open(folder)?;
    let Some(embeddings) = folder.embeddings()? else {
        return Ok(Vec::new());
    };
    let manifests = folder.manifests()?.into_iter();
    let parts = manifests.flat_map(|(_, manifest)| manifest.parts);
    Ok(parts.map(|part| (embeddings.clone(), part)).collect())
}

/// The vector in a row of a part; `None` behind the last.
fn vector(part: &PartEmbeddings, row: usize, dim: usize) -> Option<Vector<'_>> {
    let mut row = row;
    for block in part.blocks() {
        if row < block.len() {
            let values = row * dim..(row + 1) * dim;
            return match block.rows() {
                Rows::F32(all) => all.get(values).map(|values| Vector::F32(values.iter())),
                Rows::F16(all) => all.get(values).map(|values| Vector::F16(values.iter())),
            };
        }
        row -= block.len();
    }
    None
}

/// The numbers of a vector.
enum Vector<'a> {
    F32(std::slice::Iter<'a, f32>),
    F16(std::slice::Iter<'a, f16>),
}

impl Iterator for Vector<'_> {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        match self {
            Self::F32(numbers) => numbers.next().copied(),
            Self::F16(numbers) => numbers.next().map(|number| number.to_f32()),
        }
    }
}
