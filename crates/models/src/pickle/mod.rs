//! `pytorch_model.bin`: the tensors of PyTorch's pickled files, read without running anything.
//!
//! [`ragdex_pickle`] takes notes of what a pickle would do, and refuses every global but the handful that
//! rebuild tensors ([`tensors::accepts`]); [`tensors`] turns the notes into checked byte ranges. PyTorch
//! has two containers: since 1.6 a zip [`archive`], before that a [`legacy`] stream of pickles followed by
//! the numbers.

mod archive;
mod legacy;
mod tensors;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use ragdex_pickle::Problem;

use crate::Error;
use crate::checkpoint::StoredTensor;

/// Finds the tensors of a file; `file` is its number among those of the checkpoint.
pub(crate) fn read_tensors(
    bytes: &[u8],
    file: usize,
    path: &Path,
) -> Result<BTreeMap<String, StoredTensor>, Error> {
    let tensors = if bytes.starts_with(b"PK\x03\x04") {
        archive::read(bytes, file)
    } else if bytes.starts_with(&legacy::MAGIC) {
        legacy::read(bytes, file)
    } else {
        let what = "neither a zip archive nor a pickle of PyTorch".to_owned();
        Err(Problem::damaged(0, what))
    };
    tensors.map_err(|problem| in_file(problem, path))
}

fn in_file(problem: Problem, path: &Path) -> Error {
    match problem {
        Problem::Forbidden { position, global } => Error::ForbiddenGlobal {
            path: path.to_owned(),
            position,
            global,
        },
        Problem::Damaged { position, what } => {
            Error::malformed(path, format!("byte {position}: {what}"))
        }
    }
}
