//! Rows that are equal to an earlier one: counted in little memory, or told at once.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ragdex_core::ContentHash;

/// Hashes are kept apart by their first byte, so that equal ones meet.
const PARTITIONS: usize = 256;

/// Hashes of one partition that are written at once: 8 kB, 2 MB for all partitions.
const RUN: usize = 512;

/// Bytes of a hash.
const HASH_BYTES: usize = 16;

/// Finds rows that are equal to an earlier one, by [`ContentHash`].
pub(super) enum Duplicates {
    /// At the end only: hashes go to a temporary file once they are many.
    Counted(Counter),
    /// At once; keeps some 20 to 40 bytes for each different row.
    Dropped {
        /// The rows seen.
        seen: HashSet<ContentHash, BuildHasherDefault<Uniform>>,
        /// The rows met again.
        found: u64,
    },
}

impl Duplicates {
    /// `drop`: rows met again are to be left out. `folder` is where a temporary file may lie.
    pub(super) fn new(drop: bool, folder: &Path) -> Self {
        if drop {
            return Self::Dropped {
                seen: HashSet::default(),
                found: 0,
            };
        }
        Self::Counted(Counter::new(folder))
    }

    /// Takes a row; `false` when it is to be left out.
    pub(super) fn keeps(&mut self, hash: ContentHash) -> io::Result<bool> {
        match self {
            Self::Counted(counter) => counter.push(hash).map(|()| true),
            Self::Dropped { seen, found } => {
                let is_new = seen.insert(hash);
                *found += u64::from(!is_new);
                Ok(is_new)
            }
        }
    }

    /// How many rows were equal to an earlier one.
    pub(super) fn finish(self) -> io::Result<u64> {
        match self {
            Self::Counted(counter) => counter.finish(),
            Self::Dropped { found, .. } => Ok(found),
        }
    }
}

/// Takes the first bytes of a hash for its hash: they are uniform already.
#[derive(Debug, Default)]
pub(super) struct Uniform(u64);

impl Hasher for Uniform {
    fn write(&mut self, bytes: &[u8]) {
        let mut first = [0; 8];
        let n = bytes.len().min(first.len());
        first[..n].copy_from_slice(&bytes[..n]);
        self.0 = u64::from_ne_bytes(first);
    }

    // The length of an array, which comes before it.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Counts equal hashes among any number of them. Memory: 2 MB, and 4 bytes for each [`RUN`] hashes.
pub(super) struct Counter {
    folder: PathBuf,
    file: Option<BufWriter<File>>,
    partitions: Vec<Partition>,
    n_runs: u32,
}

#[derive(Clone, Default)]
struct Partition {
    waiting: Vec<ContentHash>,
    /// The runs of the file that are of this partition.
    runs: Vec<u32>,
}

impl Counter {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            file: None,
            partitions: vec![Partition::default(); PARTITIONS],
            n_runs: 0,
        }
    }

    fn push(&mut self, hash: ContentHash) -> io::Result<()> {
        let partition = &mut self.partitions[usize::from(hash.0[0])];
        partition.waiting.push(hash);
        if partition.waiting.len() < RUN {
            return Ok(());
        }
        if self.file.is_none() {
            self.file = Some(BufWriter::new(tempfile::tempfile_in(&self.folder)?));
        }
        for hash in partition.waiting.drain(..) {
            self.file
                .iter_mut()
                .try_for_each(|file| file.write_all(&hash.0))?;
        }
        partition.runs.push(self.n_runs);
        self.n_runs += 1;
        Ok(())
    }

    fn finish(self) -> io::Result<u64> {
        let file = self.file.map(|file| file.into_inner()).transpose();
        let mut file = file.map_err(io::IntoInnerError::into_error)?;
        let mut found = 0;
        for partition in self.partitions {
            let mut hashes = partition.waiting;
            for run in partition.runs {
                if let Some(file) = &mut file {
                    read_run(file, run, &mut hashes)?;
                }
            }
            hashes.sort_unstable();
            let equal = hashes.windows(2).filter(|pair| pair[0] == pair[1]);
            found += equal.count() as u64;
        }
        Ok(found)
    }
}

fn read_run(file: &mut File, run: u32, hashes: &mut Vec<ContentHash>) -> io::Result<()> {
    let mut bytes = vec![0; RUN * HASH_BYTES];
    file.seek(SeekFrom::Start(u64::from(run) * bytes.len() as u64))?;
    file.read_exact(&mut bytes)?;
    let (chunks, _) = bytes.as_chunks::<HASH_BYTES>();
    hashes.extend(chunks.iter().map(|hash| ContentHash(*hash)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes of the numbers `0..n`, each number `m` again `m % 3` times.
    fn hashes(n: u32) -> impl Iterator<Item = ContentHash> {
        let hash = |n: u32| ContentHash::of_fields(&[&n.to_string()]);
        (0..3).flat_map(move |round| (0..n).filter(move |m| round <= m % 3).map(hash))
    }

    #[test]
    fn equal_rows_are_counted_in_memory_and_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        // The second number fills runs of every partition.
        for n in [1000, 300_000] {
            let expected = u64::from((0..n).map(|m| m % 3).sum::<u32>());
            for drop in [false, true] {
                let mut duplicates = Duplicates::new(drop, folder.path());
                let kept = hashes(n)
                    .filter(|hash| duplicates.keeps(*hash).unwrap())
                    .count();
                let all = hashes(n).count();
                assert_eq!(duplicates.finish().unwrap(), expected);
                assert_eq!(kept, if drop { n as usize } else { all });
            }
        }
        assert_eq!(
            folder.path().read_dir().unwrap().count(),
            0,
            "temporary files stay"
        );
    }

    #[test]
    fn nothing_has_no_duplicates() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Duplicates::new(false, folder.path()).finish().unwrap(), 0);
    }
}
