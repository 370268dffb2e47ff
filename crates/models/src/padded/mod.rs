//! BERT over batches of equal length, in candle operations: what computes on GPUs.
//!
//! The reference ([`crate::bert`]) takes the sequences of a batch one by one. Here they are padded to one
//! length ([`PaddedBatch`]), so that a layer is a dozen large operations whatever the number of texts,
//! and weights and activations may be in half precision ([`PaddedBert`]). Everything runs on the CPU as
//! well, slowly, which is how it is tested.
//!
//! What would be fused on a GPU lies in `operations`, one function each: bias and GELU, residual and
//! normalisation, masked softmax.

mod batch;
mod first_token;
mod layer;
mod model;
mod operations;
mod pool;

pub(crate) use self::batch::{PaddedBatch, padded_length};
pub(crate) use self::model::PaddedBert;
