//! Index files of FAISS, as `faiss.write_index` writes and `faiss.read_index` opens them.
//!
//! Little-endian, without checksum or version: a tag of four letters, a header, then the fields of that kind
//! of index. Read are flat indexes, also inside a map of ids; written are flat indexes and graphs (HNSW) over
//! flat storage, both for the inner product. Source: `impl/index_write.cpp`, `impl/index_read.cpp` of FAISS
//! 1.15; what FAISS itself makes of the files is checked by `benches/peers/open_export.py`.

mod flat;
mod header;
mod hnsw;

pub use flat::FlatWriter;
pub(crate) use flat::{FlatFile, is_index};
pub use hnsw::{HnswGraph, write_hnsw};
