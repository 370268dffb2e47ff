//! `pytorch_model.bin`: the tensors of PyTorch's pickled files, read without running anything.
//!
//! A pickle is a program for a small stack machine that can call any Python function. The
//! [`machine`] here knows the handful of globals that rebuild tensors and refuses every other by
//! name. It only takes notes; [`tensors`] then turns the notes into checked byte ranges. PyTorch
//! has two containers: since 1.6 a zip [`archive`], before that a [`legacy`] stream of pickles
//! followed by the numbers.

mod archive;
mod legacy;
mod machine;
mod tensors;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;
use std::path::Path;

use self::value::Problem;
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
    tensors.map_err(|problem| problem.in_file(path))
}
