//! Files of others: what they have made already, and what they can open.
//!
//! * [`VectorFiles`] reads vectors from NumPy, FAISS, Parquet, Arrow and DPR's pickled shards, row by row.
//! * [`DatasetWriter`] writes passages and vectors as a dataset of Hugging Face, for
//!   `datasets.load_from_disk` and `RagRetriever(index_name="custom")`.
//! * [`ParquetWriter`] writes them as Parquet with a card, as the hub expects a dataset.
//! * [`faiss`] writes indexes that `faiss.read_index` opens.
//!
//! ```
//! use ragdex_core::Vectors;
//! use ragdex_exchange::faiss::FlatWriter;
//! use ragdex_exchange::VectorFiles;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("index.faiss");
//! let mut index = FlatWriter::new(std::fs::File::create(&path)?, 2, 2)?;
//! index.push(Vectors::f32(&[1.0, 0.0, 0.6, 0.8], 2)?)?;
//! index.finish()?;
//!
//! let files = VectorFiles::open(&[path], "embeddings", 2)?;
//! let mut rows = files.starting_at(1)?;
//! assert_eq!(rows.next()?.map(|row| row.vector.to_vec()), Some(vec![0.6, 0.8]));
//! # Ok(())
//! # }
//! ```

mod dataset;
mod error;
pub mod faiss;
mod ids;
mod map;
mod usearch;
mod vectors;

pub use dataset::{DatasetCard, DatasetShape, DatasetWriter, ParquetWriter, Row};
pub use error::{Error, Result};
pub use ids::IdsWriter;
pub use usearch::UsearchGraph;
pub use vectors::{VectorFiles, VectorRow, VectorRows};
