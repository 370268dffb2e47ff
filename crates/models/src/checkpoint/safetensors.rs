//! The tensors of a safetensors file, plain or in the 8-bit format of the bundled models.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::element::{BLOCK, Element};
use super::weights::StoredTensor;
use crate::Error;

/// The end of the name of a tensor of scales.
const SCALE: &str = ".scale";

/// What the header of a file says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) tensors: BTreeMap<String, StoredTensor>,
    /// `config` of the metadata: the `config.json` of a packed model.
    pub(super) config: Option<String>,
    /// `borrowed` of the metadata.
    pub(super) borrowed: Option<Borrowed>,
}

/// Tensors that a file leaves to another file of the same folder, so that models that share a table store it once.
///
/// In the metadata as `{"file": "encoder-q8.safetensors", "tensors": {"model.shared.weight":
/// "embeddings.word_embeddings.weight"}}`: the own names, and those in the other file.
#[derive(Debug, Deserialize)]
pub(super) struct Borrowed {
    pub(super) file: String,
    pub(super) tensors: BTreeMap<String, String>,
}

/// Reads the header; `file` is the number of the file among those of the checkpoint.
pub(super) fn read_header(bytes: &[u8], file: usize, path: &Path) -> Result<Header, Error> {
    let damaged = |source| Error::Safetensors {
        path: path.to_owned(),
        source,
    };
    let (header_bytes, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    // Checks what `read_metadata` leaves open: that the data is as long as the header says.
    SafeTensors::deserialize(bytes).map_err(damaged)?;
    let data = header_bytes + size_of::<u64>();
    let mut tensors = BTreeMap::new();
    for (name, info) in metadata.tensors() {
        let (start, end) = info.data_offsets;
        let tensor = StoredTensor {
            element: element(info.dtype),
            shape: info.shape.clone(),
            strides: None,
            file,
            bytes: data + start..data + end,
            scales: None,
        };
        tensors.insert(name, tensor);
    }
    join_scales(&mut tensors, path)?;
    let noted = |key: &str| metadata.metadata().as_ref()?.get(key).cloned();
    Ok(Header {
        tensors,
        config: noted("config"),
        borrowed: noted("borrowed")
            .map(|text| borrowed(&text, path))
            .transpose()?,
    })
}

/// Reads what a file borrows.
fn borrowed(text: &str, path: &Path) -> Result<Borrowed, Error> {
    let borrowed: Borrowed = serde_json::from_str(text).map_err(|source| Error::Json {
        path: path.to_owned(),
        source,
    })?;
    let file = &borrowed.file;
    if file.is_empty() || file.starts_with('.') || file.contains(['/', '\\', ':']) {
        let what = format!("`borrowed`: `{file}`: a plain file name expected");
        return Err(Error::malformed(path, what));
    }
    Ok(borrowed)
}

fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::F64 => Element::F64,
        Dtype::F32 => Element::F32,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::Bf16,
        Dtype::I8 => Element::I8,
        other => Element::Other(other),
    }
}

/// Puts each `name.scale` into the 8-bit tensor `name`.
fn join_scales(tensors: &mut BTreeMap<String, StoredTensor>, path: &Path) -> Result<(), Error> {
    let quantised: Vec<String> = tensors
        .iter()
        .filter(|(_, tensor)| tensor.element == Element::I8)
        .map(|(name, _)| name.clone())
        .collect();
    for name in quantised {
        let Some(scales) = tensors.remove(&format!("{name}{SCALE}")) else {
            continue;
        };
        let Some(tensor) = tensors.get_mut(&name) else {
            continue; // an 8-bit `name.scale`, taken as the scales of `name` before
        };
        if scales.element != Element::F16 || Some(&scales.shape) != scale_shape(tensor).as_ref() {
            let what = format!(
                "tensor `{name}{SCALE}`: f16 scales for blocks of {BLOCK} of shape {:?} expected",
                tensor.shape
            );
            return Err(Error::malformed(path, what));
        }
        tensor.scales = Some(scales.bytes);
    }
    Ok(())
}

fn scale_shape(tensor: &StoredTensor) -> Option<Vec<usize>> {
    let mut shape = tensor.shape.clone();
    let columns = shape.last_mut()?;
    if *columns % BLOCK != 0 {
        return None;
    }
    *columns /= BLOCK;
    Some(shape)
}
