//! BART: the encoder-decoder that writes answers.
//!
//! [`Bart::encode`] reads contexts packed one after another, so no position is spent on padding and
//! a context's states do not depend on its neighbours. [`Bart::decode`] starts a [`Decoding`]: per
//! context a group of rows (beams) that share the context's cross-attention keys and values, with
//! their own self-attention cache written in place.
//!
//! The model is that of Lewis et al. 2019 as Hugging Face transformers computes it: post-norm
//! layers, exact GELU, learned positions looked up two rows further down, one matrix for both
//! embeddings and the output.

mod attention;
mod cache;
mod config;
mod cross;
mod decoder;
mod encoder;
mod engine;
mod layers;
mod model;
mod ops;
mod packed;
mod scores;
mod weights;

pub use config::BartConfig;
pub use engine::{Bart, Decoding, Encoded};
pub use scores::{
    Mixture, TargetScore, log_mixture, log_mixtures, log_normalisers, log_softmax, log_sum_exp,
};
