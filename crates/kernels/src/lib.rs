//! A BERT encoder for the processor, on packed sequences.
//!
//! [`PackedBert`] takes the weights of a checkpoint, packs them once into panels for the widest
//! vectors of the processor, and encodes sequences of token ids:
//!
//! - Sequences lie one after another; nothing is padded, masked or sorted, and what a sequence
//!   becomes does not depend on its neighbours.
//! - A thread takes some 512 tokens through all layers, some 128 at a time through each; threads share only the weights.
//! - Bias, GELU and residuals are added while a product is in registers.
//! - Where only the first token is wanted, the last layer computes only that ([`Output::Cls`]).
//!
//! [`gelu`] and [`softmax_rows`] lend the same functions to other models.
//! [`PackedBert::stage_times`] tells where the time went.
//!
//! Kernels are written once over vectors of any width and compiled for each [`InstructionSet`];
//! which one runs is decided when a model is packed. The unsafe code is in the private module
//! `simd`: loads, stores, instructions, and the one call into code compiled for them.
//!
//! For other models, the parts by themselves: [`PackedLinear`], [`self_attention`], attention of a decoder to
//! contexts ([`CrossMemory`]) and to what it wrote ([`WrittenMemory`]), and [`log_mixture`].
//!
//! ```
//! use ragdex_kernels::{BertShape, BertWeights, Output, PackedBert, Precision};
//!
//! let shape = BertShape {
//!     hidden_size: 32,
//!     num_hidden_layers: 2,
//!     num_attention_heads: 4,
//!     intermediate_size: 64,
//!     vocab_size: 100,
//!     ..BertShape::bert_base()
//! };
//! let encoder = PackedBert::new(BertWeights::random(shape, 7), Precision::F32);
//! let vectors = encoder.forward(&[1, 7, 2, 1, 8, 9, 2], None, &[0, 3, 7], Output::Cls);
//! assert_eq!(vectors.len(), 2 * 32);
//!
//! let alone = encoder.forward(&[1, 8, 9, 2], None, &[0, 4], Output::Cls);
//! assert_eq!(vectors[32..], alone);
//! ```

#![expect(
    clippy::inline_always,
    reason = "an operation is one instruction only in a function compiled for it"
)]

mod aligned;
mod arithmetic;
mod attention;
mod batch;
mod bert;
mod bf16;
mod decoder_attention;
mod embeddings;
mod epilogue;
mod first_token;
mod instruction_set;
mod int8;
mod layer;
mod linear;
mod math;
mod matrix;
mod packed_linear;
mod peak;
mod product;
mod random;
mod rows;
#[cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector instructions, and calls into code compiled for them"
    )
)]
mod simd;
mod sizes;
mod slices;
mod stages;
mod table;
mod token_block;
mod transpose;
mod vocabulary;
mod weights;

pub use bert::PackedBert;
pub use decoder_attention::{CrossMemory, WrittenMemory, self_attention};
pub use instruction_set::InstructionSet;
pub use packed_linear::{Activation, PackedLinear};
pub use peak::run_at_peak;
pub use slices::{gelu, softmax_rows};
pub use stages::{Stage, StageTimes};
pub use table::{EmbeddingRows, EmbeddingTable};
pub use vocabulary::{log_mixture, log_softmax, log_sum_exp};
pub use weights::{BertLayerWeights, BertShape, BertWeights, LayerNormWeights, LinearWeights};

/// What the products with weights compute in; all else is single precision.
///
/// Every instruction set computes each of them. Sums are in single precision, but for bytes, whose
/// sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Single precision.
    F32,
    /// Weights in half precision (11 bits), activations in single precision. Half the memory, and
    /// the speed of [`F32`](Self::F32). Weights beyond ±65504 become infinite.
    F16,
    /// Weights and activations in bfloat16 (8 bits). Half the memory; twice the speed where the
    /// processor multiplies pairs of them as fast as single numbers
    /// ([`InstructionSet::Avx512Bf16`] on AMD), slower than [`F32`](Self::F32) elsewhere. Attention is in single
    /// precision.
    Bf16,
    /// Bytes: weights with a scale for each output, activations with a scale and an offset for each
    /// token. Cosine to single precision about 0.999; a quarter of the memory. Attention is in bfloat16
    /// where that is fast, and GELU exact to 2e-4.
    Int8,
}

/// What is wanted of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The last state of the first token, without the pooler.
    Cls,
    /// The mean of the last states of all tokens.
    Mean,
    /// The last states of all tokens.
    Hidden,
}
